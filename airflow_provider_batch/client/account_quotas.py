"""Quotas of a Batch account, from the management plane; it takes the right to read the account."""

from __future__ import annotations

from azure.core.exceptions import AzureError

from airflow_provider_batch.client import management
from airflow_provider_batch.client.account import ManagementSettings
from airflow_provider_batch.domain.quotas import Quotas

__all__ = ["read_quotas"]

#: nothing waits for quotas for long
_LIMITS = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1}


def read_quotas(settings: ManagementSettings) -> Quotas:
    """
    Read the quotas of an account; a question of a few seconds at most.

    :param settings: which account, as whom.
    :raises AzureBatchError: they cannot be read: no right, no answer, no such account.
    """
    try:
        with management.management_client(settings, **_LIMITS) as client:
            account = client.batch_account.get(settings.resource_group, settings.account_name)
    except AzureError as error:
        raise management.management_error(error, "get_batch_account", settings) from error
    return Quotas.read(account.as_dict().get("properties") or {})
