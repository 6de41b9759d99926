"""The trigger of the sensors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_batch.domain.flow import drive_async, shared
from airflow_provider_batch.domain.polling import REFUSAL_PATIENCE, Pace, is_refusal, is_transient
from airflow_provider_batch.domain.sensing import Sensed, read_target
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.triggers.account_effects import AccountEffects
from airflow_provider_batch.triggers.job_poller import share_account
from airflow_provider_batch.triggers.patience import patiently
from airflow_provider_batch.triggers.resumption import not_too_soon
from airflow_provider_batch.triggers.shared_account import SharedAccount

__all__ = ["AzureBatchSensorTrigger"]


class AzureBatchSensorTrigger(BaseTrigger):
    """
    Look at a job, at tasks or at a pool until they are where they are waited for; resume on a worker.

    Sensors that look at the same thing share their requests. When the triggerer restarts, it runs again from
    the top: there is nothing to remember.

    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param target: what is waited for, as plain data of :mod:`airflow_provider_batch.domain.sensing`.
    :param poll_interval: greatest number of seconds between two looks.
    :param deferred_at: when the sensor deferred, ISO 8601.
    """

    def __init__(
        self,
        azure_batch_conn_id: str,
        target: Mapping[str, Any],
        poll_interval: float = 10.0,
        deferred_at: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.azure_batch_conn_id = azure_batch_conn_id
        self.target = dict(target)
        self.poll_interval = poll_interval
        self.deferred_at = deferred_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "azure_batch_conn_id": self.azure_batch_conn_id,
                "target": self.target,
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
            self.log.exception("The look at the %s failed", self.target.get("kind"))
            payload = {"error": f"{type(error).__name__}: {error}"}
        await not_too_soon(self.task_instance, self.deferred_at)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    async def _sense(self) -> Sensed:
        async with AsyncExitStack() as stack:
            account = await patiently(partial(self._share, stack), self.azure_batch_conn_id, self.log)
            perform = AccountEffects(account, self.log)
            pace, said, failing_since = Pace(self.poll_interval), "", None
            time = asyncio.get_running_loop().time
            while True:
                # Half an interval: what another sensor has read in its last look is new enough for this one.
                look = shared(read_target(self.target).look(), self.poll_interval / 2)
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

    async def _share(self, stack: AsyncExitStack) -> SharedAccount:
        return await stack.enter_async_context(share_account(self.azure_batch_conn_id))


def _may_pass(error: AzureBatchError, seconds: float) -> bool:
    return is_transient(error) or (is_refusal(error) and seconds <= REFUSAL_PATIENCE)
