"""What preparation and release tasks share: runs without slots, and a fate that is kept by job and node."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.emulator.machine.instructions import RunKind, RunProcess
from airflow_provider_batch.emulator.machine.launching import (
    preparation_directory,
    with_common_environment,
)
from airflow_provider_batch.emulator.machine.runs import Ending, Run
from airflow_provider_batch.emulator.machine.timers import SpecialTaskWallClockTimer
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.assumptions import RerunOutput
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.special_tasks import SpecialTaskInfo
from airflow_provider_batch.emulator.model.states import SpecialTaskState, TaskResult


def run_command(world: World, job: Job, node: Node, kind: RunKind, task_id: str, command: Command) -> None:
    """Start a run of a preparation or release task on a node, beside what runs there."""
    run = Run(world.serial(), kind, id_key(node.pool_id), id_key(node.id), id_key(job.id), job.serial)
    world.runs[run.id] = run
    job.special_runs.add(run.id)
    node.runs.add(run.id)
    world.instruct(
        RunProcess(
            run_id=run.id,
            kind=kind,
            pool_id=node.pool_id,
            node_id=node.id,
            is_dedicated=node.is_dedicated,
            directory=f"{job.directory}/{task_id}",
            command=with_common_environment(job, command),
            append_output=world.assumptions.rerun_output is RerunOutput.APPEND,
            job_id=job.id,
            task_id=task_id,
            preparation_directory=None if kind is RunKind.PREPARATION else preparation_directory(job),
            registries=world.state.pools[id_key(node.pool_id)].spec.registries,
        )
    )


def started(world: World, run: Run) -> None:
    """Take note that the process of a preparation or release task runs: its clock starts."""
    run.started_at = world.now
    job = world.job_of(run)
    if job is None:
        return
    info_of(job, run).start_time = world.now
    limit = _limit(job, run)
    due = None if limit is None else world.later(world.now, limit)
    if due is not None:
        world.wake_at(SpecialTaskWallClockTimer(run.id), due)


def _limit(job: Job, run: Run) -> timedelta | None:
    if run.kind is RunKind.RELEASE:
        return None if job.spec.release is None else job.spec.release.max_wall_clock_time
    return None if job.spec.preparation is None else job.spec.preparation.constraints.max_wall_clock_time


def on_wall_clock_timer(world: World, timer: SpecialTaskWallClockTimer) -> None:
    """End a run that took too long."""
    if timer.run_id in world.runs:
        world.end_run(timer.run_id, Ending.WALL_CLOCK)


def info_of(job: Job, run: Run) -> SpecialTaskInfo:
    """Return what is kept of the task that a run belongs to."""
    visited = job.nodes[run.pool_key, run.node_key]
    info = visited.release if run.kind is RunKind.RELEASE else visited.preparation
    if info is None:
        raise AssertionError(f"run {run.id} of a release task that never began")
    return info


def complete(
    world: World, info: SpecialTaskInfo, run: Run, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """
    Write down the end of a preparation or release task.

    :param failure: why the process could not be started; None when it could, or was ended before.
    """
    if run.ending is not None:
        # The exit code of a killed process says nothing about the task.
        expired = run.ending is Ending.WALL_CLOCK
        exit_code, failure = None, failures.wall_clock_expired() if expired else failures.task_ended()
    elif failure is None and exit_code != 0:
        failure = failures.failure_exit_code()
    info.state = SpecialTaskState.COMPLETED
    info.end_time = world.now
    info.exit_code = exit_code
    info.failure_info = failure
    info.result = TaskResult.SUCCESS if failure is None else TaskResult.FAILURE
