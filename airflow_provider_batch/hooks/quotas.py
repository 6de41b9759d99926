"""Quotas of the account of a connection, where the connection can know them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.quotas import Quotas, warn_of_quotas
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.hooks.management import (
    has_management_package,
    management_settings,
    names_management,
)

__all__ = ["account_quotas", "quota_warning"]


def account_quotas(connection: BatchConnection, log: Any) -> Quotas | None:
    """
    Return the quotas of the account; None when they cannot be known, which is no error.

    The connection needs subscription and resource group, and an identity of Entra ID; the package
    ``azure-mgmt-batch`` has to be there (extra ``[management]``).

    :param connection: settings of the connection.
    :param log: where it is said when they could not be read.
    """
    if not names_management(connection):
        return None
    if not has_management_package():
        log.info("Quotas are not looked at: install airflow-provider-batch[management].")
        return None
    settings = management_settings(connection)
    client = import_module("airflow_provider_batch.client.account_quotas")
    try:
        quotas: Quotas = client.read_quotas(settings)
    except AzureBatchError as error:
        log.info("Quotas are not looked at: %s", error)
        return None
    return quotas


def quota_warning(pool: Mapping[str, Any], connection: BatchConnection, log: Any) -> Flow[None]:
    """
    Flow: say what a pool that is to be created lacks, where the connection can know it. Never an error.

    :param pool: the pool (REST JSON).
    :param connection: settings of the connection.
    :param log: where it is said when the quotas could not be read.
    """
    if names_management(connection):
        yield from warn_of_quotas(pool, partial(account_quotas, connection, log))
