"""What a pool lacks is said in figures; what cannot be known is not guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_batch.domain.auto_pools import brought_pool
from airflow_provider_batch.domain.ids import WorkIdentity
from airflow_provider_batch.domain.labels import pool_labels
from airflow_provider_batch.domain.quotas import Quotas, missing_for, warn_of_quotas
from airflow_provider_batch.exceptions import BatchUnavailableError
from tests.unit.domain.fake_batch import Process
from tests.unit.domain.plans import WORK, account

POOL: dict[str, Any] = {"id": "render", "vmSize": "standard_d4s_v5", "targetDedicatedNodes": 10}
QUOTAS = Quotas(dedicated_cores=100, spot_cores=20, pools=3)


def other(name: str = "other", size: str = "standard_d8s_v5", **nodes: int) -> dict[str, Any]:
    return {"id": name, "vmSize": size, **nodes}


def test_a_pool_that_fits_lacks_nothing() -> None:
    assert missing_for(POOL, QUOTAS, []) == []
    assert missing_for(POOL, QUOTAS, [other(currentDedicatedNodes=7, currentLowPriorityNodes=99)]) == []


def test_missing_cores_are_said_with_figures() -> None:
    assert missing_for(POOL, QUOTAS, [other(currentDedicatedNodes=2, targetDedicatedNodes=10)]) == [
        "40 dedicated cores are needed (10 x standard_d4s_v5), the account's quota is 100, "
        "and other pools have or ask for 80: 20 are missing."
    ]


def test_spot_cores_have_a_quota_of_their_own() -> None:
    (sentence,) = missing_for({**POOL, "targetLowPriorityNodes": 6}, QUOTAS, [])
    assert sentence.startswith("24 spot cores are needed")
    assert sentence.endswith("4 are missing.")


def test_pools_have_a_quota() -> None:
    others = [other(name) for name in "abc"]
    assert missing_for(POOL, QUOTAS, others) == ["The account has 3 pools, and its quota is 3."]
    assert missing_for(POOL, QUOTAS, [*others[:2], {**POOL, "currentDedicatedNodes": 90}]) == []


@pytest.mark.parametrize(
    ("pool", "quotas"),
    [
        (POOL, Quotas()),
        ({**POOL, "vmSize": "small"}, Quotas(0, 0)),
        ({"id": "p", "vmSize": "standard_d4s_v5", "enableAutoScale": True}, Quotas(0, 0)),
    ],
)
def test_what_cannot_be_known_is_not_guessed(pool: dict[str, Any], quotas: Quotas) -> None:
    assert missing_for(pool, quotas, [other(currentDedicatedNodes=1000)]) == []


def test_quotas_are_read_from_the_account() -> None:
    properties = {
        "poolAllocationMode": "BatchService",
        "dedicatedCoreQuota": 500,
        "lowPriorityCoreQuota": 0,
        "poolQuota": 100,
        "activeJobAndJobScheduleQuota": 300,
    }
    assert Quotas.read(properties) == Quotas(500, 0, 100, 300)
    users = {**properties, "poolAllocationMode": "UserSubscription"}
    assert Quotas.read(users) == Quotas(None, None, 100, 300)
    assert Quotas.read({"dedicatedCoreQuota": "many", "poolQuota": None}) == Quotas()


def test_a_pool_that_is_to_be_created_is_warned_of_and_one_that_exists_is_not() -> None:
    batch = account()
    process = Process(batch)
    big = {**POOL, "targetDedicatedNodes": 30}
    process.drive(warn_of_quotas(big, lambda: QUOTAS))
    assert process.logs[0][0] == "WARNING"
    assert "120 dedicated cores are needed" in process.text
    assert "22 are missing" in process.text
    process = Process(batch)
    process.drive(warn_of_quotas({**big, "id": "p1"}, lambda: Quotas(0, 0, 0)))
    process.drive(warn_of_quotas(big, lambda: None))
    assert process.logs == []


def brought(work: WorkIdentity = WORK) -> dict[str, Any]:
    job = {"poolInfo": {"autoPoolSpecification": {"pool": {**POOL, "targetDedicatedNodes": 30}}}}
    del job["poolInfo"]["autoPoolSpecification"]["pool"]["id"]
    pool = brought_pool(job, pool_labels(work))
    assert pool is not None
    return pool


def test_a_pool_that_a_job_brings_is_warned_of_before_it_has_an_id() -> None:
    process = Process(account())
    process.drive(warn_of_quotas(brought(), lambda: QUOTAS))
    assert "The pool of the job may not get its nodes. 120 dedicated cores are needed" in process.text
    assert "get_pool" not in process.batch.operations(), "no id, so none to ask for"


def test_a_pool_that_a_job_has_brought_is_known_by_its_owner() -> None:
    """A retry finds the job that it had created, and no second pool comes."""
    batch = account()
    batch.pools["made-1"] = {**brought(), "id": "made-1"}
    process = Process(batch)
    process.drive(warn_of_quotas(brought(), lambda: QUOTAS))
    assert process.logs == []
    process.drive(warn_of_quotas(brought(replace(WORK, task_id="other")), lambda: QUOTAS))
    assert "other pools have or ask for 122: 142 are missing" in process.text


@pytest.mark.parametrize("operation", ["get_pool", "list_pools"])
def test_a_look_at_quotas_that_fails_is_no_error(operation: str) -> None:
    batch = account()
    batch.fail(operation, BatchUnavailableError("the connection broke off"))
    process = Process(batch)
    process.drive(warn_of_quotas(POOL, lambda: QUOTAS))
    assert "Quotas are not looked at" in process.text
