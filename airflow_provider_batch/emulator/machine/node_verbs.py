"""What users do to single nodes, and in which states they may."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import node_events as events
from airflow_provider_batch.emulator.machine import node_power, nodes
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.tables import (
    NODE_AT_WORK,
    NODE_MENDABLE,
    NodePassage,
    refusal_of_node,
)
from airflow_provider_batch.emulator.machine.transitions import move_node, tell
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.nodes import Node, NodeUser
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import (
    NodeDeallocationOption,
    NodeState,
    PoolState,
    SchedulingState,
)


def _node(world: World, event: events.NodeVerb) -> tuple[Pool, Node]:
    pool = world.state.pool(event.pool_id)
    node = world.state.node(event.pool_id, event.node_id)
    if pool.state is PoolState.DELETING:
        raise errors.pool_being_deleted()
    return pool, node


def _require(node: Node, allowed: Collection[NodeState]) -> None:
    if node.state in allowed:
        return
    raise refusal_of_node(node.state)


def reboot(world: World, event: events.RebootNode) -> None:
    """Boot a node again."""
    _take_down(world, event, NodePassage.REBOOT, NODE_AT_WORK | NODE_MENDABLE, event.option)


def reimage(world: World, event: events.ReimageNode) -> None:
    """Give a node a new disk."""
    _take_down(world, event, NodePassage.REIMAGE, NODE_AT_WORK | NODE_MENDABLE, event.option)


def deallocate(world: World, event: events.DeallocateNode) -> None:
    """Give a node's machine back."""
    _take_down(world, event, NodePassage.DEALLOCATE, NODE_AT_WORK, event.option)


def _take_down(
    world: World,
    event: events.NodeVerb,
    passage: NodePassage,
    allowed: Collection[NodeState],
    option: NodeDeallocationOption,
) -> None:
    pool, node = _node(world, event)
    _require(node, allowed)
    keeps_files = option is NodeDeallocationOption.RETAINED_DATA
    node_power.take_down(world, pool, node, passage, nodes.ENDINGS.get(option), keeps_files=keeps_files)


def start(world: World, event: events.StartNode) -> None:
    """Start a deallocated node."""
    pool, node = _node(world, event)
    _require(node, {NodeState.DEALLOCATED})
    node_power.start(world, pool, node)


# --- scheduling ---------------------------------------------------------------------------------------


def disable_scheduling(world: World, event: events.DisableNodeScheduling) -> None:
    """Give a node no more tasks; it is offline when it has none."""
    pool, node = _set_scheduling(world, event, SchedulingState.DISABLED)
    if node.state is NodeState.IDLE:
        move_node(node, NodePassage.GO_OFFLINE, world.now)
    ending = nodes.ENDINGS.get(event.option)
    if ending is not None:
        # What a node needs to come up goes on.
        own = (RunKind.START_TASK, RunKind.PACKAGES)
        world.end_runs({run for run in node.runs if world.runs[run].kind not in own}, ending)
    nodes.update_capacity(world, pool, node)


def enable_scheduling(world: World, event: events.EnableNodeScheduling) -> None:
    """Give a node tasks again."""
    pool, node = _set_scheduling(world, event, SchedulingState.ENABLED)
    if node.state is NodeState.OFFLINE:
        move_node(node, NodePassage.COME_ONLINE, world.now)
    nodes.update_capacity(world, pool, node)


def _set_scheduling(world: World, event: events.NodeVerb, wanted: SchedulingState) -> tuple[Pool, Node]:
    pool, node = _node(world, event)
    if node.state is NodeState.LEAVING_POOL:
        raise errors.operation_not_valid_on_node("The node is leaving its pool")
    if node.scheduling_state is wanted:
        raise errors.node_already_in_target_scheduling_state()
    node.scheduling_state = wanted
    tell(node.story, world.now, f"scheduling {wanted.value}")
    return pool, node


# --- users --------------------------------------------------------------------------------------------


def create_user(world: World, event: events.CreateNodeUser) -> None:
    """Add an account."""
    _, node = _node(world, event)
    _require(node, NODE_AT_WORK)
    if _find_user(world, node, event.user.name) is not None:
        raise errors.node_user_exists()
    node.users[event.user.name] = event.user


def replace_user(world: World, event: events.ReplaceNodeUser) -> None:
    """Give an account another password, key and expiry."""
    _, node = _node(world, event)
    _require(node, NODE_AT_WORK)
    present = _find_user(world, node, event.user.name)
    if present is None:
        raise errors.node_user_not_found()
    node.users[present.name] = replace(event.user, name=present.name, is_admin=present.is_admin)


def delete_user(world: World, event: events.DeleteNodeUser) -> None:
    """Remove an account."""
    _, node = _node(world, event)
    _require(node, NODE_AT_WORK)
    if _find_user(world, node, event.user_name) is None:
        raise errors.node_user_not_found()
    del node.users[event.user_name]


def _find_user(world: World, node: Node, name: str) -> NodeUser | None:
    """An account that has not expired."""
    user = node.users.get(name)
    return user if user is not None and user.expiry_time > world.now else None


HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    events.RebootNode: reboot,
    events.ReimageNode: reimage,
    events.DeallocateNode: deallocate,
    events.StartNode: start,
    events.DisableNodeScheduling: disable_scheduling,
    events.EnableNodeScheduling: enable_scheduling,
    events.CreateNodeUser: create_user,
    events.ReplaceNodeUser: replace_user,
    events.DeleteNodeUser: delete_user,
}
