"""Troubles on demand: of nodes, start tasks, resizes, files and tasks."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

import pytest

from airflow_provider_batch.emulator.machine import events, fault_events, node_events
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import PoolResize, StartTaskSpec
from airflow_provider_batch.emulator.model.states import (
    AllocationState,
    NodeDeallocationOption,
    NodeState,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskFiles
from tests.unit.emulator.machine.simulation import COMMAND, Simulation


def spot(machine: Simulation) -> Node:
    machine.pool(nodes=0, target_low_priority_nodes=1)
    (node,) = machine.nodes()
    return node


# --- preemption ---------------------------------------------------------------------------------------


def test_task_of_a_preempted_node_runs_again_and_nothing_is_counted(machine: Simulation) -> None:
    node = spot(machine)
    machine.job()
    task = machine.task("t")
    machine.do(fault_events.PreemptNode, "p", node.id, 5.0)
    assert node.state is NodeState.PREEMPTED
    machine.end_killed()
    assert task.state is TaskState.ACTIVE
    assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (0, 0)
    machine.pass_time(7.0)
    assert task.state is TaskState.RUNNING
    assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (0, 0)


def test_preempted_node_keeps_its_id_loses_its_disk_and_comes_back(machine: Simulation) -> None:
    node = spot(machine)
    pool = machine.machine.state.pool("p")
    allocated = node.allocation_time
    machine.do(fault_events.PreemptNode, "p", node.id, 5.0)
    assert DeleteDirectory("p", node.id) in machine.deleted
    assert (pool.current_low_priority_nodes, pool.target_low_priority_nodes) == (1, 1)
    machine.pass_time(5.0)
    assert node.state is NodeState.CREATING
    machine.pass_time(2.0)
    assert node.state is NodeState.IDLE
    assert (node.boot, node.image, node.allocation_time) == (2, 2, allocated)
    assert machine.nodes() == [node]


def test_preempted_node_comes_back_after_the_time_of_the_setting() -> None:
    machine = Simulation(MachineSettings(node_start_seconds=3.0, preempted_seconds=60.0))
    node = spot(machine)
    machine.do(fault_events.PreemptNode, "p", node.id)
    machine.pass_time(59.0)
    assert node.state is NodeState.PREEMPTED
    machine.pass_time(1.0)
    assert node.state is NodeState.CREATING


def test_preempted_node_is_the_first_to_go(machine: Simulation) -> None:
    machine.pool(nodes=0, target_low_priority_nodes=2)
    first, second = machine.nodes()
    machine.do(fault_events.PreemptNode, "p", first.id, 1_000.0)
    machine.do(events.ResizePool, "p", PoolResize(None, 1))
    machine.pass_time(1.0)
    assert machine.nodes() == [second]


def test_dedicated_node_is_not_preempted(machine: Simulation) -> None:
    machine.pool()
    (node,) = machine.nodes()
    assert machine.refused(fault_events.PreemptNode, "p", node.id) == "OperationNotValidOnNode"


def test_node_is_not_preempted_twice(machine: Simulation) -> None:
    node = spot(machine)
    machine.do(fault_events.PreemptNode, "p", node.id)
    assert machine.refused(fault_events.PreemptNode, "p", node.id) == "OperationNotValidOnNode"


# --- broken, out of sight, upgraded -------------------------------------------------------------------


def test_broken_node_says_why_and_gives_its_tasks_to_others(machine: Simulation) -> None:
    pool = machine.pool(nodes=2)
    machine.job()
    task = machine.task("t")
    node = node_of(machine, task)
    machine.do(fault_events.BreakNode, "p", node.id, "DiskFull", "no space", (("Disk", "/mnt"),))
    machine.end_killed()
    assert node.state is NodeState.UNUSABLE
    (error,) = node.errors
    assert (error.code, error.message, error.error_details) == ("DiskFull", "no space", (("Disk", "/mnt"),))
    assert node_of(machine, task) is not node
    assert (task.state, task.execution_info.requeue_count) == (TaskState.RUNNING, 0)
    assert pool.current_dedicated_nodes == 2


def test_node_whose_contact_is_lost_for_good_is_unusable_without_errors(machine: Simulation) -> None:
    machine.pool()
    (node,) = machine.nodes()
    machine.do(fault_events.BreakNode, "p", node.id, "")
    assert (node.state, node.errors) == (NodeState.UNUSABLE, ())


def test_node_that_breaks_while_it_boots_stays_broken(machine: Simulation) -> None:
    machine.pool(ready=False)
    machine.pass_time(1.0)
    (node,) = machine.nodes()
    machine.do(fault_events.BreakNode, "p", node.id)
    machine.pass_time(100.0)
    assert node.state is NodeState.UNUSABLE


def test_unknown_node_takes_no_tasks_until_it_is_heard_of_again(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    (node,) = machine.nodes()
    machine.job()
    task = machine.task("t")
    machine.do(fault_events.MissNode, "p", node.id)
    other = machine.task("other")
    assert (node.state, task.state, other.state) == (NodeState.UNKNOWN, TaskState.RUNNING, TaskState.ACTIVE)
    machine.do(fault_events.RecoverNode, "p", node.id)
    assert (node.state, other.state) == (NodeState.RUNNING, TaskState.RUNNING)


@pytest.mark.parametrize("is_disabled", [False, True])
def test_unknown_node_whose_tasks_have_ended_rests_when_it_is_back(
    machine: Simulation, is_disabled: bool
) -> None:
    machine.pool()
    (node,) = machine.nodes()
    machine.job()
    machine.task("t")
    machine.do(fault_events.MissNode, "p", node.id)
    if is_disabled:
        option = NodeDeallocationOption.TASK_COMPLETION
        machine.do(node_events.DisableNodeScheduling, "p", node.id, option)
    machine.exit("t", 0)
    machine.do(fault_events.RecoverNode, "p", node.id)
    assert node.state is (NodeState.OFFLINE if is_disabled else NodeState.IDLE)


def test_upgraded_node_has_a_new_disk_and_runs_its_tasks_again(machine: Simulation) -> None:
    machine.pool()
    (node,) = machine.nodes()
    machine.job()
    task = machine.task("t")
    machine.do(fault_events.UpgradeNode, "p", node.id)
    assert node.state is NodeState.UPGRADING_OS
    machine.end_killed()
    machine.pass_time(2.0)
    assert (task.state, task.execution_info.requeue_count, node.image) == (TaskState.RUNNING, 0, 2)


# --- start tasks --------------------------------------------------------------------------------------


def test_start_task_that_is_to_fail_fails_its_node_without_being_run(machine: Simulation) -> None:
    machine.do(fault_events.FailStartTask, "p", (), 7)
    machine.pool(nodes=2, start_task=StartTaskSpec(COMMAND, max_task_retry_count=2))
    failed, other = machine.nodes()
    assert failed.state is NodeState.START_TASK_FAILED
    info = failed.start_task_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.exit_code, info.retry_count, info.failure_info.code) == (7, 2, "FailureExitCode")
    assert other.state is NodeState.WAITING_FOR_START_TASK


def test_start_task_of_a_chosen_node_fails_at_its_next_boot_only(machine: Simulation) -> None:
    machine.pool(start_task=StartTaskSpec(COMMAND))
    (node,) = machine.nodes()
    machine.end(min(machine.processes), 0)
    machine.do(fault_events.FailStartTask, "p", (node.id,))
    for state in (NodeState.START_TASK_FAILED, NodeState.WAITING_FOR_START_TASK):
        machine.do(node_events.RebootNode, "p", node.id)
        machine.pass_time(2.0)
        assert node.state is state


# --- resizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("AllocationFailed", "Desired number of dedicated nodes could not be allocated"),
        ("AccountCoreQuotaReached", "The specified account has reached its quota of dedicated cores"),
        (
            "AllocationTimedout",
            "Desired number of dedicated nodes could not be allocated as the resize timeout was reached",
        ),
    ],
)
def test_resize_that_is_to_fail_gives_a_part_of_the_nodes_and_the_error(
    machine: Simulation, code: str, text: str
) -> None:
    machine.do(fault_events.FailResize, "P", code, "", 2)
    pool = machine.pool(nodes=3)
    assert pool.allocation_state is AllocationState.STEADY
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (2, 3)
    assert [(error.code, error.message) for error in pool.resize_errors] == [(code, text)]


def test_only_the_next_resize_fails(machine: Simulation) -> None:
    pool = machine.pool(nodes=0)
    machine.do(fault_events.FailResize, "p", "AllocationFailed", "no room")
    machine.do(events.ResizePool, "p", PoolResize(1))
    machine.pass_time(1.0)
    assert [error.message for error in pool.resize_errors] == ["no room"]
    machine.do(events.ResizePool, "p", PoolResize(1))
    machine.pass_time(1.0)
    assert (pool.resize_errors, pool.current_dedicated_nodes) == ((), 1)


def test_resize_that_needs_no_nodes_can_fail_too(machine: Simulation) -> None:
    pool = machine.pool(nodes=1)
    machine.do(fault_events.FailResize, "p", "RemoveNodesFailed")
    machine.do(events.ResizePool, "p", PoolResize(0))
    machine.pass_time(1.0)
    assert [error.code for error in pool.resize_errors] == ["RemoveNodesFailed"]


# --- files and tasks ----------------------------------------------------------------------------------


def test_lost_files_are_those_of_completed_tasks(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    (node,) = machine.nodes()
    machine.job()
    done, running = machine.task("done"), machine.task("running")
    machine.exit("done", 0)
    machine.do(fault_events.LoseFiles, "p", node.id)
    assert done.files is TaskFiles.LOST
    assert running.files is TaskFiles.KEPT
    assert [deleted.directory for deleted in machine.deleted] == ["workitems/j/job-1/done"]


def test_task_is_frozen_goes_on_and_can_be_ended_meanwhile(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    run_id = machine.run_of("t")
    machine.do(fault_events.FreezeTask, "j", "t")
    assert machine.frozen[run_id]
    machine.do(fault_events.UnfreezeTask, "j", "t")
    assert not machine.frozen[run_id]
    machine.do(events.TerminateTask, "j", "t")
    machine.end_killed()
    assert task.state is TaskState.COMPLETED
    assert machine.refused(fault_events.FreezeTask, "j", "t") == "OperationInvalidForCurrentState"


def node_of(machine: Simulation, task: Task) -> Node:
    assert task.node is not None
    return machine.machine.state.node("p", task.node.node_id)


def test_pool_that_is_created_empty_leaves_the_fault_to_its_first_resize(machine: Simulation) -> None:
    machine.do(fault_events.FailResize, "p", "AllocationFailed")
    pool = machine.pool(nodes=0)
    assert not pool.resize_errors
    machine.do(events.ResizePool, "p", PoolResize(1))
    machine.pass_time(1.0)
    assert [error.code for error in pool.resize_errors] == ["AllocationFailed"]


def test_fault_is_for_the_next_resize_and_not_for_the_one_that_is_under_way(machine: Simulation) -> None:
    pool = machine.pool(nodes=0)
    machine.do(events.ResizePool, "p", PoolResize(1))
    machine.do(fault_events.FailResize, "p", "AllocationFailed")
    machine.pass_time(1.0)
    assert (pool.resize_errors, pool.current_dedicated_nodes) == ((), 1)
