"""A pool is ready when enough of its nodes can run tasks; what cannot become ready fails early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.pool_readiness import (
    Phase,
    PoolVerdict,
    Readiness,
    Wanted,
    judge_pool,
    old_errors_of,
    share_of,
)
from airflow_provider_batch.domain.resize_errors import Disposition, read_resize_errors
from tests.unit.domain.pool_states import LATER, SINCE, node, nodes, pool

READY, WAIT, FAILED = Readiness.READY, Readiness.WAIT, Readiness.FAILED

STATES = [
    "idle",
    "running",
    "creating",
    "starting",
    "waitingforstarttask",
    "rebooting",
    "reimaging",
    "upgradingos",
    "preempted",
    "unknown",
    "offline",
    "leavingpool",
    "deallocating",
    "deallocated",
    "unusable",
    "starttaskfailed",
    "some-state-of-the-future",
]


def judge(pool_: object, nodes_: list[object] | object, **wanted: object) -> PoolVerdict:
    return judge_pool(pool_, nodes_, Wanted(**wanted))  # type: ignore[arg-type]


# --- the bugs that the reference has found elsewhere ---------------------------------------------


def test_b5_a_busy_pool_is_ready() -> None:
    assert judge(pool(3), nodes("running", "running", "idle")).readiness is READY


@pytest.mark.parametrize("state", ["unusable", "starttaskfailed"])
def test_b6_broken_nodes_are_never_ready(state: str) -> None:
    verdict = judge(pool(2), nodes(state, state))
    assert verdict.readiness is FAILED
    assert verdict.usable == 0


@pytest.mark.parametrize("run", [None, {"timestamp": SINCE, "error": {"code": "X", "message": "no"}}])
def test_b8_a_formula_that_has_not_said_a_size_does_not_make_an_empty_pool_ready(
    run: dict[str, object] | None,
) -> None:
    assert judge(pool(0, scaled=True, formula_run=run), []).readiness is WAIT


def test_b8_an_empty_scaled_pool_is_not_ready_for_who_wants_nodes() -> None:
    run = {"timestamp": SINCE, "results": "$TargetDedicatedNodes=0"}
    verdict = judge(pool(0, scaled=True, formula_run=run), [], nodes=1)
    assert verdict.readiness is WAIT
    assert "its formula asks for none now" in verdict.text


def test_a_pool_that_its_formula_has_scaled_to_zero_is_ready_for_who_wants_no_number() -> None:
    run = {"timestamp": SINCE, "results": "$TargetDedicatedNodes=0"}
    verdict = judge(pool(0, scaled=True, formula_run=run), [])
    assert verdict.readiness is READY
    assert "none are wanted" in verdict.text


def test_b9_errors_of_an_old_resize_do_not_fail_a_pool_that_has_its_nodes() -> None:
    before = pool(2, errors=("AccountCoreQuotaReached",), moved=SINCE)
    verdict = judge_pool(before, nodes("idle", "idle"), Wanted(), old_errors_of(before))
    assert verdict.readiness is READY
    assert verdict.warnings == ()


def test_b9_errors_of_an_old_resize_do_not_fail_a_scaled_pool_parked_at_zero() -> None:
    run = {"timestamp": SINCE, "results": "$TargetDedicatedNodes=0"}
    before = pool(0, scaled=True, formula_run=run, errors=("AllocationFailed",), moved=SINCE)
    assert judge_pool(before, [], Wanted(), old_errors_of(before)).readiness is READY
    assert judge_pool(before, [], Wanted(nodes=1), old_errors_of(before)).readiness is WAIT


def test_b9_errors_of_the_resize_that_is_waited_for_count() -> None:
    before = pool(2, errors=("AllocationFailed",), moved=SINCE)
    after = pool(4, 2, errors=("AccountCoreQuotaReached",), moved=LATER)
    verdict = judge_pool(after, nodes("idle", "idle"), Wanted(nodes=4), old_errors_of(before))
    assert verdict.readiness is FAILED
    assert "AccountCoreQuotaReached" in verdict.text
    assert "quota" in verdict.text


def test_errors_that_a_resize_under_way_still_shows_are_not_its_own() -> None:
    verdict = judge(pool(2, 0, allocation="resizing", errors=("AllocationFailed",)), [])
    assert verdict.readiness is WAIT
    assert "AllocationFailed" not in verdict.text


def test_b13_spot_nodes_count_and_are_waited_for() -> None:
    spot_only = pool(0, spot=2)
    assert judge(spot_only, [node("a", "idle", isDedicated=False)]).readiness is WAIT
    both = [node("a", "idle", isDedicated=False), node("b", "running", isDedicated=False)]
    assert judge(spot_only, both).readiness is READY


# --- steady is not usable ------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["creating", "starting", "waitingforstarttask"])
def test_steady_pool_whose_nodes_boot_is_not_ready(state: str) -> None:
    verdict = judge(pool(2), nodes(state, state))
    assert verdict.readiness is WAIT
    assert verdict.phase is Phase.NODES


def test_steady_pool_whose_nodes_are_not_listed_yet_is_waited_for() -> None:
    assert judge(pool(2), []).readiness is WAIT


def test_allocation_is_waited_for_first() -> None:
    verdict = judge(pool(4, 2, allocation="resizing"), nodes("idle", "creating"))
    assert (verdict.readiness, verdict.phase) == (WAIT, Phase.ALLOCATION)
    assert "is resizing 2/4 nodes" in verdict.text
    assert "1 creating, 1 idle" in verdict.text


def test_node_that_is_being_emptied_is_not_usable() -> None:
    draining = node("a", "running", schedulingState="disabled")
    assert judge(pool(1), [draining]).usable == 0


def test_who_made_a_pool_smaller_waits_until_it_is_steady() -> None:
    shrinking = pool(1, 2, allocation="resizing")
    assert judge(shrinking, nodes("idle", "leavingpool"), nodes=1, steady=True).readiness is WAIT
    assert judge(pool(1), nodes("idle"), nodes=1, steady=True).readiness is READY


# --- what cannot become ready --------------------------------------------------------------------


def test_failure_names_the_start_task_and_its_exit_code() -> None:
    verdict = judge(pool(2), nodes("idle", "starttaskfailed"))
    assert verdict.readiness is FAILED
    assert "its start task failed with exit code 7 (FailureExitCode" in verdict.text


def test_failure_names_the_errors_of_a_node() -> None:
    assert "DiskFull: There is no space left." in judge(pool(1), nodes("unusable")).text


def test_broken_node_is_no_failure_when_the_others_are_enough() -> None:
    verdict = judge(pool(3), nodes("idle", "starting", "starttaskfailed"), nodes=2)
    assert verdict.readiness is WAIT
    verdict = judge(pool(3), nodes("idle", "idle", "starttaskfailed"), share=0.5)
    assert verdict.readiness is READY
    assert "starttaskfailed" in verdict.warnings[0]


def test_it_fails_while_resizing_when_what_is_left_cannot_be_enough() -> None:
    verdict = judge(pool(3, 2, allocation="resizing"), nodes("idle", "starttaskfailed"))
    assert verdict.readiness is FAILED


def test_node_that_the_service_has_lost_sight_of_may_come_back() -> None:
    assert judge(pool(1), [node("a", "unusable", errors=[])]).readiness is WAIT
    assert judge(pool(1), nodes("unknown")).readiness is WAIT


def test_preempted_node_comes_back() -> None:
    assert judge(pool(0, spot=1), nodes("preempted")).readiness is WAIT


def test_fixed_size_that_is_too_small_fails_at_once() -> None:
    assert "nothing but a resize" in judge(pool(1), nodes("idle"), nodes=2).text


def test_partial_allocation_of_a_fixed_size_fails_and_of_a_formula_waits() -> None:
    short = {"current": 1, "errors": ("AllocationTimedout",)}
    assert judge(pool(3, **short), nodes("idle")).readiness is FAILED  # type: ignore[arg-type]
    assert judge(pool(3, scaled=True, **short), nodes("idle")).readiness is WAIT  # type: ignore[arg-type]


def test_formula_without_a_node_meets_a_quota_again_and_fails() -> None:
    verdict = judge(pool(3, 0, scaled=True, errors=("AccountLowPriorityCoreQuotaReached",)), [])
    assert verdict.readiness is FAILED
    assert "spot cores are used up" in verdict.text


def test_formula_whose_every_node_fails_its_start_task_fails() -> None:
    assert judge(pool(2, scaled=True), nodes("starttaskfailed", "starttaskfailed")).readiness is FAILED
    assert judge(pool(2, scaled=True), nodes("starttaskfailed", "starting")).readiness is WAIT


def test_pool_that_is_being_deleted_is_never_ready() -> None:
    assert judge(pool(1, state="deleting"), nodes("idle")).readiness is FAILED


def test_many_broken_nodes_are_told_in_few_words() -> None:
    verdict = judge(pool(50), nodes(*["unusable"] * 50))
    assert "47 more nodes are broken" in verdict.text
    assert len(verdict.text) < 1000


@pytest.mark.parametrize(
    ("code", "disposition"),
    [
        ("AllocationTimedout", Disposition.WAIT),
        ("UnsupportedVMSize", Disposition.FAIL),
        ("ResizeStopped", Disposition.WARN),
        ("SomethingNew", Disposition.WARN),
        ("AccountCoreQuotaReached", Disposition.FAIL),
        ("AccountVMSeriesCoreQuotaReached", Disposition.FAIL),
        ("AllocationFailed", Disposition.FAIL),
        ("ImageNotFound", Disposition.FAIL),
        ("SubnetNotFound", Disposition.FAIL),
    ],
)
def test_codes_are_told_apart(code: str, disposition: Disposition) -> None:
    values = [{"name": "Reason", "value": "no room"}]
    (error,) = read_resize_errors([{"code": code, "message": "m", "values": values}])
    assert error.disposition is disposition
    assert "Reason: no room" in str(error)


@pytest.mark.parametrize(
    ("share", "target", "nodes_"), [(0.3, 10, 3), (0.07, 100, 7), (0.5, 3, 2), (1, 0, 0)]
)
def test_share_is_rounded_up(share: float, target: int, nodes_: int) -> None:
    assert share_of(share, target) == nodes_


# --- any pool ------------------------------------------------------------------------------------

vectors = st.lists(st.sampled_from(STATES), max_size=8)
codes = st.lists(
    st.sampled_from(["AllocationTimedout", "AccountCoreQuotaReached", "ResizeStopped", "New"]), max_size=2
)


@st.composite
def pools(draw: st.DrawFn) -> dict[str, object]:
    return pool(
        draw(st.integers(0, 8)),
        draw(st.integers(0, 8)),
        spot=draw(st.integers(0, 3)),
        current_spot=draw(st.integers(0, 3)),
        allocation=draw(st.sampled_from(["steady", "resizing", "stopping"])),
        errors=tuple(draw(codes)),
        scaled=draw(st.booleans()),
        formula_run=draw(st.sampled_from([None, {"timestamp": SINCE, "results": ""}])),
    )


@given(pools(), vectors, st.integers(1, 6))
def test_ready_means_that_so_many_nodes_run_tasks_or_could(
    any_pool: dict[str, object], states: list[str], wanted: int
) -> None:
    verdict = judge(any_pool, nodes(*states), nodes=wanted)
    usable = sum(state in ("idle", "running") for state in states)
    assert verdict.usable == usable
    assert (verdict.readiness is READY) == (usable >= wanted)


@given(pools(), vectors, st.sampled_from([0.1, 0.5, 1.0]))
def test_ready_with_no_node_means_that_none_is_wanted(
    any_pool: dict[str, object], states: list[str], share: float
) -> None:
    verdict = judge(any_pool, nodes(*states), share=share)
    if verdict.readiness is READY and verdict.usable == 0:
        assert (any_pool["targetDedicatedNodes"], any_pool["targetLowPriorityNodes"]) == (0, 0)
    assert verdict.text


@given(pools(), vectors, st.integers(0, 6))
def test_failed_means_that_no_node_on_its_way_could_change_it_or_that_the_size_is_too_small(
    any_pool: dict[str, object], states: list[str], wanted: int
) -> None:
    verdict = judge(any_pool, nodes(*states), nodes=wanted)
    if verdict.readiness is not FAILED or "nothing but a resize changes that" in verdict.text:
        return
    coming = sum(state in STATES[:10] for state in states)
    assert coming < wanted
    assert len(verdict.text) > len("pool p ")


@given(pools(), vectors, st.integers(0, 6))
def test_one_more_usable_node_never_makes_it_worse(
    any_pool: dict[str, object], states: list[str], wanted: int
) -> None:
    before = judge(any_pool, nodes(*states), nodes=wanted)
    after = judge(any_pool, nodes(*states, "idle"), nodes=wanted)
    order = [FAILED, WAIT, READY]
    assert order.index(after.readiness) >= order.index(before.readiness)
