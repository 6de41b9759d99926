"""Usage metrics: hours of cores by pool and half hour."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.model.nodes import NodeUsage
from airflow_provider_batch.emulator.service.usage import INTERVAL, aggregate, interval_before

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
MOMENTS = st.integers(-6 * 3600, 6 * 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))


def held(start: datetime, minutes: float, pool_id: str = "p", vm_size: str = "standard_d4s_v3") -> NodeUsage:
    return NodeUsage(pool_id, vm_size, start, start + timedelta(minutes=minutes))


def test_machine_is_counted_in_each_interval_that_it_was_held_in() -> None:
    found = aggregate([held(NOON + timedelta(minutes=15), 30)], NOON, NOON + timedelta(hours=1))
    assert [(usage.start, usage.core_hours) for usage in found] == [(NOON, 1.0), (NOON + INTERVAL, 1.0)]


def test_machines_of_one_pool_are_summed_up_and_pools_kept_apart() -> None:
    found = aggregate([held(NOON, 30), held(NOON, 15), held(NOON, 30, "q")], NOON, NOON + INTERVAL)
    assert [(usage.pool_id, usage.core_hours) for usage in found] == [("p", 3.0), ("q", 2.0)]


def test_pool_whose_size_was_changed_has_an_entry_for_each() -> None:
    found = aggregate([held(NOON, 15), held(NOON, 15, vm_size="standard_d2s_v3")], NOON, NOON + INTERVAL)
    assert [(usage.vm_size, usage.core_hours) for usage in found] == [
        ("standard_d4s_v3", 1.0),
        ("standard_d2s_v3", 0.5),
    ]


def test_machine_outside_of_the_range_is_not_counted() -> None:
    assert aggregate([held(NOON - INTERVAL, 30), held(NOON + INTERVAL, 30)], NOON, NOON + INTERVAL) == []


@given(st.lists(st.tuples(MOMENTS, st.integers(0, 300)), max_size=5))
def test_intervals_together_have_all_that_was_held(held_for: list[tuple[datetime, int]]) -> None:
    usages = [held(start, minutes) for start, minutes in held_for]
    found = aggregate(usages, NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert sum(usage.core_hours for usage in found) == pytest.approx(
        sum(minutes for _, minutes in held_for) * 4 / 60
    )
    assert all(usage.end - usage.start == INTERVAL for usage in found)


@given(MOMENTS)
def test_boundary_before_a_moment_is_less_than_an_interval_away(moment: datetime) -> None:
    assert timedelta(0) <= moment - interval_before(moment) < INTERVAL
