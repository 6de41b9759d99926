"""finish ends what is open, adds up what there is, deletes what is not to be kept, and may be repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_batch.domain.group_end import (
    ENDING_PATIENCE,
    Figures,
    add_up,
    end_job,
    finish_group,
    orphans,
)
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.prices import Price, PriceTable
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.exceptions import (
    BatchConflictError,
    BatchOwnershipError,
    BatchServiceError,
    BatchUnavailableError,
)
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, service_error
from tests.unit.domain.groups import GROUP, JOB, PLAN, job, late, launched, launching, planned
from tests.unit.domain.plans import account


def finished(batch: FakeBatch, **how: Any) -> Figures:
    figures: Figures = Process(batch).drive(finish_group(GROUP, **how))
    return figures


def two_generations() -> FakeBatch:
    """``split`` succeeded and ``frame`` failed in the first job, ``frame`` succeeded in the second."""
    batch, _ = launched()
    process = Process(batch)
    batch.complete(planned("split"))
    process.sleep(10)
    batch.run(planned("frame"), node="node-2")
    process.sleep(30)
    batch.complete(planned("frame"), 1)
    batch.end_job(JOB)
    again = process.drive(submit_late(PLAN, late("frame", max_tries=1)))
    batch.run(again.key, retry_count=2)
    process.sleep(5)
    batch.complete(again.key)
    return batch


# --- figures --------------------------------------------------------------------------------------


def test_figures_add_up_all_jobs_of_the_run() -> None:
    figures = finished(two_generations())
    assert figures.batch_job_ids == (JOB, job(2))
    assert (figures.tasks, figures.succeeded, figures.failed, figures.not_run) == (4, 2, 1, 1)
    assert (figures.retries, figures.requeues, figures.nodes) == (2, 0, 2)
    assert (figures.wall_seconds, figures.task_seconds) == (45.0, 35.0)
    assert figures.first_start == "2026-01-01T00:00:00+00:00"
    assert figures.last_end == "2026-01-01T00:00:45+00:00"


def test_figures_of_nothing_are_zero() -> None:
    assert finished(account()) == Figures()
    assert "0 Batch tasks" in str(Figures())
    one = str(Figures(tasks=1, retries=1, requeues=1, nodes=1))
    assert one.startswith("1 Batch task: ")
    assert "1 retry and 1 requeue by Batch" in one
    assert "task time on 1 node, " in one


def a_task(state: str = "completed", **info: Any) -> tuple[TaskKey, dict[str, Any]]:
    return TaskKey("j", "t"), {"state": state, "executionInfo": info}


STARTED: dict[str, Any] = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:01.5Z"}
ENDED: dict[str, Any] = {"failureInfo": {"category": "UserError", "code": "TaskEnded"}, "result": "failure"}


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (a_task("active"), "not_run"),
        (a_task("running", **STARTED), "not_run"),
        (a_task(**STARTED, result="Success", exitCode=0), "succeeded"),
        (a_task("Completed", **STARTED, result="failure", exitCode=1), "failed"),
        (a_task(**ENDED), "not_run"),
        (a_task(**STARTED, **ENDED), "failed"),
        (a_task(result="failure", failureInfo={"code": "ResourceFileNotFound"}), "failed"),
    ],
)
def test_each_task_is_counted_once_by_what_became_of_it(task: Any, kind: str) -> None:
    figures = add_up(["j"], [task])
    counts = {"succeeded": figures.succeeded, "failed": figures.failed, "not_run": figures.not_run}
    assert counts == {"succeeded": 0, "failed": 0, "not_run": 0, kind: 1}
    assert figures.tasks == 1


def test_a_task_without_times_adds_no_time() -> None:
    figures = add_up(["j"], [a_task(result="success", exitCode=0), a_task(**STARTED, result="success")])
    assert (figures.task_seconds, figures.wall_seconds) == (1.5, 1.5)


# --- the end --------------------------------------------------------------------------------------


def test_no_job_stays_open_and_no_other_job_is_ended() -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    finished(batch)
    assert batch.active_jobs() == ["nightly"]
    assert batch.live_tasks() == []
    assert batch.jobs[JOB]["executionInfo"]["terminateReason"] == "AirflowGroupFinished"


@pytest.mark.parametrize("how", [{}, {"delete_jobs": True}, {"delete_jobs": True, "delete_pool": "p1"}])
def test_it_may_be_repeated(how: dict[str, Any]) -> None:
    batch = two_generations()
    first = finished(batch, **how)
    second = finished(batch, **how)
    assert replace(second, pools=()) == (Figures() if how else first)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", [{}, {"delete_jobs": True, "delete_pool": "p1"}])
def test_killed_at_any_request_and_run_again_it_leaves_what_one_run_leaves(
    when: str, how: dict[str, Any]
) -> None:
    unharmed = two_generations()
    before = len(unharmed.requests)
    finished(unharmed, **how)
    for point in range(len(unharmed.requests) - before):
        batch = two_generations()
        batch.crash_at = (len(batch.requests) + point, when)
        with pytest.raises(Crash):
            finished(batch, **how)
        batch.crash_at = None
        finished(batch, **how)
        assert (batch.jobs.keys(), batch.pools.keys()) == (unharmed.jobs.keys(), unharmed.pools.keys())
        assert batch.active_jobs() == ["nightly"]


def test_a_job_that_still_ends_is_waited_for_before_its_tasks_are_counted() -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    batch.jobs[JOB]["state"] = "terminating"
    process = Process(batch)
    process.at(8, lambda: batch.end_job(JOB))
    figures = process.drive(finish_group(GROUP))
    assert (figures.failed, figures.not_run) == (1, 2)
    assert sum(process.sleeps) >= 8


def test_a_job_that_does_not_end_is_said_and_is_no_error() -> None:
    batch, _ = launched()
    batch.jobs[JOB]["state"] = "terminating"
    process = Process(batch)
    process.drive(finish_group(GROUP))
    assert sum(process.sleeps) >= ENDING_PATIENCE
    assert ("WARNING", f"Batch job {JOB} is still being terminated.") in process.logs


def test_a_job_that_cannot_be_ended_is_an_error() -> None:
    batch, _ = launched()
    batch.fail("begin_terminate_job", BatchUnavailableError("the connection broke off"))
    with pytest.raises(BatchUnavailableError):
        finished(batch)


@pytest.mark.parametrize("operation", ["begin_terminate_job", "get_job", "list_tasks"])
def test_a_job_that_somebody_deletes_meanwhile_is_not_counted_and_is_no_error(operation: str) -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    if operation == "get_job":  # the one after the end
        batch.before(
            "begin_terminate_job",
            lambda b: b.before("get_job", lambda c: c._begin_delete_job(c.requests[-1], JOB)),
        )
    else:
        batch.before(operation, lambda b: b._begin_delete_job(b.requests[-1], JOB))
    process = Process(batch)
    figures = process.drive(finish_group(GROUP))
    assert figures.tasks == 0
    assert "was deleted" in process.text


def test_a_job_that_is_being_deleted_is_no_error() -> None:
    batch, _ = launched()
    batch.jobs[JOB]["state"] = "deleting"
    batch.fail("list_tasks", service_error("JobBeingDeleted"))
    assert finished(batch).tasks == 0


def test_tasks_that_cannot_be_listed_are_an_error() -> None:
    batch, _ = launched()
    batch.fail("list_tasks", service_error("OperationInvalidForCurrentState"))
    with pytest.raises(BatchConflictError):
        finished(batch)


def test_a_job_of_somebody_else_under_our_id_is_left_alone() -> None:
    batch = account()
    batch.jobs[JOB] = {**batch.jobs["nightly"], "id": JOB}
    with pytest.raises(BatchOwnershipError):
        finished(batch, delete_jobs=True)
    assert batch.jobs[JOB]["state"] == "active"


# --- deletion -------------------------------------------------------------------------------------


def test_nothing_is_deleted_unless_it_is_wanted() -> None:
    batch = two_generations()
    finished(batch)
    assert {JOB, job(2)} <= batch.jobs.keys()
    assert "p1" in batch.pools


def test_jobs_are_deleted_after_they_were_counted() -> None:
    batch = two_generations()
    assert finished(batch, delete_jobs=True).tasks == 4
    assert list(batch.jobs) == ["nightly"]
    assert "p1" in batch.pools


def test_a_pool_is_deleted_last() -> None:
    batch = two_generations()
    finished(batch, delete_jobs=True, delete_pool="p1")
    assert batch.operations()[-1] == "begin_delete_pool"
    assert not batch.pools


@pytest.mark.parametrize("code", ["JobBeingDeleted", "JobNotFound"])
def test_a_job_that_is_being_deleted_already_is_deleted(code: str) -> None:
    batch = two_generations()
    batch.fail("begin_delete_job", service_error(code))
    finished(batch, delete_jobs=True)


@pytest.mark.parametrize("code", ["PoolBeingDeleted", "PoolNotFound"])
def test_a_pool_that_is_being_deleted_already_is_deleted(code: str) -> None:
    batch = account()
    batch.fail("begin_delete_pool", service_error(code))
    finished(batch, delete_pool="p1")


@pytest.mark.parametrize(
    ("operation", "code"), [("begin_delete_job", "JobPreparing"), ("begin_delete_pool", "PoolBeingResized")]
)
def test_what_cannot_be_deleted_is_an_error(operation: str, code: str) -> None:
    batch = two_generations()
    batch.fail(operation, service_error(code))
    with pytest.raises(BatchServiceError, match=code):
        finished(batch, delete_jobs=True, delete_pool="p1")


# --- jobs of other runs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [
        ({"run_id": "manual__0"}, True),
        ({}, False),
        ({"run_started": "2025-12-31T00:00:00.000000+00:00"}, False),
        ({"run_id": "manual__0", "deployment_id": "other"}, False),
        ({"run_id": "manual__0", "deployment_id": ""}, False),
        ({"run_id": "manual__0", "dag_id": "other"}, False),
        ({"run_id": "manual__0", "group_id": "other"}, False),
    ],
)
def test_open_jobs_of_other_runs_of_this_group_of_this_airflow_are_orphans(
    changes: dict[str, str], is_found: bool
) -> None:
    batch = account()
    theirs = Process(batch).drive(launching([], plan=replace(PLAN, group=replace(GROUP, **changes))))
    found = Process(batch).drive(orphans(GROUP))
    assert found == ({theirs.batch_job_id: "manual__0"} if is_found else {})


def test_a_job_that_has_ended_is_no_orphan() -> None:
    batch = account()
    other = replace(PLAN, group=replace(GROUP, run_id="manual__0"))
    theirs = Process(batch).drive(launching([], plan=other))
    batch.end_job(theirs.batch_job_id)
    assert Process(batch).drive(orphans(GROUP)) == {}


def test_without_a_deployment_id_nothing_is_an_orphan_and_nothing_is_asked() -> None:
    batch = account()
    nameless = replace(GROUP, deployment_id="")
    Process(batch).drive(launching([], plan=replace(PLAN, group=replace(nameless, run_id="manual__0"))))
    sent = len(batch.requests)
    assert Process(batch).drive(orphans(nameless)) == {}
    assert len(batch.requests) == sent


def test_an_orphan_is_ended_and_one_that_ended_meanwhile_is_no_error() -> None:
    batch, said = launched()
    Process(batch).drive(end_job(said.batch_job_id))
    Process(batch).drive(end_job(said.batch_job_id))
    Process(batch).drive(end_job("gone"))
    assert batch.active_jobs() == ["nightly"]


# --- node-hours -----------------------------------------------------------------------------------


def test_node_hours_are_of_the_pool_that_a_task_ran_on_and_spot_is_told() -> None:
    batch = two_generations()
    batch.pools["p1"]["taskSlotsPerNode"] = 4
    batch.nodes["p1"] = [{"id": "node-2", "isDedicated": False}, {"id": "node-1", "isDedicated": True}]
    json = finished(batch).as_json()
    assert json["node_hours"] == pytest.approx(35 / 4 / 3600, abs=1e-6)
    assert json["spot_node_hours"] == pytest.approx(30 / 4 / 3600, abs=1e-6)
    assert json["core_hours"] == pytest.approx(2 * 35 / 4 / 3600, abs=1e-6)
    assert (json["cost"], json["currency"]) == (None, None)


def test_a_pool_of_several_jobs_is_read_once() -> None:
    batch = two_generations()
    batch.requests.clear()
    finished(batch)
    assert [batch.operations().count(name) for name in ("get_pool", "list_nodes")] == [1, 1]


@pytest.mark.parametrize("operation", ["get_pool", "list_nodes"])
def test_a_pool_that_cannot_be_read_leaves_the_rest_of_the_figures(operation: str) -> None:
    batch = two_generations()
    batch.fail(operation, BatchUnavailableError("the connection broke off"), times=20)
    process = Process(batch)
    figures = process.drive(finish_group(GROUP))
    assert figures.tasks == 4
    assert figures.as_json()["core_hours"] is None
    assert "Node-hours on pool p1 are not known" in process.text


def test_of_a_pool_that_is_deleted_it_is_said_what_its_nodes_have_held() -> None:
    batch = two_generations()
    batch.nodes["p1"] = [{"id": "n_d", "state": "idle", "allocationTime": "2025-12-31T23:00:45Z"}]
    process = Process(batch)
    figures = process.drive(finish_group(GROUP, delete_pool="p1"))
    assert (
        "Pool p1: its present nodes have held 1.000 node-hours (2.000 core-hours) until now." in process.text
    )
    held = {"batch_pool_id": "p1", "node_hours": 1.0, "spot_node_hours": 0.0, "core_hours": 2.0}
    assert figures.as_json()["deleted_pools"] == [{**held, "cost": None, "currency": None}]
    prices = PriceTable("EUR", {"standard_d2s_v5": Price(0.1)})
    assert figures.priced(prices).as_json()["deleted_pools"] == [{**held, "cost": 0.1, "currency": "EUR"}]
    assert Machine("standard_d2s_v5") in figures.machines


def test_of_a_pool_that_stays_or_is_gone_nothing_is_said_to_be_known() -> None:
    batch = two_generations()
    batch.nodes["p1"] = [{"id": "n_d", "state": "idle", "allocationTime": "2025-12-31T23:00:45Z"}]
    assert Process(batch).drive(finish_group(GROUP)).as_json()["deleted_pools"] == []
    del batch.pools["p1"]
    process = Process(batch)
    (gone,) = process.drive(finish_group(GROUP, delete_pool="p1")).as_json()["deleted_pools"]
    assert (gone["batch_pool_id"], gone["node_hours"], gone["cost"]) == ("p1", None, None)
    assert "Pool p1: what its nodes have held is not known." in process.text
