"""What this provider sends is what the vendor SDK sends for the operation of the same name."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import pytest
from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceNotFoundError

from airflow_provider_batch.client.async_session import AsyncBatchSession
from airflow_provider_batch.client.session import BatchSession
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.requests import Request, TaskKey
from airflow_provider_batch.hooks.probe import PROBE
from tests.scripted_server import Received, Reply, ScriptedServer
from tests.unit.client.conftest import ACCOUNT, KEY

TASK = TaskKey("job 1/a", "t:é")
ETAG = "0x8D"
MATCH: dict[str, Any] = {"etag": ETAG, "match_condition": MatchConditions.IfNotModified}
POOL_BODY = {"id": "p", "vmSize": "standard_d2s_v5", "targetDedicatedNodes": 1}
JOB_BODY = {"id": "j", "poolInfo": {"poolId": "p"}, "usesTaskDependencies": True}
TASK_BODY = {"id": "t", "commandLine": "/bin/sh -c 'echo é'", "dependsOn": {"taskIds": ["a"]}}

# The options' class is not public, and the SDK takes a mapping.
TERMINATE: Any = {"terminateReason": "done"}
REBOOT: Any = {"nodeRebootOption": "requeue"}
REIMAGE: Any = {"nodeReimageOption": "requeue"}

Vendor = Callable[[BatchClient], Any]


def _all(pages: Any) -> None:
    list(pages)


def _ended(poller: Any) -> None:
    """Let the vendor's poller come to its end, which is that what it polls for is not there."""
    with contextlib.suppress(ResourceNotFoundError):
        poller.result()


def _text(chunks: Iterator[bytes]) -> bytes:
    return b"".join(chunks)


# One line for each request, and one for each of its shapes: ours, the vendor's.
CASES: list[tuple[Request, Vendor]] = [
    (
        requests.list_supported_images("osType eq 'linux'"),
        lambda c: _all(c.list_supported_images(filter="osType eq 'linux'", max_results=1000)),
    ),
    (requests.list_pool_node_counts(), lambda c: _all(c.list_pool_node_counts())),
    (
        requests.list_pool_node_counts("it's"),
        lambda c: _all(c.list_pool_node_counts(filter="poolId eq 'it''s'")),
    ),
    (
        requests.list_pools(("id", "metadata"), "state eq 'active'"),
        lambda c: _all(c.list_pools(filter="state eq 'active'", select=["id", "metadata"])),
    ),
    (
        requests.list_jobs(("id",), "startswith(id, 'a-b')"),
        lambda c: _all(c.list_jobs(filter="startswith(id, 'a-b')", select=["id"])),
    ),
    (
        requests.list_tasks("j", filter_="startswith(id, 'a&b+c=#%41')"),
        lambda c: _all(c.list_tasks("j", filter="startswith(id, 'a&b+c=#%41')")),
    ),
    (requests.create_pool(POOL_BODY), lambda c: c.create_pool(models.BatchPoolCreateOptions(POOL_BODY))),
    (requests.get_pool("p/1", ("id", "state")), lambda c: c.get_pool("p/1", select=["id", "state"])),
    (requests.delete_pool("p"), lambda c: c.begin_delete_pool("p", polling_interval=0).result()),
    (
        requests.update_pool("p/1", {"metadata": []}, ETAG),
        lambda c: c.update_pool("p/1", models.BatchPoolUpdateOptions(metadata=[]), **MATCH),
    ),
    (
        requests.resize_pool("p", {"targetDedicatedNodes": 2, "nodeDeallocationOption": "taskcompletion"}),
        lambda c: _ended(
            c.begin_resize_pool(
                "p",
                models.BatchPoolResizeOptions(
                    target_dedicated_nodes=2, node_deallocation_option="taskcompletion"
                ),
                polling_interval=0,
            )
        ),
    ),
    (
        requests.stop_pool_resize("p"),
        lambda c: _ended(c.begin_stop_pool_resize("p", polling_interval=0)),
    ),
    (
        requests.enable_pool_auto_scale("p", {"autoScaleFormula": "$A=1;"}),
        lambda c: c.enable_pool_auto_scale(
            "p", models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$A=1;")
        ),
    ),
    (requests.disable_pool_auto_scale("p"), lambda c: c.disable_pool_auto_scale("p")),
    (
        requests.evaluate_pool_auto_scale("p", "$A=1;"),
        lambda c: c.evaluate_pool_auto_scale(
            "p", models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$A=1;")
        ),
    ),
    (
        requests.remove_nodes("p", {"nodeList": ["n"]}),
        lambda c: _ended(
            c.begin_remove_nodes("p", models.BatchNodeRemoveOptions(node_ids=["n"]), polling_interval=0)
        ),
    ),
    (
        requests.reboot_node("p", "n", "requeue"),
        lambda c: _ended(c.begin_reboot_node("p", "n", REBOOT, polling_interval=0)),
    ),
    (
        requests.reimage_node("p", "n", "requeue"),
        lambda c: _ended(c.begin_reimage_node("p", "n", REIMAGE, polling_interval=0)),
    ),
    (
        requests.disable_node_scheduling("p", "n", "taskcompletion"),
        lambda c: c.disable_node_scheduling(
            "p",
            "n",
            models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="taskcompletion"),
        ),
    ),
    (requests.enable_node_scheduling("p", "n"), lambda c: c.enable_node_scheduling("p", "n")),
    (
        requests.list_nodes("p", ("id",), "state eq 'idle'"),
        lambda c: _all(c.list_nodes("p", select=["id"], filter="state eq 'idle'")),
    ),
    (
        requests.get_node_file("p", "tvm-1", "startup/stdout.txt", 0, 10),
        lambda c: _text(c.download_node_file("p", "tvm-1", "startup/stdout.txt", ocp_range="bytes=0-9")),
    ),
    (requests.create_job(JOB_BODY), lambda c: c.create_job(models.BatchJobCreateOptions(JOB_BODY))),
    (requests.get_job("j"), lambda c: c.get_job("j")),
    (requests.get_job("j", ("state",)), lambda c: c.get_job("j", select=["state"])),
    (
        requests.update_job("j", {"onAllTasksComplete": "terminatejob"}),
        lambda c: c.update_job("j", models.BatchJobUpdateOptions({"onAllTasksComplete": "terminatejob"})),
    ),
    (
        requests.update_job("j", {"priority": 5}, ETAG),
        lambda c: c.update_job("j", models.BatchJobUpdateOptions(priority=5), **MATCH),
    ),
    (
        requests.terminate_job("j", "done", ETAG),
        lambda c: c.begin_terminate_job("j", TERMINATE, polling_interval=0, **MATCH).result(),
    ),
    (requests.delete_job("j"), lambda c: c.begin_delete_job("j", polling_interval=0).result()),
    (
        requests.create_task("j", TASK_BODY),
        lambda c: c.create_task("j", models.BatchTaskCreateOptions(TASK_BODY)),
    ),
    (
        requests.create_task_collection("job 1", [requests.json_text(TASK_BODY)] * 2),
        lambda c: c.create_task_collection(
            "job 1", models.BatchTaskGroup(task_values=[models.BatchTaskCreateOptions(TASK_BODY)] * 2)
        ),
    ),
    (
        requests.get_task(TASK, ("id", "state")),
        lambda c: c.get_task(TASK.batch_job_id, TASK.batch_task_id, select=["id", "state"]),
    ),
    (
        requests.list_tasks("j", ("id", "state"), "stateTransitionTime gt DateTime'2024-01-01T00:00:00Z'"),
        lambda c: _all(
            c.list_tasks(
                "j",
                select=["id", "state"],
                filter="stateTransitionTime gt DateTime'2024-01-01T00:00:00Z'",
            )
        ),
    ),
    (
        requests.terminate_task(TASK),
        lambda c: c.terminate_task(TASK.batch_job_id, TASK.batch_task_id),
    ),
    (
        requests.replace_task(TASK, {"constraints": {"maxTaskRetryCount": 2}}, ETAG),
        lambda c: c.replace_task(
            TASK.batch_job_id,
            TASK.batch_task_id,
            models.BatchTask({"constraints": {"maxTaskRetryCount": 2}}),
            **MATCH,
        ),
    ),
    (
        requests.reactivate_task(TASK, ETAG),
        lambda c: c.reactivate_task(TASK.batch_job_id, TASK.batch_task_id, **MATCH),
    ),
    (
        requests.get_task_file(TASK, "wd/a b+c.txt", 100, 50),
        lambda c: _text(
            c.download_task_file(
                TASK.batch_job_id, TASK.batch_task_id, "wd/a b+c.txt", ocp_range="bytes=100-149"
            )
        ),
    ),
    (
        requests.list_task_files(TASK),
        lambda c: _all(c.list_task_files(TASK.batch_job_id, TASK.batch_task_id)),
    ),
    (
        requests.list_task_files(TASK, recursive=True),
        lambda c: _all(c.list_task_files(TASK.batch_job_id, TASK.batch_task_id, recursive=True)),
    ),
]

CASES.append((PROBE, lambda c: next(c.list_pools(max_results=1, select=["id"]), None)))

# Success codes of the operations that do not answer 200; the SDK takes no other.
STATUS = {
    "create_pool": 201,
    "create_job": 201,
    "create_task": 201,
    "delete_pool": 202,
    "begin_delete_pool": 202,
    "begin_resize_pool": 202,
    "begin_stop_pool_resize": 202,
    "begin_remove_nodes": 202,
    "begin_reboot_node": 202,
    "begin_reimage_node": 202,
    "begin_delete_job": 202,
    "begin_terminate_job": 202,
    "terminate_task": 204,
    "reactivate_task": 204,
}

# Set anew for each request, or by the HTTP library; the presence of the first four is checked.
VARYING = {
    "client-request-id",
    "ocp-date",
    "authorization",
    "user-agent",
    "host",
    "accept-encoding",
    "connection",
}


def _ids() -> list[str]:
    return [f"{request.operation}-{index}" for index, (request, _) in enumerate(CASES)]


def _script(server: ScriptedServer, request: Request) -> None:
    body: Any = {"json": {"value": []}, "bytes": b"x", "none": None}[request.answer]
    server.script = [Reply(STATUS.get(request.operation, 200), body, {"Content-Type": "application/json"})]
    server.default = Reply(404, {})  # what a poll of a begin_ method reads: gone
    server.received = []


def _message(received: Received) -> dict[str, Any]:
    present = {"client-request-id", "ocp-date", "authorization", "user-agent"} & set(received.headers)
    return {
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "body": json.loads(received.body) if received.body else None,
        "headers": {name: value for name, value in received.headers.items() if name not in VARYING},
        "set by the pipeline": present,
    }


def _vendor_message(server: ScriptedServer, request: Request, vendor: Vendor) -> dict[str, Any]:
    _script(server, request)
    with BatchClient(server.url, AzureNamedKeyCredential(ACCOUNT, KEY)) as client:
        vendor(client)
    return _message(server.received[0])


@pytest.mark.parametrize(("request_", "vendor"), CASES, ids=_ids())
def test_request_is_the_vendors_when_sent_by_the_sync_session(
    server: ScriptedServer, session: BatchSession, request_: Request, vendor: Vendor
) -> None:
    expected = _vendor_message(server, request_, vendor)
    _script(server, request_)
    session.send(request_)
    assert _comparable(_message(server.received[0])) == _comparable(expected)


@pytest.mark.parametrize(("request_", "vendor"), CASES, ids=_ids())
async def test_request_is_the_vendors_when_sent_by_the_async_session(
    server: ScriptedServer, async_session: AsyncBatchSession, request_: Request, vendor: Vendor
) -> None:
    expected = _vendor_message(server, request_, vendor)
    _script(server, request_)
    await async_session.send(request_)
    ours = _message(server.received[0])
    # aiohttp writes some characters of a path unencoded; the vendor's async client does so too.
    ours["path"] = expected["path"] if _same_path(ours["path"], expected["path"]) else ours["path"]
    assert _comparable(ours) == _comparable(expected)


def test_every_request_is_compared_with_the_vendors() -> None:
    builders = {
        name
        for name, value in vars(requests).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", None) == requests.__name__
        and not isinstance(value, type)
        and get_type_hints(value).get("return") is Request
    }
    named = {"get_node_file": "download_node_file", "get_task_file": "download_task_file"}
    compared = {request.operation.removeprefix("begin_") for request, _ in CASES}
    assert {named.get(name, name) for name in builders} | {"list_pools"} == compared


def test_every_operation_exists_in_the_vendors_client() -> None:
    for request, _ in CASES:
        assert hasattr(BatchClient, request.operation), request.operation


def _comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Bodies are compared as JSON, so their length may differ by blanks; ids in If-Match stay as they are."""
    headers = {k: v for k, v in message["headers"].items() if k != "content-length" or v == "0"}
    return {**message, "headers": headers}


def _same_path(ours: str, expected: str) -> bool:
    from urllib.parse import unquote

    return ours.count("/") == expected.count("/") and unquote(ours) == unquote(expected)
