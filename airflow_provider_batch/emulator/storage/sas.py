"""
Shared access signatures of Blob storage: an address that lets its bearer do what it says until it expires.

Source: "Create a service SAS" and "Create an account SAS" of the Storage REST API, version 2021-12-02.
An address with a signature is a credential: write :func:`masked` of it wherever a person may read it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timezone
from urllib.parse import urlencode, urlsplit, urlunsplit

VERSION = "2021-12-02"
"""The version of the Storage REST API whose rules the signatures follow."""


def blob_sas(
    account: str, key: str, container: str, blob: str, permissions: str, start: datetime, expiry: datetime
) -> str:
    """
    Sign access to one blob.

    :param key: base64 key of the storage account.
    :param permissions: letters in the order of the service, for example ``rw``.
    :return: the query, without the question mark.
    """
    return _service_sas(
        account, key, f"/blob/{account}/{container}/{blob}", "b", permissions, (start, expiry)
    )


def container_sas(
    account: str, key: str, container: str, permissions: str, start: datetime, expiry: datetime
) -> str:
    """Sign access to a container and its blobs; parameters as in :func:`blob_sas`, ``l`` lists."""
    return _service_sas(account, key, f"/blob/{account}/{container}", "c", permissions, (start, expiry))


def account_sas(
    account: str, key: str, permissions: str, resource_types: str, start: datetime, expiry: datetime
) -> str:
    """
    Sign access to the Blob service of an account, which alone can make containers.

    :param resource_types: of ``s`` (service), ``c`` (container) and ``o`` (blob), in this order.
    """
    times = (_time(start), _time(expiry))
    fields = [account, permissions, "b", resource_types, *times, "", "", VERSION, "", ""]
    return urlencode(
        {
            "sv": VERSION,
            "ss": "b",
            "srt": resource_types,
            "sp": permissions,
            "st": times[0],
            "se": times[1],
            "sig": _signature(fields, key),
        }
    )


def masked(url: str) -> str:
    """Return an address without its query and without a password, for logs and messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "***" if parts.query else "", ""))


def _service_sas(
    account: str, key: str, resource: str, kind: str, permissions: str, period: tuple[datetime, datetime]
) -> str:
    start, expiry = (_time(moment) for moment in period)
    # permissions, period, resource, policy, addresses, protocol, version, kind, snapshot, encryption scope,
    # and five headers of the answer
    fields = [permissions, start, expiry, resource, "", "", "", VERSION, kind, *[""] * 7]
    return urlencode(
        {
            "sv": VERSION,
            "sr": kind,
            "sp": permissions,
            "st": start,
            "se": expiry,
            "sig": _signature(fields, key),
        }
    )


def _signature(fields: list[str], key: str) -> str:
    digest = hmac.new(base64.b64decode(key), "\n".join(fields).encode("utf-8"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
