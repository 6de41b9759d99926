"""What the management plane knows of a Batch account; it takes the right to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError
from azure.mgmt.batch import BatchManagementClient

from airflow_provider_batch.client import management
from airflow_provider_batch.client.account import ManagementSettings

__all__ = ["list_vm_sizes", "read_account"]

#: nobody waits for these answers for long
_LIMITS = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1}


def read_account(settings: ManagementSettings) -> dict[str, Any]:
    """
    Read an account; a question of a few seconds at most.

    :param settings: which account, as whom.
    :return: REST JSON, with ``location`` and ``properties``.
    :raises AzureBatchError: it cannot be read: no right, no answer, no such account.
    """
    with _asking("get_batch_account", settings) as client:
        account = client.batch_account.get(settings.resource_group, settings.account_name)
        body: dict[str, Any] = account.as_dict()
    return body


def list_vm_sizes(settings: ManagementSettings, region: str) -> list[str]:
    """
    List the VM sizes that Batch has in a region.

    It takes the right ``Microsoft.Batch/locations/virtualMachineSkus/read`` of the subscription.

    :param settings: which subscription, as whom.
    :param region: for example ``westeurope``.
    :raises AzureBatchError: they cannot be read.
    """
    with _asking("list_supported_virtual_machine_skus", settings) as client:
        return [str(size.name) for size in client.location.list_supported_virtual_machine_skus(region)]


@contextmanager
def _asking(operation: str, settings: ManagementSettings) -> Iterator[BatchManagementClient]:
    try:
        with management.management_client(settings, **_LIMITS) as client:
            yield client
    except AzureError as error:
        raise management.management_error(error, operation, settings) from error
