"""Tasks on several nodes through the vendor SDK, with real processes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.clients import (
    Batch,
    SyncBatch,
    code_of,
    completed,
    new_id,
    pool_body,
    property_of,
    wait_for,
)
from tests.contract.conftest import nodes_idle
from tests.contract.raw import send
from tests.contract.test_golden import same_shape
from tests.emulator_process import EmulatorProcess

RECORDED = pytest.mark.verified(on="azure-powershell TestListAllSubtasks", api_version="2024-02-01.19.0")
ASSUMED = pytest.mark.assumed(source="reference of the service, section 4.8")


@pytest.fixture(scope="module")
def pool(sync_batch: SyncBatch) -> str:
    """Three nodes that can work together."""
    name = new_id("mpi")
    sync_batch.call("create_pool", pool_body(name, targetDedicatedNodes=3, enableInterNodeCommunication=True))
    wait_for(lambda: nodes_idle(sync_batch, name, 3))
    return name


@pytest.fixture
def job(sync_batch: SyncBatch, pool: str) -> str:
    """A job there."""
    name = new_id("job")
    sync_batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool}})
    return name


def body(command_line: str, coordination: str = "/bin/true", number: int = 3, **more: Any) -> dict[str, Any]:
    settings = {"numberOfInstances": number, "coordinationCommandLine": coordination}
    return {"id": "t", "commandLine": command_line, "multiInstanceSettings": settings, **more}


def file_on(batch: Batch, pool: str, node_id: str, job: str, name: str) -> str:
    path = f"workitems/{job}/job-1/t/{name}"
    return bytes(batch.call("download_node_file", pool, node_id, path)).decode()


@RECORDED
def test_subtasks_have_the_recorded_shape(emulator: EmulatorProcess, sync_batch: SyncBatch, job: str) -> None:
    sync_batch.call("create_task", job, body("/bin/echo task"))
    completed(sync_batch, job, "t")
    same_shape("subtasks", send(emulator, "GET", f"/jobs/{job}/tasks/t/subtasksinfo").json())
    same_shape("task_multi_instance_completed", send(emulator, "GET", f"/jobs/{job}/tasks/t").json())


@RECORDED
def test_subtasks_are_all_instances_but_the_primary_and_end_well(batch: Batch, job: str) -> None:
    batch.call("create_task", job, body("/bin/echo task"))
    task = completed(batch, job, "t")
    assert task.execution_info.exit_code == 0
    subtasks = batch.call("list_subtasks", job, "t")
    assert [part.id for part in subtasks] == [1, 2]
    assert {part.result for part in subtasks} == {"success"}
    assert {part.exit_code for part in subtasks} == {0}
    nodes = {part.node_info.node_id: part.id for part in subtasks} | {task.node_info.node_id: 0}
    assert len(nodes) == 3
    for node in batch.call("list_nodes", task.node_info.pool_id):
        recent = next(ran for ran in node.recent_tasks if ran.job_id == job)
        assert (recent.subtask_id, recent.task_state) == (nodes[node.id], "completed")
    batch.call("delete_task", job, "t")


@ASSUMED
def test_every_instance_knows_all_nodes_and_who_is_master(batch: Batch, pool: str, job: str) -> None:
    names = ["NODE_LIST", "HOST_LIST", "MASTER_NODE", "IS_CURRENT_NODE_MASTER", "TASK_SHARED_DIR"]
    shown = " ".join(f"$AZ_BATCH_{name}" for name in names)
    command = f"/bin/sh -c 'echo \"{shown} $CCP_NODES\"'"
    batch.call("create_task", job, body("/bin/true", command))
    task = completed(batch, job, "t")
    addresses = {node.id: node.ip_address for node in batch.call("list_nodes", pool)}
    subtasks = batch.call("list_subtasks", job, "t")
    order = [task.node_info.node_id, *(part.node_info.node_id for part in subtasks)]
    wanted = [addresses[node_id] for node_id in order]
    for number, node_id in enumerate(order):
        said = file_on(batch, pool, node_id, job, "stdout.txt").split()
        assert said[0] == ";".join(wanted)
        assert said[1] == ",".join(wanted)
        assert said[2] == f"{wanted[0]}:6000"
        assert said[3] == ("true" if number == 0 else "false")
        assert said[4].endswith(f"/{node_id}/workitems/{job}/job-1/t")
        assert said[5:] == ["3", *(word for address in wanted for word in (address, "1"))]


@ASSUMED
def test_primary_runs_its_command_after_every_coordination_has_returned(
    batch: Batch, pool: str, job: str
) -> None:
    # Every coordination leaves a mark in a directory that the primary's command looks at, since all nodes
    # are on this computer.
    marks = '"$AZ_BATCH_NODE_ROOT_DIR"/../marks-' + job
    coordination = f"/bin/sh -c 'mkdir -p {marks}; sleep 0.3; touch {marks}/$AZ_BATCH_NODE_ID'"
    batch.call("create_task", job, body(f"/bin/sh -c 'ls {marks} | wc -l'", coordination))
    task = completed(batch, job, "t")
    assert file_on(batch, pool, task.node_info.node_id, job, "stdout.txt").split() == ["3"]


@ASSUMED
def test_processes_that_a_coordination_leaves_behind_live_until_the_task_is_over(
    batch: Batch, pool: str, job: str
) -> None:
    service = "/bin/sh -c 'sleep 1000 & echo $! > ../service'"
    look = "/bin/sh -c 'kill -0 $(cat ../service)'"
    batch.call("create_task", job, body(look, service))
    task = completed(batch, job, "t")
    assert task.execution_info.exit_code == 0
    for part in batch.call("list_subtasks", job, "t"):
        pid = int(file_on(batch, pool, part.node_info.node_id, job, "service"))
        wait_for(partial(_is_gone, pid))


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@ASSUMED
def test_failed_coordination_of_one_instance_fails_the_task(batch: Batch, job: str) -> None:
    one = "/bin/sh -c '[ \"$AZ_BATCH_IS_CURRENT_NODE_MASTER\" = true ] || exit 9'"
    batch.call("create_task", job, body("/bin/true", one, 2))
    task = completed(batch, job, "t")
    assert task.execution_info.result == "failure"
    assert task.execution_info.failure_info.code == "FailureExitCode"
    (part,) = batch.call("list_subtasks", job, "t")
    assert (part.exit_code, part.result) == (9, "failure")


@ASSUMED
def test_terminated_task_ends_on_all_nodes(batch: Batch, pool: str, job: str) -> None:
    batch.call("create_task", job, body("/bin/sleep 1000"))
    wait_for(lambda: [part.state for part in batch.call("list_subtasks", job, "t")] == ["running"] * 2)
    batch.call("terminate_task", job, "t")
    task = completed(batch, job, "t")
    assert task.execution_info.failure_info.code == "TaskEnded"
    wait_for(lambda: nodes_idle(batch, pool, 3))


@ASSUMED
def test_task_is_never_scheduled_where_nodes_cannot_work_together(batch: Batch, job_id: str) -> None:
    batch.call("create_task", job_id, body("/bin/true", number=1))
    batch.call("create_task", job_id, {"id": "after", "commandLine": "/bin/true"})
    completed(batch, job_id, "after")
    assert batch.call("get_task", job_id, "t").state == "active"
    batch.call("delete_task", job_id, "t")


@pytest.mark.assumed(source="reference of the service, section 4.7")
@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"requiredSlots": 2}, "requiredSlots"),
        (
            {"multiInstanceSettings": {"numberOfInstances": 0, "coordinationCommandLine": "x"}},
            "multiInstanceSettings.numberOfInstances",
        ),
        (
            {"multiInstanceSettings": {"coordinationCommandLine": " "}},
            "multiInstanceSettings.coordinationCommandLine",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(
    sync_batch: SyncBatch, job: str, change: dict[str, Any], name: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_task", job, {**body("/bin/true"), **change})
    assert (code_of(caught.value), property_of(caught.value)) == ("InvalidPropertyValue", name)
    assert sync_batch.call("list_tasks", job) == []
