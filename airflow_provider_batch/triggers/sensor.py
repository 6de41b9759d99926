"""The trigger of the sensors for tasks and jobs that somebody else has submitted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_batch.domain.flow import Flow, drive_async, shared
from airflow_provider_batch.domain.polling import REFUSAL_PATIENCE, Pace, is_refusal, is_transient
from airflow_provider_batch.domain.sensing import Sensed, sense_job, sense_tasks
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.triggers.job_poller import subscribe_patiently
from airflow_provider_batch.triggers.mirror_effects import MirrorEffects
from airflow_provider_batch.triggers.resumption import not_too_soon

__all__ = ["AzureBatchSensorTrigger"]


class AzureBatchSensorTrigger(BaseTrigger):
    """
    Look at a job, or at tasks of it, until they have ended; resume the sensor on a worker.

    Sensors that look at the same thing share their requests. When the triggerer restarts, it runs again from
    the top: there is nothing to remember.

    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param batch_job_id: the job.
    :param whole_job: whether the job itself is to be completed, rather than tasks.
    :param batch_task_ids: the tasks; None for all that the job has.
    :param must_exist: whether what does not exist is an error, rather than waited for.
    :param poll_interval: greatest number of seconds between two looks.
    :param deferred_at: when the sensor deferred, ISO 8601.
    """

    def __init__(
        self,
        azure_batch_conn_id: str,
        batch_job_id: str,
        whole_job: bool = False,
        batch_task_ids: Sequence[str] | None = None,
        must_exist: bool = False,
        poll_interval: float = 10.0,
        deferred_at: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.azure_batch_conn_id = azure_batch_conn_id
        self.batch_job_id = batch_job_id
        self.whole_job = whole_job
        self.batch_task_ids = None if batch_task_ids is None else list(batch_task_ids)
        self.must_exist = must_exist
        self.poll_interval = poll_interval
        self.deferred_at = deferred_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "azure_batch_conn_id": self.azure_batch_conn_id,
                "batch_job_id": self.batch_job_id,
                "whole_job": self.whole_job,
                "batch_task_ids": self.batch_task_ids,
                "must_exist": self.must_exist,
                "poll_interval": self.poll_interval,
                "deferred_at": self.deferred_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell; yield one event."""
        try:
            sensed = await self._sense()
            payload = {"why": sensed.why, "failure": sensed.failure, "result": dict(sensed.result)}
        except AzureBatchError as error:
            payload = {"error": str(error)}
        except Exception as error:
            self.log.exception("The look at Batch job %s failed", self.batch_job_id)
            payload = {"error": f"{type(error).__name__}: {error}"}
        await not_too_soon(self.task_instance, self.deferred_at)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    async def _sense(self) -> Sensed:
        async with AsyncExitStack() as stack:
            subscription = await subscribe_patiently(
                stack, self.azure_batch_conn_id, self.batch_job_id, self.poll_interval, self.log
            )
            perform = MirrorEffects(subscription, self.log, _keep_nothing)
            pace, said, failing_since = Pace(self.poll_interval), "", None
            time = asyncio.get_running_loop().time
            while True:
                # Half an interval: what another sensor has read in its last look is new enough for this one.
                look = shared(self._flow(), self.poll_interval / 2)
                try:
                    sensed = await drive_async(look, perform)
                except AzureBatchError as error:
                    failing_since = failing_since or time()
                    if not _may_pass(error, time() - failing_since):
                        raise
                    self.log.warning("No answer yet, which says nothing about the work: %s", error)
                    await asyncio.sleep(pace.wait_after(error, random.random()))  # noqa: S311 - jitter
                    continue
                failing_since = None
                if sensed.why != said:
                    self.log.info("%s", sensed.why)
                    said = sensed.why
                if sensed.is_done:
                    return sensed
                await asyncio.sleep(pace.wait(random.random()))  # noqa: S311 - jitter

    def _flow(self) -> Flow[Sensed]:
        if self.whole_job:
            return sense_job(self.batch_job_id, must_exist=self.must_exist)
        return sense_tasks(self.batch_job_id, self.batch_task_ids, must_exist=self.must_exist)


def _may_pass(error: AzureBatchError, seconds: float) -> bool:
    return is_transient(error) or (is_refusal(error) and seconds <= REFUSAL_PATIENCE)


async def _keep_nothing(_state: dict[str, Any]) -> None:
    """A look keeps nothing."""
