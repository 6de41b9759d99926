"""A VM size that Batch does not have in the region is refused by whatever would create a pool of it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_batch.client.account import ManagementSettings
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive, get_or_none, pages
from airflow_provider_batch.exceptions import BatchServiceError, BatchUnavailableError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import POOL
from tests.integration.pool_try import PoolTry
from tests.integration.test_task_operator import MakeTry

UNKNOWN = "standard_d2s_v9"
REFUSAL = r"batch_pool\.vmSize: Batch has no VM size 'standard_d2s_v9' in westeurope; did you mean"


@pytest.fixture
def described(hook: AzureBatchHook) -> Iterator[dict[str, Any]]:
    """A pool of an unknown size; deleted if it was created all the same."""
    name = f"unknown-{uuid.uuid4()}"
    yield {**POOL, "id": name, "vmSize": UNKNOWN, "targetDedicatedNodes": 0}
    if is_there(hook, name):
        hook.send(requests.delete_pool(name))


def is_there(hook: AzureBatchHook, pool_id: str) -> bool:
    effects = WorkerEffects(hook.get_conn(), logging.getLogger(__name__))
    return drive(get_or_none(requests.get_pool(pool_id)), effects) is not None


def jobs(hook: AzureBatchHook) -> set[str]:
    effects = WorkerEffects(hook.get_conn(), logging.getLogger(__name__))
    return {job["id"] for job in drive(pages(requests.list_jobs(select=("id",))), effects)}


def create(pool: dict[str, Any]) -> PoolTry:
    return PoolTry(AzureBatchCreatePoolOperator, {"batch_pool": pool, "wait_until_usable": False})


@pytest.mark.usefixtures("management")
def test_the_create_operator_refuses_it_before_the_pool_is_created(
    described: dict[str, Any],
    hook: AzureBatchHook,
    emulator: EmulatorProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emulator.reset_request_counts()
    with pytest.raises(SpecError, match=REFUSAL + r" .*'standard_d2s_v6'.*list-skus --location westeurope"):
        create(described).run(monkeypatch)
    asked = emulator.request_counts()
    assert "create_pool" not in asked
    assert asked["management.batch_account_get"] == 1, "quotas and sizes want the same account"
    assert not is_there(hook, described["id"])


@pytest.mark.usefixtures("management")
def test_a_pool_that_exists_is_adopted_without_asking_for_sizes(
    described: dict[str, Any], emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {**described, "vmSize": "standard_d2s_v5"}
    assert create(known).run(monkeypatch)["pool"] == "created"
    emulator.reset_request_counts()
    assert create(known).run(monkeypatch)["pool"] == "adopted"
    assert not [operation for operation in emulator.request_counts() if operation.startswith("management.")]


@pytest.mark.usefixtures("management")
def test_a_task_that_brings_its_pool_is_refused_before_anything_is_created(
    described: dict[str, Any], make_try: MakeTry, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = jobs(hook)
    with pytest.raises(SpecError, match=REFUSAL):
        make_try(batch_pool=described, command_line="true").run(monkeypatch)
    assert not is_there(hook, described["id"])
    assert jobs(hook) == before


@pytest.mark.usefixtures("management")
def test_a_task_whose_job_brings_its_pool_is_refused_before_anything_is_created(
    make_try: MakeTry, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = {name: value for name, value in POOL.items() if name != "id"} | {"vmSize": UNKNOWN}
    auto_pool = {"poolLifetimeOption": "job", "pool": brought}
    before = jobs(hook)
    with pytest.raises(SpecError, match=r"^batch_job\.poolInfo\.autoPoolSpecification\.pool\.vmSize: "):
        make_try(
            batch_job={"poolInfo": {"autoPoolSpecification": auto_pool}},
            batch_pool_id=None,
            command_line="true",
        ).run(monkeypatch)
    assert jobs(hook) == before


@pytest.mark.usefixtures("management")
def test_sizes_that_cannot_be_listed_leave_the_judgement_to_the_service(
    described: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right to list them is one of the subscription; an account's reader may lack it."""
    from airflow_provider_batch.client import account_reads

    def forbidden(settings: ManagementSettings, region: str) -> list[str]:
        raise BatchUnavailableError(f"no right to read {region}")

    monkeypatch.setattr(account_reads, "list_vm_sizes", forbidden)
    pool_try = create(described)
    with pytest.raises(BatchServiceError, match="InvalidPropertyValue"):
        pool_try.run(monkeypatch)
    assert "The VM size is not looked up: no right to read westeurope" in pool_try.text


def test_without_a_management_plane_the_service_judges(
    described: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BatchServiceError, match=r"(?s)InvalidPropertyValue.*vmSize"):
        create(described).run(monkeypatch)
