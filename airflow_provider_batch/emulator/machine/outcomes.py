"""What follows from a task's run: completion, retry, requeue; and its effect on dependents and on the job."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airflow_provider_batch.emulator.machine import jobs, manager, multi_instance, nodes, tallies
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.runs import Ending, InstanceGroup, Run, RunEnd
from airflow_provider_batch.emulator.machine.tables import JOB_OPEN, TaskPassage
from airflow_provider_batch.emulator.machine.timers import RetentionTimer, TaskWallClockTimer
from airflow_provider_batch.emulator.machine.transitions import move_task
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.assumptions import KilledExitCode, RecoveryCounts, WallClock
from airflow_provider_batch.emulator.model.exits import ExitKind
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.states import (
    DependencyAction,
    TaskResult,
    TaskState,
    TerminateReason,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskExecutionInfo, TaskFiles

_AGAIN = {Ending.RECOVER: TaskPassage.RECOVER, Ending.REQUEUE: TaskPassage.REQUEUE}


# --- the queue ----------------------------------------------------------------------------------------


def queue_if_free(world: World, job: Job, task: Task) -> None:
    """Let an active task be started, unless it waits for others."""
    index = world.jobs[job.serial]
    key = id_key(task.id)
    if task.state is TaskState.ACTIVE and index.dependencies.is_free((key, task.serial)):
        instances = task.spec.multi_instance
        if instances is None:
            index.ready.put(task.serial, key, task.spec.required_slots)
        else:
            index.gangs.put(task.serial, key, instances.number_of_instances)
        world.stir(job.spec.pool_id)


def requeue(world: World, job: Job, task: Task, passage: TaskPassage, info: TaskExecutionInfo) -> None:
    """Send a task back to the queue."""
    tallies.count(world, job, task, -1)
    move_task(world, task, passage)
    task.execution_info = info
    task.node = None
    tallies.count(world, job, task, 1)
    queue_if_free(world, job, task)


# --- the run ------------------------------------------------------------------------------------------


def started(world: World, run: Run) -> None:
    """Take note that a task's process runs, of several instances the primary's: its clock starts."""
    if run.kind is RunKind.SUBTASK:
        multi_instance.subtask_started(world, run)
        return
    run.started_at = world.now
    nodes.remember_start(world.node_of(run), run.id, world.now)
    task = world.task_of(run)
    if task is not None:
        world.remember(task)
        task.execution_info = replace(task.execution_info, start_time=world.now)
        if task.clock_started is None:
            task.clock_started = world.now
        world.moved_by_node(task)
        watch_wall_clock(world, task, run)


def watch_wall_clock(world: World, task: Task, run: Run) -> None:
    """Wait for the moment when a run has taken too long."""
    due = wall_clock_end(world, task, run)
    if due is not None:
        world.wake_at(TaskWallClockTimer(run.id), due)


def wall_clock_end(world: World, task: Task, run: Run) -> datetime | None:
    """The moment when a run has taken too long; None when it may take for ever, or has not begun."""
    total = world.assumptions.wall_clock is WallClock.TOTAL
    start = task.clock_started if total else run.started_at
    limit = task.spec.constraints.max_wall_clock_time
    if limit is None or start is None or run.started_at is None:
        return None
    return world.later(start, limit)


def ended(world: World, run: Run, end: RunEnd) -> None:
    """Take note that the processes of a task, or of one of its instances, are gone."""
    if run.group is not None:
        group = multi_instance.over(world, run, end)
        if group is not None:
            _instances_ended(world, run, group)
        return
    job, task = world.job_of(run), world.task_of(run)
    if job is not None and task is not None:
        _judge(world, job, task, run.ending, end)
        nodes.remember_end(world.node_of(run), run.id, task)


def _instances_ended(world: World, run: Run, group: InstanceGroup) -> None:
    job, task = world.job_of(run), world.task_of(run)
    if job is not None and task is not None:
        _judge(world, job, task, group.ending, group.end or RunEnd())
        multi_instance.remember_ends(world, group, task)


def _judge(world: World, job: Job, task: Task, ending: Ending | None, end: RunEnd) -> None:
    """Complete a task whose processes are gone, or let it run again."""
    task.run_id = None
    if not _goes_again(world, job, task, ending, end):
        _finish(world, job, task, ending, end)


def _goes_again(world: World, job: Job, task: Task, ending: Ending | None, end: RunEnd) -> bool:
    info = task.execution_info
    if ending in _AGAIN:
        fresh = replace(info, start_time=None)
        counts_recovery = world.assumptions.recovery_counts is RecoveryCounts.YES
        if ending is Ending.REQUEUE or counts_recovery:
            fresh = replace(fresh, requeue_count=info.requeue_count + 1, last_requeue_time=world.now)
        requeue(world, job, task, _AGAIN[ending], fresh)
        return True
    retries = task.spec.constraints.max_task_retry_count
    # What went wrong before or after the command is not tried again.
    by_command = ending is None and end.failure is None and end.upload_failure is None
    if by_command and end.exit_code != 0 and (retries == -1 or info.retry_count < retries):
        count = info.retry_count + 1
        fresh = replace(info, start_time=None, retry_count=count, last_retry_time=world.now)
        requeue(world, job, task, TaskPassage.RETRY, fresh)
        return True
    return False


def _finish(world: World, job: Job, task: Task, ending: Ending | None, end: RunEnd) -> None:
    passage, kind, failure = TaskPassage.EXIT, ExitKind.EXITED, end.failure
    exit_code = end.exit_code
    if ending is not None:
        # The exit code of a killed process says nothing about the task.
        passage, kind, exit_code = TaskPassage.END, ExitKind.ENDED, _killed_exit_code(world, task)
        expired = ending is Ending.WALL_CLOCK
        code = world.assumptions.wall_clock_code.value
        failure = failures.wall_clock_expired(code) if expired else failures.task_ended()
    elif failure is not None:
        passage, kind = TaskPassage.FAIL_TO_START, ExitKind.PRE_PROCESSING_ERROR
    elif end.upload_failure is not None:
        kind, failure = ExitKind.FILE_UPLOAD_ERROR, end.upload_failure
    elif exit_code != 0:
        failure = failures.failure_exit_code()
    info = replace(
        task.execution_info,
        end_time=world.now,
        exit_code=exit_code,
        failure_info=failure,
        container_info=end.container,
    )
    complete(world, job, task, passage, kind, info)


def _killed_exit_code(world: World, task: Task) -> int | None:
    assumed = world.assumptions.killed_exit_code
    started = task.execution_info.start_time is not None
    return int(assumed.value) if started and assumed is not KilledExitCode.NONE else None


# --- completion ---------------------------------------------------------------------------------------


def complete(
    world: World,
    job: Job,
    task: Task,
    passage: TaskPassage,
    kind: ExitKind,
    info: TaskExecutionInfo,
) -> None:
    """
    Complete a task, and do what its exit means to its dependents and its job.

    :param info: with everything but the result, which follows from the failure.
    """
    result = TaskResult.SUCCESS if info.failure_info is None else TaskResult.FAILURE
    tallies.count(world, job, task, -1)
    move_task(world, task, passage)
    task.execution_info = replace(info, result=result)
    tallies.count(world, job, task, 1)
    _watch_retention(world, job, task)
    actions = task.spec.exit_conditions.actions(kind, info.exit_code)
    if actions.dependency_action is DependencyAction.SATISFY:
        satisfy_dependents(world, job, task)
    if manager.ends_job(job, task) and job.state in JOB_OPEN:
        jobs.end(world, job, TerminateReason.JOB_MANAGER_COMPLETE.value)
    jobs.perform(world, job, actions.job_action)
    jobs.end_if_all_complete(world, job)


def satisfy_dependents(world: World, job: Job, task: Task) -> None:
    """Let those run that wait for nothing but this task."""
    task.satisfied = True
    for key, serial in world.jobs[job.serial].dependencies.satisfy(task.id):
        dependent = job.tasks.get(key)
        if dependent is not None and dependent.serial == serial:
            queue_if_free(world, job, dependent)


def _watch_retention(world: World, job: Job, task: Task) -> None:
    retention = task.spec.constraints.retention_time
    if retention is None or task.files is not TaskFiles.KEPT:
        return
    due = world.later(world.now, retention)
    if due is not None:
        timer = RetentionTimer(id_key(job.id), job.serial, id_key(task.id), task.serial, world.now)
        world.wake_at(timer, due)
