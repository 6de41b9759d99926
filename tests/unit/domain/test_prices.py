"""What is no price is refused with its entry; meters of something else do not count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.prices import (
    Price,
    PriceSettings,
    PriceTable,
    read_price_settings,
    read_retail_price,
)
from airflow_provider_batch.exceptions import SpecError

SIZE = "standard_d4s_v5"


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_prices_nobody_asks_for_costs(nothing: Any) -> None:
    assert read_price_settings(nothing) is None


@pytest.mark.parametrize(
    ("given_prices", "settings"),
    [
        ("retail", PriceSettings(asks_retail=True)),
        ({"retail": True}, PriceSettings(asks_retail=True)),
        ({"retail": "West Europe"}, PriceSettings(asks_retail=True, region="westeurope")),
        ({}, PriceSettings()),
        (
            {"currency": "eur", "Standard_D4s_v5": 0.2, "standard_d2s_v5": {"dedicated": 0.1, "spot": 0}},
            PriceSettings(PriceTable("EUR", {SIZE: Price(0.2), "standard_d2s_v5": Price(0.1, 0.0)})),
        ),
        ('{"standard_d4s_v5": {"spot": 0.04}}', PriceSettings(PriceTable("USD", {SIZE: Price(None, 0.04)}))),
    ],
)
def test_what_a_user_may_write(given_prices: Any, settings: PriceSettings) -> None:
    assert read_price_settings(given_prices) == settings


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ("cheap", "prices"),
        ([1], "prices"),
        (7, "prices"),
        ({"currency": "euros"}, "prices.currency"),
        ({"currency": 7}, "prices.currency"),
        ({"retail": 7}, "prices.retail"),
        ({SIZE: "0.2"}, f"prices.{SIZE}"),
        ({SIZE: -1}, f"prices.{SIZE}"),
        ({SIZE: True}, f"prices.{SIZE}"),
        ({SIZE: float("nan")}, f"prices.{SIZE}"),
        ({SIZE: {"reserved": 1}}, f"prices.{SIZE}"),
        ({SIZE: {"spot": None}}, f"prices.{SIZE}.spot"),
    ],
)
def test_what_is_no_price_is_refused_with_its_entry(wrong: Any, path: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_price_settings(wrong)
    assert caught.value.path == path


def test_a_node_has_the_price_of_its_kind_or_none() -> None:
    table = PriceTable("USD", {SIZE: Price(0.2, None)}, {SIZE: Price(0.4, 0.1)})
    assert table.per_hour(Machine(SIZE)) == 0.2
    assert table.per_hour(Machine(SIZE, is_spot=True)) is None
    assert table.per_hour(Machine(SIZE, is_spot=True, is_windows=True)) == 0.1
    assert table.per_hour(Machine("standard_d2s_v5")) is None
    assert PriceTable("USD", {SIZE: Price(0.2)}).per_hour(Machine(SIZE, is_windows=True)) == 0.2


def meter(**changes: Any) -> dict[str, Any]:
    return {
        "armSkuName": "Standard_D4s_v5",
        "skuName": "D4s v5",
        "productName": "Virtual Machines Dsv5 Series",
        "retailPrice": 0.2,
        "type": "Consumption",
        "unitOfMeasure": "1 Hour",
        "effectiveStartDate": "2021-11-01T00:00:00Z",
        **changes,
    }


@pytest.mark.parametrize(
    "other",
    [
        meter(armSkuName="Standard_D4s_v4", retailPrice=9),
        meter(type="Reservation", retailPrice=9),
        meter(type="DevTestConsumption", retailPrice=9),
        meter(unitOfMeasure="1 Month", retailPrice=9),
        meter(skuName="D4s v5 Low Priority", retailPrice=9),
        meter(productName="Virtual Machines Dsv5 Series Windows", retailPrice=9),
        meter(productName="Dsv5 Series Cloud Services", retailPrice=9),
        meter(retailPrice="free", effectiveStartDate="2030"),
        meter(effectiveStartDate="2020-01-01T00:00:00Z", retailPrice=9),
        {},
    ],
)
def test_meters_of_something_else_do_not_count(other: dict[str, Any]) -> None:
    for items in ([meter(), other], [other, meter()]):
        assert read_retail_price(items, SIZE) == Price(0.2)


@given(
    st.dictionaries(st.text(), st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers()))
)
def test_any_mapping_is_read_or_refused(anything: dict[str, Any]) -> None:
    try:
        settings = read_price_settings(anything)
    except SpecError:
        return
    assert settings is not None
    assert all((price.dedicated or 0) >= 0 for price in settings.table.by_size.values())
