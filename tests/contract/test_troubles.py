"""Troubles of nodes, resizes and tasks, brought about on demand and seen through the vendor SDK."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.emulator.testing import ControlError
from tests.contract.clients import SyncBatch, completed, new_id, pool_body, wait_for
from tests.emulator_process import EmulatorProcess

pytestmark = pytest.mark.emulator_only(reason="troubles on request")


def pool_of_one(batch: SyncBatch, **more: Any) -> tuple[str, str]:
    """A pool of one node that is up; the ids of both."""
    pool_id = new_id("pool")
    batch.call("create_pool", pool_body(pool_id, **{"targetDedicatedNodes": 1, **more}))
    nodes = wait_for(
        lambda: batch.call("list_nodes", pool_id), lambda nodes: [node.state for node in nodes] == ["idle"]
    )
    return pool_id, nodes[0].id


def running_task(batch: SyncBatch, pool_id: str, command_line: str) -> tuple[str, str]:
    """A task that runs; the ids of its job and itself."""
    job_id = new_id("job")
    batch.call("create_job", {"id": job_id, "poolInfo": {"poolId": pool_id}})
    batch.call("create_task", job_id, {"id": "t", "commandLine": command_line})
    wait_for(
        lambda: batch.call("get_task", job_id, "t"),
        lambda task: task.state == "running" and task.execution_info.start_time is not None,
    )
    return job_id, "t"


def test_task_of_a_preempted_node_runs_again_uncounted(emulator: EmulatorProcess, sync_batch: SyncBatch):
    pool_id, node_id = pool_of_one(sync_batch, targetDedicatedNodes=0, targetLowPriorityNodes=1)
    job_id, task_id = running_task(sync_batch, pool_id, "/bin/sh -c 'echo run; sleep 1'")
    emulator.preempt_node(pool_id, node_id, seconds=0.2)
    task = completed(sync_batch, job_id, task_id)
    assert (task.execution_info.result, task.execution_info.retry_count) == ("success", 0)


def test_broken_node_is_unusable_and_says_why(emulator: EmulatorProcess, sync_batch: SyncBatch):
    pool_id, node_id = pool_of_one(sync_batch)
    emulator.break_node(pool_id, node_id, code="DiskFull", message="No space is left.")
    node = sync_batch.call("get_node", pool_id, node_id)
    assert node.state == "unusable"
    assert [(error.code, error.message) for error in node.errors] == [("DiskFull", "No space is left.")]


def test_trouble_without_properties_needs_no_body(emulator: EmulatorProcess, sync_batch: SyncBatch):
    pool_id, node_id = pool_of_one(sync_batch)
    emulator.control("POST", f"/_emulator/pools/{pool_id}/nodes/{node_id}/miss")
    assert sync_batch.call("get_node", pool_id, node_id).state == "unknown"


def test_missed_node_is_unknown_until_it_is_found_again(emulator: EmulatorProcess, sync_batch: SyncBatch):
    pool_id, node_id = pool_of_one(sync_batch)
    emulator.miss_node(pool_id, node_id)
    assert sync_batch.call("get_node", pool_id, node_id).state == "unknown"
    emulator.recover_node(pool_id, node_id)
    assert sync_batch.call("get_node", pool_id, node_id).state == "idle"


def test_start_task_fails_on_demand(emulator: EmulatorProcess, sync_batch: SyncBatch):
    pool_id = new_id("pool")
    emulator.fail_start_tasks(pool_id, exit_code=7)
    start_task = {"commandLine": "true", "waitForSuccess": True}
    sync_batch.call("create_pool", pool_body(pool_id, targetDedicatedNodes=2, startTask=start_task))
    nodes = wait_for(
        lambda: sync_batch.call("list_nodes", pool_id),
        lambda nodes: sorted(node.state for node in nodes) == ["idle", "starttaskfailed"],
    )
    failed = next(node for node in nodes if node.state == "starttaskfailed")
    assert failed.start_task_info.exit_code == 7


def test_resize_fails_on_demand_and_gives_some_nodes_all_the_same(
    emulator: EmulatorProcess, sync_batch: SyncBatch
):
    pool_id = new_id("pool")
    emulator.fail_resize(pool_id, code="AccountCoreQuotaReached", nodes=1)
    sync_batch.call("create_pool", pool_body(pool_id, targetDedicatedNodes=3))
    pool = wait_for(
        lambda: sync_batch.call("get_pool", pool_id), lambda pool: pool.allocation_state == "steady"
    )
    assert [error.code for error in pool.resize_errors] == ["AccountCoreQuotaReached"]
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (1, 3)


def test_frozen_task_goes_on_when_it_may(emulator: EmulatorProcess, sync_batch: SyncBatch, pool_id: str):
    job_id, task_id = running_task(sync_batch, pool_id, "/bin/sh -c 'sleep 0.3; echo done'")
    emulator.freeze_task(job_id, task_id)
    assert sync_batch.call("get_task", job_id, task_id).state == "running"
    emulator.unfreeze_task(job_id, task_id)
    assert completed(sync_batch, job_id, task_id).execution_info.result == "success"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/_emulator/pools/absent/nodes/n/preempt", {}, 404, "PoolNotFound"),
        ("/_emulator/pools/p/nodes/n/explode", {}, 404, "ResourceNotFound"),
        ("/_emulator/pools/p/failresize", {"nodes": "many"}, 400, "InvalidPropertyValue"),
        ("/_emulator/pools/p/failresize", {"bogus": 1}, 400, "UnsupportedProperty"),
        ("/_emulator/pools/p/failresize", [], 400, "InvalidRequestBody"),
        ("/_emulator/jobs/absent/tasks/t/freeze", {}, 404, "JobNotFound"),
    ],
)
def test_trouble_that_makes_no_sense_is_refused(
    emulator: EmulatorProcess, path: str, body: object, status: int, code: str
):
    with pytest.raises(ControlError) as refused:
        emulator.control("POST", path, body)
    assert (refused.value.status, refused.value.body["code"]) == (status, code)
