"""What users ask of job schedules."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_batch.emulator.machine.events import Event
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.schedules import JobScheduleSpec


@dataclass(frozen=True)
class CreateJobSchedule(Event):
    """A user creates a job schedule."""

    spec: JobScheduleSpec


@dataclass(frozen=True)
class JobScheduleVerb(Event):
    """Base: a user acts on a job schedule."""

    schedule_id: str
    conditions: Conditions = field(default_factory=Conditions, kw_only=True)


@dataclass(frozen=True)
class UpdateJobSchedule(JobScheduleVerb):
    """A user changes a job schedule; jobs that exist stay as they are."""

    spec: JobScheduleSpec


@dataclass(frozen=True)
class DisableJobSchedule(JobScheduleVerb):
    """A user stops a job schedule from creating jobs."""


@dataclass(frozen=True)
class EnableJobSchedule(JobScheduleVerb):
    """A user lets a job schedule create jobs again."""


@dataclass(frozen=True)
class TerminateJobSchedule(JobScheduleVerb):
    """A user ends a job schedule."""


@dataclass(frozen=True)
class DeleteJobSchedule(JobScheduleVerb):
    """A user deletes a job schedule."""
