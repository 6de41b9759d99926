"""Requests by hand, signed by the vendor SDK's own policy, for what a client library would not send."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.batch._patch import BatchSharedKeyAuthPolicy
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest

from tests.emulator_process import EmulatorProcess

API_VERSION = "2025-06-01"


@dataclass(frozen=True)
class Answer:
    """Status, headers with lower-case names, and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The service's error code."""
        code: str = self.json()["code"]
        return code


def send(
    emulator: EmulatorProcess,
    method: str,
    path: str,
    body: Any = None,
    *,
    query: str = f"api-version={API_VERSION}",
    headers: Mapping[str, str] | None = None,
    signed: bool = True,
    after_signing: Mapping[str, str | None] | None = None,
) -> Answer:
    """
    Send one request.

    :param body: JSON to be, or bytes as they are.
    :param after_signing: headers changed (or, with None, left out) once the signature is made.
    """
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = HttpRequest(
        method, f"{emulator.url}{path}" + (f"?{query}" if query else ""), headers=dict(headers or {})
    )
    if content is not None:
        request.headers["Content-Type"] = "application/json; odata=minimalmetadata"
        request.headers["Content-Length"] = str(len(content))
    if signed:
        credential = AzureNamedKeyCredential(emulator.account_name, emulator.account_key)
        BatchSharedKeyAuthPolicy(credential).on_request(PipelineRequest(request, PipelineContext(None)))
    sent: dict[str, str] = dict(request.headers)
    for name, value in (after_signing or {}).items():
        sent.pop(name, None)
        if value is not None:
            sent[name] = value
    return _exchange(emulator, method, path + (f"?{query}" if query else ""), content, sent)


def _exchange(
    emulator: EmulatorProcess, method: str, target: str, content: bytes | None, headers: Mapping[str, str]
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()
