"""A sensor for the tasks of a Batch job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.domain.sensing import sense_tasks
from airflow_provider_batch.sensors.work import AzureBatchWorkSensor
from airflow_provider_batch.triggers.sensor import AzureBatchSensorTrigger

if TYPE_CHECKING:
    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.sensing import Sensed

__all__ = ["AzureBatchTaskSensor"]


class AzureBatchTaskSensor(AzureBatchWorkSensor):
    """
    Wait until tasks of a Batch job are completed, whoever has added them.

    Each task is judged by itself, never by counts, which lag. A task that waits for one that failed is never
    completed: name the tasks, or give a ``timeout``.

    Its result (XCom) is ``batch_job_id``, and the numbers ``tasks`` and ``failed``.

    Example::

        AzureBatchTaskSensor(task_id="frames", batch_job_id="film", batch_task_ids=["split", "merge"])

    :param batch_job_id: the job. (templated)
    :param batch_task_ids: the tasks; None for all that the job has when they are all completed, of which
        there must be one at least. (templated)

    The other parameters are those of :class:`AzureBatchWorkSensor`.
    """

    template_fields = (*AzureBatchWorkSensor.template_fields, "batch_task_ids")

    def __init__(self, *, batch_task_ids: Sequence[str] | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_task_ids = batch_task_ids

    def look(self) -> Flow[Sensed]:
        """Flow: look once."""
        return sense_tasks(self.batch_job_id, self._ids(), must_exist=self.must_exist)

    def trigger(self, deferred_at: str) -> AzureBatchSensorTrigger:
        """
        Return what looks in the triggerer.

        :param deferred_at: when the sensor defers, ISO 8601.
        """
        return AzureBatchSensorTrigger(
            self.azure_batch_conn_id,
            self.batch_job_id,
            batch_task_ids=self._ids(),
            must_exist=self.must_exist,
            poll_interval=self.poll_interval,
            deferred_at=deferred_at,
        )

    def _ids(self) -> list[str] | None:
        if self.batch_task_ids is None:
            return None
        return [self.batch_task_ids] if isinstance(self.batch_task_ids, str) else list(self.batch_task_ids)
