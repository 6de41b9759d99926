"""One flow, two drivers: what is raised at an effect is raised in the flow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import (
    Effect,
    Flow,
    Log,
    Now,
    Sleep,
    drive,
    drive_async,
    pages,
    pages_and_time,
    time_of,
    utc,
)
from airflow_provider_batch.domain.requests import Answer
from tests.unit.domain.fake_batch import Crash

Runner = Callable[[Flow[Any], Callable[[Effect], Any]], Any]


def in_a_loop(flow: Flow[Any], perform: Callable[[Effect], Any]) -> Any:
    async def awaitable(effect: Effect) -> Any:
        return perform(effect)

    run: Callable[[Effect], Awaitable[Any]] = awaitable
    return asyncio.run(drive_async(flow, run))


DRIVERS = pytest.mark.parametrize("run", [drive, in_a_loop], ids=["worker", "trigger"])


@DRIVERS
def test_results_go_in_and_the_return_value_comes_out(run: Runner) -> None:
    def flow() -> Flow[list[Any]]:
        return [(yield Now()), (yield Sleep(2))]

    assert run(flow(), lambda effect: type(effect).__name__) == ["Now", "Sleep"]


@DRIVERS
def test_an_error_can_be_caught_where_it_was_asked_for(run: Runner) -> None:
    def flow() -> Flow[str]:
        try:
            yield Now()
        except KeyError as error:
            return f"caught {error}"
        return "nothing"

    def perform(effect: Effect) -> Any:
        raise KeyError("k")

    assert run(flow(), perform) == "caught 'k'"


@DRIVERS
def test_an_error_that_is_not_caught_passes_through(run: Runner) -> None:
    def flow() -> Flow[None]:
        yield Now()

    def perform(effect: Effect) -> Any:
        raise KeyError("k")

    with pytest.raises(KeyError):
        run(flow(), perform)


@DRIVERS
def test_a_crash_closes_the_flow_without_telling_it(run: Runner) -> None:
    seen: list[str] = []

    def flow() -> Flow[None]:
        try:
            yield Now()
        except Exception:
            seen.append("caught")
            raise
        finally:
            seen.append("closed")

    def perform(effect: Effect) -> Any:
        raise Crash

    with pytest.raises(Crash):
        run(flow(), perform)
    assert seen == ["closed"]


async def test_a_cancellation_closes_the_flow_and_passes_through() -> None:
    closed = asyncio.Event()

    def flow() -> Flow[None]:
        try:
            yield Sleep(60)
        finally:
            closed.set()

    async def perform(effect: Effect) -> None:
        await asyncio.sleep(60)

    task = asyncio.ensure_future(drive_async(flow(), perform))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


@DRIVERS
def test_a_flow_that_asks_for_nothing_ends_at_once(run: Runner) -> None:
    def flow() -> Flow[int]:
        if False:
            yield Log("never")
        return 7

    assert run(flow(), lambda effect: None) == 7


def test_pages_are_read_to_the_end_and_a_link_leads_to_no_other_host() -> None:
    first = requests.list_tasks("j", ("id",))
    answers = [
        Answer(
            json={"value": [{"id": "a"}], "odata.nextLink": "https://evil/x?$skiptoken=1&api-version=old"}
        ),
        Answer(json={"value": [{"id": "b"}]}),
    ]
    asked: list[requests.Request] = []

    def perform(effect: Effect) -> Any:
        assert isinstance(effect, requests.Request)
        asked.append(effect)
        return answers[len(asked) - 1]

    assert drive(pages(first), perform) == [{"id": "a"}, {"id": "b"}]
    assert [request.path for request in asked] == [first.path, first.path]
    assert asked[1].query == {"$select": "id", "$skiptoken": "1"}


NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
DATED = {"date": "Thu, 01 Jan 2026 12:00:00 GMT"}


def test_the_time_is_that_of_the_first_page_and_the_own_clocks_only_where_the_service_says_none() -> None:
    link = {"odata.nextLink": "https://batch/x?$skiptoken=1"}
    later = {"date": "Thu, 01 Jan 2026 12:00:30 GMT"}
    answers = [
        Answer({"value": [{"id": "a"}], **link}, headers=DATED),
        Answer({"value": [{"id": "b"}]}, headers=later),
    ]
    listed = iter(answers)
    assert drive(pages_and_time(requests.list_pools()), lambda _: next(listed)) == (
        [{"id": "a"}, {"id": "b"}],
        NOON,
    )
    own = NOON.replace(hour=1)
    for headers in ({}, {"date": "noon"}, {"date": ""}, {"date": "Thu, 99 Jan 2026 12:00:00 GMT"}):
        assert drive(time_of(Answer(headers=headers)), lambda effect: own) == own


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000"])
def test_the_date_of_an_answer_is_in_utc(zone: str) -> None:
    assert Answer(headers={"date": f"Thu, 01 Jan 2026 12:00:00 {zone}"}).date == NOON


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2022-09-06T23:44:11.5153711Z", 515371),
        ("2022-09-06T23:44:11Z", 0),
        ("2022-09-06T23:44:11.5Z", 500000),
    ],
)
def test_times_of_the_service_are_read_with_any_number_of_digits(text: str, microsecond: int) -> None:
    assert utc(text) == datetime(2022, 9, 6, 23, 44, 11, microsecond, tzinfo=timezone.utc)
