"""A sensor for a Batch job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_batch.sensors.base import BatchSensor

if TYPE_CHECKING:
    from airflow_provider_batch.domain.sensing import Job

__all__ = ["AzureBatchJobSensor"]


class AzureBatchJobSensor(BatchSensor):
    """
    Wait until a Batch job is completed, whoever has created it.

    A job that its wall clock or a failed task has ended, or whose automatic pool could not be made, is a
    failure; a job that somebody has ended is none. A job that nobody ends, and that does not end with its
    tasks (``onAllTasksComplete``), stays active: wait for its tasks then.

    Its result (XCom) is ``batch_job_id`` and ``terminate_reason``.

    Example::

        AzureBatchJobSensor(task_id="nightly", batch_job_id="nightly-{{ ds }}", deferrable=True, timeout=7200)

    :param batch_job_id: the job. (templated)

    The other parameters are those of :class:`~airflow_provider_batch.sensors.base.BatchSensor`.
    """

    template_fields = (*BatchSensor.template_fields, "batch_job_id")

    def __init__(self, *, batch_job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_job_id = batch_job_id

    def target(self) -> Job:
        """Return what is waited for; the fields are rendered."""
        from airflow_provider_batch.domain.sensing import Job

        return Job(self.batch_job_id, self.must_exist)
