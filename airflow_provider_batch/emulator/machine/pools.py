"""Pools: what users do to them, and how they reach their targets."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import autoscale_schedule, events, nodes
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory
from airflow_provider_batch.emulator.machine.resize_errors import quota_reached, resize_error
from airflow_provider_batch.emulator.machine.tables import AllocationPassage, PoolPassage
from airflow_provider_batch.emulator.machine.timers import AllocationTimer
from airflow_provider_batch.emulator.machine.transitions import move_allocation, move_pool
from airflow_provider_batch.emulator.machine.world import PoolIndex, World, require
from airflow_provider_batch.emulator.model.assumptions import ScaledPoolResize
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool, PoolResize
from airflow_provider_batch.emulator.model.sizes import cores_of
from airflow_provider_batch.emulator.model.states import (
    AllocationState,
    NodeDeallocationOption,
    NodeState,
    PoolState,
)

DEFAULT_RESIZE_TIMEOUT = timedelta(minutes=15)

#: when a pool shrinks, nodes in these states go before those that could work
_USELESS = (
    NodeState.UNUSABLE,
    NodeState.START_TASK_FAILED,
    NodeState.PREEMPTED,
    NodeState.DEALLOCATED,
    NodeState.DEALLOCATING,
    NodeState.UNKNOWN,
    NodeState.OFFLINE,
)


def open_pool(world: World, event: events.PoolVerb) -> Pool:
    """
    Return the pool that a user acts on.

    :raises ServiceError: ``PoolNotFound``, ``ConditionNotMet``, ``PoolBeingDeleted``.
    """
    pool = world.state.pool(event.pool_id)
    require(event.conditions, pool)
    if pool.state is PoolState.DELETING:
        raise errors.pool_being_deleted()
    return pool


def create(world: World, event: events.CreatePool) -> None:
    """Create a pool, which begins to resize at once."""
    spec = event.spec
    present = world.state.pools.get(id_key(spec.id))
    if present is not None:
        deleting = present.state is PoolState.DELETING
        raise errors.pool_being_deleted() if deleting else errors.pool_exists()
    if len(world.state.pools) >= world.settings.pool_quota:
        raise errors.pool_quota_reached()
    pool = Pool(
        spec=spec,
        serial=world.serial(),
        creation_time=world.now,
        last_modified=world.now,
        state=PoolState.ACTIVE,
        state_transition_time=world.now,
        allocation_state=AllocationState.RESIZING,
        allocation_state_transition_time=world.now,
        target_dedicated_nodes=spec.target_dedicated_nodes,
        target_low_priority_nodes=spec.target_low_priority_nodes,
        resize_timeout=spec.resize_timeout,
    )
    world.state.pools[id_key(spec.id)] = pool
    world.pools[pool.serial] = PoolIndex()
    if spec.auto_scale is not None:
        auto_scale = autoscale_schedule.begin(world, pool, spec.auto_scale)
        autoscale_schedule.set_targets(world, pool, auto_scale)
    approach_targets(world, pool, NodeDeallocationOption.REQUEUE)


def update(world: World, event: events.UpdatePool) -> None:
    """Take a new spec; targets are left to resizing, and nodes that exist keep their start task."""
    pool = open_pool(world, event)
    pool.spec = event.spec
    world.touch(pool)


def resize(world: World, event: events.ResizePool) -> None:
    """Take new targets."""
    pool = _steady_pool(world, event)
    _set_targets(pool, event.resize)
    world.touch(pool)
    move_allocation(pool, AllocationPassage.RESIZE, world.now)
    approach_targets(world, pool, event.resize.node_deallocation_option)


def _steady_pool(world: World, event: events.PoolVerb) -> Pool:
    pool = open_pool(world, event)
    _refuse_auto_scale(world, pool)
    if pool.allocation_state is not AllocationState.STEADY:
        raise errors.pool_being_resized()
    return pool


def _refuse_auto_scale(world: World, pool: Pool) -> None:
    if pool.auto_scale is None:
        return
    if world.assumptions.scaled_pool_resize is ScaledPoolResize.INVALID_STATE:
        raise errors.operation_invalid_for_current_state()
    raise errors.operation_not_valid_on_pool("The pool scales automatically")


def _set_targets(pool: Pool, wanted: PoolResize) -> None:
    if wanted.target_dedicated_nodes is not None:
        pool.target_dedicated_nodes = wanted.target_dedicated_nodes
    if wanted.target_low_priority_nodes is not None:
        pool.target_low_priority_nodes = wanted.target_low_priority_nodes
    pool.resize_timeout = wanted.resize_timeout or DEFAULT_RESIZE_TIMEOUT


def remove_nodes(world: World, event: events.RemoveNodes) -> None:
    """Take named nodes out; the targets shrink with them."""
    pool = _steady_pool(world, event)
    going = [world.state.node(event.pool_id, node_id) for node_id in dict.fromkeys(event.node_ids)]
    world.touch(pool)
    dedicated = sum(node.is_dedicated for node in going)
    pool.target_dedicated_nodes = max(0, pool.target_dedicated_nodes - dedicated)
    pool.target_low_priority_nodes = max(0, pool.target_low_priority_nodes - len(going) + dedicated)
    move_allocation(pool, AllocationPassage.RESIZE, world.now)
    for node in going:
        nodes.leave(world, pool, node, event.option)
    approach_targets(world, pool, event.option)


def stop_resize(world: World, event: events.StopPoolResize) -> None:
    """Stop growing; nodes that are leaving go on leaving. The ETag stays, as recorded."""
    pool = open_pool(world, event)
    _refuse_auto_scale(world, pool)
    if pool.allocation_state is not AllocationState.RESIZING:
        raise errors.operation_invalid_for_current_state()
    move_allocation(pool, AllocationPassage.STOP, world.now)
    _begin_resize(world, pool)


def delete(world: World, event: events.DeletePool) -> None:
    """Take a pool away: its tasks go back to their jobs' queues, which wait for another pool of that id."""
    pool = open_pool(world, event)
    move_pool(pool, PoolPassage.DELETE, world.now)
    world.touch(pool)
    for node in list(pool.nodes.values()):
        nodes.leave(world, pool, node, NodeDeallocationOption.REQUEUE)
    settle(world, pool)


# --- reaching the targets -----------------------------------------------------------------------------


def approach_targets(world: World, pool: Pool, option: NodeDeallocationOption) -> None:
    """Begin a resize to the pool's targets, in place of one that is under way."""
    if pool.allocation_state is AllocationState.STEADY:
        move_allocation(pool, AllocationPassage.RESIZE, world.now)
    pool.resize_errors = ()
    if pool.nodes or pool.target_dedicated_nodes or pool.target_low_priority_nodes:
        # That an empty pool stays empty has nothing to fail at: the fault waits for a resize that has.
        world.pools[pool.serial].fault = world.faults.resizes.pop(id_key(pool.id), None)
    _shrink(world, pool, option)
    _begin_resize(world, pool)


def _begin_resize(world: World, pool: Pool) -> None:
    index = world.pools[pool.serial]
    index.resizes += 1
    index.grown = False
    seconds = min(world.settings.node_start_seconds / 3, pool.resize_timeout.total_seconds())
    world.wake_in(AllocationTimer(id_key(pool.id), pool.serial, index.resizes), seconds)


def _shrink(world: World, pool: Pool, option: NodeDeallocationOption) -> None:
    for is_dedicated in (True, False):
        staying = _staying(pool, is_dedicated=is_dedicated)
        surplus = len(staying) - _target(pool, is_dedicated=is_dedicated)
        for node in sorted(staying, key=_usefulness)[: max(0, surplus)]:
            nodes.leave(world, pool, node, option)


def _usefulness(node: Node) -> tuple[bool, int, int]:
    """Order in which nodes are given up: the broken, then the emptiest, then the newest."""
    return (node.state not in _USELESS, node.running_tasks_count, -node.number)


def _staying(pool: Pool, *, is_dedicated: bool) -> list[Node]:
    return [
        node
        for node in pool.nodes.values()
        if node.is_dedicated is is_dedicated and node.state is not NodeState.LEAVING_POOL
    ]


def misses_targets(pool: Pool) -> bool:
    """Whether the pool has more or fewer nodes than it should, those aside that are leaving."""
    return any(
        len(_staying(pool, is_dedicated=kind)) != _target(pool, is_dedicated=kind) for kind in (True, False)
    )


def _target(pool: Pool, *, is_dedicated: bool) -> int:
    return pool.target_dedicated_nodes if is_dedicated else pool.target_low_priority_nodes


def on_timer(world: World, timer: AllocationTimer) -> None:
    """Give a resizing pool its nodes, or let a stopping one stop."""
    pool = world.find_pool(timer.pool_key, timer.pool_serial)
    if pool is None or pool.state is PoolState.DELETING:
        return
    index = world.pools[pool.serial]
    if index.resizes != timer.number or index.grown:
        return
    index.grown = True
    fault, index.fault = index.fault, None
    timed_out = timedelta(seconds=world.settings.node_start_seconds / 3) > pool.resize_timeout
    for is_dedicated in (True, False):
        missing = _target(pool, is_dedicated=is_dedicated) - len(_staying(pool, is_dedicated=is_dedicated))
        if missing <= 0:
            continue
        if pool.allocation_state is AllocationState.STOPPING:
            pool.resize_errors += (resize_error("ResizeStopped", is_dedicated=is_dedicated),)
        elif timed_out:
            pool.resize_errors += (resize_error("AllocationTimedout", is_dedicated=is_dedicated),)
        elif fault is not None:
            _grow(world, pool, min(missing, fault.nodes), is_dedicated=is_dedicated)
            pool.resize_errors += (resize_error(fault.code, fault.message, is_dedicated=is_dedicated),)
        else:
            _grow(world, pool, missing, is_dedicated=is_dedicated)
    if fault is not None and not pool.resize_errors:
        pool.resize_errors = (resize_error(fault.code, fault.message, is_dedicated=True),)
    settle(world, pool)


def _grow(world: World, pool: Pool, missing: int, *, is_dedicated: bool) -> None:
    cores = cores_of(pool.spec.vm_size)
    affordable = max(0, _free_cores(world, is_dedicated=is_dedicated)) // cores
    for _ in range(min(missing, affordable)):
        nodes.create(world, pool, is_dedicated=is_dedicated)
    if missing > affordable:
        pool.resize_errors += (quota_reached(is_dedicated=is_dedicated),)


def _free_cores(world: World, *, is_dedicated: bool) -> int:
    settings = world.settings
    quota = settings.dedicated_core_quota if is_dedicated else settings.low_priority_core_quota
    return quota - sum(
        cores_of(node.vm_size)
        for pool in world.state.pools.values()
        for node in pool.nodes.values()
        if node.is_dedicated is is_dedicated
    )


def settle(world: World, pool: Pool) -> None:
    """Let a pool become steady when its resize is over, and a deleted one vanish with its last node."""
    if pool.state is PoolState.DELETING:
        if not pool.nodes:
            del world.state.pools[id_key(pool.id)]
            del world.pools[pool.serial]
            world.instruct(DeleteDirectory(pool.id))
        return
    if pool.allocation_state is AllocationState.STEADY or not world.pools[pool.serial].grown:
        return
    stopping = pool.allocation_state is AllocationState.STOPPING
    if stopping or not nodes.is_leaving_with_work(pool):
        move_allocation(pool, AllocationPassage.SETTLE, world.now)


def lose_node(world: World, event: events.NodeLost) -> None:
    """Let a node fail."""
    pool = world.state.pool(event.pool_id)
    nodes.lose(world, pool, world.state.node(event.pool_id, event.node_id))
