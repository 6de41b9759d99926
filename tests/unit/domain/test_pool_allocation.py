"""A pool is allocated when it has its machines; what only another resize can bring is a failure early."""

from __future__ import annotations

import pytest

from airflow_provider_batch.domain.flow import drive
from airflow_provider_batch.domain.pool_allocation import judge_allocation
from airflow_provider_batch.domain.pool_readiness import POOL_SELECT, Wanted
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.domain.sensing import AllocatedNodes, read_target
from tests.unit.domain.pool_states import SINCE, pool

WHOLE = Wanted(steady=True)
RAN = {"timestamp": SINCE, "results": "$TargetDedicatedNodes=0"}
FAILED_RUN = {"timestamp": SINCE, "error": {"code": "EvaluationError", "message": "no"}}


@pytest.mark.parametrize("found", [pool(3), pool(0, spot=2), pool(0), pool(0, scaled=True, formula_run=RAN)])
def test_a_steady_pool_with_what_it_asked_for_is_allocated(found: dict[str, object]) -> None:
    assert judge_allocation(found, WHOLE).value is not None


def test_the_whole_pool_is_allocated_when_its_resize_is_over_and_not_before() -> None:
    resizing = pool(3, current=3, allocation="resizing")
    assert judge_allocation(resizing, WHOLE).value is None
    assert judge_allocation(resizing, Wanted(nodes=2)).value is not None


@pytest.mark.parametrize("run", [None, FAILED_RUN])
def test_a_formula_that_has_not_said_a_size_is_waited_for(run: dict[str, object] | None) -> None:
    look = judge_allocation(pool(0, scaled=True, formula_run=run), WHOLE)
    assert (look.value, look.failure) == (None, None)
    assert "its formula" in look.text


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (pool(4, current=1, errors=("AllocationTimedout",)), "the resize failed"),
        (pool(4, current=1), "nothing but a resize brings more"),
        (pool(0, scaled=True, formula_run=RAN, errors=("AccountCoreQuotaReached",)), "and would again"),
    ],
)
def test_what_only_another_resize_brings_is_a_failure(found: dict[str, object], why: str) -> None:
    failure = judge_allocation(found, Wanted(nodes=2)).failure
    assert failure is not None
    assert why in failure


@pytest.mark.parametrize(
    "found",
    [
        pool(4, current=1, allocation="resizing"),
        pool(0, spot=4, current_spot=1),
        pool(1, scaled=True, formula_run=RAN, errors=("AllocationTimedout",)),
    ],
)
def test_what_comes_by_itself_is_waited_for(found: dict[str, object]) -> None:
    look = judge_allocation(found, Wanted(nodes=3))
    assert (look.value, look.failure) == (None, None)


def test_a_pool_that_is_smaller_than_what_is_wanted_never_gets_there() -> None:
    failure = judge_allocation(pool(2, allocation="resizing"), Wanted(nodes=3)).failure
    assert failure is not None
    assert "its size is 2, not 3" in failure


def test_the_sensor_asks_for_the_pool_only_and_survives_the_way_to_the_triggerer() -> None:
    asked: list[Request] = []

    def perform(effect: object) -> Answer:
        assert isinstance(effect, Request)
        asked.append(effect)
        return Answer(json=pool(2))

    sensed = drive(read_target(AllocatedNodes("p").as_json()).look(), perform)
    assert sensed.is_done
    assert sensed.result["dedicated_nodes"] == 2
    assert [request.operation for request in asked] == ["get_pool"]
    assert asked[0].query["$select"] == ",".join(POOL_SELECT)
