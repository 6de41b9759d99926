"""Evaluates a pool's formula on what was measured of the pool. Reads only; others act on what comes out."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_batch.emulator import autoscale
from airflow_provider_batch.emulator.autoscale import Evaluation, Inputs, Metric
from airflow_provider_batch.emulator.model.autoscale import AutoScale, AutoScaleError, AutoScaleRun
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeState

_USABLE = (NodeState.IDLE, NodeState.RUNNING)


def node_figures(pool: Pool) -> dict[str, float]:
    """Return what is known of a pool's nodes now, by names of read-only variables."""
    states = [node.state for node in pool.nodes.values()]
    return {
        "$CurrentDedicatedNodes": float(pool.current_dedicated_nodes),
        "$CurrentLowPriorityNodes": float(pool.current_low_priority_nodes),
        "$PreemptedNodeCount": float(states.count(NodeState.PREEMPTED)),
        "$UsableNodeCount": float(sum(state in _USABLE for state in states)),
        "$TaskSlotsPerNode": float(pool.spec.task_slots_per_node),
    }


def evaluate(pool: Pool, auto_scale: AutoScale, formula: str, now: datetime) -> Evaluation:
    """Evaluate any formula on a pool that scales automatically; the pool is not touched."""
    current = node_figures(pool)
    samples = auto_scale.metrics.samples
    metrics = {
        name: Metric(samples.get(name, ()), current.get(name)) for name in samples.keys() | current.keys()
    }
    inputs = Inputs(
        now=now,
        target_dedicated_nodes=pool.target_dedicated_nodes,
        target_low_priority_nodes=pool.target_low_priority_nodes,
        metrics=metrics,
        sample_period=auto_scale.metrics.period,
        sample_delay=auto_scale.metrics.delay,
        seed=f"{pool.serial} {now.isoformat()}",
    )
    return autoscale.evaluate(formula, inputs)


def run_of(evaluation: Evaluation, now: datetime) -> AutoScaleRun:
    """Return an evaluation as the service reports it."""
    error = evaluation.error
    if error is None:
        return AutoScaleRun(now, evaluation.results)
    failure = AutoScaleError(error.code, error.message, (("Message", error.detail),))
    return AutoScaleRun(now, evaluation.results, failure)
