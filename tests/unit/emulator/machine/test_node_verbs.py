"""What users do to single nodes: reboots and their kin, scheduling, users."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.emulator.machine import events, fault_events, node_events
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.commands import PackageReference
from airflow_provider_batch.emulator.model.nodes import Node, NodeUser
from airflow_provider_batch.emulator.model.pools import PoolResize, StartTaskSpec
from airflow_provider_batch.emulator.model.states import (
    NodeDeallocationOption,
    NodeState,
    SchedulingState,
    TaskResult,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskFiles
from tests.unit.emulator.machine.simulation import COMMAND, START, Simulation

REQUEUE = NodeDeallocationOption.REQUEUE
TERMINATE = NodeDeallocationOption.TERMINATE
TASK_COMPLETION = NodeDeallocationOption.TASK_COMPLETION
RETAINED_DATA = NodeDeallocationOption.RETAINED_DATA
GOING_DOWN = [
    (node_events.RebootNode, NodeState.REBOOTING),
    (node_events.ReimageNode, NodeState.REIMAGING),
    (node_events.DeallocateNode, NodeState.DEALLOCATING),
]


def only_node(machine: Simulation) -> Node:
    (node,) = machine.nodes()
    return node


def act(machine: Simulation, verb: type[events.Event], *arguments: Any, node: Node | None = None) -> None:
    machine.do(verb, "p", (node or only_node(machine)).id, *arguments)


def refused(machine: Simulation, verb: type[events.Event], *arguments: Any) -> str:
    return machine.refused(verb, "p", only_node(machine).id, *arguments)


# --- reboot -------------------------------------------------------------------------------------------


def test_rebooted_node_goes_down_boots_and_is_idle_with_its_files(machine: Simulation) -> None:
    machine.pool()
    node = only_node(machine)
    booted = node.last_boot_time
    act(machine, node_events.RebootNode)
    assert node.state is NodeState.REBOOTING
    machine.pass_time(1.0)
    assert node.state is NodeState.STARTING
    machine.pass_time(1.0)
    assert node.state is NodeState.IDLE
    assert node.last_boot_time is not None
    assert booted is not None
    assert node.last_boot_time > booted
    assert (node.boot, node.image) == (2, 1)
    assert machine.deleted == []


def test_start_task_runs_again_after_a_reboot(machine: Simulation) -> None:
    machine.pool(start_task=StartTaskSpec(COMMAND))
    node = only_node(machine)
    machine.end(min(machine.processes), 0)
    act(machine, node_events.RebootNode)
    machine.pass_time(2.0)
    assert node.state is NodeState.WAITING_FOR_START_TASK
    machine.end(min(machine.processes), 0)
    assert node.state is NodeState.IDLE
    assert machine.started == ["(start task)"] * 2


def test_start_task_beside_the_tasks_is_ended_by_a_reboot_and_not_tried_again(machine: Simulation) -> None:
    machine.pool(start_task=StartTaskSpec(COMMAND, max_task_retry_count=5, wait_for_success=False))
    node = only_node(machine)
    act(machine, node_events.RebootNode, TASK_COMPLETION)
    machine.pass_time(10.0)
    assert node.state is NodeState.REBOOTING
    machine.end_killed()
    machine.pass_time(2.0)
    assert node.state is NodeState.IDLE
    assert machine.started == ["(start task)"] * 2


def test_reboot_repeats_what_the_pool_says_now(machine: Simulation) -> None:
    machine.pool(start_task=StartTaskSpec(COMMAND))
    machine.end(min(machine.processes), 0)
    node = only_node(machine)
    act(machine, node_events.RebootNode)
    pool = machine.machine.state.pool("p")
    without = type(pool.spec)(**{**vars(pool.spec), "start_task": None})
    machine.do(events.UpdatePool, "p", without)
    machine.pass_time(2.0)
    assert node.state is NodeState.IDLE
    assert node.start_task_info is None


@pytest.mark.parametrize(("verb", "state"), GOING_DOWN)
def test_requeued_tasks_wait_for_the_node_and_are_counted(
    machine: Simulation, verb: type[events.Event], state: NodeState
) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    act(machine, verb, REQUEUE)
    assert only_node(machine).state is state
    assert task.state is TaskState.RUNNING
    machine.pass_time(100.0)
    assert only_node(machine).state is state, "goes on while a process is left"
    machine.end_killed()
    assert task.state is TaskState.ACTIVE
    assert task.execution_info.requeue_count == 1


@pytest.mark.parametrize(("verb", "state"), GOING_DOWN)
def test_terminated_tasks_are_over_before_the_node_goes_down(
    machine: Simulation, verb: type[events.Event], state: NodeState
) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    act(machine, verb, TERMINATE)
    machine.end_killed()
    assert only_node(machine).state is state
    assert task.execution_info.failure_info is not None
    assert task.execution_info.failure_info.code == "TaskEnded"


@pytest.mark.parametrize(("verb", "state"), GOING_DOWN)
def test_node_waits_for_its_tasks_and_takes_no_others_with_taskcompletion(
    machine: Simulation, verb: type[events.Event], state: NodeState
) -> None:
    machine.pool(task_slots_per_node=2)
    machine.job()
    task = machine.task("t")
    act(machine, verb, TASK_COMPLETION)
    machine.task("next")
    machine.pass_time(100.0)
    assert not machine.killed
    assert only_node(machine).state is state
    machine.exit("t", 0)
    assert task.execution_info.result is TaskResult.SUCCESS
    assert machine.tasks_in(TaskState.ACTIVE) == ["next"]
    machine.pass_time(1.0)
    assert only_node(machine).state is not state


def test_requeued_task_runs_on_the_node_when_it_is_up_again(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    act(machine, node_events.RebootNode)
    machine.end_killed()
    machine.pass_time(2.0)
    assert task.state is TaskState.RUNNING
    assert task.execution_info.requeue_count == 1


def test_node_waits_for_the_retention_of_files_with_retaineddata(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    machine.task("t", constraints=TaskConstraints(retention_time=timedelta(seconds=100)))
    machine.exit("t", 0)
    act(machine, node_events.ReimageNode, RETAINED_DATA)
    machine.pass_time(99.0)
    assert only_node(machine).image == 1
    machine.pass_time(1.0)
    assert only_node(machine).image == 2
    machine.pass_time(2.0)
    assert only_node(machine).state is NodeState.IDLE


def test_removed_node_waits_for_the_retention_of_files_with_retaineddata(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    machine.task("t", constraints=TaskConstraints(retention_time=timedelta(seconds=100)))
    machine.exit("t", 0)
    machine.do(events.RemoveNodes, "p", (only_node(machine).id,), RETAINED_DATA)
    machine.pass_time(99.0)
    assert only_node(machine).state is NodeState.LEAVING_POOL
    machine.pass_time(1.0)
    assert machine.nodes() == []


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (NodeState.CREATING, "NodeBeingCreated"),
        (NodeState.STARTING, "NodeBeingStarted"),
        (NodeState.REBOOTING, "NodeBeingRebooted"),
        (NodeState.REIMAGING, "NodeBeingReimaged"),
        (NodeState.OFFLINE, "OperationNotValidOnNode"),
        (NodeState.DEALLOCATED, "OperationNotValidOnNode"),
        (NodeState.WAITING_FOR_START_TASK, "OperationNotValidOnNode"),
    ],
)
@pytest.mark.parametrize(
    "verb",
    [node_events.RebootNode, node_events.ReimageNode, node_events.DeallocateNode],
)
def test_node_goes_down_only_from_states_in_which_it_works(
    machine: Simulation, verb: type[events.Event], state: NodeState, code: str
) -> None:
    bring_to(machine, state)
    assert refused(machine, verb) == code


def bring_to(machine: Simulation, state: NodeState) -> None:
    """A pool of one node in a state."""
    spec = StartTaskSpec(COMMAND) if state is NodeState.WAITING_FOR_START_TASK else None
    machine.pool(ready=False, start_task=spec)
    machine.pass_time({NodeState.CREATING: 1.0, NodeState.STARTING: 2.0}.get(state, 3.0))
    verbs = {
        NodeState.REBOOTING: node_events.RebootNode,
        NodeState.REIMAGING: node_events.ReimageNode,
        NodeState.OFFLINE: node_events.DisableNodeScheduling,
        NodeState.DEALLOCATED: node_events.DeallocateNode,
    }
    if state in verbs:
        act(machine, verbs[state])
        machine.pass_time(0.0 if state in (NodeState.REBOOTING, NodeState.REIMAGING) else 1.0)
    assert only_node(machine).state is state


@pytest.mark.parametrize("verb", [node_events.RebootNode, node_events.ReimageNode])
def test_broken_node_is_mended_by_going_down(machine: Simulation, verb: type[events.Event]) -> None:
    machine.pool()
    node = only_node(machine)
    act(machine, fault_events.BreakNode, "DiskFull", "no space")
    act(machine, verb)
    machine.pass_time(2.0)
    assert node.state is NodeState.IDLE
    assert node.errors == ()


def test_broken_node_cannot_be_deallocated(machine: Simulation) -> None:
    machine.pool()
    act(machine, fault_events.BreakNode)
    assert refused(machine, node_events.DeallocateNode) == "NodeStateUnusable"


def test_node_of_a_pool_that_is_deleted_takes_no_verbs(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    machine.task("t")
    machine.do(events.DeletePool, "p")
    assert refused(machine, node_events.RebootNode) == "PoolBeingDeleted"
    assert machine.refused(node_events.RebootNode, "q", "n") == "PoolNotFound"
    machine.end_killed()


def test_removed_node_does_not_come_up_again(machine: Simulation) -> None:
    machine.pool(nodes=2)
    machine.job()
    machine.task("t")
    node = next(n for n in machine.nodes() if n.state is NodeState.RUNNING)
    act(machine, node_events.RebootNode, node=node)
    machine.do(events.RemoveNodes, "p", (node.id,), REQUEUE)
    machine.end_killed()
    machine.pass_time(10.0)
    assert node.id not in [n.id for n in machine.nodes()]


# --- reimage ------------------------------------------------------------------------------------------


def test_reimaged_node_has_lost_its_files_and_users(machine: Simulation) -> None:
    machine.pool()
    node = only_node(machine)
    machine.job()
    task = machine.task("t")
    machine.exit("t", 0)
    act(machine, node_events.CreateNodeUser, NodeUser("me", START + timedelta(days=1)))
    act(machine, node_events.ReimageNode)
    assert DeleteDirectory("p", node.id) in machine.deleted
    machine.pass_time(2.0)
    assert node.state is NodeState.IDLE
    assert (node.boot, node.image) == (2, 2)
    assert task.files is TaskFiles.LOST
    assert task.files_at is None
    assert node.users == {}


# --- deallocate and start -----------------------------------------------------------------------------


def test_deallocated_node_stays_listed_without_a_machine_until_it_is_started(machine: Simulation) -> None:
    pool = machine.pool()
    node = only_node(machine)
    act(machine, node_events.DeallocateNode)
    assert node.state is NodeState.DEALLOCATING
    machine.pass_time(1_000.0)
    assert node.state is NodeState.DEALLOCATED
    assert pool.current_dedicated_nodes == 1
    act(machine, node_events.StartNode)
    assert node.state is NodeState.STARTING
    machine.pass_time(1.0)
    assert node.state is NodeState.IDLE
    assert (node.boot, node.image) == (2, 2)


def test_only_a_deallocated_node_can_be_started(machine: Simulation) -> None:
    machine.pool()
    assert refused(machine, node_events.StartNode) == "OperationNotValidOnNode"


def test_shrinking_pool_gives_up_deallocated_nodes_first(machine: Simulation) -> None:
    machine.pool(nodes=2)
    first, second = machine.nodes()
    act(machine, node_events.DeallocateNode, node=first)
    machine.pass_time(1.0)
    machine.do(events.ResizePool, "p", PoolResize(1))
    machine.pass_time(1.0)
    assert machine.nodes() == [second]


# --- usage --------------------------------------------------------------------------------------------


def test_usage_counts_the_time_in_which_a_node_has_a_machine(machine: Simulation) -> None:
    machine.pool()
    node = only_node(machine)
    machine.pass_time(97.0)
    act(machine, node_events.DeallocateNode)
    machine.pass_time(1_000.0)
    act(machine, node_events.StartNode)
    machine.pass_time(50.0)
    machine.do(events.RemoveNodes, "p", (node.id,), REQUEUE)
    # 1 s until it is created, 1 s until it is given back
    held = [(usage.end - usage.start).total_seconds() for usage in machine.machine.state.usage]
    assert held == [100.0, 50.0]


def test_usage_is_forgotten_after_a_month(machine: Simulation) -> None:
    for days in (0, 31):
        machine.pass_time(days * 86_400.0)
        machine.pool()
        machine.do(events.DeletePool, "p")
    assert len(machine.machine.state.usage) == 1


# --- scheduling ---------------------------------------------------------------------------------------


def test_node_without_tasks_is_offline_at_once_and_takes_none(machine: Simulation) -> None:
    machine.pool()
    node = only_node(machine)
    act(machine, node_events.DisableNodeScheduling)
    assert (node.state, node.scheduling_state) == (NodeState.OFFLINE, SchedulingState.DISABLED)
    machine.job()
    task = machine.task("t")
    machine.pass_time(100.0)
    assert task.state is TaskState.ACTIVE
    act(machine, node_events.EnableNodeScheduling)
    assert node.state is NodeState.RUNNING
    assert task.state is TaskState.RUNNING


def test_disabled_node_runs_its_tasks_to_their_end_with_taskcompletion(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    machine.job()
    machine.task("t")
    act(machine, node_events.DisableNodeScheduling, TASK_COMPLETION)
    machine.task("next")
    assert only_node(machine).state is NodeState.RUNNING
    machine.exit("t", 0)
    assert only_node(machine).state is NodeState.OFFLINE
    assert machine.tasks_in(TaskState.ACTIVE) == ["next"]


@pytest.mark.parametrize(
    ("option", "state", "requeues"), [(REQUEUE, TaskState.ACTIVE, 1), (TERMINATE, TaskState.COMPLETED, 0)]
)
def test_disabled_node_gives_back_or_ends_its_tasks(
    machine: Simulation, option: NodeDeallocationOption, state: TaskState, requeues: int
) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    act(machine, node_events.DisableNodeScheduling, option)
    machine.end_killed()
    assert only_node(machine).state is NodeState.OFFLINE
    assert task.state is state
    assert task.execution_info.requeue_count == requeues


def test_scheduling_that_is_as_wanted_is_refused(machine: Simulation) -> None:
    machine.pool()
    code = "NodeAlreadyInTargetSchedulingState"
    assert refused(machine, node_events.EnableNodeScheduling) == code
    act(machine, node_events.DisableNodeScheduling)
    assert refused(machine, node_events.DisableNodeScheduling, TERMINATE) == code


def test_disabled_node_that_reboots_comes_up_offline(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    machine.task("t")
    act(machine, node_events.DisableNodeScheduling, TASK_COMPLETION)
    act(machine, node_events.RebootNode, TERMINATE)
    machine.end_killed()
    machine.pass_time(2.0)
    assert only_node(machine).state is NodeState.OFFLINE


def test_node_that_is_disabled_before_it_is_up_comes_up_offline(machine: Simulation) -> None:
    machine.pool(ready=False)
    machine.pass_time(1.0)
    act(machine, node_events.DisableNodeScheduling)
    machine.pass_time(2.0)
    assert only_node(machine).state is NodeState.OFFLINE


def test_disabled_node_does_not_keep_the_ready_tasks_from_others(machine: Simulation) -> None:
    machine.pool(nodes=2)
    disabled, other = machine.nodes()
    act(machine, node_events.DisableNodeScheduling, node=disabled)
    machine.job()
    task = machine.task("t")
    assert task.node is not None
    assert task.node.node_id == other.id


# --- users --------------------------------------------------------------------------------------------


def test_user_is_created_once_replaced_and_deleted(machine: Simulation) -> None:
    machine.pool()
    node = only_node(machine)
    later = machine.now + timedelta(days=1)
    act(machine, node_events.CreateNodeUser, NodeUser("me", later, is_admin=True, has_password=True))
    assert refused(machine, node_events.CreateNodeUser, NodeUser("me", later)) == "NodeUserExists"
    act(machine, node_events.ReplaceNodeUser, NodeUser("me", later, ssh_public_key="k"))
    assert node.users["me"] == NodeUser("me", later, is_admin=True, ssh_public_key="k")
    act(machine, node_events.DeleteNodeUser, "me")
    assert refused(machine, node_events.DeleteNodeUser, "me") == "NodeUserNotFound"
    assert refused(machine, node_events.ReplaceNodeUser, NodeUser("me", later)) == "NodeUserNotFound"


def test_expired_user_is_not_there_any_more(machine: Simulation) -> None:
    machine.pool()
    soon = machine.now + timedelta(seconds=10)
    act(machine, node_events.CreateNodeUser, NodeUser("me", soon))
    machine.pass_time(10.0)
    assert refused(machine, node_events.DeleteNodeUser, "me") == "NodeUserNotFound"
    act(machine, node_events.CreateNodeUser, NodeUser("me", soon + timedelta(days=1)))


def test_users_are_changed_only_while_the_node_works(machine: Simulation) -> None:
    machine.pool()
    act(machine, node_events.RebootNode)
    user = NodeUser("me", machine.now + timedelta(days=1))
    assert refused(machine, node_events.CreateNodeUser, user) == "NodeBeingRebooted"


def test_machine_without_delays_reboots_at_the_next_look() -> None:
    machine = Simulation(MachineSettings(node_start_seconds=0.0))
    machine.pool()
    act(machine, node_events.RebootNode)
    machine.pass_time(0.0)
    assert only_node(machine).state is NodeState.IDLE


def test_node_that_takes_no_tasks_still_gets_its_packages_and_comes_up(machine: Simulation) -> None:
    machine.pool(packages=(PackageReference("a", "1"),))
    (run_id,) = machine.processes
    act(machine, node_events.DisableNodeScheduling)
    assert not machine.killed
    machine.end(run_id, 0)
    assert only_node(machine).state is NodeState.OFFLINE
