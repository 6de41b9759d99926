"""finish waits for every member, ends the jobs whatever became of them, and deletes what its policies say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.exceptions import AirflowRescheduleException

from airflow_provider_batch.domain.prices import read_price_settings
from airflow_provider_batch.exceptions import BatchConflictError, BatchUnavailableError
from airflow_provider_batch.specs import PoolSpec, VmImage
from tests.unit.domain.fake_batch import service_error
from tests.unit.operators.fake_group import GroupWorker, film, member

POOL = PoolSpec(
    pool_id="p1", vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), target_dedicated_nodes=1
)
SUCCESS = {"film.a": "success", "film.b": "success"}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> GroupWorker:
    made = GroupWorker(monkeypatch)
    made.batch.pools.clear()
    return made


def launched(worker: GroupWorker, **arguments: Any) -> Any:
    with film(batch_pool_id=None, batch_pool=POOL, **arguments) as group:
        member("a") >> member("b")
    worker.launch(group)
    worker.states = dict(SUCCESS)
    return group


def test_it_ends_the_job_and_returns_its_figures(worker: GroupWorker) -> None:
    group = launched(worker)
    for key in worker.batch.live_tasks():
        worker.batch.complete(key)
    figures = worker.finish(group)
    assert (figures["tasks"], figures["succeeded"]) == (2, 2)
    assert worker.batch.active_jobs() == ["nightly"]
    assert worker.hooks_open == 0


@pytest.mark.parametrize("state", [None, "running", "deferred", "up_for_retry", "scheduled"])
def test_it_comes_back_while_a_member_has_not_ended(worker: GroupWorker, state: str | None) -> None:
    group = launched(worker)
    worker.states["film.b"] = state
    sent = len(worker.batch.requests)
    with pytest.raises(AirflowRescheduleException):
        worker.finish(group)
    assert len(worker.batch.requests) == sent


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "skipped", "removed"])
def test_it_never_fails_because_a_member_did_not_succeed(worker: GroupWorker, state: str) -> None:
    group = launched(worker)
    worker.states["film.b"] = state
    assert worker.finish(group)["not_run"] == 2
    assert worker.batch.active_jobs() == ["nightly"]


@pytest.mark.parametrize(
    ("policy", "state", "is_deleted"),
    [
        ("never", "success", False),
        ("on_success", "success", True),
        ("on_success", "skipped", True),
        ("on_success", "failed", False),
        ("on_success", "upstream_failed", False),
        ("always", "failed", True),
    ],
)
def test_what_is_deleted_is_what_the_policies_say(
    worker: GroupWorker, policy: Any, state: str, is_deleted: bool
) -> None:
    group = launched(worker, delete_job=policy, delete_pool=policy)
    job_id = worker.job["id"]
    worker.states["film.b"] = state
    worker.finish(group)
    assert (job_id not in worker.batch.jobs) is is_deleted
    assert ("p1" not in worker.batch.pools) is is_deleted


def test_the_cost_of_a_pool_that_is_deleted_is_apart_from_that_of_the_tasks(
    worker: GroupWorker, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    group = launched(worker, delete_pool="always")
    worker.connection.prices = read_price_settings({"currency": "EUR", "standard_d2s_v5": 1.0})
    an_hour_ago = (worker.batch.now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    worker.batch.nodes["p1"] = [{"id": "n_d", "state": "idle", "allocationTime": an_hour_ago}]
    figures = worker.finish(group)
    (pool,) = figures["deleted_pools"]
    assert (pool["batch_pool_id"], pool["node_hours"]) == ("p1", pytest.approx(1.0, abs=0.1))
    assert (pool["cost"], pool["currency"]) == (pytest.approx(1.0, abs=0.1), "EUR")
    assert figures["cost"] == 0.0
    lines = {line.strip() for line in (caplog.text + "".join(capfd.readouterr())).splitlines()}
    assert len([line for line in lines if "its present nodes have held" in line]) == 1
    assert any("Pool p1, for what its nodes have held: 1.0" in line for line in lines)


def test_it_may_be_repeated(worker: GroupWorker) -> None:
    group = launched(worker, delete_job="always", delete_pool="always")
    assert worker.finish(group)["tasks"] == 2
    assert worker.finish(group)["tasks"] == 0


@pytest.mark.parametrize("error", [BatchUnavailableError("gone"), service_error("OperationInvalid")])
def test_what_may_still_bill_is_named_when_the_end_fails(
    worker: GroupWorker, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    group = launched(worker, delete_pool="always")
    worker.batch.fail("begin_terminate_job", error, times=20)
    with caplog.at_level("ERROR"), pytest.raises((BatchUnavailableError, BatchConflictError)):
        worker.finish(group)
    assert worker.hooks_open == 0
    assert "p1" in worker.batch.pools


def test_its_figures_have_node_hours_and_the_cost_when_there_are_prices(worker: GroupWorker) -> None:
    group = launched(worker)
    assert worker.finish(group)["cost"] is None
    worker.connection.prices = read_price_settings({"currency": "EUR", "standard_d2s_v5": 3.6})
    for task in worker.batch.tasks.values():
        times = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:10Z"}
        task["executionInfo"] = {**task.get("executionInfo", {}), **times}
        task["nodeInfo"] = {"poolId": "p1", "nodeId": "tvmps_1_d"}
    figures = worker.finish(group)
    tasks = figures["tasks"]
    assert figures["node_hours"] == pytest.approx(tasks * 10 / 3600, abs=1e-6)
    assert figures["core_hours"] == pytest.approx(tasks * 20 / 3600, abs=1e-6)
    assert (figures["cost"], figures["currency"]) == (pytest.approx(tasks * 0.01, abs=1e-5), "EUR")
