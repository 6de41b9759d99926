"""What launch says is asked once for mirrors that begin one after another, and anew after a pause."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_batch.triggers import launch_news
from airflow_provider_batch.triggers.launch_news import MAX_GAP, await_launch
from tests.unit.triggers.virtual_loop import run

TI = SimpleNamespace(dag_id="etl", run_id="r1")


class Airflow:
    """Knows what launch said; an answer takes a while, since others stand before it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.job: str | None = "j1"
        self.state = "success"
        self.latency = 0.01
        self.questions = 0
        monkeypatch.setattr(launch_news, "get_xcom", self.get_xcom)
        monkeypatch.setattr(launch_news, "state_of_task", self.state_of_task)

    async def get_xcom(self, *_: Any, **__: Any) -> Any:
        self.questions += 1
        said = {"batch_job_id": self.job, "generation": 1, "batch_pool_id": "p", "azure_batch_conn_id": "c"}
        await asyncio.sleep(self.latency)
        return said if self.job else None

    async def state_of_task(self, *_: Any) -> str:
        return self.state


async def begin(after: float, *, may_be_stale: bool = False) -> str | None:
    await asyncio.sleep(after)
    since = asyncio.get_running_loop().time()
    told = await await_launch(TI, "g.launch", since=since, may_be_stale=may_be_stale)
    return told.batch_job_id if told else None


def test_mirrors_that_begin_one_after_another_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow(monkeypatch)

    async def main() -> list[str | None]:
        return await asyncio.gather(*(begin(n * 0.8 * MAX_GAP) for n in range(50)))

    assert run(main()) == ["j1"] * 50
    assert airflow.questions == 1


def test_mirrors_that_begin_while_the_answer_is_awaited_ask_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow(monkeypatch)
    airflow.latency = 10 * MAX_GAP

    async def main() -> list[str | None]:
        return await asyncio.gather(*(begin(n * 1.0) for n in range(50)))

    assert run(main()) == ["j1"] * 50
    assert airflow.questions == 1


def test_a_mirror_that_begins_after_a_pause_hears_of_a_launch_that_ran_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    airflow = Airflow(monkeypatch)

    async def main() -> tuple[str | None, str | None]:
        first = await begin(0)
        airflow.job = "j2"
        return first, await begin(MAX_GAP + 1)

    assert run(main()) == ("j1", "j2")


def test_a_cleared_mirror_waits_for_launch_and_asks_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow(monkeypatch)

    async def launch_again() -> None:
        airflow.state = "running"
        await asyncio.sleep(3)
        airflow.job, airflow.state = "j2", "success"

    async def main() -> Any:
        assert await begin(0) == "j1"
        return await asyncio.gather(begin(0.5, may_be_stale=True), launch_again())

    assert run(main())[0] == "j2"


def test_a_mirror_waits_until_launch_has_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow(monkeypatch)
    airflow.job, airflow.state = None, "running"

    async def launch() -> None:
        await asyncio.sleep(7)
        airflow.job = "j1"

    async def main() -> Any:
        return await asyncio.gather(begin(0), begin(1), launch())

    assert run(main())[:2] == ["j1", "j1"]
