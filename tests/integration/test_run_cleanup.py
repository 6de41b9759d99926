"""What a failed run has left in Batch goes, and nothing of others."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import BatchNotFoundError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.run_cleanup import AzureBatchRunCleanup
from tests.integration.conftest import CONN_ID, POOL

pytestmark = pytest.mark.emulator_only(reason="the provider's own behaviour")
_numbers = itertools.count()


def labels(run_id: str, dag_id: str = "films") -> list[dict[str, str]]:
    said = {"AIRFLOW_BATCH_OWNER": "x", "airflow_dag_id": dag_id, "airflow_run_id": run_id}
    return [{"name": name, "value": value} for name, value in said.items()]


def new_pool(hook: AzureBatchHook, *metadata: dict[str, str]) -> str:
    pool_id = f"cleanup-{next(_numbers)}"
    body = {**POOL, "id": pool_id, "targetDedicatedNodes": 0, "metadata": list(metadata)}
    hook.get_conn().send(requests.create_pool(body))
    return pool_id


def new_job(hook: AzureBatchHook, pool_id: str, *metadata: dict[str, str]) -> str:
    job_id = f"cleanup-job-{next(_numbers)}"
    body: dict[str, Any] = {"id": job_id, "poolInfo": {"poolId": pool_id}, "metadata": list(metadata)}
    hook.get_conn().send(requests.create_job(body))
    return job_id


def is_going(hook: AzureBatchHook, pool_id: str) -> bool:
    try:
        found = hook.get_conn().send(requests.get_pool(pool_id, ("id", "state")))
    except BatchNotFoundError:
        return True
    return bool(found.json["state"] == "deleting")


def clean_up(run_id: str) -> None:
    AzureBatchRunCleanup(CONN_ID)({"dag": SimpleNamespace(dag_id="films"), "run_id": run_id})


def test_pools_and_jobs_of_the_run_go_and_those_of_others_stay(hook: AzureBatchHook) -> None:
    mine, others = new_pool(hook, *labels("r1")), new_pool(hook, *labels("r2"))
    elsewhere, nobodys = new_pool(hook, *labels("r1", "music")), new_pool(hook)
    job, other_job = new_job(hook, mine, *labels("r1")), new_job(hook, others, *labels("r2"))
    clean_up("r1")
    assert is_going(hook, mine)
    assert not any(is_going(hook, pool_id) for pool_id in (others, elsewhere, nobodys))
    states = {
        j: hook.get_conn().send(requests.get_job(j, ("state",))).json["state"] for j in (job, other_job)
    }
    assert states[job] in ("terminating", "completed")
    assert states[other_job] == "active"
    clean_up("r1")


def test_a_pool_that_others_work_on_stays_and_is_said(
    hook: AzureBatchHook, caplog: pytest.LogCaptureFixture
) -> None:
    pool_id = new_pool(hook, *labels("r3"))
    job = new_job(hook, pool_id, *labels("r4"))
    clean_up("r3")
    assert not is_going(hook, pool_id)
    assert f"Pool {pool_id} stays, and bills: job {job} of run r4 of DAG films is open on it." in caplog.text


def test_of_another_airflow_nothing_is_touched(hook: AzureBatchHook) -> None:
    deployment = {"name": "airflow_deployment_id", "value": "another"}
    pool_id = new_pool(hook, *labels("r5"), deployment)
    clean_up("r5")
    assert not is_going(hook, pool_id)
