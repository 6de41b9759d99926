"""Job schedules as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.model.schedules import JobSchedule
from airflow_provider_batch.emulator.wire.fields import Fields, Json, present, time_or_none
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.secrets import without_secrets
from airflow_provider_batch.emulator.wire.times import format_time


def _given(name: str) -> Callable[[JobSchedule, Links], Any]:
    return lambda schedule, links: schedule.spec.definition.get(name)


JOB_SCHEDULE: Fields[JobSchedule] = {
    "id": lambda schedule, links: schedule.id,
    "displayName": _given("displayName"),
    "url": lambda schedule, links: links.job_schedule(schedule.id),
    "eTag": lambda schedule, links: etag(schedule.last_modified),
    "lastModified": lambda schedule, links: format_time(schedule.last_modified),
    "creationTime": lambda schedule, links: format_time(schedule.creation_time),
    "state": lambda schedule, links: schedule.state.value,
    "stateTransitionTime": lambda schedule, links: format_time(schedule.state_transition_time),
    "previousState": lambda schedule, links: (
        schedule.previous_state.value if schedule.previous_state else None
    ),
    "previousStateTransitionTime": lambda schedule, links: time_or_none(
        schedule.previous_state_transition_time
    ),
    "schedule": _given("schedule"),
    "jobSpecification": lambda schedule, links: without_secrets(
        _in_order(schedule.spec.definition["jobSpecification"])
    ),
    "executionInfo": lambda schedule, links: _execution_info(schedule, links),
    "metadata": _given("metadata"),
}

_SPECIFICATION = (
    "displayName",
    "priority",
    "maxParallelTasks",
    "allowTaskPreemption",
    "usesTaskDependencies",
    "onAllTasksComplete",
    "onTaskFailure",
    "constraints",
)


def _in_order(specification: Json) -> Json:
    """The service's order, which is not that of jobs."""
    first = {name: specification[name] for name in _SPECIFICATION if name in specification}
    return {**first, **specification}


def _execution_info(schedule: JobSchedule, links: Links) -> Json:
    job_id = schedule.recent_job_id
    return present(
        nextRunTime=time_or_none(schedule.next_run_time),
        recentJob=None if job_id is None else {"url": links.job(job_id), "id": job_id},
        endTime=time_or_none(schedule.end_time),
    )
