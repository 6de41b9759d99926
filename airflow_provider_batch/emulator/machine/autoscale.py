"""
Automatic scaling: users turn it on and off; samples and evaluations come as time passes.

Source: reference of the service, section 6.3. Samples are taken while a pool scales automatically, and not
before: a pool on which it is enabled later begins without a history, as a new one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import autoscale_schedule, pools
from airflow_provider_batch.emulator.machine.autoscale_evaluation import node_figures
from airflow_provider_batch.emulator.machine.autoscale_events import (
    DisableAutoScale,
    EnableAutoScale,
    UsageMeasured,
)
from airflow_provider_batch.emulator.machine.instructions import MeasureUsage
from airflow_provider_batch.emulator.machine.tables import JOB_OPEN, AllocationPassage
from airflow_provider_batch.emulator.machine.timers import AutoScaleSampleTimer, AutoScaleTimer
from airflow_provider_batch.emulator.machine.transitions import move_allocation
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.autoscale import AutoScale, AutoScaleSettings
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import AllocationState, NodeState, PoolState

# --- users --------------------------------------------------------------------------------------------


def enable(world: World, event: EnableAutoScale) -> None:
    """Let a pool scale automatically, or change how it does; the formula is evaluated at once."""
    pool = pools.open_pool(world, event)
    _check_pace(world, pool)
    if pool.allocation_state is not AllocationState.STEADY:
        raise errors.pool_being_resized()
    auto_scale = pool.auto_scale
    if event.formula is None and (auto_scale is None or event.evaluation_interval is None):
        raise errors.invalid_auto_scaling_settings("A formula is needed")
    pool.auto_scale_requested_at = world.now
    world.touch(pool)
    if auto_scale is None:
        auto_scale = _begin(world, pool, event)
    else:
        _change(world, pool, auto_scale, event)
    _evaluate(world, pool, auto_scale)
    if pool.allocation_state is AllocationState.STEADY:
        _pass_through_resizing(world, pool)


def _check_pace(world: World, pool: Pool) -> None:
    before, pause = pool.auto_scale_requested_at, timedelta(seconds=world.settings.enable_auto_scale_seconds)
    if before is not None and world.now - before < pause:
        raise errors.too_many_enable_auto_scale_requests()


def _begin(world: World, pool: Pool, event: EnableAutoScale) -> AutoScale:
    settings = AutoScaleSettings(event.formula or "")
    if event.evaluation_interval is not None:
        settings = replace(settings, evaluation_interval=event.evaluation_interval)
    return autoscale_schedule.begin(world, pool, settings)


def _change(world: World, pool: Pool, auto_scale: AutoScale, event: EnableAutoScale) -> None:
    settings = auto_scale.settings
    auto_scale.settings = AutoScaleSettings(
        event.formula or settings.formula, event.evaluation_interval or settings.evaluation_interval
    )
    if event.evaluation_interval is not None:
        auto_scale.schedule = world.serial()
        autoscale_schedule.await_evaluation(world, pool, auto_scale)


def disable(world: World, event: DisableAutoScale) -> None:
    """Let a pool keep the targets that it has."""
    pool = pools.open_pool(world, event)
    if pool.auto_scale is None:
        raise errors.operation_not_valid_on_pool("Automatic scaling is not enabled on the pool")
    pool.auto_scale = None
    world.touch(pool)
    if pool.allocation_state is AllocationState.STEADY:
        _pass_through_resizing(world, pool)


def _pass_through_resizing(world: World, pool: Pool) -> None:
    """Recorded pools show that their allocation state moved, although nothing had to change."""
    move_allocation(pool, AllocationPassage.RESIZE, world.now)
    move_allocation(pool, AllocationPassage.SETTLE, world.now)


# --- evaluation ---------------------------------------------------------------------------------------


def _evaluate(world: World, pool: Pool, auto_scale: AutoScale) -> None:
    """
    Evaluate the formula, and begin a resize when the pool has not what it should.

    A resize under way goes on, unless the formula wants something else by now: then a new one takes its
    place, and the former targets are never reached.
    """
    before = (pool.target_dedicated_nodes, pool.target_low_priority_nodes)
    option = autoscale_schedule.set_targets(world, pool, auto_scale)
    if option is None:
        return
    changed = before != (pool.target_dedicated_nodes, pool.target_low_priority_nodes)
    steady = pool.allocation_state is AllocationState.STEADY
    if pools.misses_targets(pool) if steady else changed:
        pools.approach_targets(world, pool, option)


def on_evaluation_timer(world: World, timer: AutoScaleTimer) -> None:
    """Evaluate the formula of a pool; the next evaluation follows after the interval."""
    pool = _active_pool(world, timer.pool_key, timer.pool_serial)
    if pool is None or pool.auto_scale is None or pool.auto_scale.schedule != timer.schedule:
        return
    _evaluate(world, pool, pool.auto_scale)
    autoscale_schedule.await_evaluation(world, pool, pool.auto_scale)


# --- samples ------------------------------------------------------------------------------------------


def on_sample_timer(world: World, timer: AutoScaleSampleTimer) -> None:
    """Write down a sample of a pool; how busy its nodes are is asked for."""
    pool = _active_pool(world, timer.pool_key, timer.pool_serial)
    if pool is None or pool.auto_scale is None or pool.auto_scale.serial != timer.auto_scale_serial:
        return
    metrics = pool.auto_scale.metrics
    for name, value in {**node_figures(pool), **_task_figures(world, pool), **_node_use(world, pool)}.items():
        metrics.record(name, world.now, value)
    world.instruct(MeasureUsage(timer.pool_key, timer.pool_serial))
    autoscale_schedule.await_sample(world, pool, pool.auto_scale)


def _task_figures(world: World, pool: Pool) -> dict[str, float]:
    pool_key = id_key(pool.id)
    jobs = [job for job in world.state.jobs.values() if id_key(job.spec.pool_id) == pool_key]
    active = sum(_ready_instances(world, job) for job in jobs if job.state in JOB_OPEN)
    running = sum(job.counts.tasks.running for job in jobs)
    return {
        "$ActiveTasks": float(active),
        "$RunningTasks": float(running),
        "$PendingTasks": float(active + running),
        "$SucceededTasks": float(sum(job.counts.tasks.succeeded for job in jobs)),
        "$FailedTasks": float(sum(job.counts.tasks.failed for job in jobs)),
    }


def _ready_instances(world: World, job: Job) -> int:
    """Tasks that wait for nothing but a node; one for several nodes counts with its instances."""
    index = world.jobs.get(job.serial)
    if index is None:
        return 0
    keys = index.ready.keys() + index.gangs.keys()
    settings = (job.tasks[key].spec.multi_instance for key in keys)
    return sum(1 if setting is None else setting.number_of_instances for setting in settings)


def _node_use(world: World, pool: Pool) -> dict[str, float]:
    running = sum(node.state is NodeState.RUNNING for node in pool.nodes.values())
    return {
        "$SampleNodeCount": float(len(pool.nodes)),
        "$WallClockSeconds": running * world.settings.sample_seconds,
    }


def usage_measured(world: World, event: UsageMeasured) -> None:
    """Add to the sample how busy the nodes are; without nodes nobody is busy."""
    pool = _active_pool(world, event.pool_key, event.pool_serial)
    if pool is None or pool.auto_scale is None or not pool.nodes:
        return
    for name, value in event.usage.items():
        pool.auto_scale.metrics.record(name, world.now, value)


def _active_pool(world: World, pool_key: str, serial: int) -> Pool | None:
    pool = world.find_pool(pool_key, serial)
    return pool if pool is not None and pool.state is PoolState.ACTIVE else None


HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    EnableAutoScale: enable,
    DisableAutoScale: disable,
    UsageMeasured: usage_measured,
}
TIMERS: Mapping[type, Callable[[World, Any], None]] = {
    AutoScaleTimer: on_evaluation_timer,
    AutoScaleSampleTimer: on_sample_timer,
}
