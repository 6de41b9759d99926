"""Node-hours add up, are never negative, and tasks that share a node share its hours by their slots."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.node_hours import (
    Machine,
    NodeHours,
    PoolMachines,
    held_hours,
    task_hours,
)

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
POOL = PoolMachines("standard_d4s_v5", 4)
DEDICATED = Machine("standard_d4s_v5")
SPOT = Machine("standard_d4s_v5", is_spot=True)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ran(start: float, end: float, slots: int = 1, node: str = "tvmps_1_d", **more: Any) -> dict[str, Any]:
    info = {"startTime": at(start), "endTime": at(end)}
    return {"executionInfo": info, "nodeInfo": {"nodeId": node}, "requiredSlots": slots, **more}


def total(tasks: list[dict[str, Any]], pool: PoolMachines = POOL) -> NodeHours:
    return sum((task_hours(task, pool) for task in tasks), NodeHours())


def test_a_task_holds_the_share_of_its_slots() -> None:
    assert task_hours(ran(0, 3600, slots=1), POOL).by_machine == {DEDICATED: 0.25}
    assert task_hours(ran(0, 3600, slots=4), POOL).total == 1.0


def test_tasks_that_fill_a_node_hold_all_of_it_and_no_more() -> None:
    hours = total([ran(0, 3600), ran(0, 3600), ran(0, 3600, slots=2)])
    assert hours.total == 1.0
    assert hours.core_hours == 4.0


SPOT_POOL = {"vmSize": "standard_d4s_v5", "targetLowPriorityNodes": 2, "currentLowPriorityNodes": 1}


@pytest.mark.parametrize(
    ("pool", "nodes", "is_spot"),
    [
        (SPOT_POOL, [], True),
        ({**SPOT_POOL, "targetLowPriorityNodes": 0}, [], True),
        ({**SPOT_POOL, "currentDedicatedNodes": 1}, [], False),
        ({**SPOT_POOL, "targetDedicatedNodes": 1}, [], False),
        ({**SPOT_POOL, "enableAutoScale": True}, [], False),
        (SPOT_POOL, [{"id": "other", "isDedicated": True}], False),
        ({"vmSize": "standard_d4s_v5", "targetDedicatedNodes": 1}, [], False),
        ({}, [], False),
    ],
)
def test_a_pool_of_spot_nodes_tells_what_a_node_was_whatever_its_id(
    pool: dict[str, Any], nodes: list[dict[str, Any]], is_spot: bool
) -> None:
    assert PoolMachines.read(pool, nodes).machine("gone").is_spot is is_spot
    assert PoolMachines.read(pool, nodes).machine("gone_p").is_spot


def test_spot_and_dedicated_are_told_apart_by_the_node_or_by_its_id() -> None:
    pool = PoolMachines.read(
        {"vmSize": "Standard_D4s_v5", "taskSlotsPerNode": 4},
        [{"id": "n1", "isDedicated": False}, {"id": "n2", "isDedicated": True}, {"id": "n3"}],
    )
    hours = total([ran(0, 3600, 4, node) for node in ("n1", "n2", "n3", "tvmps_9_p", "tvmps_9_d")], pool)
    assert hours.by_machine == {SPOT: 2.0, DEDICATED: 3.0}
    assert hours.spot == 2.0


def test_a_task_on_several_nodes_holds_all_of_them() -> None:
    task = ran(0, 3600, 4, multiInstanceSettings={"numberOfInstances": 3})
    assert task_hours(task, POOL).total == 3.0


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"executionInfo": {"startTime": at(0)}, "nodeInfo": {"nodeId": "n"}},
        {"executionInfo": {"endTime": at(9)}, "nodeInfo": {"nodeId": "n"}},
        {"executionInfo": {"startTime": at(0), "endTime": at(9)}},
        ran(9, 0),
        ran(5, 5),
    ],
)
def test_what_did_not_run_or_has_not_ended_holds_nothing(task: dict[str, Any]) -> None:
    assert task_hours(task, POOL) == NodeHours()


def test_cores_are_unknown_as_soon_as_those_of_one_size_are() -> None:
    known = NodeHours.of(DEDICATED, 1)
    assert known.core_hours == 4.0
    assert (known + NodeHours.of(Machine("small"), 1)).core_hours is None
    assert NodeHours().core_hours == 0.0


def test_a_pool_that_is_gone_leaves_the_hours_and_takes_the_size_with_it() -> None:
    hours = task_hours(ran(0, 3600), PoolMachines.read({}))
    assert hours.by_machine == {Machine(""): 1.0}
    assert hours.core_hours is None


def test_windows_is_told_by_the_node_agent() -> None:
    pool = {"virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.windows amd64"}}
    assert PoolMachines.read(pool).machine("n").is_windows


def test_nodes_are_held_from_their_allocation_until_now_or_until_they_were_preempted() -> None:
    nodes = [
        {"id": "a_d", "state": "idle", "allocationTime": at(0)},
        {"id": "b_p", "state": "Preempted", "allocationTime": at(0), "stateTransitionTime": at(1800)},
        {"id": "c_d", "state": "creating"},
        {"id": "d_d", "state": "idle", "allocationTime": at(9999999)},
    ]
    held = held_hours(nodes, POOL, START + timedelta(hours=2))
    assert held.by_machine == {DEDICATED: 2.0, SPOT: 0.5}


# --- rules of any tasks ---------------------------------------------------------------------------

seconds = st.integers(-10_000, 10_000)
tasks_of_any_kind = st.lists(
    st.builds(ran, seconds, seconds, st.integers(-1, 9), st.sampled_from(["1_d", "2_d", "3_p"])), max_size=12
)
pools = st.builds(PoolMachines, st.sampled_from(["standard_d4s_v5", "small", ""]), st.integers(1, 8))


@given(tasks_of_any_kind, tasks_of_any_kind, pools)
def test_hours_are_additive_and_never_negative(
    some: list[dict[str, Any]], others: list[dict[str, Any]], pool: PoolMachines
) -> None:
    one, other, both = total(some, pool), total(others, pool), total(some + others, pool)
    assert both.total == pytest.approx(one.total + other.total)
    assert both.spot == pytest.approx(one.spot + other.spot)
    assert all(hours > 0 for hours in both.by_machine.values())
    assert both.spot <= both.total + 1e-9
    if both.core_hours is not None and one.core_hours is not None and other.core_hours is not None:
        assert both.core_hours == pytest.approx(one.core_hours + other.core_hours)


@given(st.integers(1, 8), st.lists(st.integers(1, 8), min_size=1, max_size=8), st.integers(1, 100_000))
def test_tasks_that_fit_on_a_node_together_never_hold_more_than_the_node(
    slots: int, needs: list[int], length: int
) -> None:
    fitting, free = [], slots
    for need in needs:
        if need <= free:
            fitting.append(ran(0, length, need))
            free -= need
    hours = total(fitting, PoolMachines("standard_d4s_v5", slots))
    assert hours.total <= length / 3600 + 1e-9
    if free == 0:
        assert hours.total == pytest.approx(length / 3600)
