"""What a flow asks for, done in a triggerer's event loop."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.client.ports import AsyncBatchPort
from airflow_provider_batch.domain.flow import (
    Effect,
    Log,
    Now,
    Prices,
    Random,
    Recall,
    Save,
    Sleep,
    Snapshot,
    StillOurs,
    alone,
    drive_async,
    tasks_of,
)
from airflow_provider_batch.domain.requests import Request, TaskKey

if TYPE_CHECKING:
    from airflow_provider_batch.domain.node_hours import Machine
    from airflow_provider_batch.domain.prices import PriceTable

__all__ = ["TriggerEffects"]


class TriggerEffects:
    """
    Performs the effects of a flow without blocking the event loop.

    :param port: sends the requests.
    :param log: the Airflow task log.
    :param save: keeps the state of the flow over a restart of the triggerer.
    :param recall: reads what was kept.
    :param still_ours: tells whether no later try has taken a task.
    :param prices: finds the prices of nodes; None when nobody asks for costs.
    """

    def __init__(
        self,
        port: AsyncBatchPort,
        log: Any,
        save: Callable[[dict[str, Any]], Awaitable[None]],
        recall: Callable[[], Awaitable[Any]] | None = None,
        still_ours: Callable[[TaskKey], Awaitable[bool]] | None = None,
        prices: Callable[[Collection[Machine]], Awaitable[PriceTable | None]] | None = None,
    ) -> None:
        self._port = port
        self._log = log
        self._save = save
        self._recall = recall
        self._still_ours = still_ours
        self._prices = prices

    async def __call__(self, effect: Effect) -> Any:
        """
        Perform one effect.

        :param effect: what the flow asks for.
        :return: its result.
        """
        match alone(effect):
            case Request() as request:
                return await self._port.send(request)
            case Snapshot(batch_job_id):
                return await drive_async(tasks_of(batch_job_id), self)
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Now():
                return datetime.now(timezone.utc)
            case Log(text, level):
                self._log.log(logging.getLevelName(level), text)
                # Writing blocks the loop of every trigger: let the others run between two events.
                await asyncio.sleep(0)
            case Random():
                return random.random()  # noqa: S311 - jitter, not a secret
            case (Save() | Recall() | StillOurs() | Prices()) as asked:
                return await self._ask(asked)
        return None

    async def _ask(self, effect: Save | Recall | StillOurs | Prices) -> Any:
        """Do what the trigger around does itself, or cannot do."""
        match effect:
            case Save(state):
                await self._save(state)
            case Recall() if self._recall is not None:
                return await self._recall()
            case StillOurs(key):
                return self._still_ours is not None and await self._still_ours(key)
            case Prices(machines) if self._prices is not None:
                return await self._prices(machines)
        return None
