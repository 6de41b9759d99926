"""A pool is idle only when it bills, nobody has work for it, and nothing has happened for the grace time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.flow import Effect, Log, Now, drive
from airflow_provider_batch.domain.idle_pools import (
    OpenJob,
    PoolUse,
    ReapAction,
    give_up,
    judge,
    look_at_our_pools,
    look_at_pool,
)
from airflow_provider_batch.domain.labels import pool_labels
from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.requests import Answer, Request
from tests.unit.domain.fake_batch import service_error
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
        (judged(job(has_work=True, is_on_hold=True)), "it is disabled, and nothing of it starts"),
        (judged(job(is_ending=True)), "job nightly is being ended"),
        (judged(allocationState="Resizing"), "it is being resized"),
        (judged(allocationState="stopping"), "it is being resized"),
        (judged(job(minutes=29)), "something happened 1740 s ago"),
        (judged(nodes=[node(minutes=29)]), "something happened"),
        (judged(nodes=[node(), node("2_d", "running")]), "a node runs a task"),
        (judged(nodes=[node(), node("2_d", "Starting", 5)]), "nodes are on their way"),
        (judged(allocationStateTransitionTime=ago(3)), "something happened"),
        (judged(creationTime=ago(3), allocationStateTransitionTime=ago(3)), "something happened"),
        (judged(state="deleting"), "it is deleting"),
        (judged(nodes=[], currentDedicatedNodes=0, targetDedicatedNodes=0), "it has no nodes"),
        (
            judged(nodes=[], currentDedicatedNodes=0, targetDedicatedNodes=0, enableAutoScale=True),
            "it has no nodes",
        ),
    ],
)
def test_whatever_somebody_may_need_it_for_makes_it_busy(use: PoolUse, why: str) -> None:
    assert not use.is_idle
    assert why in str(use)


def test_nodes_that_never_came_are_idle_as_well() -> None:
    use = judged(nodes=[], currentDedicatedNodes=0)
    assert (use.is_idle, use.nodes, use.hours.total) == (True, 2, 0.0)


@pytest.mark.parametrize("state", ["WaitingForStartTask", "starting", "creating", "rebooting"])
def test_nodes_that_stay_on_their_way_for_the_grace_time_bill_for_nobody(state: str) -> None:
    assert not judged(nodes=[node(state=state, minutes=29)]).is_idle
    use = judged(nodes=[node(state=state, minutes=60)])
    assert use.is_idle
    assert use.hours.total == pytest.approx(1.0)


def test_a_job_that_is_disabled_and_has_nothing_to_do_keeps_no_nodes() -> None:
    assert judged(job(is_on_hold=True)).is_idle


@pytest.mark.parametrize("state", ["preempted", "deallocated"])
def test_nodes_that_are_not_there_bill_nothing(state: str) -> None:
    use = judged(nodes=[node(), node("2_p", state, 90)])
    assert use.hours.total == pytest.approx(2.0)


def test_nodes_that_are_all_preempted_hold_nothing_and_are_wanted_back_for_nobody() -> None:
    dedicated = {"currentDedicatedNodes": 0, "targetDedicatedNodes": 0}
    spot = {"currentLowPriorityNodes": 1, "targetLowPriorityNodes": 1}
    use = judged(nodes=[node("1_p", "preempted")], **dedicated, **spot)
    assert (use.is_idle, use.nodes, use.hours.total) == (True, 1, 0.0)


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


# --- giving up -----------------------------------------------------------------------------------


class Account:
    """
    A pool with an idle node, as it is at the second look; ``done`` is what was asked of the service.

    Its answers say what time it is, and the worker's clock says something else.
    """

    def __init__(self, **changes: Any) -> None:
        self.pool: dict[str, Any] | None = pool(**changes)
        self.nodes = [node()]
        self.jobs: list[dict[str, Any]] = []
        self.unfinished: list[dict[str, Any]] = []
        self.done: list[tuple[str, Any]] = []
        self.refusal: Exception | None = None
        self.log: list[str] = []
        self.headers = {"date": format_datetime(NOW, usegmt=True)}
        self.worker_time = NOW

    def __call__(self, effect: Effect) -> Any:
        match effect:
            case Now():
                return self.worker_time
            case Log(text):
                self.log.append(text)
                return None
            case Request(operation="get_pool") if self.pool is None:
                raise service_error("PoolNotFound")
            case Request(operation="get_pool"):
                return Answer(json=self.pool or {}, headers=self.headers)
            case Request(operation="list_pools"):
                return Answer(json={"value": [self.pool]}, headers=self.headers)
            case Request(operation="list_jobs"):
                return Answer(json={"value": self.jobs})
            case Request(operation="list_tasks"):
                return Answer(json={"value": self.unfinished})
            case Request(operation="list_nodes"):
                return Answer(json={"value": self.nodes})
        assert isinstance(effect, Request)
        if self.refusal is not None:
            raise self.refusal
        self.done.append((effect.operation, effect.json))
        return Answer()

    def give_up(self, use: PoolUse, action: ReapAction = "delete") -> bool:
        return drive(give_up(use, action, GRACE), self)

    def opens(self, batch_job_id: str, state: str = "active") -> None:
        opened = {"id": batch_job_id, "state": state, "creationTime": ago(500), "metadata": []}
        self.jobs.append({**opened, "poolInfo": {"poolId": "render"}})

    def looks(self) -> list[PoolUse | None]:
        """What each of the two ways to look at the pool sees."""
        (ours,) = drive(look_at_our_pools(WORK.deployment_id, GRACE), self)
        return [ours, drive(look_at_pool("render", GRACE), self)]


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(), timedelta(hours=1)])
def test_a_worker_whose_clock_is_wrong_judges_rightly(wrong_by: timedelta) -> None:
    account = Account()
    account.worker_time = NOW + wrong_by
    account.nodes = [node(minutes=31)]
    for use in account.looks():
        assert use is not None
        assert use.is_idle
        assert use.hours.total == pytest.approx(31 / 60)
    account.nodes = [node(minutes=29)]
    assert [use and use.busy for use in account.looks()] == ["something happened 1740 s ago"] * 2


def test_the_workers_clock_counts_only_where_the_service_does_not_say_the_time() -> None:
    account = Account()
    account.headers = {"date": "yesterday"}
    account.worker_time = NOW - timedelta(hours=2) + GRACE
    assert [use and use.is_idle for use in account.looks()] == [True, True]
    account.worker_time -= timedelta(seconds=1)
    assert [use and use.is_idle for use in account.looks()] == [False, False]


def test_a_change_of_the_second_that_the_service_dates_its_answers_by_was_not_in_the_future() -> None:
    use = judged(nodes=[node(minutes=-0.01)])
    assert (use.busy, use.hours.total) == ("something happened 0 s ago", 0.0)


def test_an_idle_pool_is_deleted_or_scaled_to_zero() -> None:
    account = Account()
    assert account.give_up(judged())
    assert account.give_up(judged(), "scale_to_zero")
    targets = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}
    assert account.done == [
        ("begin_delete_pool", None),
        ("begin_resize_pool", {**targets, "nodeDeallocationOption": "taskcompletion"}),
    ]


def test_a_pool_that_has_another_owner_at_the_second_look_is_left_alone() -> None:
    """It was deleted and made again, or taken over, for a run that nobody has asked Airflow about."""
    account = Account(metadata=pool_labels(replace(WORK, run_id="manual__2")))
    assert not account.give_up(judged())
    assert account.done == []
    assert "is left alone" in account.log[0]


def test_a_pool_that_carries_no_labels_at_the_second_look_is_left_alone() -> None:
    account = Account(metadata=[])
    assert not account.give_up(judged())
    assert account.done == []


def test_a_job_that_is_not_one_of_those_that_were_asked_about_keeps_the_pool() -> None:
    account = Account()
    account.opens("nightly")
    assert account.give_up(judged(job()))
    account.opens("late")
    assert not account.give_up(judged(job()))
    assert len(account.done) == 1
    assert "a job came to it just now" in account.log[0]


def test_a_job_that_is_disabled_keeps_the_pool_while_its_tasks_wait() -> None:
    account = Account()
    account.opens("nightly", "Disabled")
    account.unfinished = [{"id": "t"}]
    assert not account.give_up(judged(job()))
    assert "it is disabled" in account.log[0]
    account.unfinished = []
    assert account.give_up(judged(job()))


@pytest.mark.parametrize("code", ["PoolBeingDeleted", "PoolBeingResized", "PoolNotFound"])
def test_what_the_service_refuses_is_said_and_is_no_error(code: str) -> None:
    account = Account()
    account.refusal = service_error(code)
    assert not account.give_up(judged(), "scale_to_zero")
    assert code in account.log[0]


def test_a_pool_that_is_gone_at_the_second_look_is_no_error() -> None:
    account = Account()
    account.pool = None
    assert not account.give_up(judged())
    assert "it is gone" in account.log[0]
