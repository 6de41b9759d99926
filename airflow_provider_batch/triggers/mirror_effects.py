"""What a flow asks for, done for one of many mirrors of a Batch job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.domain.flow import Effect, Look, Prices, Shared, Snapshot, Wait
from airflow_provider_batch.domain.requests import Request, TaskKey
from airflow_provider_batch.triggers.effects import TriggerEffects
from airflow_provider_batch.triggers.job_poller import Subscription

if TYPE_CHECKING:
    from airflow_provider_batch.domain.node_hours import Machine
    from airflow_provider_batch.domain.prices import PriceTable

__all__ = ["MirrorEffects"]


class MirrorEffects:
    """
    Performs the effects of a flow; looks, waits, snapshots and explanations are shared with other mirrors.

    :param subscription: the mirror's place at the poller of its job.
    :param log: the Airflow task log.
    :param save: keeps the state of the flow over a restart of the triggerer.
    :param recall: reads what was kept.
    :param still_ours: tells whether no later try has taken a task.
    """

    def __init__(
        self,
        subscription: Subscription,
        log: Any,
        save: Callable[[dict[str, Any]], Awaitable[None]],
        recall: Callable[[], Awaitable[Any]] | None = None,
        still_ours: Callable[[TaskKey], Awaitable[bool]] | None = None,
    ) -> None:
        self._subscription = subscription
        self._log = log
        self._alone = TriggerEffects(subscription.port, log, save, recall, still_ours)

    async def __call__(self, effect: Effect) -> Any:
        """
        Perform one effect; what concerns another job is done as for one who watches alone.

        :param effect: what the flow asks for.
        :return: its result.
        """
        job = self._subscription.batch_job_id
        match effect:
            case Look(key) if key.batch_job_id == job:
                return await self._subscription.look(key)
            case Wait(seconds, key) if key.batch_job_id == job:
                return await self._subscription.wait(seconds, key)
            case Snapshot(batch_job_id) if batch_job_id == job:
                return await self._subscription.snapshot()
            case Shared(request, max_age):
                return await self._subscription.read(request, max_age)
            case Prices(machines):
                return await self._prices_of(machines)
            case Request() as request if request.method != "GET":
                return await self._write(request)
        return await self._alone(effect)

    async def _prices_of(self, machines: Collection[Machine]) -> PriceTable | None:
        # Every worker that defers a task imports this module.
        from airflow_provider_batch.hooks.prices import aprice_table

        return await aprice_table(self._subscription.connection, machines, self._log)

    async def _write(self, request: Request) -> Any:
        try:
            return await self._alone(request)
        finally:
            self._subscription.wrote()
