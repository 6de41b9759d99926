"""
Whether a pool is ready, from what the service says of it and of its nodes; pure.

*Steady is not usable*: a pool is steady as soon as its machines exist, long before one of them can run a
task. A node is usable when it is idle or running: a busy pool is ready, a broken node never is. And the
errors of a resize are kept until the next one starts, for days: an error counts only when it is of a resize
that ended after we began, and only while nodes are missing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from airflow_provider_batch.domain.plurals import counted
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.resize_errors import Disposition, ResizeError, read_resize_errors
from airflow_provider_batch.domain.states import NODE_COMING, NODE_USABLE, lower
from airflow_provider_batch.specs.autoscale_error import locate_error

__all__ = [
    "NODE_SELECT",
    "POOL_SELECT",
    "BrokenNode",
    "Phase",
    "PoolVerdict",
    "Readiness",
    "Wanted",
    "broken_node",
    "formula_error",
    "formula_text",
    "judge_pool",
    "old_errors_of",
]

#: what a judgement needs to know of a pool and of its nodes
POOL_SELECT: Final = (
    "id",
    "state",
    "creationTime",
    "vmSize",
    "allocationState",
    "allocationStateTransitionTime",
    "resizeErrors",
    "currentDedicatedNodes",
    "targetDedicatedNodes",
    "currentLowPriorityNodes",
    "targetLowPriorityNodes",
    "enableAutoScale",
    "autoScaleFormula",
    "autoScaleRun",
)
NODE_SELECT: Final = (
    "id",
    "state",
    "schedulingState",
    "startTaskInfo",
    "errors",
    "isDedicated",
    "lastBootTime",
)

#: Nodes that can come without anybody's doing: Batch replaces a preempted machine, and may find one again
#: that it has lost sight of.
_COMING: Final = NODE_COMING | {"preempted", "unknown"}
_LEAVING: Final = frozenset({"leavingpool"})
#: broken nodes that are told of one by one
_NODES_TOLD: Final = 3


class Readiness(Enum):
    """What a look at a pool says."""

    READY = "ready"
    WAIT = "wait"
    FAILED = "failed"


class Phase(Enum):
    """What is waited for; each has a time limit of its own."""

    ALLOCATION = "allocation"
    NODES = "nodes"


@dataclass(frozen=True)
class Wanted:
    """
    What makes a pool ready.

    :param nodes: number of usable nodes, dedicated and spot counted alike.
    :param share: the part of the pool's present targets that must be usable, instead of a number; more than
        0, at most 1.
    :param steady: whether the pool must be steady too, for who has made it smaller.
    """

    nodes: int | None = None
    share: float = 1.0
    steady: bool = False

    def of(self, target: int) -> int:
        """
        Return the number of nodes that must be usable.

        :param target: the pool's targets together.
        """
        return self.nodes if self.nodes is not None else share_of(self.share, target)


def share_of(share: float, target: int) -> int:
    """
    Return a share of nodes, rounded up: of 10 nodes, 0.3 are 3.

    :param share: more than 0, at most 1.
    :param target: number of nodes.
    """
    # Without the rounding, 0.07 of 100 would be 8.
    return math.ceil(round(share * target, 6))


@dataclass(frozen=True)
class BrokenNode:
    """
    A node that runs no task until somebody acts.

    :param node_id: the node.
    :param state: its state.
    :param reason: what the service says of it.
    :param start_task_failed: whether its start task is the reason, so that its output tells more.
    """

    node_id: str
    state: str
    reason: str
    start_task_failed: bool


@dataclass(frozen=True)
class PoolVerdict:
    """
    What a look at a pool says.

    :param readiness: whether it is ready, can become so, or cannot.
    :param text: one sentence for a person.
    :param phase: what is waited for.
    :param usable: nodes that run tasks or could.
    :param wanted: nodes that must be usable.
    :param states: number of nodes by state.
    :param broken: nodes that are never ready.
    :param warnings: what a person should know although it decides nothing.
    """

    readiness: Readiness
    text: str
    phase: Phase
    usable: int = 0
    wanted: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    broken: tuple[BrokenNode, ...] = ()
    warnings: tuple[str, ...] = ()


def old_errors_of(pool: Mapping[str, Any]) -> str | None:
    """
    Return what tells the resize errors that a pool has now from those of a later resize.

    It is the time, by the service's own clock, at which the pool became steady; None when it is being
    resized, since a resize that begins forgets the errors before it.

    :param pool: the pool before the change that is waited for.
    """
    if lower(pool.get("allocationState")) != "steady":
        return None
    moved = pool.get("allocationStateTransitionTime")
    return str(moved) if moved else None


def judge_pool(
    pool: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    wanted: Wanted,
    old_errors: str | None = None,
) -> PoolVerdict:
    """
    Judge a pool by what the service says of it.

    :param pool: the pool, with the properties of ``POOL_SELECT``; read before its nodes.
    :param nodes: its nodes, with the properties of ``NODE_SELECT``.
    :param wanted: what makes it ready.
    :param old_errors: see :func:`old_errors_of`; None when every error is of a resize that we wait for.
    """
    return _Look(pool, nodes, wanted, old_errors).verdict()


class _Look:
    """One look at a pool, taken apart."""

    def __init__(
        self,
        pool: Mapping[str, Any],
        nodes: Sequence[Mapping[str, Any]],
        wanted: Wanted,
        old_errors: str | None,
    ) -> None:
        self.name = f"pool {pool.get('id')}"
        self.deleting = lower(pool.get("state")) == "deleting"
        self.steady = lower(pool.get("allocationState")) == "steady"
        self.must_be_steady = wanted.steady
        self.target = _number(pool, "targetDedicatedNodes") + _number(pool, "targetLowPriorityNodes")
        self.current = _number(pool, "currentDedicatedNodes") + _number(pool, "currentLowPriorityNodes")
        self.scaled = bool(pool.get("enableAutoScale"))
        self.pool = pool
        self.formula_run: Mapping[str, Any] | None = pool.get("autoScaleRun") if self.scaled else None
        self.wanted = wanted.of(self.target)
        self.any_number = wanted.nodes is None
        self.states = Counter(lower(node.get("state")) for node in nodes)
        self.usable = sum(map(is_usable, nodes))
        self.coming = sum(n for state, n in self.states.items() if state in _COMING)
        self.staying = sum(n for state, n in self.states.items() if state not in _LEAVING)
        self.broken = tuple(found for node in nodes if (found := broken_node(node)) is not None)
        self.lost = sum(is_lost(node) for node in nodes)
        errors = read_resize_errors(pool.get("resizeErrors")) if self.steady else ()
        moved = pool.get("allocationStateTransitionTime")
        is_old = old_errors is not None and moved is not None and str(moved) == old_errors
        self.errors: tuple[ResizeError, ...] = () if is_old else errors
        self.old_errors: tuple[ResizeError, ...] = errors if is_old else ()

    def verdict(self) -> PoolVerdict:
        if self.deleting:
            return self._say(Readiness.FAILED, "is being deleted")
        if self.usable >= self.wanted and self._is_settled():
            return self._say(Readiness.READY, self._ready_text())
        if reason := self._hopeless():
            return self._say(Readiness.FAILED, f"{self._progress()}; {reason}")
        return self._say(Readiness.WAIT, self._progress())

    def _is_settled(self) -> bool:
        """Tell whether it is known how many nodes are meant to be: a formula that never ran has not said."""
        if self.must_be_steady and not self.steady:
            return False
        if self.target or not (self.any_number and self.scaled):
            return True
        return self.steady and bool(self.formula_run) and not formula_error(self.pool)

    # --- what can still come ---------------------------------------------------------------------

    def _hopeless(self) -> str | None:
        """Say why waiting cannot help; None when it can."""
        if self.usable >= self.wanted:
            return None
        return self._hopeless_formula() if self.scaled else self._hopeless_size()

    def _hopeless_formula(self) -> str | None:
        """A formula may ask for more nodes at any time, and meets the same refusal or the same start task."""
        if not self.steady or self.usable or self.coming or self.lost:
            return None
        if any(error.disposition is Disposition.FAIL for error in self.errors):
            return "the formula's resize failed, and would again"
        if self.broken and all(node.start_task_failed for node in self.broken):
            return "the start task fails on every node, and would on others"
        return None

    def _hopeless_size(self) -> str | None:
        if self.target < self.wanted:
            return f"its size is {self.target}, not {self.wanted}, and nothing but a resize changes that"
        if self._reachable() >= self.wanted:
            return None
        if self.broken:
            return "the others cannot be enough: broken nodes are not replaced"
        if self.errors:
            return "the resize failed, and nothing but another one brings more nodes"
        if self.old_errors:
            return "an earlier resize failed, and nothing but another one brings more nodes"
        return "no more nodes are coming, and nothing but a resize brings more"

    def _reachable(self) -> int:
        """Number of nodes that can be usable without anybody's doing."""
        expected = self.current if self.steady else self.target
        unlisted = max(0, expected - self.staying)
        return self.usable + self.coming + self.lost + unlisted

    # --- words -----------------------------------------------------------------------------------

    def _say(self, readiness: Readiness, text: str) -> PoolVerdict:
        allocated = self.current >= max(self.wanted, 1)
        return PoolVerdict(
            readiness,
            f"{self.name} {text}",
            Phase.NODES if allocated else Phase.ALLOCATION,
            usable=self.usable,
            wanted=self.wanted,
            states=dict(sorted(self.states.items())),
            broken=self.broken,
            warnings=self._warnings(),
        )

    def _ready_text(self) -> str:
        if self.wanted == 0 and not self.states:
            why = "its formula asks for none now" if self.scaled else "its size is 0"
            return f"has no nodes, and none are wanted: {why}"
        return f"is ready: {counted(self.usable, 'usable node')} of {self.wanted} wanted, {self._by_state()}"

    def _progress(self) -> str:
        state = "is steady" if self.steady else "is resizing"
        texts = [f"{state} {self.current}/{self.target} nodes, {self.usable} usable of {self.wanted} wanted"]
        if self.states:
            texts.append(self._by_state())
        texts += [f"node {node.node_id} is {node.state}: {node.reason}" for node in self.broken[:_NODES_TOLD]]
        if len(self.broken) > _NODES_TOLD:
            texts.append(f"{len(self.broken) - _NODES_TOLD} more nodes are broken")
        texts += [str(error) for error in (self.errors or self.old_errors if self._is_short() else ())]
        if self.scaled and not self.target:
            texts.append(formula_text(self.pool))
        return "; ".join(texts)

    def _is_short(self) -> bool:
        return self.current < max(self.wanted, self.target)

    def _by_state(self) -> str:
        return ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))

    def _warnings(self) -> tuple[str, ...]:
        texts = [f"node {node.node_id} is {node.state}: {node.reason}" for node in self.broken[:_NODES_TOLD]]
        texts += [str(error) for error in self.errors]
        return tuple(texts)


def formula_error(pool: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """
    Return why a pool's formula failed when it last ran; None when it did not.

    :param pool: as the service sent it.
    """
    error = (pool.get("autoScaleRun") or {}).get("error")
    return error if isinstance(error, Mapping) else None


def formula_text(pool: Mapping[str, Any]) -> str:
    """
    Say of a pool whose formula asks for no node how that comes.

    :param pool: as the service sent it.
    """
    if error := formula_error(pool):
        detail = _detail(error)
        place = locate_error(str(pool.get("autoScaleFormula") or ""), detail)
        return redact(f"its formula failed: {error.get('code')}: {place or detail}")
    return "its formula asks for none now" if pool.get("autoScaleRun") else "its formula has not run yet"


def is_usable(node: Mapping[str, Any]) -> bool:
    """
    Tell whether a node runs tasks or could; one that is being emptied gets no more.

    :param node: as the service sent it.
    """
    scheduling = lower(node.get("schedulingState"))
    return lower(node.get("state")) in NODE_USABLE and scheduling != "disabled"


def is_lost(node: Mapping[str, Any]) -> bool:
    """
    Tell whether the service has lost contact with a node, and tries to get it back.

    :param node: as the service sent it.
    """
    return lower(node.get("state")) == "unusable" and not node.get("errors") and not _start_failed(node)


def _start_failed(node: Mapping[str, Any]) -> bool:
    if lower(node.get("state")) == "starttaskfailed":
        return True
    info = node.get("startTaskInfo") or {}
    return lower(node.get("state")) == "unusable" and lower(info.get("result")) == "failure"


def broken_node(node: Mapping[str, Any]) -> BrokenNode | None:
    """
    Say why a node runs no task until somebody acts; None when it is not so.

    :param node: as the service sent it.
    """
    state = lower(node.get("state"))
    if state not in ("unusable", "starttaskfailed"):
        return None
    failed = _start_failed(node)
    return BrokenNode(str(node.get("id")), state, redact(_reason(node, failed=failed)), failed)


def _reason(node: Mapping[str, Any], *, failed: bool) -> str:
    texts = []
    if failed:
        info = node.get("startTaskInfo") or {}
        failure = info.get("failureInfo") or {}
        code = f" ({failure.get('code')}: {failure.get('message')})" if failure else ""
        texts.append(f"its start task failed with exit code {info.get('exitCode')}{code}")
    texts += [_detail_of_node(error) for error in node.get("errors") or () if isinstance(error, Mapping)]
    return "; ".join(texts) or "the service has lost contact with it"


def _detail_of_node(error: Mapping[str, Any]) -> str:
    pairs = error.get("errorDetails") or ()
    details = ", ".join(f"{p.get('name')}: {p.get('value')}" for p in pairs if isinstance(p, Mapping))
    return f"{error.get('code')}: {error.get('message')}" + (f" [{details}]" if details else "")


def _detail(error: Mapping[str, Any]) -> str:
    values = [str(v.get("value")) for v in error.get("values") or () if isinstance(v, Mapping)]
    return "; ".join(values) or str(error.get("message"))


def _number(pool: Mapping[str, Any], name: str) -> int:
    return int(pool.get(name) or 0)
