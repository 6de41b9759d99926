"""
Addresses under which a node reaches Blob storage.

A node of the real service can bear a managed identity. Here it has none: what an identity would open is read
and written without a signature, unless it lies in the auto-storage account, whose key is known.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_batch.emulator.storage.auto_storage import AutoStorage

_READ_AND_LIST = "rl"
_WRITE = "rcw"
_LIFETIME = timedelta(hours=4)


class StorageAccess:
    """
    Makes addresses that work.

    :param auto_storage: the account that is linked with the Batch account; None without.
    """

    def __init__(self, auto_storage: AutoStorage | None = None) -> None:
        self._auto_storage = auto_storage

    def auto_storage_container(self, name: str) -> str | None:
        """Return an address to list and read a container of the auto-storage account; None without one."""
        if self._auto_storage is None:
            return None
        # The storage account goes by the real time, whatever the time of the Batch account.
        now = datetime.now(timezone.utc)
        return self._auto_storage.signed_container_url(name, _READ_AND_LIST, now, _LIFETIME)

    def readable(self, url: str, *, has_identity: bool) -> str:
        """Return an address to read, signed if a managed identity was named for our own account."""
        return self._signed(url, _READ_AND_LIST) if has_identity else url

    def writable(self, url: str, *, has_identity: bool) -> str:
        """Return an address to write to, signed likewise."""
        return self._signed(url, _WRITE) if has_identity else url

    def _signed(self, url: str, permissions: str) -> str:
        account = self._auto_storage
        if account is None or not account.holds(url) or "sig" in parse_qs(urlsplit(url).query):
            return url
        path = urlsplit(url).path.removeprefix(urlsplit(account.blob_endpoint).path).strip("/")
        container = unquote(path.partition("/")[0])
        signed = account.signed_container_url(container, permissions, datetime.now(timezone.utc), _LIFETIME)
        return urlsplit(url)._replace(query=urlsplit(signed).query).geturl()
