"""Quotas are read from the emulator's management plane, which stands in for Azure Resource Manager."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_batch.client.account import (
    AccountSettings,
    ClientSecret,
    DefaultChain,
    ManagementSettings,
    SharedKey,
)
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.quotas import Quotas
from airflow_provider_batch.emulator import DEFAULT_RESOURCE_GROUP, DEFAULT_SUBSCRIPTION_ID
from airflow_provider_batch.exceptions import BatchNotFoundError
from airflow_provider_batch.hooks import new_pools
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.hooks.new_pools import ManagedAccount
from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator
from tests.emulator_process import ACCOUNT_NAME
from tests.integration.conftest import POOL
from tests.integration.pool_try import PoolTry
from tests.integration.test_task_operator import MakeTry, key_of

SETTINGS = AccountSettings("https://devbatch.westeurope.batch.azure.com", DefaultChain())
LOG = logging.getLogger(__name__)
WARNING = "may not get its nodes. 10560 dedicated cores are needed (110 x standard_d96s_v5)"


def read(account_name: str = ACCOUNT_NAME) -> Quotas:
    from airflow_provider_batch.client.account_reads import read_account

    account = read_account(
        ManagementSettings(SETTINGS, DEFAULT_SUBSCRIPTION_ID, DEFAULT_RESOURCE_GROUP, account_name)
    )
    return Quotas.read(account["properties"])


@pytest.fixture
def too_big(hook: AzureBatchHook) -> Iterator[dict[str, Any]]:
    """A pool that the account's quota does not allow; it is deleted afterwards."""
    name = f"too-big-{uuid.uuid4()}"
    yield {**POOL, "id": name, "vmSize": "standard_d96s_v5", "targetDedicatedNodes": 110}
    hook.send(requests.delete_pool(name))


@pytest.mark.usefixtures("management")
def test_quotas_are_those_of_the_account() -> None:
    assert read() == Quotas(10_000, 10_000, 500, 1_000)


@pytest.mark.usefixtures("management")
def test_an_account_that_is_not_there_has_no_quotas() -> None:
    with pytest.raises(BatchNotFoundError, match="the management plane says"):
        read("another")


@pytest.mark.parametrize(
    "connection",
    [
        BatchConnection(AccountSettings(SETTINGS.account_url, SharedKey("a", "a2V5")), "a", "sub", "rg"),
        BatchConnection(SETTINGS, "a", None, "rg"),
        BatchConnection(SETTINGS, "a", "sub", None),
    ],
)
def test_a_connection_without_management_asks_nobody(
    connection: BatchConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_pools, "import_module", None)
    account = ManagedAccount(connection, LOG)
    assert (account.quotas(), account.region()) == (None, None)


def test_quotas_that_cannot_be_read_are_no_error(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("azure.mgmt.batch")
    secret = ClientSecret("t", "c", "s")
    nowhere = AccountSettings(SETTINGS.account_url, secret, "https://127.0.0.1:1")
    with caplog.at_level("INFO"):
        account = ManagedAccount(BatchConnection(nowhere, "a", "sub", "rg"), LOG)
        assert (account.quotas(), account.region()) == (None, None)
    assert caplog.text.count("Neither quotas nor the VM size are looked at") == 1


def create(pool: dict[str, Any]) -> PoolTry:
    return PoolTry(AzureBatchCreatePoolOperator, {"batch_pool": pool, "wait_until_usable": False})


@pytest.mark.usefixtures("management")
def test_the_create_operator_warns_of_what_a_new_pool_lacks_and_only_then(
    too_big: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = create(too_big), create(too_big)
    assert first.run(monkeypatch)["pool"] == "created"
    assert WARNING in first.text
    assert "WARNING Pool" in first.text
    assert again.run(monkeypatch)["pool"] == "adopted"
    assert "may not get its nodes" not in again.text


@pytest.mark.usefixtures("management")
def test_a_task_that_brings_its_pool_warns_of_what_it_lacks(
    too_big: dict[str, Any], make_try: MakeTry, hook: AzureBatchHook
) -> None:
    task_try = make_try(batch_pool=too_big, command_line="sleep 60", deferrable=True)
    task_try.defer()
    hook.send(requests.delete_job(key_of(task_try.ti).batch_job_id))
    assert WARNING in task_try.text


@pytest.mark.usefixtures("management")
def test_a_task_whose_job_brings_its_pool_warns_of_what_it_lacks_and_its_retry_does_not(
    make_try: MakeTry, hook: AzureBatchHook
) -> None:
    brought = {name: value for name, value in POOL.items() if name != "id"}
    brought |= {"vmSize": "standard_d96s_v5", "targetDedicatedNodes": 110}
    auto_pool = {"poolLifetimeOption": "job", "pool": brought}
    how = {
        "batch_job": {"poolInfo": {"autoPoolSpecification": auto_pool}},
        "batch_pool_id": None,
        "command_line": "sleep 60",
        "deferrable": True,
    }
    first = make_try(**how)
    first.defer()
    again = make_try(first.ti.next_try(), **how)
    again.defer()
    hook.send(requests.delete_job(key_of(first.ti).batch_job_id))
    assert f"The pool of the job {WARNING}" in first.text
    assert key_of(again.ti) == key_of(first.ti)
    assert "may not get its nodes" not in again.text


def test_a_connection_that_cannot_know_says_nothing_of_quotas(
    too_big: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool_try = create(too_big)
    pool_try.run(monkeypatch)
    assert "uota" not in pool_try.text
