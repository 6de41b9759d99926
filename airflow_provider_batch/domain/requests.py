"""
The requests of the Batch REST API that this provider sends, as data.

Each function builds one request; a client sends it (``client``), a flow yields it (``flow``). Names of
operations are the vendor SDK's, and a test compares every request with the one that the SDK sends for the
same operation. Reads may be repeated at will; what may be said of a repeated write stands with it.

Source: Azure Batch REST API 2025-06-01.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from airflow_provider_batch.specs.pool_identities import identities_of

API_VERSION = "2025-06-01"

#: ids in one page of a list; the service's own maximum
MAX_RESULTS = 1000


@dataclass(frozen=True)
class Request:
    """
    One HTTP request to the service.

    :param operation: name of the operation in the vendor SDK, for messages and counts.
    :param method: HTTP verb.
    :param path: path with its variable parts percent-encoded.
    :param query: query parameters besides ``api-version``.
    :param json: body; None for no body.
    :param content: the body as JSON text, instead of ``json``, where its size had to be known before.
    :param headers: extra headers, for example ``If-Match`` or ``ocp-range``.
    :param answer: what the answer carries: a JSON object, raw bytes, or nothing of interest.
    :param plane: ``management`` for what the data plane cannot do; only workers send such requests, in the
        form that the management plane has for the same operation.
    """

    operation: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Literal["json", "bytes", "none"] = "json"
    content: str | None = field(default=None, repr=False)
    plane: Literal["data", "management"] = "data"


@dataclass(frozen=True)
class Answer:
    """
    What the service answered to one request.

    :param json: the object for ``answer="json"``, else an empty mapping.
    :param content: the bytes for ``answer="bytes"``, else empty.
    :param headers: response headers, names in lower case.
    """

    json: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str | None:
        """The ETag of the resource, without quotes; absent on lists, nodes, counts and DELETE."""
        value = self.headers.get("etag")
        return value.strip('"') if value else None

    @property
    def date(self) -> datetime | None:
        """The service's own time when it answered, in whole seconds, UTC; None when it does not say."""
        from email.utils import parsedate_to_datetime

        try:
            found = parsedate_to_datetime(self.headers.get("date", ""))
        except (OverflowError, ValueError):
            return None
        return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class TaskKey:
    """The pair that names a Batch task; kept together so that the two strings cannot be swapped."""

    batch_job_id: str
    batch_task_id: str

    def __str__(self) -> str:
        return f"{self.batch_job_id}/{self.batch_task_id}"


def json_text(value: Any) -> str:
    """
    Return the JSON text that is sent for a body: ASCII, so that its length is its size in bytes.

    :param value: a body, or a part of one.
    """
    return json.dumps(value, separators=(",", ":"))


def _segment(value: str) -> str:
    return quote(value, safe="")


def _options(
    select: Sequence[str] = (), filter_: str | None = None, maxresults: int | None = None
) -> dict[str, str]:
    query: dict[str, str] = {}
    if maxresults is not None:
        query["maxresults"] = str(maxresults)
    if filter_:
        query["$filter"] = filter_
    if select:
        query["$select"] = ",".join(select)
    return query


def _if_match(etag: str | None) -> dict[str, str]:
    # The service sends ETags bare and takes them quoted.
    return {"If-Match": f'"{etag}"'} if etag else {}


def next_page(request: Request, answer: Answer) -> Request | None:
    """
    Return the request for the page after ``answer``, or None after the last one.

    Only the query of the link is used: a link never leads us to another host.

    :param request: the request of the first page.
    :param answer: the page that was received.
    """
    link = answer.json.get("odata.nextLink")
    if not link:
        return None
    query = {k: v for k, v in parse_qsl(urlsplit(link).query) if k != "api-version"}
    return replace(request, query={**request.query, **query})


# --- account -------------------------------------------------------------------------------------


def list_supported_images(filter_: str | None = None) -> Request:
    """Images that the service verified, with their node agent."""
    return Request("list_supported_images", "GET", "/supportedimages", _options((), filter_, MAX_RESULTS))


def list_pool_node_counts(batch_pool_id: str | None = None) -> Request:
    """Numbers of nodes by state; of one pool or of every pool. Approximate: the service counts with a lag."""
    filter_ = None if batch_pool_id is None else f"poolId eq {odata_string(batch_pool_id)}"
    return Request("list_pool_node_counts", "GET", "/nodecounts", _options((), filter_))


# --- pools ---------------------------------------------------------------------------------------


def create_pool(body: Mapping[str, Any]) -> Request:
    """
    Create a pool; repeated, it answers 409 ``PoolExists``.

    One with identities goes to the management plane: the data plane shows identities and takes none.
    """
    if identities_of(body):
        return Request("create_pool", "POST", "/pools", json=dict(body), answer="none", plane="management")
    body = {name: value for name, value in body.items() if name != "identity"}
    return Request("create_pool", "POST", "/pools", json=body, answer="none")


def list_pools(select: Sequence[str] = (), filter_: str | None = None) -> Request:
    """Pools of the account."""
    return Request("list_pools", "GET", "/pools", _options(select, filter_))


def get_pool(batch_pool_id: str, select: Sequence[str] = ()) -> Request:
    """Read one pool."""
    return Request("get_pool", "GET", f"/pools/{_segment(batch_pool_id)}", _options(select))


def delete_pool(batch_pool_id: str) -> Request:
    """Delete a pool; repeated, it answers 409 ``PoolBeingDeleted`` or 404 ``PoolNotFound``."""
    return Request("begin_delete_pool", "DELETE", f"/pools/{_segment(batch_pool_id)}", answer="none")


def _pool_verb(
    operation: str,
    batch_pool_id: str,
    verb: str,
    body: Mapping[str, Any] | None = None,
    etag: str | None = None,
) -> Request:
    path = f"/pools/{_segment(batch_pool_id)}/{verb}"
    json = None if body is None else dict(body)
    return Request(operation, "POST", path, json=json, headers=_if_match(etag), answer="none")


def update_pool(batch_pool_id: str, body: Mapping[str, Any], etag: str | None = None) -> Request:
    """Replace the given properties of a pool, each of them whole; safe to repeat."""
    path = f"/pools/{_segment(batch_pool_id)}"
    return Request("update_pool", "PATCH", path, json=dict(body), headers=_if_match(etag), answer="none")


def resize_pool(batch_pool_id: str, body: Mapping[str, Any], etag: str | None = None) -> Request:
    """Set new targets; repeated too soon, it answers 409 ``PoolBeingResized``."""
    return _pool_verb("begin_resize_pool", batch_pool_id, "resize", body, etag)


def stop_pool_resize(batch_pool_id: str) -> Request:
    """Stop a resize; of a steady pool, it answers 409 ``OperationInvalidForCurrentState``."""
    return _pool_verb("begin_stop_pool_resize", batch_pool_id, "stopresize")


def enable_pool_auto_scale(batch_pool_id: str, body: Mapping[str, Any]) -> Request:
    """Let a formula decide; repeated within 30 s, it answers 503 ``TooManyEnableAutoScaleRequests``."""
    return _pool_verb("enable_pool_auto_scale", batch_pool_id, "enableautoscale", body)


def disable_pool_auto_scale(batch_pool_id: str) -> Request:
    """Let the size be as it is; safe to repeat."""
    return _pool_verb("disable_pool_auto_scale", batch_pool_id, "disableautoscale")


def evaluate_pool_auto_scale(batch_pool_id: str, formula: str) -> Request:
    """Try a formula out, without effect; its errors come in the answer. The pool must scale automatically."""
    path = f"/pools/{_segment(batch_pool_id)}/evaluateautoscale"
    return Request("evaluate_pool_auto_scale", "POST", path, json={"autoScaleFormula": formula})


def remove_nodes(batch_pool_id: str, body: Mapping[str, Any], etag: str | None = None) -> Request:
    """Take 1 to 100 nodes out of a pool; repeated too soon, it answers 409 ``PoolBeingResized``."""
    return _pool_verb("begin_remove_nodes", batch_pool_id, "removenodes", body, etag)


def _node_verb(
    operation: str, batch_pool_id: str, node_id: str, verb: str, body: Mapping[str, Any] | None
) -> Request:
    path = f"/pools/{_segment(batch_pool_id)}/nodes/{_segment(node_id)}/{verb}"
    return Request(operation, "POST", path, json=None if body is None else dict(body), answer="none")


def reboot_node(batch_pool_id: str, node_id: str, option: str) -> Request:
    """Restart a node; repeated too soon, it answers 409 ``NodeBeingRebooted``, later it restarts it again."""
    return _node_verb("begin_reboot_node", batch_pool_id, node_id, "reboot", {"nodeRebootOption": option})


def reimage_node(batch_pool_id: str, node_id: str, option: str) -> Request:
    """Install a node anew; repeated too soon, it answers 409 ``NodeBeingReimaged``, later it is done."""
    return _node_verb("begin_reimage_node", batch_pool_id, node_id, "reimage", {"nodeReimageOption": option})


def disable_node_scheduling(batch_pool_id: str, node_id: str, option: str) -> Request:
    """Give a node no more tasks; repeated, it answers 409 ``NodeAlreadyInTargetSchedulingState``."""
    body = {"nodeDisableSchedulingOption": option}
    return _node_verb("disable_node_scheduling", batch_pool_id, node_id, "disablescheduling", body)


def enable_node_scheduling(batch_pool_id: str, node_id: str) -> Request:
    """Give a node tasks again; repeated, it answers 409 ``NodeAlreadyInTargetSchedulingState``."""
    return _node_verb("enable_node_scheduling", batch_pool_id, node_id, "enablescheduling", None)


def list_nodes(batch_pool_id: str, select: Sequence[str] = (), filter_: str | None = None) -> Request:
    """Nodes of a pool."""
    path = f"/pools/{_segment(batch_pool_id)}/nodes"
    return Request("list_nodes", "GET", path, _options(select, filter_))


def get_node_file(batch_pool_id: str, node_id: str, file_path: str, offset: int, limit: int) -> Request:
    """Read at most ``limit`` bytes of a node's file from ``offset`` on; see :func:`get_task_file`."""
    path = f"/pools/{_segment(batch_pool_id)}/nodes/{_segment(node_id)}/files/{_segment(file_path)}"
    return Request("download_node_file", "GET", path, headers=_range(offset, limit), answer="bytes")


# --- jobs ----------------------------------------------------------------------------------------


def create_job(body: Mapping[str, Any]) -> Request:
    """Create a job; repeated, it answers 409 ``JobExists``."""
    return Request("create_job", "POST", "/jobs", json=dict(body), answer="none")


def list_jobs(select: Sequence[str] = (), filter_: str | None = None) -> Request:
    """Jobs of the account."""
    return Request("list_jobs", "GET", "/jobs", _options(select, filter_))


def get_job(batch_job_id: str, select: Sequence[str] = ()) -> Request:
    """Read one job."""
    return Request("get_job", "GET", f"/jobs/{_segment(batch_job_id)}", _options(select))


def update_job(batch_job_id: str, body: Mapping[str, Any], etag: str | None = None) -> Request:
    """Replace the given properties of a job, each of them whole; safe to repeat."""
    return Request(
        "update_job",
        "PATCH",
        f"/jobs/{_segment(batch_job_id)}",
        json=dict(body),
        headers=_if_match(etag),
        answer="none",
    )


def terminate_job(batch_job_id: str, reason: str, etag: str | None = None) -> Request:
    """End a job; repeated, it answers 409 ``JobBeingTerminated`` or ``JobCompleted``."""
    return Request(
        "begin_terminate_job",
        "POST",
        f"/jobs/{_segment(batch_job_id)}/terminate",
        json={"terminateReason": reason},
        headers=_if_match(etag),
        answer="none",
    )


def delete_job(batch_job_id: str) -> Request:
    """Delete a job with its tasks; repeated, it answers 409 ``JobBeingDeleted`` or 404 ``JobNotFound``."""
    return Request("begin_delete_job", "DELETE", f"/jobs/{_segment(batch_job_id)}", answer="none")


# --- tasks ---------------------------------------------------------------------------------------


def _task_path(key: TaskKey) -> str:
    return f"/jobs/{_segment(key.batch_job_id)}/tasks/{_segment(key.batch_task_id)}"


def create_task(batch_job_id: str, body: Mapping[str, Any]) -> Request:
    """Add a task; repeated, it answers 409 ``TaskExists``."""
    path = f"/jobs/{_segment(batch_job_id)}/tasks"
    return Request("create_task", "POST", path, json=dict(body), answer="none")


def create_task_collection(batch_job_id: str, bodies: Sequence[str]) -> Request:
    """
    Add up to 100 tasks in one request of less than 1 MB, each of which succeeds or fails by itself.

    The answer is 200 whatever became of them and has an entry for each. Repeated, what the first request had
    added is answered ``TaskExists``, so it may be repeated by whoever finds out whose those tasks are.

    :param batch_job_id: the job to add them to.
    :param bodies: the tasks as :func:`json_text`, whose lengths say whether they fit.
    """
    path = f"/jobs/{_segment(batch_job_id)}/addtaskcollection"
    return Request("create_task_collection", "POST", path, content=f'{{"value":[{",".join(bodies)}]}}')


def get_task(key: TaskKey, select: Sequence[str] = ()) -> Request:
    """Read one task."""
    return Request("get_task", "GET", _task_path(key), _options(select))


def list_tasks(
    batch_job_id: str,
    select: Sequence[str] = (),
    filter_: str | None = None,
    maxresults: int | None = None,
) -> Request:
    """Tasks of a job; ``maxresults`` is the length of a page."""
    path = f"/jobs/{_segment(batch_job_id)}/tasks"
    return Request("list_tasks", "GET", path, _options(select, filter_, maxresults))


def terminate_task(key: TaskKey, etag: str | None = None) -> Request:
    """End a task; repeated, it answers 409 ``TaskCompleted``."""
    return Request(
        "terminate_task", "POST", f"{_task_path(key)}/terminate", headers=_if_match(etag), answer="none"
    )


def replace_task(key: TaskKey, body: Mapping[str, Any], etag: str | None = None) -> Request:
    """Replace the constraints of a task that has not completed; safe to repeat, and it moves the ETag."""
    return Request(
        "replace_task", "PUT", _task_path(key), json=dict(body), headers=_if_match(etag), answer="none"
    )


def reactivate_task(key: TaskKey, etag: str | None = None) -> Request:
    """Run a failed task again; repeated, it answers 409 ``TaskNotCompleted``, or 412 with an ETag."""
    return Request(
        "reactivate_task", "POST", f"{_task_path(key)}/reactivate", headers=_if_match(etag), answer="none"
    )


def get_task_file(key: TaskKey, file_path: str, offset: int, limit: int) -> Request:
    """
    Read at most ``limit`` bytes of a task's file from ``offset`` on.

    The service serves a file while the task still writes it: an empty answer, or ``InvalidRange`` when the
    offset is the present size, means "nothing new yet". The bytes may end inside a line or a character.

    :param key: the task that owns the file.
    :param file_path: path relative to the task directory, for example ``stdout.txt``.
    :param offset: first byte, counted from 0.
    :param limit: greatest number of bytes.
    """
    path = f"{_task_path(key)}/files/{_segment(file_path)}"
    return Request("download_task_file", "GET", path, headers=_range(offset, limit), answer="bytes")


def list_task_files(key: TaskKey, *, recursive: bool = False) -> Request:
    """Files in the directory of a task."""
    query = {"recursive": "true"} if recursive else {}
    return Request("list_task_files", "GET", f"{_task_path(key)}/files", query)


def _range(offset: int, limit: int) -> dict[str, str]:
    return {"ocp-range": f"bytes={offset}-{offset + limit - 1}"}


def odata_string(text: str) -> str:
    """Quote a string for an OData filter."""
    return "'" + text.replace("'", "''") + "'"
