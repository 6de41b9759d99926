"""What a pool lacks is said in figures; what cannot be known is not guessed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.domain.quotas import Quotas, missing_for, warn_of_quotas
from airflow_provider_batch.exceptions import BatchUnavailableError
from tests.unit.domain.fake_batch import Process
from tests.unit.domain.plans import account

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


def test_what_a_pool_lacks_is_a_warning_with_figures() -> None:
    process = Process(account())
    process.drive(warn_of_quotas({**POOL, "targetDedicatedNodes": 30}, QUOTAS))
    assert process.logs[0][0] == "WARNING"
    assert "120 dedicated cores are needed" in process.text
    assert "22 are missing" in process.text


def test_pools_that_cannot_be_listed_are_no_error() -> None:
    batch = account()
    batch.fail("list_pools", BatchUnavailableError("the connection broke off"))
    process = Process(batch)
    process.drive(warn_of_quotas(POOL, QUOTAS))
    assert "Quotas are not looked at" in process.text
