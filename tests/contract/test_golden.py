"""Shapes of recorded answers: the emulator's have the same keys, in the same places."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.clients import SyncBatch, completed, new_id, wait_for
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess

#: in older recordings only: gone from the 2025-06-01 models
_GONE = {"certificateReferences"}
#: in the 2025-06-01 models only
_NEW = {"ipv6Address", "deallocated", "deallocating", "upgradingOS"}
#: of Windows nodes only, of Linux nodes only
_OF_THE_NODE = {"creationTime", "fileMode"}

Look = Callable[[str], Any]


def golden(name: str) -> Any:
    """A recorded body; the file names its source."""
    return json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())["body"]


def keys(value: Any, ignored: set[str]) -> Any:
    """The keys of a body in their order, with those of its parts; values and repeated elements dropped."""
    if isinstance(value, dict):
        return [(name, keys(part, ignored)) for name, part in value.items() if name not in ignored]
    if isinstance(value, list):
        return keys(value[0], ignored) if value else []
    return None


def same_shape(name: str, found: Any, *, ordered: bool = True, ignored: frozenset[str] = frozenset()) -> None:
    """Compare a found body with a recorded one."""
    dropped = _GONE | _NEW | ignored
    wanted, seen = keys(golden(name), dropped), keys(found, dropped)
    if ordered:
        assert seen == wanted
    else:
        assert json.dumps(_sorted(seen)) == json.dumps(_sorted(wanted))


def _sorted(shape: Any) -> Any:
    return sorted((name, _sorted(part)) for name, part in shape) if isinstance(shape, list) else shape


@pytest.fixture
def look(emulator: EmulatorProcess) -> Look:
    """Reads an address."""
    return lambda path: send(emulator, "GET", path).json()


@pytest.mark.verified(
    on="azure-batch-cli-extensions test_batch_extensions_live", api_version="2022-01-01.15.0"
)
def test_pool_has_the_recorded_shape(look: Look, pool_id: str):
    same_shape("pool", look(f"/pools/{pool_id}"))


@pytest.mark.verified(
    on="azure-batch-cli-extensions test_batch_extensions_live", api_version="2022-01-01.15.0"
)
def test_new_job_has_the_recorded_shape(look: Look, job_id: str):
    same_shape("job", look(f"/jobs/{job_id}"))


@pytest.mark.verified(on="azure-powershell TestDisableEnableTerminateJob", api_version="2024-02-01.19.0")
def test_disabled_job_has_the_recorded_shape(look: Look, sync_batch: SyncBatch, job_id: str):
    sync_batch.call("begin_disable_job", job_id, {"disableTasks": "requeue"})
    same_shape("job_disabled", look(f"/jobs/{job_id}"))


@pytest.mark.verified(on="azure-powershell IfJobSetsAutoFailure", api_version="2024-02-01.19.0")
def test_job_ended_by_a_failed_task_has_the_recorded_shape(look: Look, sync_batch: SyncBatch, pool_id: str):
    name = new_id("job")
    body = {"id": name, "poolInfo": {"poolId": pool_id}, "onTaskFailure": "performexitoptionsjobaction"}
    sync_batch.call("create_job", body)
    sync_batch.call("create_task", name, {"id": "t", "commandLine": "false"})
    wait_for(lambda: sync_batch.call("get_job", name).state == "completed")
    found = look(f"/jobs/{name}")
    same_shape("job_completed_task_failed", found, ignored=frozenset({"odata.metadata"}))
    recorded = golden("job_completed_task_failed")
    for member in ("state", "previousState", "onTaskFailure"):
        assert found[member] == recorded[member]
    assert found["executionInfo"]["terminateReason"] == recorded["executionInfo"]["terminateReason"]


@pytest.mark.verified(on="azure-sdk-for-python test_batch_job_schedules", api_version="2023-05-01.17.0")
def test_job_schedule_and_its_job_have_the_recorded_shapes(look: Look, sync_batch: SyncBatch):
    recorded = golden("job_schedule")
    name = new_id("schedule")
    body = {member: recorded[member] for member in ("schedule", "jobSpecification")}
    sync_batch.call("create_job_schedule", {"id": name, **body})
    found = look(f"/jobschedules/{name}")
    same_shape("job_schedule", found)
    assert {member: found[member] for member in body} == body
    assert found["executionInfo"]["recentJob"]["id"] == f"{name}:job-1"
    same_shape("job_list_from_schedule", look(f"/jobschedules/{name}/jobs"))


@pytest.mark.verified(on="azure-powershell TestTerminateTask", api_version="2024-02-01.19.0")
def test_waiting_and_then_terminated_task_has_the_recorded_shapes(
    look: Look, sync_batch: SyncBatch, pool_id: str
):
    name = new_id("job")
    sync_batch.call("create_job", {"id": name, "poolInfo": {"poolId": "nowhere"}})
    sync_batch.call("create_task", name, {"id": "t", "commandLine": "true"})
    same_shape("task_active", look(f"/jobs/{name}/tasks/t"))
    sync_batch.call("terminate_task", name, "t")
    found = look(f"/jobs/{name}/tasks/t")
    same_shape("task_completed_failed", found, ignored=frozenset({"odata.metadata"}))
    failure = golden("task_completed_failed")["executionInfo"]["failureInfo"]
    assert found["executionInfo"]["failureInfo"] == {**failure, "category": failure["category"].lower()}


@pytest.mark.verified(
    on="azure-batch-cli-extensions test_batch_extensions_live", api_version="2022-01-01.15.0"
)
def test_successful_task_has_the_recorded_shape(look: Look, sync_batch: SyncBatch, job_id: str):
    sync_batch.call("create_task", job_id, {"id": "t", "commandLine": "true"})
    completed(sync_batch, job_id, "t")
    same_shape("task_completed_success", look(f"/jobs/{job_id}/tasks/t"), ignored=frozenset({"outputFiles"}))


@pytest.mark.verified(on="log of CromwellOnAzure", api_version="unknown")
def test_failure_of_an_exit_code_has_the_recorded_text(look: Look, sync_batch: SyncBatch, job_id: str):
    sync_batch.call("create_task", job_id, {"id": "t", "commandLine": "false"})
    completed(sync_batch, job_id, "t")
    failure = golden("failure_info_exit_code")
    found = look(f"/jobs/{job_id}/tasks/t")["executionInfo"]["failureInfo"]
    assert found == {**failure, "category": failure["category"].lower()}


@pytest.mark.verified(on="azure-cli test_batch_task_create_cmd", api_version="2023-05-01.17.0")
def test_task_counts_have_the_recorded_shape(look: Look, job_id: str):
    same_shape("task_counts", look(f"/jobs/{job_id}/taskcounts"))


@pytest.mark.verified(on="azure-sdk-for-node get_pool_node_counts", api_version="2020-03-01.11.0")
def test_node_counts_have_the_recorded_shape(look: Look, pool_id: str):
    same_shape("pool_node_counts", look("/nodecounts"))


@pytest.mark.verified(
    on="azure-batch-cli-extensions test_batch_extensions_live", api_version="2022-01-01.15.0"
)
def test_node_that_ran_a_task_has_the_recorded_shape(
    look: Look, sync_batch: SyncBatch, pool_id: str, job_id: str
):
    sync_batch.call("create_task", job_id, {"id": "t", "commandLine": "true"})
    node_id = completed(sync_batch, job_id, "t").node_info.node_id
    nodes = look(f"/pools/{pool_id}/nodes")
    node = next(node for node in nodes["value"] if node["id"] == node_id)
    success = next(task for task in node["recentTasks"] if task["taskId"] == "t" and task["jobId"] == job_id)
    node["recentTasks"] = [success]
    same_shape("node_list_idle_recent_tasks", {**nodes, "value": [node]}, ordered=False)


@pytest.mark.verified(on="azure-sdk-for-node list_files_from_task", api_version="2020-03-01.11.0")
def test_file_list_has_the_recorded_shape(look: Look, sync_batch: SyncBatch, job_id: str):
    sync_batch.call("create_task", job_id, {"id": "t", "commandLine": "true"})
    completed(sync_batch, job_id, "t")
    found = look(f"/jobs/{job_id}/tasks/t/files")
    same_shape("file_list_task", found, ignored=frozenset(_OF_THE_NODE))
    assert [file["name"] for file in found["value"]] == [
        file["name"] for file in golden("file_list_task")["value"]
    ]


@pytest.mark.verified(on="azure-cli test_batch_task_create_cmd", api_version="2023-05-01.17.0")
def test_result_of_a_collection_has_the_recorded_shape(emulator: EmulatorProcess, job_id: str):
    body = {"value": [{"id": name, "commandLine": "true"} for name in ("a", "b", "c")]}
    found = send(emulator, "POST", f"/jobs/{job_id}/addtaskcollection", body).json()
    same_shape("add_task_collection_result_three", found)


@pytest.mark.verified(on="azure-sdk-for-node create_a_job", api_version="2020-03-01.11.0")
def test_created_job_answers_with_the_recorded_headers(emulator: EmulatorProcess, pool_id: str):
    answer = send(emulator, "POST", "/jobs", {"id": new_id("job"), "poolInfo": {"poolId": pool_id}})
    recorded = set(golden("job_create_response_headers")) - {"connection", "transfer-encoding"}
    assert set(answer.headers) - {"content-length"} == recorded


@pytest.mark.verified(on="azure-sdk-for-node list_supported_images", api_version="2020-03-01.11.0")
def test_supported_images_have_the_recorded_shape(look: Look):
    found = look("/supportedimages")
    same_shape("supported_images_first_two", found, ordered=False, ignored=frozenset({"capabilities"}))
