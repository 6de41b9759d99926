"""Job schedules: create, get, list, change, disable, enable, terminate, delete, and lists of their jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import schedule_events as events
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.schedules import (
    JobSchedule,
    JobScheduleSpec,
    ScheduleConfiguration,
)
from airflow_provider_batch.emulator.model.sizes import SizeList
from airflow_provider_batch.emulator.service.auto_pools import check_auto_pool_size
from airflow_provider_batch.emulator.service.checks import check_display_name, check_id, within
from airflow_provider_batch.emulator.service.jobs import JOB_LIST, job_spec
from airflow_provider_batch.emulator.service.results import Found, check_readable
from airflow_provider_batch.emulator.wire.durations import parse_duration
from airflow_provider_batch.emulator.wire.fields import Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing, select
from airflow_provider_batch.emulator.wire.odata import JOB_SCHEDULES
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.schedules import JOB_SCHEDULE
from airflow_provider_batch.emulator.wire.times import format_time, parse_time

_MINUTE = timedelta(minutes=1)
#: stands in for the ids of the jobs to come
_NO_ID = "job"
#: what PUT cannot change
_KEPT_BY_PUT = ("displayName",)


def _position(schedule: JobSchedule) -> tuple[str, ...]:
    return (schedule.id.lower(),)


_LIST = Listing("jobschedules", JOB_SCHEDULE, JOB_SCHEDULES, _position)


class JobSchedules:
    """The operations on job schedules."""

    def __init__(self, engine: Engine, sizes: SizeList) -> None:
        self._engine = engine
        self._sizes = sizes

    def create(self, body: Json) -> datetime:
        """Create a job schedule; its first job may exist at once."""
        check_id(body["id"])
        check_display_name(body)
        spec = _spec_of(body["id"], {name: value for name, value in body.items() if name != "id"})
        self._check(spec)
        with self._engine.reading() as state:
            self._engine.feed(events.CreateJobSchedule(self._engine.now(), spec))
            return state.schedule(spec.id).last_modified

    def get(self, schedule_id: str, conditions: Conditions, query: Query, links: Links) -> Found:
        """Return one job schedule."""
        query.check_expand()
        only = select(query, JOB_SCHEDULE)
        with self._engine.reading() as state:
            schedule = state.schedule(schedule_id)
            check_readable(conditions, schedule.last_modified)
            return Found(render(JOB_SCHEDULE, schedule, links, only), schedule.last_modified)

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the job schedules."""
        with self._engine.reading() as state:
            return _LIST.page(state.schedules.values(), path, query, links)

    def list_jobs(self, schedule_id: str, path: str, query: Query, links: Links) -> Json:
        """Return one page of the jobs that a schedule has created."""
        with self._engine.reading() as state:
            jobs = [state.jobs[key] for key in state.schedule(schedule_id).job_keys]
            return JOB_LIST.page(jobs, path, query, links)

    def update(self, schedule_id: str, body: Json, conditions: Conditions) -> datetime:
        """PATCH: replace each given top-level property whole."""
        with self._engine.reading() as state:
            definition = {**state.schedule(schedule_id).spec.definition, **body}
            return self._change(schedule_id, definition, conditions)

    def replace(self, schedule_id: str, body: Json, conditions: Conditions) -> datetime:
        """PUT: the same, and what is left out goes back to its default."""
        with self._engine.reading() as state:
            present = state.schedule(schedule_id).spec.definition
            kept = {name: present[name] for name in _KEPT_BY_PUT if name in present}
            return self._change(schedule_id, {**kept, **body}, conditions)

    def _change(self, schedule_id: str, definition: Json, conditions: Conditions) -> datetime:
        with self._engine.reading() as state:
            present = state.schedule(schedule_id).spec
            spec = _spec_of(present.id, definition)
            if spec.job != present.job:
                self._check(spec)
            event = events.UpdateJobSchedule(self._engine.now(), schedule_id, spec, conditions=conditions)
            return self._verb(event)

    def disable(self, schedule_id: str, conditions: Conditions) -> datetime:
        """Create no more jobs."""
        return self._verb(events.DisableJobSchedule(self._engine.now(), schedule_id, conditions=conditions))

    def enable(self, schedule_id: str, conditions: Conditions) -> datetime:
        """Create jobs again."""
        return self._verb(events.EnableJobSchedule(self._engine.now(), schedule_id, conditions=conditions))

    def terminate(self, schedule_id: str, conditions: Conditions) -> datetime:
        """End a schedule and its active job."""
        return self._verb(events.TerminateJobSchedule(self._engine.now(), schedule_id, conditions=conditions))

    def delete(self, schedule_id: str, conditions: Conditions) -> None:
        """Delete a schedule with all its jobs."""
        self._engine.feed(events.DeleteJobSchedule(self._engine.now(), schedule_id, conditions=conditions))

    def _check(self, spec: JobScheduleSpec) -> None:
        with within("jobSpecification"):
            check_auto_pool_size(spec.job, self._sizes)

    def _verb(self, event: events.JobScheduleVerb) -> datetime:
        with self._engine.reading() as state:
            self._engine.feed(event)
            return state.schedule(event.schedule_id).last_modified


def _spec_of(schedule_id: str, body: Mapping[str, Any]) -> JobScheduleSpec:
    schedule = _normalised(body.get("schedule", {}))
    with within("jobSpecification"):
        check_display_name(body["jobSpecification"])
        job = job_spec({**body["jobSpecification"], "id": _NO_ID})
    specification = {name: value for name, value in job.definition.items() if name != "id"}
    return JobScheduleSpec(
        id=schedule_id,
        definition={**body, "schedule": schedule, "jobSpecification": specification},
        configuration=_configuration(schedule),
        job=job,
    )


def _normalised(schedule: Mapping[str, Any]) -> Json:
    """The service's spelling of the times."""
    times = {
        name: format_time(parse_time(schedule[name]))
        for name in ("doNotRunUntil", "doNotRunAfter")
        if name in schedule
    }
    return {**schedule, **times}


def _configuration(schedule: Mapping[str, Any]) -> ScheduleConfiguration:
    configuration = ScheduleConfiguration(
        do_not_run_until=_time(schedule, "doNotRunUntil"),
        do_not_run_after=_time(schedule, "doNotRunAfter"),
        start_window=_interval(schedule, "startWindow"),
        recurrence_interval=_interval(schedule, "recurrenceInterval"),
    )
    first, last = configuration.do_not_run_until, configuration.do_not_run_after
    if first is not None and last is not None and last < first:
        reason = "It is before doNotRunUntil"
        raise errors.invalid_property_value("schedule.doNotRunAfter", schedule["doNotRunAfter"], reason)
    return configuration


def _time(schedule: Mapping[str, Any], name: str) -> datetime | None:
    return parse_time(schedule[name]) if name in schedule else None


def _interval(schedule: Mapping[str, Any], name: str) -> timedelta | None:
    if name not in schedule:
        return None
    value = parse_duration(schedule[name])
    if value < _MINUTE:
        reason = "A duration of at least one minute is expected"
        raise errors.invalid_property_value(f"schedule.{name}", schedule[name], reason)
    return value
