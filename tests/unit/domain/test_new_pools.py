"""Before a pool is created its VM size and the quotas are looked at; of one that exists, nothing is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_batch.domain.auto_pools import brought_pool
from airflow_provider_batch.domain.ids import WorkIdentity
from airflow_provider_batch.domain.labels import pool_labels
from airflow_provider_batch.domain.new_pools import check_new_pool
from airflow_provider_batch.domain.quotas import Quotas
from airflow_provider_batch.domain.supported_sizes import RegionSizes
from airflow_provider_batch.exceptions import BatchUnavailableError, SpecError
from tests.unit.domain.fake_batch import FakeBatch, Process
from tests.unit.domain.plans import POOL_BODY, WORK, account

REGION = RegionSizes("westeurope", ["Standard_D4s_v5"])
QUOTAS = Quotas(dedicated_cores=8)


def pool(**changes: Any) -> dict[str, Any]:
    return {**POOL_BODY, "id": "new", "vmSize": "standard_d4s_v5", "targetDedicatedNodes": 30, **changes}


def brought(work: WorkIdentity = WORK, **changes: Any) -> dict[str, Any]:
    """A pool that a job brings, with our labels."""
    described = {name: value for name, value in pool(**changes).items() if name != "id"}
    made = brought_pool({"poolInfo": {"autoPoolSpecification": {"pool": described}}}, pool_labels(work))
    assert made is not None
    return made


def checked(body: dict[str, Any], batch: FakeBatch | None = None) -> Process:
    process = Process(batch or account())
    process.drive(check_new_pool(body, lambda: REGION, lambda: QUOTAS))
    return process


def asked_nothing(body: dict[str, Any], batch: FakeBatch) -> Process:
    def nobody() -> Any:
        raise AssertionError("the management plane was asked")

    process = Process(batch)
    process.drive(check_new_pool(body, nobody, nobody))
    return process


@pytest.mark.parametrize(
    ("body", "path", "name"),
    [
        (pool, "batch_pool.vmSize", "Pool new"),
        (brought, "batch_job.poolInfo.autoPoolSpecification.pool.vmSize", "The pool of the job"),
    ],
)
def test_a_pool_that_is_to_be_created_is_looked_at(body: Any, path: str, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        checked(body(vmSize="standard_d4s_v9"))
    assert caught.value.path == path
    assert f"{name} may not get its nodes. 120 dedicated cores are needed" in checked(body()).text


def test_of_a_pool_that_exists_nothing_is_asked() -> None:
    assert asked_nothing(pool(id="p1"), account()).logs == []


def test_a_pool_that_is_being_deleted_will_be_created_again() -> None:
    batch = account()
    batch.pools["p1"]["state"] = "deleting"
    assert "cores are needed" in checked(pool(id="p1"), batch).text


def test_a_pool_that_a_job_has_brought_is_known_by_its_owner() -> None:
    """A retry finds the job that it had created, and no second pool comes."""
    batch = account()
    batch.pools["made-1"] = {**brought(), "id": "made-1"}
    assert asked_nothing(brought(), batch).logs == []
    other = checked(brought(replace(WORK, task_id="other")), batch)
    assert "other pools have or ask for" in other.text


def test_a_pool_that_a_job_brings_is_not_asked_for_by_id() -> None:
    assert "get_pool" not in checked(brought()).batch.operations()


def test_what_cannot_be_known_is_no_error() -> None:
    process = Process(account())
    process.drive(check_new_pool(pool(vmSize="standard_d4s_v9"), lambda: None, lambda: None))
    assert process.logs == []


@pytest.mark.parametrize(("operation", "body"), [("get_pool", pool), ("list_pools", brought)])
def test_a_look_that_fails_is_no_error(operation: str, body: Any) -> None:
    batch = account()
    batch.fail(operation, BatchUnavailableError("the connection broke off"))
    assert "Neither quotas nor the VM size are looked at: " in asked_nothing(body(), batch).text
