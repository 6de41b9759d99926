"""A mirror's flow sees what one who watches alone sees, for fewer requests."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_batch.domain import requests, watch
from airflow_provider_batch.domain.flow import Flow, Look, Prices, Shared, Snapshot, Wait, drive_async
from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.outcome import TaskOutcome
from airflow_provider_batch.domain.prices import Price, PriceSettings, PriceTable
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.exceptions import BatchTaskLostError
from airflow_provider_batch.triggers.job_poller import subscribe
from airflow_provider_batch.triggers.mirror_effects import MirrorEffects
from tests.unit.triggers.fake_triggerer import JOB, FakeAirflow, FakeJob, key
from tests.unit.triggers.virtual_loop import run

LOG = logging.getLogger(__name__)
OPTIONS = watch.WatchOptions(may_be_blocked=False)


async def save(state: dict[str, Any]) -> None:
    """Nothing to keep."""


async def mirror(flow: Flow[Any]) -> Any:
    async with subscribe("conn", JOB, OPTIONS.poll_interval) as subscription:
        return await drive_async(flow, MirrorEffects(subscription, LOG, save))


def test_many_watches_end_with_their_tasks_and_never_ask_for_one_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = FakeJob(*(f"t{i}" for i in range(30)))
    FakeAirflow(monkeypatch, job)

    async def main() -> list[TaskOutcome]:
        flows = [watch.watch(Submission(key(f"t{i}"), None), OPTIONS) for i in range(30)]
        mirrors = [asyncio.create_task(mirror(flow)) for flow in flows]
        await asyncio.sleep(300)
        for i in range(30):
            job.end_after_an_hour(f"t{i}")
        outcomes: list[TaskOutcome] = await asyncio.gather(*mirrors)
        return outcomes

    outcomes = run(main())
    assert [(outcome.batch_task_id, outcome.succeeded) for outcome in outcomes] == [
        (f"t{i}", True) for i in range(30)
    ]
    assert {(outcome.node_hours, outcome.core_hours) for outcome in outcomes} == {(0.5, 1.0)}
    assert job.count("get_task") == 0
    assert job.count("get_pool") == 1
    assert job.count("get_job") <= 300 / watch.LOOK_EVERY + 1


def test_a_task_that_is_deleted_is_lost_for_its_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        watching = asyncio.create_task(mirror(watch.watch(Submission(key("t"), None), OPTIONS)))
        await asyncio.sleep(20)
        job.delete("t")
        with pytest.raises(BatchTaskLostError):
            await watching

    run(main())


def test_a_snapshot_holds_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("a", "b")
    FakeAirflow(monkeypatch, job)

    def flow() -> Flow[Any]:
        return (yield Snapshot(JOB))

    assert set(run(mirror(flow()))) == {"a", "b"}


def test_what_concerns_another_job_is_asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)
    elsewhere = TaskKey("other", "t")

    def flow() -> Flow[Any]:
        answer = yield Look(elsewhere)
        yield Wait(1.0, elsewhere)
        tasks = yield Snapshot("other")
        return answer.json, tasks["t"]

    looked, listed = run(mirror(flow()))
    assert looked == listed
    assert [request.operation for _, request, _ in job.requests] == ["get_task", "list_tasks"]
    assert all("/other/" in request.path for _, request, _ in job.requests)


def test_a_look_after_a_write_asks_the_service_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    def flow() -> Flow[Any]:
        yield Look(key("t"))
        yield requests.reactivate_task(key("t"))
        yield Look(key("t"))
        yield Look(key("t"))

    run(mirror(flow()))
    operations = [request.operation for _, request, _ in job.requests]
    assert operations == ["list_tasks", "reactivate_task", "get_task"]


def test_a_plain_request_is_never_answered_from_what_others_read(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    def flow() -> Flow[Any]:
        yield Shared(requests.get_job(JOB), 60.0)
        yield Shared(requests.get_job(JOB), 60.0)
        yield requests.get_job(JOB)

    run(mirror(flow()))
    assert job.count("get_job") == 2


def test_prices_are_those_of_the_connection_that_was_read_last(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeAirflow(monkeypatch, FakeJob("t"))
    table = PriceTable("EUR", {"small": Price(0.1)})

    def flow() -> Flow[Any]:
        return (yield Prices([Machine("small")]))

    async def main() -> Any:
        async with subscribe("conn", JOB, OPTIONS.poll_interval) as subscription:
            account = subscription._poller.account
            account.connection = replace(account.connection, prices=PriceSettings(table))
            return await drive_async(flow(), MirrorEffects(subscription, LOG, save))

    assert run(main()) == table
