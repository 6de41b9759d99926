"""
Job release: a command that runs on the nodes of a job when the job ends.

Source: reference of the service, section 3.5.
"""

from __future__ import annotations

from airflow_provider_batch.emulator.machine import special_tasks
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.runs import Run
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.special_tasks import JobNode, SpecialTaskInfo
from airflow_provider_batch.emulator.model.states import NodeState, SpecialTaskState

_UP = (NodeState.IDLE, NodeState.RUNNING, NodeState.OFFLINE)


def begin(world: World, job: Job) -> None:
    """Run the release task on each node where the job was prepared and had tasks; once in a job's life."""
    job.release_begun = True
    spec = job.spec.release
    if spec is None:
        return
    for (pool_key, node_key), visited in sorted(job.nodes.items()):
        pool = world.state.pools.get(pool_key)
        node = None if pool is None else pool.nodes.get(node_key)
        if node is None or not _is_due(node, visited):
            continue
        visited.release = SpecialTaskInfo(f"{job.directory}/{spec.id}", world.now)
        special_tasks.run_command(world, job, node, RunKind.RELEASE, spec.id, spec.command)


def _is_due(node: Node, visited: JobNode) -> bool:
    prepared = visited.preparation.state is SpecialTaskState.COMPLETED and not visited.interrupted
    return prepared and visited.tasks_ran and visited.image == node.image and node.state in _UP


def ended(world: World, job: Job, run: Run, exit_code: int | None, failure: FailureInfo | None) -> None:
    """Take note that the processes of a release task are gone; a failure changes nothing."""
    special_tasks.complete(world, special_tasks.info_of(job, run), run, exit_code, failure)
