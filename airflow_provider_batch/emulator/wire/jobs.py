"""Jobs and counts of their tasks as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.tasks import Tally, TaskCounts
from airflow_provider_batch.emulator.wire.failures import failure_json
from airflow_provider_batch.emulator.wire.fields import Fields, Json, present, time_or_none
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.secrets import without_secrets
from airflow_provider_batch.emulator.wire.times import format_time


def _given(name: str) -> Callable[[Job, Links], Any]:
    return lambda job, links: job.spec.definition.get(name)


def _given_without_secrets(name: str) -> Callable[[Job, Links], Any]:
    return lambda job, links: without_secrets(job.spec.definition.get(name))


JOB: Fields[Job] = {
    "id": lambda job, links: job.id,
    "displayName": _given("displayName"),
    "url": lambda job, links: links.job(job.id),
    "eTag": lambda job, links: etag(job.last_modified),
    "lastModified": lambda job, links: format_time(job.last_modified),
    "creationTime": lambda job, links: format_time(job.creation_time),
    "state": lambda job, links: job.state.value,
    "stateTransitionTime": lambda job, links: format_time(job.state_transition_time),
    "previousState": lambda job, links: job.previous_state.value if job.previous_state else None,
    "previousStateTransitionTime": lambda job, links: time_or_none(job.previous_state_transition_time),
    "priority": _given("priority"),
    "maxParallelTasks": _given("maxParallelTasks"),
    "usesTaskDependencies": _given("usesTaskDependencies"),
    "allowTaskPreemption": _given("allowTaskPreemption"),
    "constraints": _given("constraints"),
    "jobManagerTask": _given_without_secrets("jobManagerTask"),
    "jobPreparationTask": _given_without_secrets("jobPreparationTask"),
    "jobReleaseTask": _given_without_secrets("jobReleaseTask"),
    "commonEnvironmentSettings": _given("commonEnvironmentSettings"),
    "poolInfo": _given_without_secrets("poolInfo"),
    "executionInfo": lambda job, links: _execution_info(job),
    "onAllTasksComplete": _given("onAllTasksComplete"),
    "onTaskFailure": _given("onTaskFailure"),
    "metadata": _given("metadata"),
    "networkConfiguration": _given("networkConfiguration"),
}


def task_counts_json(counts: TaskCounts) -> Json:
    """Write how many tasks, and how many slots, are in which state."""
    return {"taskCounts": _tally(counts.tasks), "taskSlotCounts": _tally(counts.slots)}


def _tally(tally: Tally) -> Json:
    return {
        "active": tally.active,
        "running": tally.running,
        "completed": tally.completed,
        "succeeded": tally.succeeded,
        "failed": tally.failed,
    }


def _execution_info(job: Job) -> Json:
    return present(
        startTime=format_time(job.start_time),
        endTime=time_or_none(job.end_time),
        poolId=job.spec.pool_id or None,
        schedulingError=failure_json(job.scheduling_error),
        terminateReason=job.terminate_reason or None,
    )
