"""The provider against a real emulator process."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.client.account import ManagementSettings
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive
from airflow_provider_batch.domain.pool_adoption import adopt_pool
from airflow_provider_batch.emulator import DEFAULT_RESOURCE_GROUP, DEFAULT_SUBSCRIPTION_ID
from airflow_provider_batch.exceptions import BatchConflictError, BatchNotFoundError
from airflow_provider_batch.hooks import management as hook_management
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from tests.emulator_process import EmulatorProcess
from tests.integration.task_try import RUN_STARTED, FakeTaskInstance, TaskTry

if TYPE_CHECKING:
    from azure.mgmt.batch import BatchManagementClient

CONN_ID = "azure_batch_account_default"
POOL = {
    "id": "shared",
    "vmSize": "standard_d2s_v5",
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "canonical",
            "offer": "0001-com-ubuntu-server-jammy",
            "sku": "22_04-lts",
            "version": "latest",
        },
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    },
    "targetDedicatedNodes": 1,
    "taskSlotsPerNode": 4,
}


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """One emulator for the whole suite; each test uses ids of its own."""
    with EmulatorProcess.start(tmp_path_factory.mktemp("emulator")) as running:
        yield running


def connection_json(emulator: EmulatorProcess, **changes: Any) -> str:
    """The connection as an environment variable holds it."""
    fields: dict[str, Any] = {
        "conn_type": "azure_batch_account",
        "login": emulator.account_name,
        "password": emulator.account_key,
        "extra": {"account_url": emulator.url},
    }
    return json.dumps({**fields, **changes})


@pytest.fixture(autouse=True)
def connection(emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default connection points at the emulator."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection_json(emulator))


@pytest.fixture
def hook(connection: None) -> Iterator[AzureBatchHook]:
    """A hook on the emulator."""
    with AzureBatchHook(CONN_ID) as open_hook:
        yield open_hook


@pytest.fixture
def management(emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The default connection may ask the management plane, which is the emulator's.

    No connection may send tokens over plain http; so the key stays, and counts as an identity here.
    """
    pytest.importorskip("azure.mgmt.batch")
    from azure.mgmt.batch import BatchManagementClient

    from airflow_provider_batch.client import management as client
    from tests.contract.management_clients import StaticToken, TokensOverPlainHttp

    @contextmanager
    def to_emulator(settings: ManagementSettings, **options: Any) -> Iterator[BatchManagementClient]:
        with BatchManagementClient(
            StaticToken(),
            settings.subscription_id,
            base_url=emulator.url,
            per_call_policies=[TokensOverPlainHttp()],
            **options,
        ) as opened:
            yield opened

    extra = {
        "account_url": emulator.url,
        "subscription_id": DEFAULT_SUBSCRIPTION_ID,
        "resource_group": DEFAULT_RESOURCE_GROUP,
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection_json(emulator, extra=extra))
    monkeypatch.setattr(hook_management, "SharedKey", ())
    monkeypatch.setattr(client, "management_client", to_emulator)


@pytest.fixture
def pool(hook: AzureBatchHook) -> str:
    """Id of a pool with one node and four slots, made once."""
    drive(adopt_pool(POOL), WorkerEffects(hook.get_conn(), logging.getLogger(__name__)))
    return str(POOL["id"])


@pytest.fixture
def make_try(request: pytest.FixtureRequest, pool: str) -> Callable[..., TaskTry]:
    """Make a try of a task; its run id is the test's name, so that no test meets another."""
    run_id = request.node.name

    def make(
        ti: FakeTaskInstance | None = None, *, log: list[str] | None = None, **arguments: Any
    ) -> TaskTry:
        arguments.setdefault("poll_interval", 0.2)
        if not {"batch_job_id", "batch_pool", "batch_pool_id"} & set(arguments):
            arguments["batch_pool_id"] = pool
        retries = arguments.pop("retries", 0)
        with DAG("integration", schedule=None, start_date=RUN_STARTED):
            operator = AzureBatchTaskOperator(task_id="work", retries=retries, **arguments)
        instance = ti or FakeTaskInstance("work", run_id, max_tries=retries)
        return TaskTry(operator, instance, log if log is not None else [])

    return make


@pytest.fixture
def pool_id(request: pytest.FixtureRequest, hook: AzureBatchHook) -> Iterator[str]:
    """Id of a pool of the test's own; the pool is deleted afterwards."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:64].strip("-")
    yield name
    with suppress(BatchNotFoundError, BatchConflictError):
        hook.send(requests.delete_pool(name))


@pytest.fixture
def make(pool_id: str) -> Callable[..., Any]:
    """Make a try of an operator on the test's pool."""
    from tests.integration.pool_try import tried

    def make_try(operator_class: Any, ti: FakeTaskInstance | None = None, **arguments: Any) -> Any:
        return tried(operator_class, {"batch_pool_id": pool_id, **arguments}, ti)

    return make_try
