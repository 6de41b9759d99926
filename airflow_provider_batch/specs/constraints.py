"""Limits on time and retries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from airflow_provider_batch.specs.base import Duration, Number, Spec


@dataclass(frozen=True, kw_only=True)
class TaskConstraints(Spec):
    """
    Limits of one task.

    Example::

        TaskConstraints(max_wall_clock_time=timedelta(hours=2), max_task_retry_count=1)

    :param max_wall_clock_time: a run that takes longer is ended and counts as failed; no limit when left out.
    :param retention_time: how long the node keeps the task's directory after the end; 7 days when left out.
    :param max_task_retry_count: retries by the service after a non-zero exit code; -1 for no limit. Runs that
        the service repeats because it lost the node are not counted.
    """

    definition: ClassVar[str] = "BatchTaskConstraints"

    max_wall_clock_time: Duration | None = None
    retention_time: Duration | None = None
    max_task_retry_count: Number | None = None


@dataclass(frozen=True, kw_only=True)
class JobConstraints(Spec):
    """
    Limits of a job.

    Example::

        JobConstraints(max_wall_clock_time=timedelta(days=1))

    :param max_wall_clock_time: from the job's creation; then the service ends the job and its tasks.
    :param max_task_retry_count: for tasks that do not say; -1 for no limit.
    """

    definition: ClassVar[str] = "BatchJobConstraints"

    max_wall_clock_time: Duration | None = None
    max_task_retry_count: Number | None = None
