"""A container of Azurite for one test, by the vendor SDK of Storage, with addresses that carry signatures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from tests.azurite_process import ACCOUNT, KEY, AzuriteProcess
from tests.contract.clients import new_id

_API_VERSION = "2021-12-02"
"""One that Azurite knows; the SDK's own is newer."""


class StoredContainer:
    """
    A container with some blobs.

    :param blobs: contents by name.
    """

    def __init__(self, azurite: AzuriteProcess, blobs: Mapping[str, str] | None = None) -> None:
        self.name = new_id("container")
        self.url = f"{azurite.endpoint}/{self.name}"
        self.client = ContainerClient.from_container_url(
            self.url, {"account_name": ACCOUNT, "account_key": KEY}, api_version=_API_VERSION
        )
        self.client.create_container()
        for name, content in (blobs or {}).items():
            self.client.upload_blob(name, content)

    def signed(self, permissions: str = "rwl", *, hours: float = 1) -> str:
        """Address with a signature."""
        return f"{self.url}?{self._signature(permissions, hours)}"

    def signed_blob(self, name: str, permissions: str = "r") -> str:
        """Address of a blob with a signature of the container."""
        return f"{self.url}/{name}?{self._signature(permissions, 1)}"

    def _signature(self, permissions: str, hours: float) -> str:
        signature: str = generate_container_sas(
            ACCOUNT,
            self.name,
            account_key=KEY,
            permission=ContainerSasPermissions.from_string(permissions),
            expiry=datetime.now(timezone.utc) + timedelta(hours=hours),
        )
        return signature

    def contents(self) -> dict[str, str]:
        """Everything in it."""
        names = [blob.name for blob in self.client.list_blobs()]
        return {name: self.client.download_blob(name).readall().decode() for name in names}

    def close(self) -> None:
        self.client.close()
