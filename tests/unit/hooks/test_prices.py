"""Prices are asked for where they are missing, never in the way of a loop, and once for many who ask."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection
from typing import Any

import pytest

from airflow_provider_batch.client.account import AccountSettings, SharedKey
from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.prices import Price, PriceTable, read_price_settings
from airflow_provider_batch.hooks import prices as module
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.hooks.prices import aprice_table, price_table

LOG = logging.getLogger(__name__)
SMALL, LARGE = Machine("standard_d2s_v5"), Machine("standard_d64s_v5")


def connection(prices: Any, region: str | None = "westeurope") -> BatchConnection:
    account = AccountSettings("https://acct.westeurope.batch.azure.com", SharedKey("acct", "a2V5"))
    return BatchConnection(account, prices=read_price_settings(prices), region=region)


class Retail:
    """Stands for the question to the API, which takes until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[set[Machine]] = []
        self.threads: set[int] = set()
        self.may_answer = threading.Event()
        monkeypatch.setattr(module, "price_table", self)

    def __call__(self, connection: BatchConnection, machines: Collection[Machine], log: Any) -> PriceTable:
        self.asked.append(set(machines))
        self.threads.add(threading.get_ident())
        assert self.may_answer.wait(10)
        return PriceTable("USD", {machine.vm_size: Price(1.0) for machine in machines})


@pytest.fixture
def retail(monkeypatch: pytest.MonkeyPatch) -> Retail:
    return Retail(monkeypatch)


async def until_asked(retail: Retail, times: int) -> None:
    async def look() -> None:
        while len(retail.asked) < times:  # noqa: ASYNC110 - another thread counts
            await asyncio.sleep(0.001)

    await asyncio.wait_for(look(), 10)


async def test_without_prices_nobody_is_asked_and_there_is_no_table(retail: Retail) -> None:
    assert await aprice_table(connection(None), [LARGE], LOG) is None
    table = await aprice_table(connection({"standard_d2s_v5": 0.1}), [SMALL, LARGE], LOG)
    assert table is not None
    assert table.per_hour(SMALL) == 0.1
    known = await aprice_table(connection({"standard_d2s_v5": 0.1, "retail": True}), [SMALL], LOG)
    assert known is not None
    assert retail.asked == []


async def test_many_who_ask_the_same_ask_once_beside_the_loop(retail: Retail) -> None:
    said = connection("retail")
    asking = [asyncio.create_task(aprice_table(said, [LARGE], LOG)) for _ in range(50)]
    other = asyncio.create_task(aprice_table(said, [SMALL], LOG))
    await until_asked(retail, 2)
    retail.may_answer.set()
    tables = await asyncio.gather(*asking)
    assert {table.per_hour(LARGE) for table in tables if table} == {1.0}
    assert (await other) is not None
    assert retail.asked == [{LARGE}, {SMALL}]
    assert threading.get_ident() not in retail.threads


async def test_who_is_cancelled_takes_no_answer_from_the_others(retail: Retail) -> None:
    said = connection("retail")
    first, second = (asyncio.create_task(aprice_table(said, [LARGE], LOG)) for _ in range(2))
    await until_asked(retail, 1)
    first.cancel()
    retail.may_answer.set()
    assert (await second) is not None
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(retail.asked) == 1


async def test_an_answer_is_not_kept_here_since_it_is_on_disk(retail: Retail) -> None:
    retail.may_answer.set()
    for _ in range(2):
        await aprice_table(connection("retail"), [LARGE], LOG)
    assert len(retail.asked) == 2


def test_without_a_region_list_prices_are_not_asked_for_and_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO"):
        table = price_table(connection("retail", region=None), [LARGE], LOG)
    assert table == PriceTable()
    assert "say the region" in caplog.text
