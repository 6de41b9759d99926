"""Job schedules: what users do to them, and the jobs that they create as time passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import (
    auto_pools,
    events,
    job_creation,
    jobs,
    recurrence,
    schedule_events,
)
from airflow_provider_batch.emulator.machine.tables import (
    JOB_OPEN,
    SCHEDULE_REFUSALS,
    SchedulePassage,
)
from airflow_provider_batch.emulator.machine.timers import ScheduleTimer
from airflow_provider_batch.emulator.machine.transitions import move_schedule
from airflow_provider_batch.emulator.machine.world import World, require
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.schedules import JobSchedule
from airflow_provider_batch.emulator.model.states import (
    JobScheduleState,
    JobState,
    PoolLifetime,
    TerminateReason,
)

_LIVING = (JobScheduleState.ACTIVE, JobScheduleState.DISABLED)


def _open_schedule(world: World, event: schedule_events.JobScheduleVerb) -> JobSchedule:
    schedule = world.state.schedule(event.schedule_id)
    require(event.conditions, schedule)
    refusal = SCHEDULE_REFUSALS.get(schedule.state)
    if refusal is not None:
        raise refusal()
    return schedule


def create(world: World, event: schedule_events.CreateJobSchedule) -> None:
    """Create a job schedule, and its first job when the time has come."""
    key = id_key(event.spec.id)
    present = world.state.schedules.get(key)
    if present is not None:
        deleting = present.state is JobScheduleState.DELETING
        raise errors.job_schedule_being_deleted() if deleting else errors.job_schedule_exists()
    if key in world.state.jobs:
        raise errors.job_with_same_id_exists()
    jobs.refuse_over_quota(world)
    schedule = JobSchedule(
        spec=event.spec,
        serial=world.serial(),
        creation_time=world.now,
        last_modified=world.now,
        state=JobScheduleState.ACTIVE,
        state_transition_time=world.now,
    )
    world.state.schedules[key] = schedule
    _go_on(world, schedule)


def update(world: World, event: schedule_events.UpdateJobSchedule) -> None:
    """Take a new spec, for the jobs to come."""
    schedule = _open_schedule(world, event)
    schedule.spec = event.spec
    world.touch(schedule)
    _go_on(world, schedule)


def disable(world: World, event: schedule_events.DisableJobSchedule) -> None:
    """Create no more jobs; the active one continues. A disabled schedule stays as it is."""
    schedule = _open_schedule(world, event)
    world.touch(schedule)
    if schedule.state is JobScheduleState.ACTIVE:
        move_schedule(world, schedule, SchedulePassage.DISABLE)


def enable(world: World, event: schedule_events.EnableJobSchedule) -> None:
    """Create jobs again, one at once when its time has come meanwhile and its window is not over."""
    schedule = _open_schedule(world, event)
    world.touch(schedule)
    if schedule.state is JobScheduleState.DISABLED:
        move_schedule(world, schedule, SchedulePassage.ENABLE)
    _go_on(world, schedule)


def terminate(world: World, event: schedule_events.TerminateJobSchedule) -> None:
    """End a schedule and its active job."""
    schedule = _open_schedule(world, event)
    world.touch(schedule)
    _terminate(world, schedule)


def _terminate(world: World, schedule: JobSchedule) -> None:
    move_schedule(world, schedule, SchedulePassage.TERMINATE)
    schedule.next_run_time = None
    job = _active_job(world, schedule)
    if job is not None and job.state in JOB_OPEN:
        jobs.end(world, job, TerminateReason.TERMINATE_SCHEDULE.value)
    _settle(world, schedule)


def delete(world: World, event: schedule_events.DeleteJobSchedule) -> None:
    """Delete a schedule with all its jobs; it vanishes after the last of them."""
    schedule = world.state.schedule(event.schedule_id)
    require(event.conditions, schedule)
    if schedule.state is JobScheduleState.DELETING:
        raise errors.job_schedule_being_deleted()
    move_schedule(world, schedule, SchedulePassage.DELETE)
    world.touch(schedule)
    schedule.next_run_time = None
    for key in schedule.job_keys:
        job = world.state.jobs.get(key)
        if job is not None and job.state is not JobState.DELETING:
            jobs.delete(world, events.DeleteJob(world.now, job.id))
    _settle(world, schedule)


# --- time and jobs ------------------------------------------------------------------------------------


def on_timer(world: World, timer: ScheduleTimer) -> None:
    """Look again, unless the schedule meanwhile awaits another moment."""
    schedule = world.state.schedules.get(timer.schedule_key)
    if schedule is not None and schedule.serial == timer.schedule_serial and schedule.awaits == timer.due:
        schedule.awaits = None
        _go_on(world, schedule)


def jobs_ended(world: World) -> None:
    """Let the pools and the schedules of jobs that have ended go on; that may end further jobs."""
    while world.ended_jobs:
        job = world.ended_jobs.pop(0)
        auto_pools.job_ended(world, job)
        schedule = world.state.schedules.get(id_key(job.schedule_id or ""))
        if schedule is None:
            continue
        if id_key(job.id) not in world.state.jobs:
            schedule.job_keys.pop(id_key(job.id), None)
        _go_on(world, schedule)
        _settle(world, schedule)


def _active_job(world: World, schedule: JobSchedule) -> Job | None:
    job = world.state.jobs.get(id_key(schedule.recent_job_id or ""))
    return None if job is None or job.state is JobState.COMPLETED else job


def _go_on(world: World, schedule: JobSchedule) -> None:
    """Do what is due now and wait for what is due next; may be repeated at any time."""
    if schedule.state not in _LIVING:
        return
    may_run = schedule.state is JobScheduleState.ACTIVE and _active_job(world, schedule) is None
    run = _next_run(world, schedule)
    if may_run and run is not None and run <= world.now:
        schedule.last_run = run
        _create_job(world, schedule)
    schedule.next_run_time = _next_run(world, schedule)
    spec, created, last = schedule.spec.configuration, schedule.creation_time, schedule.last_run
    if _active_job(world, schedule) is None and recurrence.is_over(spec, created, last, world.now):
        _terminate(world, schedule)
        return
    look = recurrence.next_look(spec, created, last, world.now)
    if look is not None and look != schedule.awaits:
        world.wake_at(ScheduleTimer(id_key(schedule.id), schedule.serial, look), look)
    schedule.awaits = look


def _next_run(world: World, schedule: JobSchedule) -> datetime | None:
    return recurrence.next_run(
        schedule.spec.configuration, schedule.creation_time, schedule.last_run, world.now
    )


def _create_job(world: World, schedule: JobSchedule) -> None:
    schedule.jobs_made += 1
    spec = replace(schedule.spec.job, id=f"{schedule.id}:job-{schedule.jobs_made}")
    if spec.auto_pool is not None and spec.auto_pool.lifetime is PoolLifetime.JOB_SCHEDULE:
        if schedule.auto_pool_id is None:
            schedule.auto_pool_id = auto_pools.new_pool_id(world, spec.auto_pool)
        spec = replace(spec, pool_id=schedule.auto_pool_id)
    schedule.job_keys[id_key(spec.id)] = None
    schedule.recent_job_id = spec.id
    job_creation.create_job(world, spec)


def _settle(world: World, schedule: JobSchedule) -> None:
    """Finish what a schedule is on its way to, once its jobs allow it."""
    if schedule.state is JobScheduleState.TERMINATING and _active_job(world, schedule) is None:
        move_schedule(world, schedule, SchedulePassage.COMPLETE)
        schedule.end_time = world.now
        _discard_pool(world, schedule)
    elif schedule.state is JobScheduleState.DELETING and not schedule.job_keys:
        _discard_pool(world, schedule)
        del world.state.schedules[id_key(schedule.id)]


def _discard_pool(world: World, schedule: JobSchedule) -> None:
    if schedule.auto_pool_id is not None:
        auto_pools.discard(world, schedule.auto_pool_id, schedule.spec.job)


HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    schedule_events.CreateJobSchedule: create,
    schedule_events.UpdateJobSchedule: update,
    schedule_events.DisableJobSchedule: disable,
    schedule_events.EnableJobSchedule: enable,
    schedule_events.TerminateJobSchedule: terminate,
    schedule_events.DeleteJobSchedule: delete,
}

TIMERS: Mapping[type, Callable[[World, Any], None]] = {ScheduleTimer: on_timer}
