"""
The storage account that is linked with the Batch account: application packages and containers by name.

``batch-emulator serve --auto-storage <connection string>`` names it; Azurite does.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from airflow_provider_batch.emulator.storage.sas import account_sas, blob_sas, container_sas

DEVELOPMENT_ACCOUNT = "devstoreaccount1"
"""Azurite's account."""

DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's key. PUBLIC: Microsoft's documentation prints it, and it is the same everywhere."""

_DEVELOPMENT_ENDPOINT = f"http://127.0.0.1:10000/{DEVELOPMENT_ACCOUNT}"
#: a signature counts from a little earlier, since the clocks of two machines differ
_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class AutoStorage:
    """
    A storage account and its key.

    :param blob_endpoint: address of its Blob service, without a slash at the end.
    """

    account: str
    key: str = field(repr=False)
    blob_endpoint: str

    @classmethod
    def from_connection_string(cls, text: str) -> AutoStorage:
        """
        Read a connection string of Azure Storage; ``UseDevelopmentStorage=true`` is Azurite's.

        :raises ValueError: it lacks something, and what; the text never holds the key.
        """
        parts = _parts(text)
        if parts.get("usedevelopmentstorage", "").lower() == "true":
            return cls(DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY, _DEVELOPMENT_ENDPOINT)
        account, key = parts.get("accountname", ""), parts.get("accountkey", "")
        if not account or not key:
            raise ValueError("a connection string needs AccountName and AccountKey")
        _check_key(key)
        protocol = parts.get("defaultendpointsprotocol", "https")
        suffix = parts.get("endpointsuffix", "core.windows.net")
        endpoint = parts.get("blobendpoint", f"{protocol}://{account}.blob.{suffix}").rstrip("/")
        if urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).netloc:
            raise ValueError("the BlobEndpoint of a connection string is an address of HTTP")
        return cls(account, key, endpoint)

    def container_url(self, container: str) -> str:
        """Return the address of a container, without a signature."""
        return f"{self.blob_endpoint}/{quote(container, safe='')}"

    def blob_url(self, container: str, blob: str) -> str:
        """Return the address of a blob, without a signature."""
        return f"{self.container_url(container)}/{quote(blob, safe='/')}"

    def signed_blob_url(
        self, container: str, blob: str, permissions: str, now: datetime, lifetime: timedelta
    ) -> str:
        """
        Return the address of a blob with a signature.

        :param permissions: for example ``r`` or ``rw``.
        """
        period = (now - _SKEW, now + lifetime)
        query = blob_sas(self.account, self.key, container, blob, permissions, *period)
        return f"{self.blob_url(container, blob)}?{query}"

    def signed_container_url(
        self, container: str, permissions: str, now: datetime, lifetime: timedelta
    ) -> str:
        """Return the address of a container with a signature; ``rl`` reads and lists."""
        period = (now - _SKEW, now + lifetime)
        query = container_sas(self.account, self.key, container, permissions, *period)
        return f"{self.container_url(container)}?{query}"

    def container_maker_url(self, container: str, now: datetime) -> str:
        """Return an address under which the container may be made within a few minutes."""
        query = account_sas(self.account, self.key, "c", "c", now - _SKEW, now + timedelta(minutes=5))
        return f"{self.container_url(container)}?{query}"

    def holds(self, url: str) -> bool:
        """Whether an address lies in this account, so that it may be signed here."""
        return url == self.blob_endpoint or url.startswith(f"{self.blob_endpoint}/")


def _parts(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _check_key(key: str) -> None:
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError("the AccountKey of a connection string is base64 text") from None
