"""Jobs: what users do to them, and how they come to an end by themselves."""

from __future__ import annotations

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import events, release
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory, RunKind
from airflow_provider_batch.emulator.machine.runs import Ending
from airflow_provider_batch.emulator.machine.tables import JOB_OPEN, JOB_REFUSALS, JobPassage
from airflow_provider_batch.emulator.machine.timers import (
    EmptyJobTimer,
    JobEndTimer,
    JobWallClockTimer,
)
from airflow_provider_batch.emulator.machine.transitions import move_job
from airflow_provider_batch.emulator.machine.world import JobIndex, World, require
from airflow_provider_batch.emulator.model.assumptions import EmptyJob, PatchActiveJob
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job, JobSpec
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    JobAction,
    JobScheduleState,
    JobState,
    OnAllTasksComplete,
    OnTaskFailure,
    TerminateReason,
)

_DISABLE_ENDINGS = {
    DisableTasks.REQUEUE: Ending.REQUEUE,
    DisableTasks.TERMINATE: Ending.TERMINATE,
}


_ENDING = (JobState.TERMINATING, JobState.DELETING)


def refuse_closed(job: Job) -> None:
    """
    Refuse what only open jobs allow.

    :raises ServiceError: ``JobBeingTerminated``, ``JobCompleted`` or ``JobBeingDeleted``.
    """
    refusal = JOB_REFUSALS.get(job.state)
    if refusal is not None:
        raise refusal()


def refuse_special_id(job: Job, task_id: str) -> None:
    """
    Refuse a task with the id of the job's preparation or release task.

    :raises ServiceError: ``TaskIdSameAsJobPreparationTask``, ``TaskIdSameAsJobReleaseTask``.
    """
    if job.spec.preparation is not None and id_key(task_id) == id_key(job.spec.preparation.id):
        raise errors.task_id_same_as_job_preparation_task()
    if job.spec.release is not None and id_key(task_id) == id_key(job.spec.release.id):
        raise errors.task_id_same_as_job_release_task()


def _open_job(world: World, event: events.JobVerb) -> Job:
    job = world.state.job(event.job_id)
    require(event.conditions, job)
    refuse_closed(job)
    return job


def refuse_new(world: World, job_id: str) -> None:
    """
    Refuse another job that a user wants.

    :raises ServiceError: ``JobExists``, ``JobBeingDeleted``, ``JobScheduleWithSameIdExists``,
        ``ActiveJobAndScheduleQuotaReached``.
    """
    present = world.state.jobs.get(id_key(job_id))
    if present is not None:
        deleting = present.state is JobState.DELETING
        raise errors.job_being_deleted() if deleting else errors.job_exists()
    if id_key(job_id) in world.state.schedules:
        raise errors.job_schedule_with_same_id_exists()
    refuse_over_quota(world)


def refuse_over_quota(world: World) -> None:
    """
    Refuse another job or job schedule when there are as many as may be; completed ones do not count.

    :raises ServiceError: ``ActiveJobAndScheduleQuotaReached``.
    """
    active = sum(job.state is not JobState.COMPLETED for job in world.state.jobs.values())
    active += sum(s.state is not JobScheduleState.COMPLETED for s in world.state.schedules.values())
    if active >= world.settings.active_job_quota:
        raise errors.active_job_and_schedule_quota_reached()


def create(world: World, spec: JobSpec) -> Job:
    """Create a job that nothing forbids; its pool need not exist."""
    job = Job(
        spec=spec,
        serial=world.serial(),
        creation_time=world.now,
        last_modified=world.now,
        state=JobState.ACTIVE,
        state_transition_time=world.now,
        start_time=world.now,
    )
    world.state.jobs[id_key(spec.id)] = job
    world.jobs[job.serial] = JobIndex()
    _bind(world, job)
    _watch_wall_clock(world, job)
    _watch_completion(world, job)
    return job


def _bind(world: World, job: Job) -> None:
    """Let a job's tasks be looked at when its pool has room."""
    world.waiting_jobs.setdefault(id_key(job.spec.pool_id), {})[id_key(job.id)] = None
    world.stir(job.spec.pool_id)


def _unbind(world: World, job: Job) -> None:
    pool_key = id_key(job.spec.pool_id)
    waiting = world.waiting_jobs.get(pool_key, {})
    waiting.pop(id_key(job.id), None)
    if not waiting:
        world.waiting_jobs.pop(pool_key, None)


def update(world: World, event: events.UpdateJob) -> None:
    """Take a new spec."""
    job = _open_job(world, event)
    refuses = world.assumptions.patch_active_job is PatchActiveJob.REFUSED
    if refuses and job.state is JobState.ACTIVE:
        raise errors.operation_invalid_for_current_state()
    _check_change(job, event.spec)
    _unbind(world, job)
    job.spec = event.spec
    world.touch(job)
    if job.state is JobState.ACTIVE:
        _bind(world, job)
    _watch_wall_clock(world, job)
    _watch_completion(world, job)


def _check_change(job: Job, wanted: JobSpec) -> None:
    if id_key(wanted.pool_id) != id_key(job.spec.pool_id) and job.state is not JobState.DISABLED:
        reason = "The pool of a job can be changed only while the job is disabled"
        raise errors.invalid_property_value("poolInfo", wanted.pool_id, reason)
    terminates = OnAllTasksComplete.TERMINATE_JOB
    if job.spec.on_all_tasks_complete is terminates and wanted.on_all_tasks_complete is not terminates:
        value = wanted.on_all_tasks_complete.value
        reason = "Once set to terminatejob it cannot be changed back"
        raise errors.invalid_property_value("onAllTasksComplete", value, reason)


def disable(world: World, event: events.DisableJob) -> None:
    """Start no more tasks; those that run are requeued, ended, or waited for."""
    job = _open_job(world, event)
    world.touch(job)
    _disable(world, job, event.disable_tasks)


def _disable(world: World, job: Job, disable_tasks: DisableTasks) -> None:
    if job.state is JobState.ACTIVE:
        move_job(world, job, JobPassage.DISABLE)
        _unbind(world, job)
    if disable_tasks in _DISABLE_ENDINGS:
        end_runs(world, job, _DISABLE_ENDINGS[disable_tasks])
    settle(world, job)


def enable(world: World, event: events.EnableJob) -> None:
    """Start tasks again; an active job stays as it is."""
    job = _open_job(world, event)
    world.touch(job)
    if job.state is JobState.ACTIVE:
        return
    move_job(world, job, JobPassage.ENABLE)
    _bind(world, job)
    _watch_completion(world, job)


def terminate(world: World, event: events.TerminateJob) -> None:
    """End a job."""
    job = _open_job(world, event)
    job.release_begun |= event.force
    end(world, job, event.reason)


def end(world: World, job: Job, reason: str) -> None:
    """
    Begin to end a job that is still open; it completes when its processes are gone.

    :param reason: ``executionInfo.terminateReason``.
    """
    move_job(world, job, JobPassage.TERMINATE)
    world.touch(job)
    job.terminate_reason = reason
    _unbind(world, job)
    end_runs(world, job, Ending.TERMINATE)
    settle(world, job)


def delete(world: World, event: events.DeleteJob) -> None:
    """Delete a job; it vanishes when its last process is gone."""
    job = world.state.job(event.job_id)
    require(event.conditions, job)
    if job.state is JobState.DELETING:
        raise errors.job_being_deleted()
    move_job(world, job, JobPassage.DELETE)
    world.touch(job)
    _unbind(world, job)
    job.release_begun |= event.force
    end_runs(world, job, Ending.TERMINATE)
    settle(world, job)


def end_runs(world: World, job: Job, ending: Ending) -> None:
    """End a job's tasks and the preparation of its nodes; release tasks run to their end."""
    world.end_runs(job.runs, ending)
    special = {id for id in job.special_runs if world.runs[id].kind is RunKind.PREPARATION}
    world.end_runs(special, ending)


# --- coming to an end ---------------------------------------------------------------------------------


def settle(world: World, job: Job) -> None:
    """Finish what a job is on its way to, once none of its processes is left."""
    if job.state in _ENDING and not (job.runs or job.special_runs or job.release_begun):
        release.begin(world, job)
    if job.runs or job.special_runs:
        return
    if job.state is JobState.DISABLING:
        move_job(world, job, JobPassage.DISABLED)
    elif job.state in _ENDING:
        if world.settings.job_end_seconds > 0:
            timer = JobEndTimer(id_key(job.id), job.serial)
            world.wake_in(timer, world.settings.job_end_seconds)
        else:
            _end(world, job)


def _end(world: World, job: Job) -> None:
    if job.state is JobState.TERMINATING:
        move_job(world, job, JobPassage.COMPLETE)
        job.end_time = world.now
        world.ended_jobs.append(job)
        return
    places = {(place.pool_id, place.node_id) for t in job.tasks.values() for place in t.directories}
    places.update((visited.pool_id, visited.node_id) for visited in job.nodes.values())
    for pool_id, node_id in sorted(places):
        delete_directory(world, pool_id, node_id, job.root_directory)
    del world.state.jobs[id_key(job.id)]
    del world.jobs[job.serial]
    world.ended_jobs.append(job)


def delete_directory(world: World, pool_id: str, node_id: str, directory: str) -> None:
    """Remove a directory on a node, if there still is that node."""
    pool = world.state.pools.get(id_key(pool_id))
    if pool is not None and id_key(node_id) in pool.nodes:
        world.instruct(DeleteDirectory(pool_id, node_id, directory))


def on_end_timer(world: World, timer: JobEndTimer) -> None:
    """End a job that was left a little time."""
    job = world.find_job(timer.job_key, timer.job_serial)
    if job is not None and job.state in _ENDING and not (job.runs or job.special_runs):
        _end(world, job)


def _watch_wall_clock(world: World, job: Job) -> None:
    limit = job.spec.constraints.max_wall_clock_time
    due = None if limit is None else world.later(job.creation_time, limit)
    if due is not None:
        world.wake_at(JobWallClockTimer(id_key(job.id), job.serial), due)


def on_wall_clock_timer(world: World, timer: JobWallClockTimer) -> None:
    """End a job that is too old; the limit may have been changed since the timer was set."""
    job = world.find_job(timer.job_key, timer.job_serial)
    if job is None or job.state not in JOB_OPEN:
        return
    limit = job.spec.constraints.max_wall_clock_time
    due = None if limit is None else world.later(job.creation_time, limit)
    if due is not None and due <= world.now:
        end(world, job, TerminateReason.MAX_WALL_CLOCK_TIME_EXPIRY.value)


def _watch_completion(world: World, job: Job) -> None:
    """Look whether a job is complete now, or will be so for want of tasks."""
    terminates = job.spec.on_all_tasks_complete is OnAllTasksComplete.TERMINATE_JOB
    if terminates and not job.tasks:
        world.wake_in(EmptyJobTimer(id_key(job.id), job.serial), world.settings.empty_job_seconds)
    end_if_all_complete(world, job)


def end_if_all_complete(world: World, job: Job) -> None:
    """End a job that ends with its tasks, when it has tasks and all of them are completed."""
    tasks = job.counts.tasks
    if (
        job.state is JobState.ACTIVE
        and job.spec.on_all_tasks_complete is OnAllTasksComplete.TERMINATE_JOB
        and tasks.completed
        and tasks.completed == tasks.total
    ):
        end(world, job, TerminateReason.ALL_TASKS_COMPLETE.value)


def on_empty_timer(world: World, timer: EmptyJobTimer) -> None:
    """End a job that ends with its tasks and still has none."""
    job = world.find_job(timer.job_key, timer.job_serial)
    if (
        job is not None
        and job.state is JobState.ACTIVE
        and not job.tasks
        and world.assumptions.empty_job is EmptyJob.COMPLETES
        and job.spec.on_all_tasks_complete is OnAllTasksComplete.TERMINATE_JOB
    ):
        end(world, job, TerminateReason.ALL_TASKS_COMPLETE.value)


def perform(world: World, job: Job, action: JobAction) -> None:
    """Do what a completed task's exit options say of its job, if the job heeds them and is still open."""
    heeds = job.spec.on_task_failure is OnTaskFailure.PERFORM_EXIT_OPTIONS_JOB_ACTION
    if not heeds or job.state not in JOB_OPEN:
        return
    if action is JobAction.TERMINATE:
        end(world, job, TerminateReason.TASK_FAILED.value)
    elif action is JobAction.DISABLE and job.state is JobState.ACTIVE:
        world.touch(job)
        _disable(world, job, DisableTasks.REQUEUE)
