"""The forms that answers have."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.service.files import Download, FileFacts
from airflow_provider_batch.emulator.service.results import Found
from airflow_provider_batch.emulator.wire import casing
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.times import format_http_date

JSON_TYPE = "application/json;odata=minimalmetadata"


def page(body: Json) -> Response:
    """A list, or any other JSON without an ETag."""
    return Response(_dump(body), headers={"content-type": JSON_TYPE})


def resource(found: Found, metadata: str) -> Response:
    """One resource; ``metadata`` is its ``odata.metadata``."""
    headers = {"content-type": JSON_TYPE}
    if found.last_modified is not None:
        headers.update(_versions(found.last_modified))
    return Response(_dump({"odata.metadata": metadata, **found.body}), headers=headers)


def exists(found: Found) -> Response:
    """HEAD of a resource that is there."""
    return Response(headers=_versions(found.last_modified) if found.last_modified else None)


def created(url: str, last_modified: datetime) -> Response:
    """A create: 201, the address, no body."""
    headers = {**_versions(last_modified), "location": url, "dataserviceid": url}
    return Response(status_code=201, headers=headers)


def written(status: int, url: str, last_modified: datetime) -> Response:
    """An update or a verb: ``url`` is that of the resource, with the verb."""
    headers = {**_versions(last_modified), "dataserviceid": url}
    if status == 204:
        headers["content-length"] = "0"
    return Response(status_code=status, headers=headers)


def done(status: int, url: str) -> Response:
    """A verb on what has no ETag: ``url`` is that of the resource, with the verb; of a new one with 201."""
    headers = {"dataserviceid": url}
    if status == 201:
        headers["location"] = url
    return Response(status_code=status, headers=headers)


def deleted(status: int) -> Response:
    """A delete carries neither ETag nor address."""
    return Response(status_code=status)


def with_capitals(answer: Response) -> Response:
    """The same answer with the words in capitals that were recorded so."""
    if answer.headers.get("content-type") != JSON_TYPE:
        return answer
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(_dump(casing.with_capitals(json.loads(bytes(answer.body)))), answer.status_code, headers)


def file_facts(facts: FileFacts) -> Response:
    """HEAD of a file."""
    return Response(headers={**_file_headers(facts), "content-length": str(facts.size_bytes)})


def download(found: Download) -> Response:
    """A file or a slice of it: always 200, and no Content-Length, since the file may still grow."""
    return _FileResponse(found)


class _FileResponse(StreamingResponse):
    """Closes its file however it ends, also when the reader hangs up amid it."""

    def __init__(self, found: Download) -> None:
        super().__init__(found.chunks, headers=_file_headers(found.facts))
        self._chunks = found.chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        with closing(self._chunks):
            await super().__call__(scope, receive, send)


def _file_headers(facts: FileFacts) -> dict[str, str]:
    return {
        "content-type": facts.content_type,
        "last-modified": format_http_date(facts.last_modified),
        "ocp-batch-file-isdirectory": str(facts.is_directory),
        "ocp-batch-file-url": quote(facts.url, safe=""),
        "ocp-batch-file-mode": facts.mode,
    }


def _versions(last_modified: datetime) -> dict[str, str]:
    return {"etag": etag(last_modified), "last-modified": format_http_date(last_modified)}


def _dump(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode("utf-8")
