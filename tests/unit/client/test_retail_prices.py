"""Prices are asked for once a day, in a short time, and a question that fails is only no price."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_batch.client.retail_prices import (
    FAILURE_AGE,
    PRICE_AGE,
    RetailPrices,
    default_cache_folder,
)
from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.prices import Price, PriceSettings, PriceTable
from tests.scripted_server import Reply, ScriptedServer, scripted_server

pytestmark = pytest.mark.assumed(source='"Azure Retail Prices overview", shape of its answers')

SIZE = "standard_d4s_v5"
ASK = PriceSettings(PriceTable("EUR"), asks_retail=True)


def item(
    price: float, sku: str = "D4s v5", product: str = "Virtual Machines Dsv5 Series", **more: Any
) -> Any:
    """An item as the page of the API shows them."""
    return {
        "currencyCode": "EUR",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": "westeurope",
        "location": "EU West",
        "effectiveStartDate": "2021-11-01T00:00:00Z",
        "meterName": sku,
        "productName": product,
        "skuName": sku,
        "serviceName": "Virtual Machines",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": "Standard_D4s_v5",
        **more,
    }


def page(*items: Any, following: str | None = None) -> Reply:
    return Reply(body={"BillingCurrency": "EUR", "Items": list(items), "NextPageLink": following})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def prices(server: ScriptedServer, tmp_path: Path, clock: Clock) -> RetailPrices:
    address = f"{server.url}/api/retail/prices"
    return RetailPrices("westeurope", "EUR", cache=tmp_path / "c", address=address, clock=clock)


def test_dedicated_and_spot_are_read_from_all_pages(server: ScriptedServer, prices: RetailPrices) -> None:
    server.script = [
        page(item(0.2), following=f"{server.url}/api/retail/prices?$skip=100"),
        page(item(0.04, "D4s v5 Spot"), item(0.05, "D4s v5 Low Priority")),
    ]
    table, problem = prices.complete(ASK, [Machine(SIZE)])
    assert problem is None
    assert table.by_size == {SIZE: Price(0.2, 0.04)}
    asked = server.received[0].query
    assert asked["currencyCode"] == "'EUR'"
    assert asked["$filter"] == (
        "serviceName eq 'Virtual Machines' and armSkuName eq 'Standard_D4s_v5' "
        "and armRegionName eq 'westeurope' and priceType eq 'Consumption'"
    )
    assert server.received[1].query == {"$skip": "100"}


def test_windows_has_a_price_of_its_own(server: ScriptedServer, prices: RetailPrices) -> None:
    answer = page(item(0.2), item(0.4, product="Virtual Machines Dsv5 Series Windows"))
    server.default = answer
    table, _ = prices.complete(ASK, [Machine(SIZE), Machine(SIZE, is_windows=True)])
    assert table.per_hour(Machine(SIZE)) == 0.2
    assert table.per_hour(Machine(SIZE, is_windows=True)) == 0.4


def test_the_users_own_prices_count_and_only_the_rest_is_asked_for(
    server: ScriptedServer, prices: RetailPrices
) -> None:
    server.default = page(item(0.2), item(0.04, "D4s v5 Spot"))
    given = PriceSettings(PriceTable("EUR", {SIZE: Price(0.1)}), asks_retail=True)
    assert prices.complete(given, [Machine(SIZE)])[0] == given.table
    assert server.received == []
    table, _ = prices.complete(given, [Machine(SIZE, is_spot=True)])
    assert table.by_size == {SIZE: Price(0.1, 0.04)}


def test_a_price_is_kept_for_a_day(server: ScriptedServer, prices: RetailPrices, clock: Clock) -> None:
    server.default = page(item(0.2))
    for _ in range(3):
        prices.complete(ASK, [Machine(SIZE)])
    assert len(server.received) == 1
    clock.now += PRICE_AGE
    prices.complete(ASK, [Machine(SIZE)])
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, body={"Message": "no"}),
        Reply(302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(body=b"<html>"),
        Reply(body=[]),
        Reply(drop=True),
        page(item(0.2), following="http://127.0.0.1:1/elsewhere"),
    ],
)
def test_a_failure_is_no_price_and_is_not_repeated_for_some_minutes(
    server: ScriptedServer, prices: RetailPrices, clock: Clock, reply: Reply
) -> None:
    server.script, server.default = [reply], page(item(0.2))
    table, problem = prices.complete(ASK, [Machine(SIZE)])
    assert problem
    assert table.per_hour(Machine(SIZE)) is None
    table, problem = prices.complete(ASK, [Machine(SIZE)])
    assert problem
    assert len(server.received) == 1
    clock.now += FAILURE_AGE
    table, problem = prices.complete(ASK, [Machine(SIZE)])
    assert (table.per_hour(Machine(SIZE)), problem) == (0.2, None)


def test_a_size_without_a_meter_has_no_price_and_nothing_failed(
    server: ScriptedServer, prices: RetailPrices
) -> None:
    server.default = page()
    table, problem = prices.complete(ASK, [Machine(SIZE), Machine("")])
    assert (table.per_hour(Machine(SIZE)), problem) == (None, None)
    assert len(server.received) == 1


def test_an_api_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        prices = RetailPrices("westeurope", "EUR", cache=tmp_path, address=address, limit=0.2)
        began = time.monotonic()
        machines = [Machine(f"standard_d{cores}s_v5") for cores in (2, 4, 8, 16)]
        _, problem = prices.complete(ASK, machines)
        assert problem
        assert time.monotonic() - began < 5  # each of them alone would wait 0.2 s; the limit is of all


@pytest.mark.parametrize("damage", ["", "[]", "null", '{"at": "soon"}', '{"at": 1000000, "dedicated": "x"}'])
def test_a_damaged_cache_is_asked_anew(
    server: ScriptedServer, prices: RetailPrices, tmp_path: Path, damage: str
) -> None:
    server.default = page(item(0.2))
    prices.complete(ASK, [Machine(SIZE)])
    for file in (tmp_path / "c").iterdir():
        file.write_text(damage)
    table, _ = prices.complete(ASK, [Machine(SIZE)])
    assert table.per_hour(Machine(SIZE)) == 0.2
    assert len(server.received) == 2


def test_a_cache_that_cannot_be_written_is_none(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server.default = page(item(0.2))
    prices = RetailPrices("westeurope", "EUR", cache=tmp_path / "file" / "c", address=server.url)
    assert prices.complete(ASK, [Machine(SIZE)])[0].per_hour(Machine(SIZE)) == 0.2


def test_a_user_without_a_home_has_prices_and_no_cache(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    server.default = page(item(0.2))
    prices = RetailPrices("westeurope", "EUR", cache=default_cache_folder(), address=server.url)
    assert prices.complete(ASK, [Machine(SIZE)])[0].per_hour(Machine(SIZE)) == 0.2
