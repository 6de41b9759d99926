"""Pools: how they reach their targets, and what is refused meanwhile."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.etags import Conditions, etag
from airflow_provider_batch.emulator.model.pools import PoolResize, PoolSpec, StartTaskSpec
from airflow_provider_batch.emulator.model.states import (
    AllocationState,
    NodeDeallocationOption,
    NodeState,
    PoolState,
    TaskResult,
    TaskState,
)
from tests.unit.emulator.machine.simulation import Simulation

START_TASK = Command("/bin/prepare")


def test_pool_is_resizing_at_once_and_steady_while_its_nodes_are_created(machine: Simulation) -> None:
    pool = machine.pool(nodes=2, ready=False)
    assert pool.allocation_state is AllocationState.RESIZING
    assert pool.current_dedicated_nodes == 0
    machine.pass_time(1.0)
    assert pool.allocation_state is AllocationState.STEADY
    assert [node.state for node in machine.nodes()] == [NodeState.CREATING] * 2
    machine.pass_time(1.0)
    assert [node.state for node in machine.nodes()] == [NodeState.STARTING] * 2
    machine.pass_time(1.0)
    assert [node.state for node in machine.nodes()] == [NodeState.IDLE] * 2


def test_allocation_does_not_move_the_etag_of_a_pool(machine: Simulation) -> None:
    pool = machine.pool(nodes=1)
    assert pool.last_modified == pool.creation_time
    assert pool.allocation_state_transition_time > pool.creation_time


def test_resize_moves_the_etag_even_within_one_microsecond(machine: Simulation) -> None:
    pool = machine.pool(nodes=0)
    machine.do(events.ResizePool, "p", PoolResize(1))
    first = pool.last_modified
    machine.pass_time(1.0)
    machine.now = first
    machine.do(events.UpdatePool, "p", pool.spec)
    assert etag(pool.last_modified) != etag(first)


def test_node_ids_tell_dedicated_from_low_priority(machine: Simulation) -> None:
    machine.pool(nodes=1, target_low_priority_nodes=1)
    dedicated, spot = machine.nodes()
    assert dedicated.id.startswith("tvmps_")
    assert dedicated.id.endswith("_d")
    assert spot.id.endswith("_p")
    assert len(dedicated.id) == len("tvmps_") + 64 + len("_d")


def test_pool_without_targets_becomes_steady(machine: Simulation) -> None:
    pool = machine.pool(nodes=0, ready=False)
    assert pool.allocation_state is AllocationState.RESIZING
    machine.pass_time(1.0)
    assert pool.allocation_state is AllocationState.STEADY


def test_second_pool_of_an_id_is_refused_whatever_its_case(machine: Simulation) -> None:
    machine.pool("Render")
    spec = PoolSpec("rENDER", {}, "standard_d2s_v3")
    assert machine.refused(events.CreatePool, spec) == "PoolExists"


def test_pool_quota_refuses_one_pool_too_many() -> None:
    machine = Simulation(MachineSettings(pool_quota=1))
    machine.pool("p")
    assert machine.refused(events.CreatePool, PoolSpec("q", {}, "x")) == "PoolQuotaReached"


def test_resize_is_refused_while_the_pool_is_not_steady(machine: Simulation) -> None:
    machine.pool(ready=False)
    assert machine.refused(events.ResizePool, "p", PoolResize(2)) == "PoolBeingResized"
    assert (
        machine.refused(events.RemoveNodes, "p", ("x",), NodeDeallocationOption.REQUEUE) == "PoolBeingResized"
    )


def test_stale_etag_refuses_a_resize(machine: Simulation) -> None:
    pool = machine.pool()
    stale = Conditions(if_match=f'"{etag(pool.last_modified)}"')
    machine.do(events.ResizePool, "p", PoolResize(2), conditions=stale)
    machine.pass_time(3.0)
    refusal = machine.refused(events.ResizePool, "p", PoolResize(3), conditions=stale)
    assert refusal == "ConditionNotMet"


def test_quota_shortfall_is_a_resize_error_and_gives_what_there_is() -> None:
    machine = Simulation(MachineSettings(node_start_seconds=3.0, dedicated_core_quota=5))
    pool = machine.pool(nodes=4, vm_size="standard_d2s_v3")
    assert pool.allocation_state is AllocationState.STEADY
    assert pool.current_dedicated_nodes == 2
    assert [error.code for error in pool.resize_errors] == ["AccountCoreQuotaReached"]


def test_resize_errors_stay_until_the_next_resize_starts() -> None:
    machine = Simulation(MachineSettings(node_start_seconds=3.0, low_priority_core_quota=0))
    pool = machine.pool(nodes=0, target_low_priority_nodes=1)
    machine.pass_time(86_400.0)
    assert [error.code for error in pool.resize_errors] == ["AccountLowPriorityCoreQuotaReached"]
    machine.do(events.ResizePool, "p", PoolResize(0, 0))
    assert pool.resize_errors == ()


def test_quota_counts_the_nodes_of_all_pools() -> None:
    machine = Simulation(MachineSettings(node_start_seconds=3.0, dedicated_core_quota=4))
    machine.pool("p", nodes=2)
    assert machine.pool("q", nodes=1).resize_errors[0].code == "AccountCoreQuotaReached"


def test_allocation_that_outlasts_the_resize_timeout_ends_with_an_error() -> None:
    machine = Simulation(MachineSettings(node_start_seconds=3_600.0))
    pool = machine.pool(ready=False, resize_timeout=timedelta(minutes=5))
    machine.pass_time(300.0)
    assert pool.allocation_state is AllocationState.STEADY
    assert pool.resize_errors[0].code == "AllocationTimedout"


def test_stopped_resize_is_steady_without_its_nodes_and_keeps_the_etag(machine: Simulation) -> None:
    pool = machine.pool(nodes=2, ready=False)
    before = pool.last_modified
    machine.do(events.StopPoolResize, "p")
    assert pool.allocation_state is AllocationState.STOPPING
    machine.pass_time(1.0)
    assert pool.allocation_state is AllocationState.STEADY
    assert pool.current_dedicated_nodes == 0
    assert pool.resize_errors[0].code == "ResizeStopped"
    assert pool.last_modified == before


def test_stop_is_refused_when_steady(machine: Simulation) -> None:
    machine.pool()
    assert machine.refused(events.StopPoolResize, "p") == "OperationInvalidForCurrentState"


# --- shrinking ----------------------------------------------------------------------------------------


def test_shrinking_gives_up_idle_nodes_before_working_ones(machine: Simulation) -> None:
    machine.pool(nodes=2)
    machine.job()
    task = machine.task("t")
    assert task.node is not None
    machine.do(events.ResizePool, "p", PoolResize(1))
    machine.pass_time(1.0)
    assert [node.id for node in machine.nodes()] == [task.node.node_id]
    assert task.state is TaskState.RUNNING


def test_shrinking_with_requeue_sends_running_tasks_back_and_counts_it(machine: Simulation) -> None:
    pool = machine.pool(nodes=1)
    machine.job()
    task = machine.task("t")
    machine.do(events.ResizePool, "p", PoolResize(0))
    assert machine.nodes()[0].state is NodeState.LEAVING_POOL
    machine.pass_time(10.0)
    assert pool.allocation_state is AllocationState.RESIZING
    machine.end_killed()
    assert task.state is TaskState.ACTIVE
    assert task.execution_info.requeue_count == 1
    assert task.execution_info.retry_count == 0
    assert task.execution_info.last_requeue_time == machine.now
    assert machine.nodes() == []
    assert pool.allocation_state is AllocationState.STEADY


def test_shrinking_with_terminate_ends_running_tasks(machine: Simulation) -> None:
    machine.pool(nodes=1)
    machine.job()
    task = machine.task("t")
    option = NodeDeallocationOption.TERMINATE
    machine.do(events.ResizePool, "p", PoolResize(0, node_deallocation_option=option))
    machine.end_killed()
    assert task.execution_info.failure_info is not None
    assert task.execution_info.failure_info.code == "TaskEnded"


def test_shrinking_with_taskcompletion_waits_for_running_tasks(machine: Simulation) -> None:
    pool = machine.pool(nodes=1)
    machine.job()
    task = machine.task("t")
    machine.task("next")
    option = NodeDeallocationOption.TASK_COMPLETION
    machine.do(events.ResizePool, "p", PoolResize(0, node_deallocation_option=option))
    machine.pass_time(100.0)
    assert not machine.killed
    assert pool.allocation_state is AllocationState.RESIZING
    machine.exit("t", 0)
    assert task.execution_info.result is TaskResult.SUCCESS
    assert machine.nodes() == []
    assert machine.tasks_in(TaskState.ACTIVE) == ["next"]


def test_removed_nodes_leave_at_once_and_lower_the_target(machine: Simulation) -> None:
    pool = machine.pool(nodes=3)
    node = machine.nodes()[1]
    machine.do(events.RemoveNodes, "p", (node.id,), NodeDeallocationOption.REQUEUE)
    machine.pass_time(1.0)
    assert pool.target_dedicated_nodes == 2
    assert node.id not in [other.id for other in machine.nodes()]
    assert DeleteDirectory("p", node.id) in machine.deleted


def test_removal_of_an_unknown_node_is_refused(machine: Simulation) -> None:
    machine.pool()
    refusal = machine.refused(events.RemoveNodes, "p", ("x",), NodeDeallocationOption.REQUEUE)
    assert refusal == "NodeNotFound"


# --- deleting -----------------------------------------------------------------------------------------


def test_deleted_pool_is_gone_when_its_last_process_is_and_requeues_the_tasks(machine: Simulation) -> None:
    pool = machine.pool()
    machine.job()
    task = machine.task("t")
    machine.do(events.DeletePool, "p")
    assert pool.state is PoolState.DELETING
    assert machine.refused(events.DeletePool, "p") == "PoolBeingDeleted"
    assert machine.refused(events.ResizePool, "p", PoolResize(1)) == "PoolBeingDeleted"
    assert machine.refused(events.CreatePool, pool.spec) == "PoolBeingDeleted"
    machine.end_killed()
    assert machine.refused(events.DeletePool, "p") == "PoolNotFound"
    assert task.state is TaskState.ACTIVE
    assert task.execution_info.requeue_count == 1


def test_tasks_wait_for_another_pool_of_the_same_id(machine: Simulation) -> None:
    machine.job()
    task = machine.task("t")
    machine.pass_time(1_000.0)
    assert task.state is TaskState.ACTIVE
    machine.pool()
    assert task.state is TaskState.RUNNING


# --- start tasks --------------------------------------------------------------------------------------


def test_node_waits_for_its_start_task(machine: Simulation) -> None:
    machine.pool(start_task=StartTaskSpec(START_TASK))
    machine.job()
    task = machine.task("t")
    (node,) = machine.nodes()
    assert node.state is NodeState.WAITING_FOR_START_TASK
    assert task.state is TaskState.ACTIVE
    machine.end(min(machine.processes), 0)
    assert node.state is NodeState.RUNNING
    assert node.start_task_info is not None
    assert node.start_task_info.result is TaskResult.SUCCESS
    assert node.start_task_info.exit_code == 0


def test_start_task_is_tried_again_and_then_fails_its_node(machine: Simulation) -> None:
    pool = machine.pool(start_task=StartTaskSpec(START_TASK, max_task_retry_count=1))
    (node,) = machine.nodes()
    machine.end(min(machine.processes), 1)
    assert node.state is NodeState.WAITING_FOR_START_TASK
    machine.end(min(machine.processes), 2)
    assert node.state is NodeState.START_TASK_FAILED
    info = node.start_task_info
    assert info is not None
    assert (info.retry_count, info.exit_code, info.result) == (1, 2, TaskResult.FAILURE)
    assert info.failure_info is not None
    assert info.failure_info.code == "FailureExitCode"
    assert pool.current_dedicated_nodes == 1


def test_node_works_beside_a_start_task_that_it_need_not_wait_for(machine: Simulation) -> None:
    machine.pool(start_task=StartTaskSpec(START_TASK, wait_for_success=False))
    machine.job()
    assert machine.task("t").state is TaskState.RUNNING
    machine.end(min(machine.processes), 1)
    (node,) = machine.nodes()
    assert node.state is NodeState.RUNNING
    assert node.start_task_info is not None
    assert node.start_task_info.result is TaskResult.FAILURE


def test_lost_node_gives_its_tasks_back_without_counting(machine: Simulation) -> None:
    machine.pool(nodes=2)
    machine.job()
    task = machine.task("t")
    assert task.node is not None
    lost = task.node.node_id
    machine.do(events.NodeLost, "p", lost)
    machine.end_killed()
    assert task.state is TaskState.RUNNING
    assert task.node.node_id != lost
    assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (0, 0)
    assert machine.machine.state.node("p", lost).state is NodeState.UNUSABLE


@pytest.mark.parametrize(
    ("vm_size", "nodes"),
    [("standard_d2s_v3", 4), ("STANDARD_D8S_V5", 1), ("standard_e4-2s_v5", 4), ("unknown", 8)],
)
def test_quota_counts_the_cores_of_the_vm_size(vm_size: str, nodes: int) -> None:
    machine = Simulation(MachineSettings(node_start_seconds=3.0, dedicated_core_quota=8))
    assert machine.pool(nodes=10, vm_size=vm_size).current_dedicated_nodes == nodes
