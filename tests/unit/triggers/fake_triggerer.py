"""
A Batch job and an Airflow as a triggerer's event loop meets them, in the time of that loop.

The service has a clock of its own and stamps changes with it; lists may lag. Airflow hands out connections,
and only to a trigger: who asks is told by a context variable, as Airflow's own log does.
"""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from airflow_provider_batch.client.account import AccountSettings, SharedKey
from airflow_provider_batch.domain.flow import utc
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey
from airflow_provider_batch.exceptions import BatchAuthenticationError
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.triggers import job_poller, shared_account
from tests.unit.domain.fake_batch import service_error, stamp

JOB = "j1"
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
#: the trigger whose coroutine this is; Airflow writes a log to its task
TRIGGER: ContextVar[str | None] = ContextVar("TRIGGER", default=None)


def key(batch_task_id: str) -> TaskKey:
    return TaskKey(JOB, batch_task_id)


def now() -> float:
    return asyncio.get_running_loop().time()


class FakeJob:
    """One job of an account; ``latency`` and ``lag`` are seconds."""

    def __init__(
        self, *batch_task_ids: str, skew: float = 0.0, latency: float = 0.05, lag: float = 0.0
    ) -> None:
        self.skew, self.latency, self.lag = skew, latency, lag
        self.requests: list[tuple[float, Request, str | None]] = []
        self.failures: list[Exception] = []
        self.key = "one"
        self.in_flight = 0
        self.most_in_flight = 0
        self._history: dict[str, list[tuple[float, dict[str, Any] | None]]] = {}
        for batch_task_id in batch_task_ids:
            self._history[batch_task_id] = [(0.0, self._task(batch_task_id, "active", 0.0))]

    def _task(self, batch_task_id: str, state: str, at: float, **info: Any) -> dict[str, Any]:
        time = EPOCH + timedelta(seconds=at + self.skew)
        return {
            "id": batch_task_id,
            "state": state,
            "stateTransitionTime": stamp(time),
            "executionInfo": info,
        }

    def change(self, batch_task_id: str, state: str, **info: Any) -> None:
        task = self._task(batch_task_id, state, now(), **info)
        self._history.setdefault(batch_task_id, []).append((now(), task))

    def end(self, batch_task_id: str) -> None:
        end = "2026-01-01T00:00:00Z"
        self.change(batch_task_id, "completed", exitCode=0, result="success", endTime=end)

    def end_after_an_hour(self, batch_task_id: str) -> None:
        """The task ran on pool ``p1`` for an hour, and ends."""
        times = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T01:00:00Z"}
        self.change(batch_task_id, "completed", exitCode=0, result="success", **times)
        ended = self._at(batch_task_id, now())
        assert ended is not None
        ended["nodeInfo"] = {"poolId": "p1", "nodeId": "n_d"}

    def delete(self, batch_task_id: str) -> None:
        self._history[batch_task_id].append((now(), None))

    def _at(self, batch_task_id: str, moment: float) -> dict[str, Any] | None:
        history = self._history.get(batch_task_id, [])
        return next((task for at, task in reversed(history) if at <= moment), None)

    async def send(self, request: Request, used_key: str) -> Answer:
        self.requests.append((now(), request, TRIGGER.get()))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency / 2)
            answer = self._answer(request, used_key)
            await asyncio.sleep(self.latency / 2)
        finally:
            self.in_flight -= 1
        return answer

    def _answer(self, request: Request, used_key: str) -> Answer:
        if used_key != self.key:
            raise BatchAuthenticationError(
                code="AuthenticationFailed", message="no", status=401, operation=request.operation
            )
        if self.failures:
            raise self.failures.pop(0)
        if request.operation == "list_tasks":
            return Answer(json={"value": self._list(request.query.get("$filter"))})
        if request.operation == "get_task":
            task = self._at(request.path.rpartition("/")[2], now())
            if task is None:
                raise service_error("TaskNotFound", request.operation)
            return Answer(json=task, headers={"etag": "0x1"})
        if request.operation == "get_pool":
            return Answer(json={"id": "p1", "vmSize": "standard_d2s_v5", "taskSlotsPerNode": 2})
        return Answer(json={"id": request.path}, content=b"x")

    def _list(self, filter_: str | None) -> list[dict[str, Any]]:
        seen = [self._at(batch_task_id, now() - self.lag) for batch_task_id in self._history]
        tasks = [task for task in seen if task is not None]
        if filter_ is None:
            return tasks
        found = re.fullmatch(r"stateTransitionTime ge DateTime'(\S+)'", filter_)
        assert found, filter_
        return [task for task in tasks if utc(task["stateTransitionTime"]) >= utc(found[1])]

    # --- what a test asks -------------------------------------------------------------------------

    def count(self, operation: str) -> int:
        return sum(request.operation == operation for _, request, _ in self.requests)

    def lists(self, *, whole: bool) -> list[float]:
        """When lists were asked for, whole ones or those of changes."""
        return [
            at
            for at, request, _ in self.requests
            if request.operation == "list_tasks" and whole is ("$filter" not in request.query)
        ]


class FakeAirflow:
    """The connection to the account of a :class:`FakeJob`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, job: FakeJob) -> None:
        self.job = job
        self.key = job.key
        self.url = "https://acct.region.batch.azure.com"
        self.readers: list[str | None] = []
        self.errors: list[Exception] = []
        self.hooks: list[FakeHook] = []
        for module in (job_poller, shared_account):
            monkeypatch.setattr(module, "AzureBatchAsyncHook", partial(FakeHook, self))

    def sessions(self) -> list[FakeHook]:
        """Hooks that sent something and were not closed since."""
        return [hook for hook in self.hooks if hook.is_open]


class FakeHook:
    """Stands for AzureBatchAsyncHook."""

    def __init__(self, airflow: FakeAirflow, azure_batch_conn_id: str) -> None:
        self.azure_batch_conn_id = azure_batch_conn_id
        self.is_open = False
        self._airflow = airflow
        self._connection: Any = None
        self._closed = False
        airflow.hooks.append(self)

    async def get_connection(self) -> Any:
        if self._connection is None:
            self._airflow.readers.append(TRIGGER.get())
            await asyncio.sleep(0.01)
            if self._airflow.errors:
                raise self._airflow.errors.pop(0)
            self._connection = BatchConnection(
                account=AccountSettings(self._airflow.url, SharedKey("acct", self._airflow.key))
            )
        return self._connection

    async def send(self, request: Request) -> Answer:
        assert not self._closed, "this session was closed while somebody used it"
        self.is_open = True
        connection = await self.get_connection()
        answer = await self._airflow.job.send(request, connection.account.credential.account_key)
        assert not self._closed, "this session was closed while somebody used it"
        return answer

    async def close(self) -> None:
        self._closed = True
        await asyncio.sleep(0.01)
        self.is_open = False
