"""What the management plane tells of a pool before it is created, where the connection can ask it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

from airflow_provider_batch.domain import new_pools
from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.quotas import Quotas
from airflow_provider_batch.domain.supported_sizes import RegionSizes
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.hooks.management import (
    has_management_package,
    management_settings,
    names_management,
)

__all__ = ["ManagedAccount", "check_new_pool"]


class ManagedAccount:
    """
    What the management plane says of the account of a connection: asked when it is needed, the account once.

    The connection needs subscription and resource group, and an identity of Entra ID; the package
    ``azure-mgmt-batch`` has to be there (extra ``[management]``). What cannot be known is no error.

    :param connection: settings of the connection.
    :param log: where it is said when something could not be read.
    """

    def __init__(self, connection: BatchConnection, log: Any) -> None:
        self._connection = connection
        self._log = log

    def quotas(self) -> Quotas | None:
        """Return the quotas of the account; None when they cannot be known."""
        return None if self._account is None else Quotas.read(self._account.get("properties") or {})

    def region(self) -> RegionSizes | None:
        """Return the VM sizes that Batch has in the account's region; None when they cannot be known."""
        region = None if self._account is None else self._account.get("location")
        if not region:
            return None
        client, settings = self._client(), management_settings(self._connection)
        try:
            return RegionSizes(region, client.list_vm_sizes(settings, region))
        except AzureBatchError as error:
            self._log.info("The VM size is not looked up: %s", error)
            return None

    @cached_property
    def _account(self) -> Mapping[str, Any] | None:
        if not names_management(self._connection):
            return None
        if not has_management_package():
            self._log.info(
                "Neither quotas nor the VM size are looked at: install airflow-provider-batch[management]."
            )
            return None
        client, settings = self._client(), management_settings(self._connection)
        try:
            account: Mapping[str, Any] = client.read_account(settings)
        except AzureBatchError as error:
            self._log.info("Neither quotas nor the VM size are looked at: %s", error)
            return None
        return account

    @staticmethod
    def _client() -> Any:
        # What it imports comes with an extra.
        return import_module("airflow_provider_batch.client.account_reads")


def check_new_pool(pool: Mapping[str, Any], connection: BatchConnection, log: Any) -> Flow[None]:
    """
    Flow: refuse a new pool whose VM size Batch does not have, and say what the account lacks for it.

    Of a pool that exists, and where the connection cannot ask the management plane, nothing is said.

    :param pool: the pool (REST JSON); with our labels when a job brings it, and so it has no id yet.
    :param connection: settings of the connection.
    :param log: where it is said when something could not be read.
    :raises SpecError: Batch has no such VM size in the account's region.
    """
    if names_management(connection):
        account = ManagedAccount(connection, log)
        yield from new_pools.check_new_pool(pool, account.region, account.quotas)
