"""What a flow asks for, done on a worker."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.client.ports import BatchPort
from airflow_provider_batch.domain.flow import (
    Effect,
    Log,
    Look,
    Now,
    Prices,
    Random,
    Sleep,
    Snapshot,
    StillOurs,
    alone,
    drive,
    tasks_of,
)
from airflow_provider_batch.domain.hold import Hold
from airflow_provider_batch.domain.requests import Answer, Request

if TYPE_CHECKING:
    from airflow_provider_batch.domain.node_hours import Machine
    from airflow_provider_batch.domain.prices import PriceTable

__all__ = ["Stopped", "WorkerEffects"]


class Stopped(BaseException):
    """The flow is not to go on: the Airflow task was killed. No error, so that no flow takes it for one."""


class WorkerEffects:
    """
    Performs the effects of a flow on this thread.

    :param port: sends the requests.
    :param log: the Airflow task log.
    :param stopped: asked before each effect. Airflow 3 goes on with the task after ``on_kill`` returned.
    :param hold: what is known of the ETag of the task that is watched or ended.
    :param prices: finds the prices of nodes; None as its result when nobody asks for costs.
    """

    def __init__(
        self,
        port: BatchPort,
        log: Any,
        stopped: Callable[[], bool] = lambda: False,
        hold: Hold | None = None,
        prices: Callable[[Collection[Machine]], PriceTable | None] = lambda _: None,
    ) -> None:
        self._port = port
        self._log = log
        self._stopped = stopped
        self._hold = hold or Hold()
        self._prices = prices

    def __call__(self, effect: Effect) -> Any:
        """
        Perform one effect.

        :param effect: what the flow asks for.
        :return: its result.
        :raises Stopped: instead of doing it.
        """
        if self._stopped():
            raise Stopped
        match alone(effect):
            case Request() as request:
                return self._look(request) if isinstance(effect, Look) else self._port.send(request)
            case StillOurs(_, seen):
                return self._hold.saw(seen, datetime.now(timezone.utc))
            case Snapshot(batch_job_id):
                return drive(tasks_of(batch_job_id), self)
            case Sleep(seconds):
                time.sleep(seconds)
            case Now():
                return datetime.now(timezone.utc)
            case Log(text, level):
                self._log.log(logging.getLevelName(level), text)
            case Random():
                return random.random()  # noqa: S311 - jitter, not a secret
            case Prices(machines):
                return self._prices(machines)
        # Nothing is kept: a worker that dies is followed by another try, with a log of its own that starts at
        # byte 0.
        return None

    def _look(self, request: Request) -> Answer:
        answer = self._port.send(request)
        self._hold.saw(answer, datetime.now(timezone.utc))
        return answer
