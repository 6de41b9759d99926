"""
Job preparation: a command that runs on a node before the first task of the job there.

Source: reference of the service, section 3.5.
"""

from __future__ import annotations

from enum import Enum

from airflow_provider_batch.emulator.machine import special_tasks
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.launching import held_runs, launch_held, preparation_directory
from airflow_provider_batch.emulator.machine.runs import Ending, Run
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.special_tasks import JobNode, SpecialTaskInfo
from airflow_provider_batch.emulator.model.states import SpecialTaskState, TaskResult

_INTERRUPTED = (Ending.RECOVER, Ending.REQUEUE, Ending.TERMINATE)


class Readiness(Enum):
    """What a task of a job meets on a node."""

    READY = "tasks may start"
    PREPARING = "the preparation task runs"
    UNPREPARED = "the preparation task has to run first"
    REFUSED = "the preparation task has failed: no task of the job until there is a new image"


def readiness(job: Job, node: Node) -> Readiness:
    """Tell whether a node is prepared for a job."""
    spec, visited = job.spec.preparation, job.nodes.get(_key(node))
    if spec is None:
        return Readiness.READY
    if visited is None:
        return Readiness.UNPREPARED
    if visited.preparation.state is SpecialTaskState.RUNNING:
        return Readiness.PREPARING
    if visited.image != node.image or visited.interrupted:
        return Readiness.UNPREPARED
    if visited.preparation.result is TaskResult.FAILURE and spec.wait_for_success:
        return Readiness.REFUSED
    if visited.boot != node.boot and spec.rerun_on_node_reboot_after_success:
        return Readiness.UNPREPARED
    return Readiness.READY


def _key(node: Node) -> tuple[str, str]:
    return id_key(node.pool_id), id_key(node.id)


def refused_nodes(job: Job, pool: Pool) -> set[str]:
    """Return the keys of the pool's nodes on which the job cannot run."""
    failed = (node_key for pool_key, node_key in job.failed_nodes if pool_key == id_key(pool.id))
    return {
        key for key in failed if key in pool.nodes and readiness(job, pool.nodes[key]) is Readiness.REFUSED
    }


def is_awaited(world: World, job: Job, node: Node) -> bool:
    """Begin the preparation of a node if that is due; whether tasks have to wait for it."""
    spec, found = job.spec.preparation, readiness(job, node)
    if found is Readiness.UNPREPARED:
        _begin(world, job, node)
    return spec is not None and spec.wait_for_success and found is not Readiness.READY


def _begin(world: World, job: Job, node: Node) -> None:
    directory = preparation_directory(job)
    if directory is None:
        raise AssertionError(f"job {job.id} has no preparation task")
    job.failed_nodes.discard(_key(node))
    before = job.nodes.get(_key(node))
    job.nodes[_key(node)] = JobNode(
        pool_id=node.pool_id,
        node_id=node.id,
        image=node.image,
        boot=node.boot,
        preparation=SpecialTaskInfo(directory, world.now),
        tasks_ran=before is not None and before.tasks_ran and before.image == node.image,
    )
    _run(world, job, node)


def _run(world: World, job: Job, node: Node) -> None:
    spec = job.spec.preparation
    if spec is None:
        raise AssertionError(f"job {job.id} has no preparation task")
    special_tasks.run_command(world, job, node, RunKind.PREPARATION, spec.id, spec.command)


def ended(world: World, job: Job, run: Run, exit_code: int | None, failure: FailureInfo | None) -> None:
    """Take note that the processes of a preparation task are gone: run it again, or judge the node by it."""
    node, visited = world.node_of(run), job.nodes[run.pool_key, run.node_key]
    info = visited.preparation
    if run.ending is None and failure is None and exit_code != 0 and _may_retry(job, info):
        info.retry_count += 1
        info.last_retry_time = info.start_time = world.now
        _run(world, job, node)
        return
    special_tasks.complete(world, info, run, exit_code, failure)
    held = held_runs(world, job, node.runs)
    if run.ending in _INTERRUPTED:
        _interrupted(world, job, node, visited, bool(held))
    elif info.result is TaskResult.SUCCESS:
        for waiting in held:
            launch_held(world, job, waiting)
    else:
        job.failed_nodes.add(_key(node))
        for waiting in held:
            world.end_run(waiting.id, Ending.RECOVER)


def _may_retry(job: Job, info: SpecialTaskInfo) -> bool:
    spec = job.spec.preparation
    if spec is None:
        return False
    retries = spec.constraints.max_task_retry_count
    return retries == -1 or info.retry_count < retries


def _interrupted(world: World, job: Job, node: Node, visited: JobNode, is_awaited_still: bool) -> None:
    visited.interrupted = True
    # The job was disabled and enabled again while the process was dying: newcomers wait for a fresh one.
    if is_awaited_still:
        _begin(world, job, node)
