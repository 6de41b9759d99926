"""
SharedKey: what a client signs and whether a request carries the right signature.

Source: "Authenticate requests to the Azure Batch service", and what azure-batch 15.1 computes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from itertools import product
from urllib.parse import quote, unquote

from airflow_provider_batch.emulator import errors

CLOCK_SKEW = timedelta(minutes=15)
"""How far the date of a request may be from the server's clock."""

_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


@dataclass(frozen=True)
class SignedRequest:
    """The parts of a request that a signature covers. Header names are lower-case, the path is as sent."""

    method: str
    raw_path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]


def string_to_sign(request: SignedRequest, account: str, *, content_length: str, lower_names: bool) -> str:
    """
    Build the text under the signature.

    :param content_length: the value to sign; clients differ in how they sign an absent body.
    :param lower_names: sign query names in lower case, as the documentation says; azure-batch keeps them.
    """
    signed = {**request.headers, "content-length": content_length}
    lines = [request.method, *(signed.get(name, "") for name in _SIGNED_HEADERS)]
    lines += [f"{name}:{request.headers[name]}" for name in sorted(request.headers) if "ocp-" in name]
    text = "\n".join(lines) + f"\n/{account}{request.raw_path}"
    return text + "".join(f"\n{name}:{value}" for name, value in _signed_query(request.query, lower_names))


def sign(text: str, key: str) -> str:
    """
    The signature of a text under a base64 key.

    :raises ValueError: the key is not base64.
    """
    digest = hmac.new(decode_key(key), text.encode("utf-8"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


def decode_key(key: str) -> bytes:
    """
    The bytes of an account key.

    :raises ValueError: the key is empty or not base64.
    """
    try:
        decoded = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError("an account key is base64 text") from None
    if not decoded:
        raise ValueError("an account key must not be empty")
    return decoded


def check_signature(request: SignedRequest, account: str, keys: Sequence[str], now: datetime) -> None:
    """
    Let a request pass that was signed with one of the account's keys within 15 minutes of ``now``.

    :raises ServiceError: ``AuthenticationFailed``; its detail never contains the expected signature.
    """
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if not credential:
        raise errors.authentication_failed("The Authorization header is missing.", status=401)
    if scheme.lower() != "sharedkey":
        raise errors.authentication_failed(
            f"The authentication scheme {scheme!r} is not supported here.", status=401
        )
    name, _, signature = credential.strip().rpartition(":")
    if name.lower() != account.lower():
        raise errors.authentication_failed(f"The account {name!r} is not served here.")
    _check_date(request.headers, now)
    # The likeliest text first, and no further one is signed once a signature fits.
    expected = (sign(text, key) for key in keys for text in _acceptable_texts(request, name))
    if not any(hmac.compare_digest(signature.encode(), candidate.encode()) for candidate in expected):
        raise errors.authentication_failed("The signature does not match the request and the account's key.")


def _acceptable_texts(request: SignedRequest, account: str) -> Iterable[str]:
    for path, length, lower in product(
        _acceptable_paths(request.raw_path), _acceptable_lengths(request), (False, True)
    ):
        same = replace(request, raw_path=path)
        yield string_to_sign(same, account, content_length=length, lower_names=lower)


def _acceptable_paths(raw_path: str) -> Iterable[str]:
    """
    The path as sent, and as azure-batch signs it.

    Its aio client signs ``/jobs/s%3Ajob-1`` and sends ``/jobs/s:job-1``, since aiohttp spells addresses anew.
    """
    signed = "/".join(quote(unquote(part), safe="") for part in raw_path.split("/"))
    return dict.fromkeys((raw_path, signed))


def _acceptable_lengths(request: SignedRequest) -> Sequence[str]:
    sent = request.headers.get("content-length")
    if sent not in (None, "0"):
        return (sent,) if sent is not None else ()
    return ("", "0")


def _signed_query(query: Sequence[tuple[str, str]], lower_names: bool) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    for name, value in query:
        if value:
            first.setdefault(name.lower() if lower_names else name, value)
    return sorted(first.items())


def _check_date(headers: Mapping[str, str], now: datetime) -> None:
    sent = headers.get("ocp-date") or headers.get("date")
    if not sent:
        raise errors.authentication_failed("Neither an ocp-date nor a Date header was sent.")
    try:
        date = parsedate_to_datetime(sent)
    except (TypeError, ValueError):
        raise errors.authentication_failed("The date of the request is not an RFC 1123 time.") from None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    if abs(now - date) > CLOCK_SKEW:
        raise errors.authentication_failed(
            "The date of the request is more than 15 minutes from the server's."
        )
