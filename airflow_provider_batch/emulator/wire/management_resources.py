"""Resources of the management plane as JSON: their ids, their envelope, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator.model.account import Account
from airflow_provider_batch.emulator.model.applications import Application, ApplicationPackage
from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.wire.fields import Json, present
from airflow_provider_batch.emulator.wire.times import format_time

ACCOUNT_TYPE = "Microsoft.Batch/batchAccounts"


@dataclass(frozen=True)
class AccountAddress:
    """
    Where the account stands in Azure Resource Manager.

    :param location: region, lower-case and without spaces.
    """

    subscription_id: str
    resource_group: str
    location: str
    account_name: str

    @property
    def resource_group_id(self) -> str:
        """ARM id of the resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"

    @property
    def account_id(self) -> str:
        """ARM id of the account."""
        return f"{self.resource_group_id}/providers/{ACCOUNT_TYPE}/{self.account_name}"

    def storage_account_id(self, name: str) -> str:
        """ARM id of a storage account in the same resource group."""
        return f"{self.resource_group_id}/providers/Microsoft.Storage/storageAccounts/{name}"


def weak_etag(last_modified: datetime) -> str:
    """Return an ETag as the management plane writes it."""
    return f'W/"{etag(last_modified)}"'


def envelope(
    address: AccountAddress,
    path: tuple[tuple[str, str], ...],
    properties: Json,
    last_modified: datetime,
    tags: Mapping[str, str],
) -> Json:
    """
    Put properties into the form that every child of an account has.

    :param path: kinds and names below the account, outermost first.
    """
    return {
        "id": address.account_id + "".join(f"/{kind}/{name}" for kind, name in path),
        "name": path[-1][1],
        "type": "/".join([ACCOUNT_TYPE, *(kind for kind, _ in path)]),
        "etag": weak_etag(last_modified),
        "properties": properties,
        **({"tags": dict(tags)} if tags else {}),
    }


def application_json(address: AccountAddress, application: Application) -> Json:
    """Write an application."""
    properties = present(
        displayName=application.display_name,
        allowUpdates=application.allow_updates,
        defaultVersion=application.default_version,
    )
    path = (("applications", application.id),)
    return envelope(address, path, properties, application.last_modified, application.tags)


def package_json(
    address: AccountAddress,
    application: Application,
    package: ApplicationPackage,
    storage: tuple[str, datetime] | None = None,
) -> Json:
    """
    Write one version of an application.

    :param storage: address of its blob with a signature, and when that expires; lists go without.
    """
    url, expiry = storage or (None, None)
    activated = package.last_activation_time
    properties: dict[str, Any] = present(
        state=package.state.value,
        format=package.format,
        storageUrl=url,
        storageUrlExpiry=expiry and format_time(expiry),
        lastActivationTime=activated and format_time(activated),
    )
    path = (("applications", application.id), ("versions", package.version))
    return envelope(address, path, properties, package.last_modified, package.tags)


@dataclass(frozen=True)
class AccountFacts:
    """
    What an account shows beside its own state.

    :param endpoint: host and port of the data plane.
    :param auto_storage: ARM id of the linked storage account, and when its keys were synchronised.
    """

    endpoint: str
    dedicated_core_quota: int
    low_priority_core_quota: int
    pool_quota: int
    active_job_quota: int
    auto_storage: tuple[str, datetime] | None


def account_json(address: AccountAddress, account: Account, facts: AccountFacts) -> Json:
    """Write the account."""
    properties: Json = {
        "accountEndpoint": facts.endpoint,
        "provisioningState": "Succeeded",
        "poolAllocationMode": "BatchService",
        "publicNetworkAccess": account.public_network_access,
        "privateEndpointConnections": [],
        "encryption": {"keySource": "Microsoft.Batch"},
        "dedicatedCoreQuota": facts.dedicated_core_quota,
        "lowPriorityCoreQuota": facts.low_priority_core_quota,
        "dedicatedCoreQuotaPerVMFamily": [],
        "dedicatedCoreQuotaPerVMFamilyEnforced": False,
        "poolQuota": facts.pool_quota,
        "activeJobAndJobScheduleQuota": facts.active_job_quota,
        "allowedAuthenticationModes": [mode.value for mode in account.authentication_modes],
    }
    if facts.auto_storage is not None:
        storage_id, synchronized = facts.auto_storage
        properties["autoStorage"] = {
            "storageAccountId": storage_id,
            "lastKeySync": format_time(synchronized),
            "authenticationMode": "StorageKeys",
        }
    return {
        "id": address.account_id,
        "name": address.account_name,
        "type": ACCOUNT_TYPE,
        "location": address.location,
        "identity": {"type": "None"},
        "tags": dict(account.tags),
        "properties": properties,
    }
