"""
Application packages of a pool: on a node whenever it has booted, before its start task.

Source: reference of the service, section 5.3; a node that cannot have them is unusable, and says why.
"""

from __future__ import annotations

from airflow_provider_batch.emulator.machine import nodes, start_tasks
from airflow_provider_batch.emulator.machine.instructions import RunKind, RunProcess
from airflow_provider_batch.emulator.machine.runs import Run
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.nodes import Node, NodeError
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeState

_DIRECTORY = "volatile"


def begin(world: World, pool: Pool, node: Node) -> None:
    """Bring a node that has booted its packages, and let it go on to its start task."""
    if not pool.spec.packages and not node.has_packages:
        start_tasks.begin(world, pool, node)
        return
    # Also when there are no packages any more: what the node announces to tasks is made anew.
    node.has_packages = bool(pool.spec.packages)
    run = Run(world.serial(), RunKind.PACKAGES, id_key(pool.id), id_key(node.id))
    world.runs[run.id] = run
    node.runs.add(run.id)
    world.instruct(
        RunProcess(
            run_id=run.id,
            kind=RunKind.PACKAGES,
            pool_id=pool.id,
            node_id=node.id,
            is_dedicated=node.is_dedicated,
            directory=_DIRECTORY,
            command=Command("", packages=pool.spec.packages),
        )
    )


def ended(world: World, run: Run, failure: FailureInfo | None) -> None:
    """Let a node go on that has its packages; one that cannot have them is of no use."""
    node = world.node_of(run)
    if run.ending is not None or node.state is not NodeState.STARTING:
        return
    pool = world.state.pools[run.pool_key]
    if failure is None:
        start_tasks.begin(world, pool, node)
    else:
        nodes.lose(world, pool, node, NodeError(failure.code, failure.message, failure.details))
