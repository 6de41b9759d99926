"""A sensor for the tasks of a Batch job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.sensors.base import BatchSensor

if TYPE_CHECKING:
    from airflow_provider_batch.domain.sensing import Tasks

__all__ = ["AzureBatchTaskSensor"]


class AzureBatchTaskSensor(BatchSensor):
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

    The other parameters are those of :class:`~airflow_provider_batch.sensors.base.BatchSensor`.
    """

    template_fields = (*BatchSensor.template_fields, "batch_job_id", "batch_task_ids")

    def __init__(
        self, *, batch_job_id: str, batch_task_ids: Sequence[str] | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.batch_job_id = batch_job_id
        self.batch_task_ids = batch_task_ids

    def target(self) -> Tasks:
        """Return what is waited for; the fields are rendered."""
        from airflow_provider_batch.domain.sensing import Tasks

        ids = [self.batch_task_ids] if isinstance(self.batch_task_ids, str) else self.batch_task_ids
        return Tasks(self.batch_job_id, None if ids is None else list(ids), self.must_exist)
