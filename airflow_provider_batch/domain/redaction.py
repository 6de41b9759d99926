"""
Secrets that may stand in any text on its way to a log: SAS signatures, keys and tokens are replaced.

This knows secrets by their form, whatever logs; Airflow's masker knows them by their value. Both are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

__all__ = ["MASK", "redact", "sas_signatures"]

MASK = "***"

# A SAS signature is base64, so it is percent-encoded in a URL; inside an encoded URL, once more.
_END_OF_VALUE = r"[^&\s\"'<>,;)\\]+"
_SIGNATURE = re.compile(
    rf"(?P<name>(?:[?&;]|%3[Ff]|%26|\\u0026|\b)sig(?:=|%3[Dd]))(?P<value>{_END_OF_VALUE})", re.IGNORECASE
)
_AUTHORIZATION = re.compile(
    r"(?P<name>\b(?:SharedKey(?:Lite)?\s+[^\s:]+:|Bearer\s+))(?P<value>[A-Za-z0-9+/=._~-]{8,})", re.IGNORECASE
)
_CONNECTION_STRING = re.compile(
    r"(?P<name>\b(?:AccountKey|SharedAccessKey|client_secret)=)(?P<value>[^;&\s\"']+)", re.IGNORECASE
)


def redact(text: str) -> str:
    """
    Replace what looks like a secret: ``sig=`` of a SAS, ``Authorization`` values, keys of connection strings.

    The rest of the text stays as it is; redacting twice changes nothing more.

    :param text: any text, one or many lines.
    """
    for pattern in (_SIGNATURE, _AUTHORIZATION, _CONNECTION_STRING):
        text = pattern.sub(_masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    value = match["value"]
    # In an encoded URL the next parameter begins with an encoded ampersand.
    encoded_end = re.search(r"%26", value) if "%3d" in match["name"].lower() else None
    return match["name"] + MASK + (value[encoded_end.start() :] if encoded_end else "")


def sas_signatures(value: Any) -> Iterator[str]:
    """
    Find the SAS signatures in a JSON value, each as it stands there and decoded.

    :param value: a REST body, or a part of one.
    """
    if isinstance(value, str):
        for match in _SIGNATURE.finditer(value):
            yield match["value"]
            if (decoded := unquote(match["value"])) != match["value"]:
                yield decoded
    elif isinstance(value, dict):
        for item in value.values():
            yield from sas_signatures(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from sas_signatures(item)
