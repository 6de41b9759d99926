"""Begins the automatic scaling of a pool, and decides its targets by the pool's formula."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.emulator.machine.autoscale_evaluation import evaluate, run_of
from airflow_provider_batch.emulator.machine.timers import AutoScaleSampleTimer, AutoScaleTimer
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.autoscale import AutoScale, AutoScaleSettings, MetricHistory
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeDeallocationOption


def begin(world: World, pool: Pool, settings: AutoScaleSettings) -> AutoScale:
    """Let a pool scale automatically: its history begins now, and its formula is yet to be evaluated."""
    metrics = MetricHistory(
        world.settings.sample_limit,
        timedelta(seconds=world.settings.sample_seconds),
        timedelta(seconds=world.settings.sample_delay_seconds),
    )
    auto_scale = AutoScale(settings, world.serial(), world.serial(), metrics)
    pool.auto_scale = auto_scale
    await_sample(world, pool, auto_scale)
    await_evaluation(world, pool, auto_scale)
    return auto_scale


def await_sample(world: World, pool: Pool, auto_scale: AutoScale) -> None:
    """Want to hear when the next sample is due."""
    timer = AutoScaleSampleTimer(id_key(pool.id), pool.serial, auto_scale.serial)
    world.wake_in(timer, world.settings.sample_seconds)


def await_evaluation(world: World, pool: Pool, auto_scale: AutoScale) -> None:
    """Want to hear when the next evaluation is due."""
    timer = AutoScaleTimer(id_key(pool.id), pool.serial, auto_scale.schedule)
    world.wake_in(timer, auto_scale.settings.evaluation_interval.total_seconds())


def set_targets(world: World, pool: Pool, auto_scale: AutoScale) -> NodeDeallocationOption | None:
    """
    Evaluate the pool's formula and take over its targets.

    :return: how nodes are to leave; None when the evaluation failed, which changes nothing.
    """
    evaluation = evaluate(pool, auto_scale, auto_scale.settings.formula, world.now)
    auto_scale.run = run_of(evaluation, world.now)
    if evaluation.error is not None:
        return None
    pool.target_dedicated_nodes = evaluation.target_dedicated_nodes
    pool.target_low_priority_nodes = evaluation.target_low_priority_nodes
    return NodeDeallocationOption(evaluation.node_deallocation_option)
