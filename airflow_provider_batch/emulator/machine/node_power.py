"""Nodes on their way up and down: boots, reboots, new disks, machines given back and taken anew."""

from __future__ import annotations

from airflow_provider_batch.emulator.machine import node_packages, nodes, pools
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory, PrepareNode
from airflow_provider_batch.emulator.machine.runs import Ending
from airflow_provider_batch.emulator.machine.tables import NodePassage
from airflow_provider_batch.emulator.machine.timers import NodeTimer
from airflow_provider_batch.emulator.machine.transitions import move_node
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeState

#: states of a node that goes down, and goes on when its last process is gone
_GOING_DOWN = frozenset(
    {
        NodeState.REBOOTING,
        NodeState.REIMAGING,
        NodeState.UPGRADING_OS,
        NodeState.DEALLOCATING,
        NodeState.PREEMPTED,
    }
)
_BOOTING = frozenset({NodeState.CREATING, NodeState.REBOOTING, NodeState.REIMAGING, NodeState.UPGRADING_OS})
#: what of these leaves the node without a machine, so that its directories are made when it has one again
_WITHOUT_MACHINE = frozenset({NodeState.DEALLOCATING, NodeState.PREEMPTED})


def take_down(
    world: World,
    pool: Pool,
    node: Node,
    passage: NodePassage,
    ending: Ending | None,
    *,
    keeps_files: bool = False,
) -> None:
    """
    Stop a node's work; it goes on its way when the last process is gone.

    :param ending: of the tasks on it; None to wait for them.
    :param keeps_files: also wait for the retention times of the files on it.
    """
    move_node(node, passage, world.now)
    node.wakes += 1
    node.errors = ()
    node.keeps_files = keeps_files
    if passage is NodePassage.PREEMPT:
        nodes.let_go(world, node)
    nodes.update_capacity(world, pool, node)
    nodes.end_work(world, node, ending)
    go_on(world, pool, node)


def go_on(world: World, pool: Pool, node: Node) -> None:
    """Let a node that goes down go on, once nothing holds it any more; nothing happens to others."""
    if node.state not in _GOING_DOWN or node.runs or nodes.must_keep_files(world, node):
        return
    if node.state is not NodeState.REBOOTING:
        _lose_disk(world, pool, node)
    if node.state is NodeState.PREEMPTED and node.returns_at is not None:
        nodes.wake(world, node, max(0.0, (node.returns_at - world.now).total_seconds()))
    else:
        nodes.wake(world, node, world.settings.node_start_seconds / 3)


def _lose_disk(world: World, pool: Pool, node: Node) -> None:
    node.image += 1
    node.users.clear()
    nodes.forget_files(world, node)
    world.instruct(DeleteDirectory(pool.id, node.id))
    if node.state not in _WITHOUT_MACHINE:
        world.instruct(PrepareNode(pool.id, node.id, pool.spec.mounts))


def start(world: World, pool: Pool, node: Node) -> None:
    """Take a machine for a deallocated node again."""
    move_node(node, NodePassage.BOOT, world.now)
    _take_machine(world, pool, node)


def _take_machine(world: World, pool: Pool, node: Node) -> None:
    nodes.hold(world, node)
    world.instruct(PrepareNode(pool.id, node.id, pool.spec.mounts))
    nodes.wake(world, node, world.settings.node_start_seconds / 3)


def on_timer(world: World, timer: NodeTimer) -> None:
    """Let a node take its next step, unless something else has happened to it since the timer was set."""
    pool = world.state.pools.get(timer.pool_key)
    node = None if pool is None else pool.nodes.get(timer.node_key)
    if pool is None or node is None or node.wakes != timer.number:
        return
    if node.keeps_files:
        go_on(world, pool, node)
        if nodes.drop_if_done(world, pool, node):
            pools.settle(world, pool)
    elif node.state in _BOOTING:
        move_node(node, NodePassage.BOOT, world.now)
        nodes.wake(world, node, world.settings.node_start_seconds / 3)
    elif node.state is NodeState.STARTING:
        node.boot += 1
        node.last_boot_time = world.now
        node_packages.begin(world, pool, node)
    elif node.state is NodeState.DEALLOCATING:
        move_node(node, NodePassage.DEALLOCATED, world.now)
        nodes.let_go(world, node)
    elif node.state is NodeState.PREEMPTED:
        move_node(node, NodePassage.RETURN, world.now)
        # As a new one: a node that is being created shows neither.
        node.last_boot_time, node.start_task_info = None, None
        _take_machine(world, pool, node)
