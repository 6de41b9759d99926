"""A cost is said only when every price in it is known; an estimate is the most that a description allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.cost import Cost, cost_of, estimate, figures, money
from airflow_provider_batch.domain.node_hours import Machine, NodeHours
from airflow_provider_batch.domain.prices import Price, PriceTable
from airflow_provider_batch.specs import Autoscale, PoolSpec, VmImage, pool_to_rest

SIZE = "standard_d4s_v5"
PRICES = PriceTable("EUR", {SIZE: Price(0.2, 0.04)})
POOL: dict[str, Any] = {"id": "render", "vmSize": SIZE, "targetDedicatedNodes": 3}
DAY = timedelta(days=1)


def test_hours_cost_their_prices() -> None:
    hours = NodeHours({Machine(SIZE): 2.0, Machine(SIZE, is_spot=True): 10.0})
    cost = cost_of(hours, PRICES)
    assert (cost.amount, cost.currency, cost.unpriced) == (0.8, "EUR", ())
    assert str(cost) == "0.80 EUR"


def test_nothing_costs_nothing() -> None:
    assert cost_of(NodeHours(), PriceTable()).amount == 0.0


def test_one_price_that_is_not_known_makes_the_sum_unknown_and_is_named() -> None:
    hours = NodeHours({Machine(SIZE): 1.0, Machine("small"): 1.0, Machine("", is_spot=True): 1.0})
    cost = cost_of(hours, PRICES)
    assert cost.amount is None
    assert cost.unpriced == ("", "small")
    assert "no price of small;" in str(cost)


def test_a_pool_that_is_gone_is_why_a_cost_is_not_known() -> None:
    cost = cost_of(NodeHours({Machine(""): 1.0}), PRICES)
    assert str(cost) == (
        "cost not known (a pool was gone, or could not be read, so its VM size is not known)"
    )


machines = st.builds(Machine, st.sampled_from([SIZE]), st.booleans())
hours_of_any = st.builds(NodeHours, st.dictionaries(machines, st.floats(0, 1e6)))


@given(hours_of_any, hours_of_any)
def test_costs_are_additive_and_never_negative(some: NodeHours, others: NodeHours) -> None:
    one, other, both = (cost_of(hours, PRICES).amount for hours in (some, others, some + others))
    assert one is not None
    assert other is not None
    assert both is not None
    assert one >= 0
    assert both == pytest.approx(one + other, abs=1e-5)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00 EUR"),
        (0.000033, "less than 0.0001 EUR"),
        (0.0042, "0.0042 EUR"),
        (1234.5, "1,234.50 EUR"),
        (0.1, "0.10 EUR"),
    ],
)
def test_small_amounts_keep_their_digits(amount: float, text: str) -> None:
    assert money(amount, "EUR") == text


def test_an_estimate_says_nodes_price_and_the_most_it_can_come_to() -> None:
    assert estimate(POOL).text(PRICES, DAY) == (
        f"Pool render: up to 3 dedicated nodes ({SIZE}, 12 cores): 0.60 EUR an hour, "
        "at most 14.40 EUR in the 24.0 h that the job may last."
    )


def test_an_estimate_of_a_mixed_pool_counts_both_kinds() -> None:
    text = estimate({**POOL, "targetLowPriorityNodes": 5}).text(PRICES, DAY)
    assert "3 dedicated nodes" in text
    assert "5 spot nodes" in text
    assert "0.80 EUR an hour" in text


def test_without_prices_an_estimate_says_nodes() -> None:
    assert estimate(POOL).text(None, DAY) == f"Pool render: up to 3 dedicated nodes ({SIZE}, 12 cores)."
    assert "cost not known" in estimate(POOL).text(PriceTable(), DAY)


def test_without_a_job_an_estimate_ends_with_the_hour() -> None:
    assert estimate(POOL).text(PRICES).endswith("cores): 0.60 EUR an hour.")


def test_an_empty_pool_has_no_estimate_and_says_so() -> None:
    assert "no nodes" in estimate({"id": "p", "vmSize": SIZE}).text(PRICES, DAY)


def scaled(autoscale: Autoscale) -> dict[str, Any]:
    return {"id": "render", "vmSize": SIZE, **rest_of(autoscale)}


def rest_of(autoscale: Autoscale) -> dict[str, Any]:
    image = VmImage.ubuntu("22.04")
    body = pool_to_rest(PoolSpec(pool_id="p", vm_size=SIZE, image=image, autoscale=autoscale))
    return {name: body[name] for name in ("enableAutoScale", "autoScaleFormula")}


def test_of_a_formula_from_rules_the_most_is_known() -> None:
    assert estimate(scaled(Autoscale.pending_tasks(50, spot=True))).text(PRICES, DAY) == (
        f"Pool render: by its formula at most 50 spot nodes ({SIZE}, 200 cores): 2.00 EUR an hour, "
        "at most 48.00 EUR in the 24.0 h that the job may last."
    )


def test_of_a_formula_that_may_choose_the_dearest_counts() -> None:
    both = Autoscale.spot_with_fallback(50, min_dedicated_nodes=2, max_dedicated_nodes=10)
    assert estimate(scaled(both)).text(PRICES) == (
        f"Pool render: by its formula at most 50 nodes, at its dearest 10 dedicated nodes ({SIZE}, 40 cores) "
        f"and 40 spot nodes ({SIZE}, 160 cores): 3.60 EUR an hour."
    )


def test_a_formula_that_was_written_by_hand_has_no_estimate_and_says_so() -> None:
    by_hand = Autoscale(formula="$TargetDedicatedNodes = min(10, $PendingTasks.GetSample(1));")
    assert "not written from rules" in estimate(scaled(by_hand)).text(PRICES, DAY)
    assert "no estimate" in estimate({"id": "p", "vmSize": SIZE, "enableAutoScale": True}).text(PRICES, DAY)


def test_figures_of_hours_that_are_not_known_say_so() -> None:
    assert figures(None, None) == dict.fromkeys(
        ("node_hours", "spot_node_hours", "core_hours", "cost", "currency")
    )
    assert figures(NodeHours({Machine(SIZE, is_spot=True): 0.5}), Cost(0.1, "EUR")) == {
        "node_hours": 0.5,
        "spot_node_hours": 0.5,
        "core_hours": 2.0,
        "cost": 0.1,
        "currency": "EUR",
    }
