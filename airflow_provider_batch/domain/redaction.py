"""
Secrets that may stand in any text on its way to a log: SAS signatures, keys and tokens are replaced.

This knows secrets by their form, whatever logs; Airflow's masker knows them by their value. Both are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

__all__ = ["MASK", "redact", "secrets_in"]

MASK = "***"

# A signature is 44 characters of base64, percent-encoded in a URL, and once more in a URL inside a URL; it
# ends before the next parameter. Shorter values are somebody's own ``sig=9`` and stay.
_SIGNATURE = re.compile(
    r"(?P<name>(?<![A-Za-z])sig(?:=|%3D|%253D))(?P<value>(?:(?!%26|%2526)[A-Za-z0-9%+/=_.~-]){16,})",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(
    r"(?P<name>\b(?:SharedKey(?:Lite)?\s+[^\s:]+:|Bearer\s+))(?P<value>[A-Za-z0-9+/=._~-]{16,})",
    re.IGNORECASE,
)
_CONNECTION_STRING = re.compile(
    r"(?P<name>\b(?:AccountKey|SharedAccessKey|client_secret)=)(?P<value>[^;&\s\"']+)", re.IGNORECASE
)

#: Properties of REST bodies whose whole value is secret: registries, file shares, users, mounts, extensions.
_SECRET_PROPERTIES = frozenset({"accountKey", "password", "protectedSettings", "sasKey", "sshPrivateKey"})


def redact(text: str) -> str:
    """
    Replace what looks like a secret: ``sig=`` of a SAS, ``Authorization`` values, keys of connection strings.

    The rest of the text stays as it is; redacting twice changes nothing more.

    :param text: any text, one or many lines.
    """
    for pattern in (_SIGNATURE, _AUTHORIZATION, _CONNECTION_STRING):
        text = pattern.sub(rf"\g<name>{MASK}", text)
    return text


def secrets_in(value: Any) -> Iterator[str]:
    """
    Find the secrets in a JSON value: SAS signatures, as they stand and decoded, keys and passwords.

    :param value: a REST body, or a part of one.
    """
    if isinstance(value, str):
        yield from _signatures(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _SECRET_PROPERTIES:
                yield from _texts(item)
            yield from secrets_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from secrets_in(item)


def _signatures(text: str) -> Iterator[str]:
    for match in _SIGNATURE.finditer(text):
        yield match["value"]
        decoded = unquote(match["value"])
        if decoded != match["value"]:
            yield decoded


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
