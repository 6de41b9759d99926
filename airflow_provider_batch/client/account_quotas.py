"""
Quotas of a Batch account, from the management plane (Azure Resource Manager).

Needs the extra ``[management]``, an identity of Entra ID (an account key opens the data plane only) and the
right to read the account.
"""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import AzureError
from azure.mgmt.batch import BatchManagementClient

from airflow_provider_batch.client.account import AccountSettings
from airflow_provider_batch.client.credentials import sync_credential
from airflow_provider_batch.domain.quotas import Quotas
from airflow_provider_batch.exceptions import BatchUnavailableError

__all__ = ["read_quotas"]

_ADDRESSES = {
    ".batch.azure.com": "https://management.azure.com",
    ".batch.usgovcloudapi.net": "https://management.usgovcloudapi.net",
    ".batch.chinacloudapi.cn": "https://management.chinacloudapi.cn",
}


def read_quotas(
    settings: AccountSettings, subscription_id: str, resource_group: str, account_name: str, **options: Any
) -> Quotas:
    """
    Read the quotas of an account; a question of a few seconds at most.

    :param settings: account and identity, which is no shared key.
    :param subscription_id: subscription of the account.
    :param resource_group: resource group of the account.
    :param account_name: name of the account.
    :param options: further arguments of the vendor's client, such as another ``credential`` or ``base_url``.
    :raises BatchUnavailableError: they cannot be read: no right, no answer, no such account.
    """
    address = options.pop("base_url", None) or _ADDRESSES[settings.cloud.suffix]
    credential = options.pop("credential", None) or sync_credential(settings)
    limits = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1}
    arguments: dict[str, Any] = {
        "base_url": address,
        "credential_scopes": [f"{_ADDRESSES[settings.cloud.suffix]}/.default"],
        **limits,
        **options,
    }
    with BatchManagementClient(credential, subscription_id, **arguments) as client:
        try:
            account = client.batch_account.get(resource_group, account_name)
        except AzureError as error:
            problem = f"the management plane does not tell the quotas: {error.message}"
            raise BatchUnavailableError(problem) from error
    return Quotas.read(account.as_dict().get("properties") or {})
