"""
Pure mapping between our requests and answers and the HTTP messages of the vendor's pipeline.

``api-version`` and content types are set here; ``client-request-id``, ``ocp-date``, signature or token and
``User-Agent`` are set by the pipeline. A test compares each request with the one the vendor SDK sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from azure.core.rest import HttpRequest

from airflow_provider_batch.domain.requests import API_VERSION, Answer, Request, json_text
from airflow_provider_batch.exceptions import AzureBatchConfigurationError

__all__ = ["answer", "asked_bytes", "http_request"]

CONTENT_TYPE = "application/json; odata=minimalmetadata"
_ACCEPT = {"json": "application/json", "bytes": "application/octet-stream"}
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def http_request(request: Request) -> HttpRequest:
    """
    Map a request to the message that the vendor's pipeline sends; its URL is relative to the account's.

    :param request: what to send.
    :raises AzureBatchConfigurationError: the data plane is not where it is to go.
    """
    if request.plane != "data":
        raise AzureBatchConfigurationError(
            f"{request.operation} is for the management plane; send it on a worker, by AzureBatchHook."
        )
    headers = dict(request.headers)
    if accept := _ACCEPT.get(request.answer):
        headers["Accept"] = accept
    content = request.content
    if content is None and request.json is not None:
        content = json_text(request.json)
    if content is not None:
        headers["Content-Type"] = CONTENT_TYPE
    query = {"api-version": API_VERSION, **request.query}
    # azure-core joins the parameters as they are given.
    params = {name: quote(value, safe="") for name, value in query.items()}
    return HttpRequest(request.method, request.path, params=params, headers=headers, content=content)


def asked_bytes(request: Request) -> int | None:
    """
    Return how many bytes a download asked for, or None for the whole file.

    A server may ignore the range; what exceeds it is never read.

    :param request: a request with ``answer="bytes"``.
    """
    match = _RANGE.fullmatch(request.headers.get("ocp-range", ""))
    return int(match[2]) - int(match[1]) + 1 if match else None


def answer(request: Request, headers: Mapping[str, str], content: bytes) -> Answer:
    """
    Map a successful response.

    :param request: what was sent.
    :param headers: response headers.
    :param content: the body.
    :raises ValueError: JSON was asked for and the body is not a JSON object.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if request.answer == "bytes":
        return Answer(content=content, headers=lower)
    if request.answer == "none":
        return Answer(headers=lower)
    return Answer(json=_json_object(content), headers=lower)


def _json_object(content: bytes) -> Mapping[str, Any]:
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object was expected, not {type(value).__name__}")
    return value


class Bounded:
    """
    Collects chunks up to a limit.

    :param limit: greatest number of bytes; None for no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self._left = limit
        self._parts: list[bytes] = []

    def add(self, chunk: bytes) -> bool:
        """
        Take a chunk, or its beginning.

        :param chunk: what was read.
        :return: True when the limit is reached.
        """
        if self._left is None:
            self._parts.append(chunk)
            return False
        self._parts.append(chunk[: self._left])
        self._left -= min(len(chunk), self._left)
        return self._left == 0

    def content(self) -> bytes:
        """Return what was collected."""
        return b"".join(self._parts)


def bounded(chunks: Iterable[bytes], limit: int | None) -> bytes:
    """
    Read chunks up to a limit.

    :param chunks: parts of a body, read from the network as they are asked for.
    :param limit: greatest number of bytes; None for no limit.
    """
    collected = Bounded(limit)
    for chunk in chunks:
        if collected.add(chunk):
            break
    return collected.content()
