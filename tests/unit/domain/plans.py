"""The work and the plans that the tests of the flows submit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_batch.domain.ids import WorkIdentity
from airflow_provider_batch.domain.submission import TaskPlan
from tests.unit.domain.fake_batch import FakeBatch

WORK = WorkIdentity("dep", "etl", "manual__1", "split", -1, "2026-01-01T00:00:00.000000+00:00", 2)
POOL_BODY: dict[str, Any] = {
    "id": "p1",
    "vmSize": "standard_d2s_v5",
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu", "sku": "22_04-lts"},
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    },
    "targetDedicatedNodes": 1,
}


def own(**changes: Any) -> TaskPlan:
    """A task with a job of its own."""
    plan = TaskPlan(WORK, {"commandLine": "/bin/true"}, batch_pool_id="p1")
    return replace(plan, **changes)


def given(**changes: Any) -> TaskPlan:
    """A task for a job that exists."""
    return replace(TaskPlan(WORK, {"commandLine": "/bin/true"}, batch_job_id="nightly"), **changes)


def account() -> FakeBatch:
    """An account with the pool ``p1`` and the job ``nightly``."""
    batch = FakeBatch()
    batch.pools["p1"] = {
        **POOL_BODY,
        "state": "active",
        "allocationState": "steady",
        "currentDedicatedNodes": 1,
    }
    batch.jobs["nightly"] = {
        "id": "nightly",
        "state": "active",
        "eTag": "0xJ",
        "poolInfo": {"poolId": "p1"},
        "onAllTasksComplete": "noaction",
    }
    return batch
