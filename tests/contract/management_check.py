"""Checks each answer of the management plane against azure-mgmt-batch's models, as ``sdk_check`` does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import ResponseNotReadError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import AsyncHttpResponse
from azure.mgmt.batch.models import _models as sdk_models

from tests.contract.sdk_check import violations

_ID = "[^/]+"
_ACCOUNTS = f"/subscriptions/{_ID}/resourceGroups/{_ID}/providers/Microsoft.Batch/batchAccounts"
_ACCOUNT = f"{_ACCOUNTS}/{_ID}"
_LOCATION = f"/subscriptions/{_ID}/providers/Microsoft.Batch/locations/{_ID}"
#: path of an answer with a JSON body -> model, and whether it is a page of them
MODELS: list[tuple[str, str, bool]] = [
    (_ACCOUNT, "BatchAccount", False),
    (_ACCOUNTS, "BatchAccount", True),
    (f"/subscriptions/{_ID}/providers/Microsoft.Batch/batchAccounts", "BatchAccount", True),
    (f"{_ACCOUNT}/(listKeys|regenerateKeys)", "BatchAccountKeys", False),
    (f"{_ACCOUNT}/applications", "Application", True),
    (f"{_ACCOUNT}/applications/{_ID}", "Application", False),
    (f"{_ACCOUNT}/applications/{_ID}/versions", "ApplicationPackage", True),
    (f"{_ACCOUNT}/applications/{_ID}/versions/{_ID}(/activate)?", "ApplicationPackage", False),
    (f"{_ACCOUNT}/pools", "Pool", True),
    (f"{_ACCOUNT}/pools/{_ID}(/stopResize|/disableAutoScale)?", "Pool", False),
    (f"{_LOCATION}/quotas", "BatchLocationQuota", False),
    (f"{_LOCATION}/virtualMachineSkus", "SupportedSku", True),
    (f"{_LOCATION}/checkNameAvailability", "CheckNameAvailabilityResult", False),
]


class ManagementModelCheck(SansIOHTTPPolicy[Any, Any]):
    """Fails the request when its answer is not what the SDK's models say; remembers what it saw."""

    def __init__(self) -> None:
        self.checked = 0

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        answer = response.http_response
        if not str(answer.headers.get("Content-Type")).startswith("application/json"):
            return
        try:
            body = answer.json()
        except ResponseNotReadError:
            # The SDK streams the answers of writes and reads them itself.
            if isinstance(answer, AsyncHttpResponse):
                return
            answer.read()
            body = answer.json()
        found = list(_violations(urlsplit(request.http_request.url).path, answer.status_code, body))
        self.checked += 1
        assert not found, f"{request.http_request.method} {request.http_request.url}: {found}"


def _violations(path: str, status: int, body: Any) -> Iterator[str]:
    if status >= 400:
        yield from violations(body, sdk_models.CloudError, "error")
        return
    for pattern, name, paged in MODELS:
        if re.fullmatch(pattern, path):
            model = getattr(sdk_models, name)
            elements = body["value"] if paged else [body]
            if paged and set(body) - {"value", "nextLink"}:
                yield f"unknown members of a page: {sorted(body)}"
            for element in elements:
                yield from violations(element, model, name)
            return
    yield f"no model is known for {path}"
