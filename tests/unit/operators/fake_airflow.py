"""What an operator meets when it runs: a connection to an account in memory, a task instance, a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_batch.client.account import SharedKey
from airflow_provider_batch.operators import effects
from airflow_provider_batch.operators import task as module
from tests.unit.domain.fake_batch import FakeBatch, Process
from tests.unit.domain.plans import account


@dataclass
class TaskInstance:
    """What the operator uses of Airflow's task instance."""

    dag_id: str = "etl"
    run_id: str = "manual__1"
    task_id: str = "split"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    start_date: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


class Worker:
    """A worker process: the account that its hook reaches, and virtual time while it sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, batch: FakeBatch | None = None) -> None:
        self.batch = batch or account()
        self.process = Process(self.batch)
        self.hooks_open = 0
        self.sleeps = 0
        self.connection = SimpleNamespace(
            deployment_id="dep",
            subscription_id="sub",
            resource_group="rg",
            account_name="acc",
            account=SimpleNamespace(credential=SharedKey("acc", "a2V5")),
            prices=None,
            region=None,
        )
        worker = self

        class Hook:
            """Stands for AzureBatchHook."""

            def __init__(self, conn_id: str) -> None:
                assert conn_id
                self._opened = False

            @property
            def connection(self) -> Any:
                return worker.connection

            def another_session(self) -> Hook:
                return type(self)("another")

            def get_conn(self) -> FakeBatch:
                worker.hooks_open += not self._opened
                self._opened = True
                return worker.batch

            def close(self) -> None:
                worker.hooks_open -= self._opened
                self._opened = False

        def sleep(seconds: float) -> None:
            worker.sleeps += 1
            assert worker.sleeps < 10_000, "the operator sleeps on and on"
            worker.process.sleep(seconds)

        monkeypatch.setattr(module, "AzureBatchHook", Hook)
        monkeypatch.setattr(effects, "time", SimpleNamespace(sleep=sleep))
        # The flow compares times of the account with the clock.
        fake_clock = SimpleNamespace(now=lambda zone: worker.batch.now)
        monkeypatch.setattr(effects, "datetime", fake_clock)


def context(ti: TaskInstance | None = None) -> Any:
    """The template context of a task instance."""
    run = SimpleNamespace(start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), run_after=None)
    return {"ti": ti or TaskInstance(), "dag_run": run}
