"""The emulator's data about the API against the vendor SDK's models and operations."""

from __future__ import annotations

import inspect

import pytest
from azure.batch import BatchClient
from azure.batch._operations import _operations as sdk_operations
from azure.batch.aio import BatchClient as AioBatchClient

from airflow_provider_batch.emulator.routes.table import OPERATIONS
from airflow_provider_batch.emulator.wire.schema import schema
from tests.contract.sdk_schema import build

#: of the clients' methods, those that send nothing of their own
_CONVENIENCES = {"close", "send_request", "create_tasks"}

pytestmark = pytest.mark.assumed(source="azure-batch 15.1.0, generated from the 2025-06-01 specification")


def test_request_schema_is_that_of_the_sdk_models():
    assert schema() == build()


def test_route_table_is_that_of_the_sdk():
    """Every request that the SDK can build has an operation of that name, verb and path; no other has."""
    sdk: dict[str, tuple[str, str]] = {}
    for name, builder in inspect.getmembers(sdk_operations, inspect.isfunction):
        if name.startswith("build_batch_") and name.endswith("_request"):
            source = inspect.getsource(builder)
            method = source.rpartition('HttpRequest(method="')[2].partition('"')[0]
            path = source.partition('_url = "')[2].partition('"')[0]
            operation = name.removeprefix("build_batch_").removesuffix("_request").removesuffix("_internal")
            sdk[operation] = (method, path)
    assert {operation.name: (operation.method, operation.path) for operation in OPERATIONS} == sdk


@pytest.mark.parametrize("client", [BatchClient, AioBatchClient])
def test_operations_are_the_methods_of_both_clients(client: type):
    public = {name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")}
    assert {operation.name for operation in OPERATIONS} == {
        name.removeprefix("begin_") for name in public - _CONVENIENCES
    }


def test_every_operation_is_served():
    assert [operation.name for operation in OPERATIONS if operation.handler is None] == []
