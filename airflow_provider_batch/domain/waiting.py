"""
Why a Batch task waits, and whether waiting can help.

Batch queues a task without saying why. The reason is in its pool: no nodes asked for, a resize under way, a
quota used up, nodes that fail their start task. *Steady is not usable*: a pool is steady as soon as its
machines exist, long before one of them can run a task; and the errors of an old resize are kept until the
next one starts, so an error counts only while nodes are missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, pages
from airflow_provider_batch.domain.plurals import counted
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.resize_errors import Disposition, read_resize_errors
from airflow_provider_batch.domain.start_task_output import last_words
from airflow_provider_batch.domain.states import NODE_BROKEN, NODE_COMING, NODE_USABLE, lower
from airflow_provider_batch.exceptions import BatchNotFoundError
from airflow_provider_batch.specs.autoscale_error import locate_error

_POOL_SELECT = (
    "id",
    "state",
    "allocationState",
    "resizeErrors",
    "currentDedicatedNodes",
    "targetDedicatedNodes",
    "currentLowPriorityNodes",
    "targetLowPriorityNodes",
    "enableAutoScale",
    "autoScaleFormula",
    "autoScaleRun",
    "taskSlotsPerNode",
)
_NODE_SELECT = ("id", "state", "startTaskInfo", "errors", "runningTaskSlotsCount")


@dataclass(frozen=True)
class PoolView:
    """
    What a waiting task can expect of its pool.

    :param text: one sentence for the log.
    :param hopeless: whether the pool cannot run any task until somebody acts on it.
    :param idle: nodes that run nothing and could.
    """

    text: str
    hopeless: bool = False
    idle: int = 0


@dataclass(frozen=True)
class _Nodes:
    states: Counter[str]
    broken: Sequence[Mapping[str, Any]] = field(default=())

    def count(self, states: frozenset[str]) -> int:
        return sum(n for state, n in self.states.items() if state in states)


def look_at_pool(batch_pool_id: str) -> Flow[PoolView]:
    """
    Flow: say what a task that waits on this pool waits for.

    :param batch_pool_id: pool of the task's job.
    """
    try:
        answer: Answer = yield requests.get_pool(batch_pool_id, _POOL_SELECT)
    except BatchNotFoundError:
        return PoolView(
            f"pool {batch_pool_id} does not exist; the task waits until a pool of that id is created"
        )
    pool = answer.json
    try:
        listed = yield from pages(requests.list_nodes(batch_pool_id, _NODE_SELECT))
    except BatchNotFoundError:
        return PoolView(f"pool {batch_pool_id} was deleted just now")
    states = Counter(lower(node.get("state")) for node in listed)
    nodes = _Nodes(states, [n for n in listed if lower(n.get("state")) in NODE_BROKEN])
    view = describe(pool, nodes)
    if view.hopeless and nodes.broken:
        node = nodes.broken[0]
        output = (yield from last_words(batch_pool_id, str(node["id"]))) if node.get("startTaskInfo") else ""
        return PoolView(f"{view.text}\n{output}" if output else view.text, hopeless=True)
    return view


def describe(pool: Mapping[str, Any], nodes: _Nodes) -> PoolView:
    """
    Judge a pool by what the service says of it; pure.

    :param pool: the pool (``GET``).
    :param nodes: its nodes by state.
    """
    name = f"pool {pool.get('id')}"
    target = _number(pool, "targetDedicatedNodes") + _number(pool, "targetLowPriorityNodes")
    current = _number(pool, "currentDedicatedNodes") + _number(pool, "currentLowPriorityNodes")
    if lower(pool.get("state")) == "deleting":
        return PoolView(f"{name} is being deleted; the task waits until a pool of that id is created")
    steady = lower(pool.get("allocationState")) == "steady"
    scaled = bool(pool.get("enableAutoScale"))
    usable = nodes.count(NODE_USABLE)
    coming = nodes.count(NODE_COMING)
    if usable:
        idle = nodes.states["idle"]
        why = f"{idle} of them idle" if idle else "all task slots busy or not free enough for this task"
        return PoolView(f"{name}: {counted(usable, 'usable node')}, {why}", idle=idle)
    if coming or not steady:
        return PoolView(f"{name}: {current} of {target} nodes allocated, {_by_state(nodes)}")
    if nodes.broken:
        # The service lost sight of a node that is unknown, for the moment: it may be back soon.
        lasting = "unknown" not in nodes.states
        text = f"{name}: no node can run tasks, {_by_state(nodes)}{_reason(nodes)}"
        return PoolView(text, hopeless=lasting and not scaled)
    errors = read_resize_errors(pool.get("resizeErrors"))
    if errors and current < max(target, 1):
        lasting = any(error.disposition is Disposition.FAIL for error in errors)
        told = "; ".join(map(str, errors))
        text = f"{name}: {current} of {target} nodes, the last resize failed: {told}"
        return PoolView(text, hopeless=lasting and not scaled)
    if target == 0:
        what = _formula_says(pool) if scaled else "its size is 0: resize it, nothing else will"
        return PoolView(f"{name} has no nodes; {what}")
    return PoolView(f"{name}: {current} of {target} nodes, {_by_state(nodes)}")


def _formula_says(pool: Mapping[str, Any]) -> str:
    run = pool.get("autoScaleRun") or {}
    error = run.get("error")
    if not isinstance(error, Mapping):
        return "its autoscale formula asks for none now" if run else "its autoscale formula has not run yet"
    values = [str(v.get("value")) for v in error.get("values") or () if isinstance(v, Mapping)]
    detail = "; ".join(values) or str(error.get("message"))
    place = locate_error(str(pool.get("autoScaleFormula") or ""), detail)
    return redact(f"its autoscale formula failed: {error.get('code')}: {place or detail}")


def _number(pool: Mapping[str, Any], name: str) -> int:
    return int(pool.get(name) or 0)


def _by_state(nodes: _Nodes) -> str:
    if not nodes.states:
        return "none listed yet"
    return ", ".join(f"{count} {state}" for state, count in sorted(nodes.states.items()))


def _reason(nodes: _Nodes) -> str:
    for node in nodes.broken:
        info = node.get("startTaskInfo") or {}
        if lower(info.get("result")) == "failure":
            failure = info.get("failureInfo") or {}
            code = f", {failure.get('code')}: {failure.get('message')}" if failure else ""
            return redact(f"; the start task failed with exit code {info.get('exitCode')}{code}")
        for error in node.get("errors") or ():
            return redact(f"; node {node.get('id')}: {error.get('code')}: {error.get('message')}")
    return ""


#: parents that are looked at, one request each
_PARENTS = 10


def blocked_by(key: TaskKey) -> Flow[str | None]:
    """
    Flow: say which tasks this task depends on have not let it go; None when none was found.

    :param key: the task that waits.
    """
    answer: Answer = yield requests.get_task(key, ("id", "dependsOn"))
    parents = list((answer.json.get("dependsOn") or {}).get("taskIds") or ())
    blocking = []
    for parent_id in parents[:_PARENTS]:
        try:
            parent: Answer = yield requests.get_task(
                TaskKey(key.batch_job_id, str(parent_id)), ("id", "state", "executionInfo")
            )
        except BatchNotFoundError:
            blocking.append(f"{parent_id} (does not exist)")
            continue
        result = lower((parent.json.get("executionInfo") or {}).get("result"))
        state = lower(parent.json.get("state"))
        if state != "completed" or result != "success":
            blocking.append(f"{parent_id} ({result or state})")
    return f"it depends on {', '.join(blocking)}" if blocking else None
