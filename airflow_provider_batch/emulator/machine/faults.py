"""Brings about troubles; one that the state of things forbids is refused like any request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import fault_events as events
from airflow_provider_batch.emulator.machine import jobs, node_power, nodes
from airflow_provider_batch.emulator.machine.instructions import FreezeProcess
from airflow_provider_batch.emulator.machine.runs import Ending
from airflow_provider_batch.emulator.machine.tables import NODE, NodePassage, refusal_of_node
from airflow_provider_batch.emulator.machine.transitions import move_node
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.faults import ResizeFault, StartTaskFault
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.nodes import Node, NodeError
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import SchedulingState, TaskState
from airflow_provider_batch.emulator.model.tasks import TaskFiles


def _node(world: World, event: events.NodeFault, passage: NodePassage) -> tuple[Pool, Node]:
    node = world.state.node(event.pool_id, event.node_id)
    if (node.state, passage) not in NODE:
        raise refusal_of_node(node.state)
    return world.state.pool(event.pool_id), node


def preempt(world: World, event: events.PreemptNode) -> None:
    """Take a spot node's machine away; it comes back with another one."""
    pool, node = _node(world, event, NodePassage.PREEMPT)
    if node.is_dedicated:
        raise errors.operation_not_valid_on_node("Only low-priority nodes are preempted")
    seconds = world.settings.preempted_seconds if event.seconds is None else event.seconds
    node.returns_at = world.now + timedelta(seconds=seconds)
    node_power.take_down(world, pool, node, NodePassage.PREEMPT, Ending.RECOVER)


def break_node(world: World, event: events.BreakNode) -> None:
    """Make a node unusable."""
    pool, node = _node(world, event, NodePassage.LOSE)
    error = NodeError(event.code, event.message, event.details) if event.code else None
    nodes.lose(world, pool, node, error)


def miss(world: World, event: events.MissNode) -> None:
    """Lose contact with a node."""
    pool, node = _node(world, event, NodePassage.MISS)
    move_node(node, NodePassage.MISS, world.now)
    nodes.update_capacity(world, pool, node)


def recover(world: World, event: events.RecoverNode) -> None:
    """Have contact with a node again."""
    pool, node = _node(world, event, NodePassage.RECOVER)
    if node.running_tasks_count:
        passage = NodePassage.RECOVER_WORKING
    elif node.scheduling_state is SchedulingState.DISABLED:
        passage = NodePassage.RECOVER_OFFLINE
    else:
        passage = NodePassage.RECOVER
    move_node(node, passage, world.now)
    nodes.update_capacity(world, pool, node)


def upgrade(world: World, event: events.UpgradeNode) -> None:
    """Give a node a new operating system."""
    pool, node = _node(world, event, NodePassage.UPGRADE)
    node_power.take_down(world, pool, node, NodePassage.UPGRADE, Ending.RECOVER)


def lose_files(world: World, event: events.LoseFiles) -> None:
    """Lose the files of the completed tasks on a node."""
    node = world.state.node(event.pool_id, event.node_id)
    for task in nodes.tasks_with_files_on(world, node):
        place = task.files_at
        if task.state is TaskState.COMPLETED and place is not None:
            jobs.delete_directory(world, place.pool_id, place.node_id, place.directory)
            task.files, task.files_at = TaskFiles.LOST, None


def fail_start_task(world: World, event: events.FailStartTask) -> None:
    """Let start tasks fail that have not begun yet."""
    pool_key = id_key(event.pool_id)
    wanted: list[str | None] = [id_key(node_id) for node_id in event.node_ids] or [None] * event.times
    world.faults.start_tasks += [StartTaskFault(pool_key, key, event.exit_code) for key in wanted]


def fail_resize(world: World, event: events.FailResize) -> None:
    """Let a pool's next resize fail."""
    world.faults.resizes[id_key(event.pool_id)] = ResizeFault(event.code, event.message, event.nodes)


def freeze(world: World, event: events.FreezeTask) -> None:
    """Stop a task's processes where they are."""
    world.instruct(FreezeProcess(_run_of(world, event), frozen=True))


def unfreeze(world: World, event: events.UnfreezeTask) -> None:
    """Let a task's processes go on."""
    world.instruct(FreezeProcess(_run_of(world, event), frozen=False))


def _run_of(world: World, event: events.FreezeTask | events.UnfreezeTask) -> int:
    run_id = world.state.task(event.job_id, event.task_id).run_id
    if run_id is None:
        raise errors.operation_invalid_for_current_state()
    return run_id


HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    events.PreemptNode: preempt,
    events.BreakNode: break_node,
    events.MissNode: miss,
    events.RecoverNode: recover,
    events.UpgradeNode: upgrade,
    events.LoseFiles: lose_files,
    events.FailStartTask: fail_start_task,
    events.FailResize: fail_resize,
    events.FreezeTask: freeze,
    events.UnfreezeTask: unfreeze,
}
