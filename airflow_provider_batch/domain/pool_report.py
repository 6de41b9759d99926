"""The state of a pool for a person who looks at it: allocation, nodes, errors, what its formula came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, pages
from airflow_provider_batch.domain.pool_readiness import (
    NODE_SELECT,
    POOL_SELECT,
    PoolVerdict,
    Wanted,
    judge_pool,
)
from airflow_provider_batch.domain.pool_watch import pool_view
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.resize_errors import read_resize_errors
from airflow_provider_batch.domain.states import lower

__all__ = ["PoolReport", "report_of_pool"]

_MORE_OF_POOL = ("taskSlotsPerNode", "autoScaleEvaluationInterval")
_MORE_OF_NODES = ("runningTasksCount", "runningTaskSlotsCount")


@dataclass(frozen=True)
class PoolReport:
    """
    What a look at a pool has found.

    :param text: lines for a person.
    :param data: the same as plain JSON.
    """

    text: str
    data: Mapping[str, Any]


def report_of_pool(batch_pool_id: str) -> Flow[PoolReport]:
    """
    Flow: read a pool and its nodes, and say how they are; nothing is changed.

    :param batch_pool_id: the pool.
    :raises BatchNotFoundError: it does not exist.
    """
    answer: Answer = yield requests.get_pool(batch_pool_id, (*POOL_SELECT, *_MORE_OF_POOL))
    nodes = yield from pages(requests.list_nodes(batch_pool_id, (*NODE_SELECT, *_MORE_OF_NODES)))
    pool = answer.json
    verdict = judge_pool(pool, nodes, Wanted())
    data = _data(pool, nodes, verdict)
    return PoolReport(_text(data), data)


def _data(pool: Mapping[str, Any], nodes: list[Mapping[str, Any]], verdict: PoolVerdict) -> dict[str, Any]:
    run = pool.get("autoScaleRun") or {}
    error = run.get("error") or {}
    return {
        **pool_view(pool, verdict),
        "state": lower(pool.get("state")),
        "allocation_state": lower(pool.get("allocationState")),
        "allocation_state_since": pool.get("allocationStateTransitionTime"),
        "current_dedicated_nodes": int(pool.get("currentDedicatedNodes") or 0),
        "current_low_priority_nodes": int(pool.get("currentLowPriorityNodes") or 0),
        "running_tasks": _sum(nodes, "runningTasksCount"),
        "task_slots": int(pool.get("taskSlotsPerNode") or 1) * verdict.usable,
        "busy_task_slots": _sum(nodes, "runningTaskSlotsCount"),
        "resize_errors": [str(each) for each in read_resize_errors(pool.get("resizeErrors"))],
        "broken_nodes": [asdict(node) for node in verdict.broken],
        "formula_results": run.get("results"),
        "formula_error": f"{error.get('code')}: {error.get('message')}" if error else None,
        "summary": f"{verdict.text}.",
    }


def _sum(nodes: list[Mapping[str, Any]], name: str) -> int:
    return sum(int(node.get(name) or 0) for node in nodes)


def _text(data: Mapping[str, Any]) -> str:
    states = ", ".join(f"{count} {state}" for state, count in data["nodes"].items()) or "none"
    lines = [
        f"{data['summary'][:1].upper()}{data['summary'][1:]}",
        f"  state: {data['state']}, {data['allocation_state']} since {data['allocation_state_since']}",
        f"  size: {data['current_dedicated_nodes']} of {data['target_dedicated_nodes']} dedicated, "
        f"{data['current_low_priority_nodes']} of {data['target_low_priority_nodes']} spot nodes "
        f"({data['vm_size']})",
        f"  nodes: {states}",
        f"  tasks: {data['running_tasks']} run, in {data['busy_task_slots']} of {data['task_slots']} slots",
    ]
    if data["auto_scale"]:
        lines.append(f"  formula: {data['formula_error'] or data['formula_results'] or 'has not run yet'}")
    lines += [f"  resize error: {error}" for error in data["resize_errors"]]
    lines += [f"  broken: node {node['node_id']}: {node['reason']}" for node in data["broken_nodes"]]
    return "\n".join(lines)
