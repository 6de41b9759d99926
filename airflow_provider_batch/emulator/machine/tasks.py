"""Tasks: what users do to them."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import events, jobs, outcomes, tallies
from airflow_provider_batch.emulator.machine.runs import Ending
from airflow_provider_batch.emulator.machine.tables import TaskPassage
from airflow_provider_batch.emulator.machine.timers import RetentionTimer, TaskWallClockTimer
from airflow_provider_batch.emulator.machine.world import World, require
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.assumptions import (
    DeletedParent,
    ForwardReferences,
    ReactivationUnblocks,
    UndeclaredDependencies,
)
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies
from airflow_provider_batch.emulator.model.exits import ExitKind
from airflow_provider_batch.emulator.model.ids import id_key, numeric_id
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.states import TaskResult, TaskState
from airflow_provider_batch.emulator.model.tasks import Task, TaskExecutionInfo, TaskFiles, TaskSpec


def add(world: World, event: events.AddTask) -> None:
    """Add a task; what it depends on need not exist, unless that is assumed."""
    job = world.state.job(event.job_id)
    jobs.refuse_closed(job)
    spec = event.spec
    key = id_key(spec.id)
    if key in job.tasks:
        raise errors.task_exists()
    jobs.refuse_special_id(job, spec.id)
    if spec.depends_on and not job.spec.uses_task_dependencies:
        if world.assumptions.undeclared_dependencies is UndeclaredDependencies.NOT_SPECIFIED_ON_JOB:
            raise errors.task_dependencies_not_specified_on_job()
        raise errors.unsupported_property("dependsOn")
    if world.assumptions.forward_references is ForwardReferences.REFUSED:
        _refuse_unknown_parents(job, spec.depends_on, event.together)
    put(world, job, spec)


def put(world: World, job: Job, spec: TaskSpec) -> Task:
    """Add a task that nothing forbids."""
    task = Task(
        spec=spec,
        job_id=job.id,
        serial=world.serial(),
        creation_time=world.now,
        last_modified=world.now,
        state=TaskState.ACTIVE,
        state_transition_time=world.now,
    )
    key = id_key(spec.id)
    job.tasks[key] = task
    tallies.count(world, job, task, 1)
    world.jobs[job.serial].dependencies.add((key, task.serial), spec.depends_on)
    outcomes.queue_if_free(world, job, task)
    return task


def _refuse_unknown_parents(job: Job, depends_on: TaskDependencies, together: frozenset[str]) -> None:
    known = job.tasks.keys() | together
    for parent in depends_on.task_ids:
        if id_key(parent) not in known:
            raise errors.invalid_property_value("dependsOn.taskIds", parent, "There is no such task")
    numbers = {numeric_id(key) for key in known} if depends_on.task_id_ranges else set()
    for ids in depends_on.task_id_ranges:
        # As many as the range is long: a huge range is not walked through.
        if (
            sum(number is not None and ids.start <= number <= ids.end for number in numbers)
            <= ids.end - ids.start
        ):
            shown = f"{ids.start}-{ids.end}"
            raise errors.invalid_property_value(
                "dependsOn.taskIdRanges", shown, "Not all of these tasks exist"
            )


def _task(world: World, event: events.TaskVerb) -> tuple[Job, Task]:
    task = world.state.task(event.job_id, event.task_id)
    require(event.conditions, task)
    return world.state.job(event.job_id), task


def update(world: World, event: events.UpdateTask) -> None:
    """Take new constraints; a wall-clock limit holds for the present run too."""
    job, task = _task(world, event)
    jobs.refuse_closed(job)
    if task.state is TaskState.COMPLETED:
        raise errors.task_completed()
    world.remember(task)
    constraints, definition = event.spec.constraints, event.spec.definition
    task.spec = replace(task.spec, constraints=constraints, definition=definition)
    world.touch(task)
    if task.run_id in world.runs:
        outcomes.watch_wall_clock(world, task, world.runs[task.run_id])


def terminate(world: World, event: events.TerminateTask) -> None:
    """End a task: a waiting one at once, a running one when its processes are gone."""
    job, task = _task(world, event)
    if task.state is TaskState.COMPLETED:
        raise errors.task_completed()
    world.remember(task)
    world.touch(task)
    if task.run_id is not None:
        world.end_runs(world.runs_of(task), Ending.TERMINATE)
        return
    world.jobs[job.serial].withdraw(task)
    info = replace(task.execution_info, end_time=world.now, failure_info=failures.task_ended())
    outcomes.complete(world, job, task, TaskPassage.END, ExitKind.ENDED, info)


def reactivate(world: World, event: events.ReactivateTask) -> None:
    """Let a failed task run again, as if it never had; those who depend on it and wait go on waiting."""
    job, task = _task(world, event)
    jobs.refuse_closed(job)
    if task.state is not TaskState.COMPLETED:
        raise errors.task_not_completed()
    if task.execution_info.result is TaskResult.SUCCESS:
        raise errors.task_succeeded()
    world.remember(task)
    world.touch(task)
    task.clock_started = None
    dependencies = world.jobs[job.serial].dependencies
    if task.satisfied:
        task.satisfied = False
        dependencies.unsatisfy(task.id)
    elif world.assumptions.reactivation_unblocks is ReactivationUnblocks.NO:
        dependencies.abandon(task.id)
    outcomes.requeue(world, job, task, TaskPassage.REACTIVATE, TaskExecutionInfo())


def delete(world: World, event: events.DeleteTask) -> None:
    """Delete a task with its files; its processes are ended, and its id is free at once."""
    job, task = _task(world, event)
    world.remember(task)
    index = world.jobs[job.serial]
    world.end_runs(world.runs_of(task), Ending.TERMINATE)
    index.withdraw(task)
    index.dependencies.forget((id_key(task.id), task.serial))
    if task.satisfied:
        index.dependencies.unsatisfy(task.id)
    tallies.count(world, job, task, -1)
    del job.tasks[id_key(task.id)]
    _delete_files(world, task)
    if world.assumptions.deleted_parent is DeletedParent.SATISFIES:
        outcomes.satisfy_dependents(world, job, task)
    jobs.end_if_all_complete(world, job)


def _delete_files(world: World, task: Task) -> None:
    for place in task.directories:
        jobs.delete_directory(world, place.pool_id, place.node_id, place.directory)


def on_wall_clock_timer(world: World, timer: TaskWallClockTimer) -> None:
    """End a run that took too long; the limit may have been changed since the timer was set."""
    run = world.runs.get(timer.run_id)
    task = None if run is None else world.task_of(run)
    if run is None or task is None:
        return
    due = outcomes.wall_clock_end(world, task, run)
    if due is not None and due <= world.now:
        world.end_run(run.id, Ending.WALL_CLOCK)


def on_retention_timer(world: World, timer: RetentionTimer) -> None:
    """Remove the files of a task that was completed long ago, unless it ran again meanwhile."""
    job = world.find_job(timer.job_key, timer.job_serial)
    task = None if job is None else job.tasks.get(timer.task_key)
    if (
        task is None
        or task.serial != timer.task_serial
        or task.state is not TaskState.COMPLETED
        or task.execution_info.end_time != timer.end_time
        or task.files_at is None
    ):
        return
    _delete_files(world, task)
    task.files = TaskFiles.CLEANED_UP
    task.files_at = None
