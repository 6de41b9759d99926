"""A sensor for a Batch job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_batch.domain.sensing import sense_job
from airflow_provider_batch.sensors.work import AzureBatchWorkSensor
from airflow_provider_batch.triggers.sensor import AzureBatchSensorTrigger

if TYPE_CHECKING:
    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.sensing import Sensed

__all__ = ["AzureBatchJobSensor"]


class AzureBatchJobSensor(AzureBatchWorkSensor):
    """
    Wait until a Batch job is completed, whoever has created it.

    A job that its wall clock or a failed task has ended, or whose automatic pool could not be made, is a
    failure; a job that somebody has ended is none. A job that nobody ends, and that does not end with its
    tasks (``onAllTasksComplete``), stays active: wait for its tasks then.

    Its result (XCom) is ``batch_job_id`` and ``terminate_reason``.

    Example::

        AzureBatchJobSensor(task_id="nightly", batch_job_id="nightly-{{ ds }}", deferrable=True, timeout=7200)

    :param batch_job_id: the job. (templated)

    The other parameters are those of :class:`AzureBatchWorkSensor`.
    """

    def look(self) -> Flow[Sensed]:
        """Flow: look once."""
        return sense_job(self.batch_job_id, must_exist=self.must_exist)

    def trigger(self, deferred_at: str) -> AzureBatchSensorTrigger:
        """
        Return what looks in the triggerer.

        :param deferred_at: when the sensor defers, ISO 8601.
        """
        return AzureBatchSensorTrigger(
            self.azure_batch_conn_id,
            self.batch_job_id,
            whole_job=True,
            must_exist=self.must_exist,
            poll_interval=self.poll_interval,
            deferred_at=deferred_at,
        )
