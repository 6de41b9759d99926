"""A pool is idle only when it bills, nobody has work for it, and nothing has happened for the grace time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.idle_pools import OpenJob, PoolUse, judge
from airflow_provider_batch.domain.labels import pool_labels
from airflow_provider_batch.domain.node_hours import Machine
from tests.unit.domain.plans import WORK

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
GRACE = timedelta(minutes=30)


def ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def pool(**changes: Any) -> dict[str, Any]:
    return {
        "id": "render",
        "state": "active",
        "vmSize": "standard_d4s_v5",
        "metadata": pool_labels(WORK),
        "creationTime": ago(600),
        "allocationState": "steady",
        "allocationStateTransitionTime": ago(590),
        "currentDedicatedNodes": 2,
        "targetDedicatedNodes": 2,
        **changes,
    }


def node(name: str = "1_d", state: str = "idle", minutes: float = 120) -> dict[str, Any]:
    return {
        "id": name,
        "state": state,
        "stateTransitionTime": ago(minutes),
        "isDedicated": not name.endswith("p"),
    }


def job(minutes: float = 500, **changes: Any) -> OpenJob:
    return OpenJob("nightly", None, NOW - timedelta(minutes=minutes), **changes)


def judged(*jobs: OpenJob, nodes: list[dict[str, Any]] | None = None, **changes: Any) -> PoolUse:
    return judge(pool(**changes), [node(), node("2_p")] if nodes is None else nodes, jobs, NOW, GRACE)


def test_an_idle_pool_says_since_when_and_what_it_held_for_nobody() -> None:
    use = judged(job())
    assert use.is_idle
    assert use.since == NOW - timedelta(hours=2)
    assert use.hours.total == pytest.approx(4.0)
    assert use.hours.spot == pytest.approx(2.0)
    assert use.an_hour.by_machine == {Machine("standard_d4s_v5"): 1.0, Machine("standard_d4s_v5", True): 1.0}
    assert use.owner is not None
    assert use.owner.dag_id == WORK.dag_id
    assert "idle since 2026-01-01 10:00:00 UTC" in str(use)


@pytest.mark.parametrize(
    ("use", "why"),
    [
        (judged(job(has_work=True)), "job nightly has tasks that wait or run"),
        (judged(job(is_ending=True)), "job nightly is being ended"),
        (judged(job(minutes=29)), "something happened 1740 s ago"),
        (judged(nodes=[node(minutes=29)]), "something happened"),
        (judged(nodes=[node(), node("2_d", "running")]), "a node runs a task"),
        (judged(nodes=[node(), node("2_d", "Starting", 5)]), "nodes are on their way"),
        (judged(allocationStateTransitionTime=ago(3)), "something happened"),
        (judged(creationTime=ago(3), allocationStateTransitionTime=ago(3)), "something happened"),
        (judged(state="deleting"), "it is deleting"),
        (judged(nodes=[], currentDedicatedNodes=0, targetDedicatedNodes=0), "it has no nodes"),
    ],
)
def test_whatever_somebody_may_need_it_for_makes_it_busy(use: PoolUse, why: str) -> None:
    assert not use.is_idle
    assert why in str(use)


def test_nodes_that_never_came_are_idle_as_well() -> None:
    use = judged(nodes=[], currentDedicatedNodes=0, allocationState="resizing")
    assert (use.is_idle, use.nodes, use.hours.total) == (True, 2, 0.0)


@pytest.mark.parametrize("state", ["preempted", "deallocated"])
def test_nodes_that_are_not_there_bill_nothing(state: str) -> None:
    use = judged(nodes=[node(), node("2_p", state, 90)])
    assert use.hours.total == pytest.approx(2.0)


def test_broken_nodes_bill_and_are_idle() -> None:
    assert judged(nodes=[node(state="unusable"), node("2_d", "starttaskfailed")]).is_idle


states = st.sampled_from(["idle", "running", "starting", "unusable", "preempted", "new state"])
any_nodes = st.lists(st.builds(node, st.sampled_from(["1_d", "2_p"]), states, st.floats(0, 599)), max_size=4)
any_jobs = st.lists(
    st.builds(job, st.floats(0, 599), is_ending=st.booleans(), has_work=st.booleans()), max_size=4
)


@given(any_nodes, any_jobs)
def test_no_pool_with_work_or_news_is_ever_idle(nodes: list[dict[str, Any]], jobs: list[OpenJob]) -> None:
    use = judged(*jobs, nodes=nodes)
    has_news = any(NOW - found.created < GRACE for found in jobs) or any(
        one["state"] != "preempted" and one["stateTransitionTime"] > ago(30) for one in nodes
    )
    if any(found.has_work or found.is_ending for found in jobs) or has_news:
        assert not use.is_idle
    assert use.since <= NOW
    assert use.hours.total >= 0
