"""Quotas of the account of a connection, where the connection can know them."""

from __future__ import annotations

from importlib import import_module, util
from typing import Any

from airflow_provider_batch.client.account import SharedKey
from airflow_provider_batch.domain.quotas import Quotas
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["account_quotas", "knows_quotas"]


def knows_quotas(connection: BatchConnection) -> bool:
    """
    Tell whether a connection may ask the management plane; nothing is asked.

    :param connection: settings of the connection.
    """
    place = (connection.subscription_id, connection.resource_group, connection.account_name)
    return all(place) and not isinstance(connection.account.credential, SharedKey)


def account_quotas(connection: BatchConnection, log: Any) -> Quotas | None:
    """
    Return the quotas of the account; None when they cannot be known, which is no error.

    The connection needs subscription and resource group, and an identity of Entra ID; the package
    ``azure-mgmt-batch`` has to be there (extra ``[management]``).

    :param connection: settings of the connection.
    :param log: where it is said when they could not be read.
    """
    if not knows_quotas(connection):
        return None
    if util.find_spec("azure.mgmt") is None or util.find_spec("azure.mgmt.batch") is None:
        log.info("Quotas are not looked at: install airflow-provider-batch[management].")
        return None
    client = import_module("airflow_provider_batch.client.account_quotas")
    try:
        quotas: Quotas = client.read_quotas(
            connection.account,
            connection.subscription_id,
            connection.resource_group,
            connection.account_name,
        )
    except AzureBatchError as error:
        log.info("Quotas are not looked at: %s", error)
        return None
    return quotas
