"""
Whether a pool has got the machines that it asked for, whatever its nodes are up to; pure.

An allocated machine bills, and is not a node that runs tasks yet: for that, see
:mod:`airflow_provider_batch.domain.pool_readiness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.pool_readiness import POOL_SELECT, Wanted, formula_error, formula_text
from airflow_provider_batch.domain.pool_watch import Look, PoolTarget, check_same_pool
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.resize_errors import Disposition, ResizeError, read_resize_errors
from airflow_provider_batch.domain.states import lower

__all__ = ["judge_allocation", "look_at_allocation"]


def look_at_allocation(target: PoolTarget) -> Flow[Look]:
    """
    Flow: see whether a pool has its machines; one request.

    :param target: the pool, and how many machines are wanted; ``steady`` for the end of its resize too.
    """
    answer: Answer = yield requests.get_pool(target.batch_pool_id, POOL_SELECT)
    check_same_pool(answer.json, target.batch_pool_id, target.created)
    return judge_allocation(answer.json, target.wanted)


def judge_allocation(pool: Mapping[str, Any], wanted: Wanted) -> Look:
    """
    Judge a pool by its size.

    :param pool: the pool, with the properties of ``POOL_SELECT``.
    :param wanted: how many machines, or which part of its targets.
    """
    current, target = _nodes(pool, "current"), _nodes(pool, "target")
    need = wanted.of(target)
    is_steady = lower(pool.get("allocationState")) == "steady"
    is_scaled = bool(pool.get("enableAutoScale"))
    errors = read_resize_errors(pool.get("resizeErrors")) if is_steady else ()
    text = "; ".join(
        (
            f"pool {pool.get('id')} is {lower(pool.get('allocationState'))}, "
            f"{current} of {target} nodes allocated, {need} wanted",
            *map(str, errors),
            *([formula_text(pool)] if is_scaled and not target else ()),
        )
    )
    # A formula that never ran has not said how many it wants.
    has_run = bool(pool.get("autoScaleRun")) and not formula_error(pool)
    is_known = not is_scaled or bool(target) or wanted.nodes is not None or has_run
    if current >= need and is_known and (is_steady or not wanted.steady):
        return Look(text, value=_view(pool), warnings=[str(error) for error in errors])
    reason = None if current >= need else _hopeless(pool, need, errors, is_steady)
    return Look(text, failure=f"{text}; {reason}" if reason else None)


def _hopeless(
    pool: Mapping[str, Any], need: int, errors: tuple[ResizeError, ...], is_steady: bool
) -> str | None:
    """Say why waiting cannot help; None when it can."""
    target = _nodes(pool, "target")
    if pool.get("enableAutoScale"):
        fails = is_steady and any(error.disposition is Disposition.FAIL for error in errors)
        return "the formula's resize failed, and would again" if fails else None
    if target < need:
        return f"its size is {target}, not {need}, and nothing but a resize changes that"
    if not is_steady:
        return None
    if errors:
        return "the resize failed, and nothing but another one brings more nodes"
    # Batch itself asks again for spot nodes that were preempted.
    lacks_spot = int(pool.get("currentLowPriorityNodes") or 0) < int(pool.get("targetLowPriorityNodes") or 0)
    return None if lacks_spot else "no more nodes are coming, and nothing but a resize brings more"


def _nodes(pool: Mapping[str, Any], when: str) -> int:
    return sum(int(pool.get(f"{when}{kind}Nodes") or 0) for kind in ("Dedicated", "LowPriority"))


def _view(pool: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "batch_pool_id": pool.get("id"),
        "vm_size": pool.get("vmSize"),
        "allocation_state": lower(pool.get("allocationState")),
        "dedicated_nodes": int(pool.get("currentDedicatedNodes") or 0),
        "low_priority_nodes": int(pool.get("currentLowPriorityNodes") or 0),
        "target_dedicated_nodes": int(pool.get("targetDedicatedNodes") or 0),
        "target_low_priority_nodes": int(pool.get("targetLowPriorityNodes") or 0),
        "auto_scale": bool(pool.get("enableAutoScale")),
    }
