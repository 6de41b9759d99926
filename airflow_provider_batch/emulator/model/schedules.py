"""Job schedules: what the user asked for (:class:`JobScheduleSpec`) and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.states import JobScheduleState


@dataclass(frozen=True)
class ScheduleConfiguration:
    """
    When jobs are created; all in UTC.

    :param do_not_run_until: earliest moment for a job; None for at once.
    :param do_not_run_after: last moment for a job, after which the schedule completes; None for no end.
    :param start_window: how long a job may still be created when its time has come; None for no limit.
    :param recurrence_interval: from one time for a job to the next; None for a single job.
    """

    do_not_run_until: datetime | None = None
    do_not_run_after: datetime | None = None
    start_window: timedelta | None = None
    recurrence_interval: timedelta | None = None


@dataclass(frozen=True)
class JobScheduleSpec:
    """
    A job schedule as the user wants it.

    :param definition: the REST JSON that GET echoes, defaults filled in, without what the service computes.
    :param job: what each job is created from; its id is not read.
    """

    id: str
    definition: Mapping[str, Any]
    configuration: ScheduleConfiguration
    job: JobSpec


@dataclass
class JobSchedule:
    """
    A job schedule and its jobs.

    :param serial: tells this schedule from an earlier one of the same id.
    :param jobs_made: number of jobs ever created, hence of the newest job.
    :param job_keys: keys of its jobs that still exist, in order of creation; they stand among all jobs.
    :param recent_job_id: the newest job, also when it is gone.
    :param last_run: the time that the newest job was due, which may be before its creation.
    :param next_run_time: when the next job is due; in the past while it waits for the one before.
    :param awaits: the moment of the only timer that counts.
    :param auto_pool_id: the pool that all jobs share, if the schedule has one.
    :param last_modified: moved by what users do, never by the passing of time.
    """

    spec: JobScheduleSpec
    serial: int
    creation_time: datetime
    last_modified: datetime
    state: JobScheduleState
    state_transition_time: datetime
    previous_state: JobScheduleState | None = None
    previous_state_transition_time: datetime | None = None
    end_time: datetime | None = None
    jobs_made: int = 0
    job_keys: dict[str, None] = field(default_factory=dict)
    recent_job_id: str | None = None
    last_run: datetime | None = None
    next_run_time: datetime | None = None
    awaits: datetime | None = None
    auto_pool_id: str | None = None
    story: list[str] = field(default_factory=list, repr=False)

    @property
    def id(self) -> str:
        """Id as the user wrote it."""
        return self.spec.id
