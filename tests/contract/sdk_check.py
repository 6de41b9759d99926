"""
Checks each answer against the vendor SDK's models: no unknown field, no wrong type, no required field absent.

The SDK itself is lenient (it keeps what it does not know, it misses nothing), so a working client says little
about the answer. :class:`ModelCheck` stands in the pipeline of the contract tests' clients.
"""

from __future__ import annotations

import datetime
import enum
import re
import types
import typing
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azure.batch.models import _models as sdk_models
from azure.core.exceptions import ResponseNotReadError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import AsyncHttpResponse

from tests.contract.sdk_schema import annotation_of, rest_fields

_ID = "[^/]+"
#: method and path of an answer with a JSON body -> model, and whether it is a page of them
MODELS: list[tuple[str, str, str, bool]] = [
    ("GET", "/applications", "BatchApplication", True),
    ("GET", f"/applications/{_ID}", "BatchApplication", False),
    ("GET", "/supportedimages", "BatchSupportedImage", True),
    ("GET", "/nodecounts", "BatchPoolNodeCounts", True),
    ("GET", "/pools", "BatchPool", True),
    ("GET", f"/pools/{_ID}", "BatchPool", False),
    ("GET", f"/pools/{_ID}/nodes", "BatchNode", True),
    ("GET", f"/pools/{_ID}/nodes/{_ID}", "BatchNode", False),
    ("GET", f"/pools/{_ID}/nodes/{_ID}/files", "BatchNodeFile", True),
    ("GET", f"/pools/{_ID}/nodes/{_ID}/remoteloginsettings", "BatchNodeRemoteLoginSettings", False),
    ("GET", f"/pools/{_ID}/nodes/{_ID}/extensions", "BatchNodeVMExtension", True),
    ("GET", f"/pools/{_ID}/nodes/{_ID}/extensions/{_ID}", "BatchNodeVMExtension", False),
    ("POST", f"/pools/{_ID}/nodes/{_ID}/uploadbatchservicelogs", "UploadBatchServiceLogsResult", False),
    ("GET", "/poolusagemetrics", "BatchPoolUsageMetrics", True),
    ("GET", "/jobs", "BatchJob", True),
    ("GET", f"/jobs/{_ID}", "BatchJob", False),
    ("GET", "/jobschedules", "BatchJobSchedule", True),
    ("GET", f"/jobschedules/{_ID}", "BatchJobSchedule", False),
    ("GET", f"/jobschedules/{_ID}/jobs", "BatchJob", True),
    (
        "GET",
        f"/jobs/{_ID}/jobpreparationandreleasetaskstatus",
        "BatchJobPreparationAndReleaseTaskStatus",
        True,
    ),
    ("GET", f"/jobs/{_ID}/taskcounts", "BatchTaskCountsResult", False),
    ("GET", f"/jobs/{_ID}/tasks", "BatchTask", True),
    ("GET", f"/jobs/{_ID}/tasks/{_ID}", "BatchTask", False),
    ("GET", f"/jobs/{_ID}/tasks/{_ID}/files", "BatchNodeFile", True),
    ("GET", f"/jobs/{_ID}/tasks/{_ID}/subtasksinfo", "BatchSubtask", True),
    ("POST", f"/jobs/{_ID}/addtaskcollection", "BatchCreateTaskCollectionResult", False),
    ("POST", f"/pools/{_ID}/evaluateautoscale", "AutoScaleRun", False),
]
#: required by the model, yet absent in recordings of the real service: field -> states in which it is
ABSENT_IN_RECORDINGS: dict[tuple[str, str], tuple[str | None, ...]] = {
    ("BatchNode", "lastBootTime"): (
        "creating",
        "starting",
        "unusable",
        "leavingpool",
        "preempted",
    ),
    # never shown again
    ("UserAccount", "password"): (None,),
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z")
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_SCALARS: dict[Any, typing.Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str),
    int: lambda value: type(value) is int,
    float: lambda value: type(value) in (int, float),
    bool: lambda value: type(value) is bool,
    datetime.datetime: lambda value: isinstance(value, str) and bool(_TIME.fullmatch(value)),
    datetime.timedelta: lambda value: isinstance(value, str) and bool(_DURATION.fullmatch(value)),
}


class ModelCheck(SansIOHTTPPolicy[Any, Any]):
    """Fails the request when its answer is not what the SDK's models say; remembers what it saw."""

    def __init__(self) -> None:
        self.checked = 0

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        answer = response.http_response
        if request.http_request.method == "HEAD" or not _is_json(answer.headers.get("Content-Type")):
            return
        try:
            body = answer.json()
        except ResponseNotReadError:  # a streamed download that failed
            if isinstance(answer, AsyncHttpResponse):
                return  # cannot be read from here; the sync client checks the same body
            answer.read()  # the SDK would leave it, and with it the connection, open
            body = answer.json()
        found = list(
            violations_of(request.http_request.method, request.http_request.url, answer.status_code, body)
        )
        self.checked += 1
        assert not found, f"{request.http_request.method} {request.http_request.url}: {found}"


def violations_of(method: str, url: str, status: int, body: Any) -> Iterator[str]:
    """What is wrong with the body of an answer."""
    parts = urlsplit(url)
    if status >= 400:
        yield from violations(body, sdk_models.BatchError, "error", partial=False)
        return
    partial = "$select" in parse_qs(parts.query)
    for wanted, path, name, paged in MODELS:
        if wanted == method and re.fullmatch(path, parts.path):
            model = getattr(sdk_models, name)
            yield from (
                _page(body, model, partial) if paged else violations(body, model, name, partial=partial)
            )
            return
    yield f"no model is known for {method} {parts.path}"


def violations(value: Any, model: type, path: str, *, partial: bool = False) -> Iterator[str]:
    """
    What is wrong with the JSON of a model.

    :param partial: with ``$select``, required fields of the top level may be absent.
    """
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    fields = {field._rest_name: (name, field) for name, field in rest_fields(model).items()}
    for name in value:
        if name not in fields and not name.startswith("odata."):
            yield f"{path}.{name}: unknown field"
    for name, (attribute, field) in fields.items():
        annotation = annotation_of(model, attribute)
        if name in value:
            if field._format == "str":
                yield from (
                    ()
                    if isinstance(value[name], str) and value[name].isdigit()
                    else (f"{path}.{name}: no digits",)
                )
            else:
                yield from _typed(value[name], annotation, f"{path}.{name}")
        elif value.get("state") in ABSENT_IN_RECORDINGS.get((model.__name__, name), ()):
            continue
        elif not partial and type(None) not in typing.get_args(annotation):
            yield f"{path}.{name}: required field is missing"


def _page(body: Any, model: type, partial: bool) -> Iterator[str]:
    if set(body) - {"odata.metadata", "value", "odata.nextLink"}:
        yield f"unknown members of a page: {sorted(body)}"
    for index, element in enumerate(body["value"]):
        yield from violations(element, model, f"value[{index}]", partial=partial)


def _typed(value: Any, annotation: Any, path: str) -> Iterator[str]:
    members = _members(annotation)
    enums: list[Any] = [m for m in members if isinstance(m, enum.EnumMeta)]
    if value is None:
        yield f"{path}: null instead of absent"
    elif enums:
        allowed = [member.value for member in enums[0]]
        if value not in allowed:
            yield f"{path}: {value!r} is none of {allowed}"
    elif members[0] in _SCALARS:
        if not _SCALARS[members[0]](value):
            yield f"{path}: {value!r} is no {members[0].__name__}"
    elif typing.get_origin(members[0]) is list:
        if not isinstance(value, list):
            yield f"{path}: no array"
            return
        for index, item in enumerate(value):
            yield from _typed(item, typing.get_args(members[0])[0], f"{path}[{index}]")
    elif members[0] is not Any and typing.get_origin(members[0]) is not dict:
        yield from violations(value, members[0], path)


def _members(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [member for member in typing.get_args(annotation) if member is not type(None)]
    return [annotation]


def _is_json(content_type: str | None) -> bool:
    return bool(content_type) and str(content_type).startswith("application/json")
