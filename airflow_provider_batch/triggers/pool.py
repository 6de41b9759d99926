"""The trigger of a wait for a pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.flow import Flow, drive_async
from airflow_provider_batch.domain.pool_changes import withdraw
from airflow_provider_batch.domain.pool_wait import POOL_CLAIM_KEY, PoolWait, wait_for_pool
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks.batch import AzureBatchAsyncHook
from airflow_provider_batch.triggers.effects import TriggerEffects
from airflow_provider_batch.triggers.end_events import end_task, is_for_worker
from airflow_provider_batch.triggers.kill import is_killed
from airflow_provider_batch.triggers.patience import patiently
from airflow_provider_batch.triggers.resumption import not_too_soon
from airflow_provider_batch.triggers.task_instance import get_xcom

__all__ = ["AzureBatchPoolTrigger"]


class AzureBatchPoolTrigger(BaseTrigger):
    """
    Wait for a pool, say why in the task's log, and end the Airflow task.

    It ends the task itself where that is right and resumes on a worker where it is not. When the triggerer
    restarts, it runs again from the top: all that it needs is in its arguments and in Batch.

    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param wait: what to wait for, as plain data of
        :class:`~airflow_provider_batch.domain.pool_wait.PoolWait`; no secret is in it.
    :param worker_endings: verdicts that end on a worker.
    :param push_result: whether what was seen becomes the task's return value.
    :param deferred_at: when the operator deferred, ISO 8601.
    """

    def __init__(
        self,
        azure_batch_conn_id: str,
        wait: Mapping[str, Any],
        worker_endings: Sequence[str] = (),
        push_result: bool = True,
        deferred_at: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.azure_batch_conn_id = azure_batch_conn_id
        self.wait = dict(wait)
        self.worker_endings = list(worker_endings)
        self.push_result = push_result
        self.deferred_at = deferred_at
        self._ended = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "azure_batch_conn_id": self.azure_batch_conn_id,
                "wait": self.wait,
                "worker_endings": self.worker_endings,
                "push_result": self.push_result,
                "deferred_at": self.deferred_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until it is over; yield one event."""
        try:
            ending = Ending.of_value(await self._drive(wait_for_pool(self._wait())))
        except AzureBatchError as error:
            # Raising would cost a worker start for nothing: the reason is here, and goes into the log here.
            self.log.error("%s", error)
            ending = Ending.of_error(error)
        except Exception as error:
            self.log.exception("The wait for pool %s failed", self._wait().batch_pool_id)
            ending = Ending.of_error(AzureBatchError(f"{type(error).__name__}: {error}"))
        event = await end_task(
            self.task_instance,
            ending,
            worker_endings=self.worker_endings,
            push_result=self.push_result,
            log=self.log,
        )
        if is_for_worker(event):
            await not_too_soon(self.task_instance, self.deferred_at)
        self._ended = True
        yield event

    async def on_kill(self) -> None:
        """
        Say what is left and bills, or delete it, when a person ended or cleared the Airflow task.

        Called by Airflow 3.3 and later; not on a restart of the triggerer, and not on a time-out.
        """
        await self._kill()

    async def cleanup(self) -> None:
        """Below Airflow 3.3, find out whether this is a kill, and then do what a kill asks for."""
        if not self._ended and await is_killed(self):
            await self._kill()

    async def _kill(self) -> None:
        if self._ended:
            return
        wait = self._wait()
        # After a clear, the new try may be at work on this pool before the old one is killed.
        owner = wait.owner if wait.owner is not None and await self._is_still_ours() else None
        await self._drive(withdraw(wait.batch_pool_id, owner))

    async def _is_still_ours(self) -> bool:
        if self.task_instance is None:
            return True
        try:
            claim = await get_xcom(self.task_instance, POOL_CLAIM_KEY)
        except Exception as error:  # noqa: BLE001 - what may be another try's is left alone
            self.log.warning("Whether a later try uses the pool cannot be read: %s", error)
            return False
        if not isinstance(claim, Mapping):
            return True
        return int(claim["try_number"]) <= int(self.task_instance.try_number)

    async def _drive(self, flow: Flow[Any]) -> Any:
        async with AzureBatchAsyncHook(self.azure_batch_conn_id) as hook:
            port = await patiently(hook.get_conn, self.azure_batch_conn_id, self.log)
            perform = TriggerEffects(port, self.log, _save_nothing)
            return await drive_async(flow, perform)

    def _wait(self) -> PoolWait:
        return PoolWait(**self.wait)


async def _save_nothing(state: dict[str, Any]) -> None:
    """A wait has nothing to keep over a restart of the triggerer."""
