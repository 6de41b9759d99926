"""
Which edges of an Airflow graph Azure Batch can hold.

A *member* is an Airflow task of the group, one Batch task or (mapped) many. It is *eager* when Batch can
decide by itself when it starts: ``launch`` adds its Batch task before its parents have ended, and all edges
that end at it are *native*, as ``dependsOn``. Every other member is *late*: Airflow decides that it may run,
and its Batch task is added only then.

The first law: **the native path never changes the outcome.** Batch knows one question, whether every parent
is satisfied, and asks it of each Batch task alone. It knows neither skips nor ``upstream_failed``, and a task
whose parent failed waits for ever. So a member is eager only where that question has Airflow's answer,
whatever its parents do; in doubt it is late, which costs a worker and is always right.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

__all__ = ["BEFORE_LAUNCH", "UNKNOWN_WIDTH", "Edge", "Graph", "Member", "compile_graph", "succeeded_before"]

#: width of a mapped member whose number of indexes nobody knows when launch runs
UNKNOWN_WIDTH = -1

#: reason of an edge that ends at an eager member and needs no ``dependsOn``: it is over before launch starts
BEFORE_LAUNCH = "has succeeded before launch starts"

_LATE_PARENT = "a parent is held by Airflow itself"

_NONE_FAILED = ("none_failed", "none_failed_min_one_success")
_HELD_BY_BATCH = ("all_success", *_NONE_FAILED, "all_done")
_HELD_BY_AIRFLOW = (
    "all_done_min_one_success",
    "all_done_setup_success",
    "all_failed",
    "all_skipped",
    "always",
    "none_skipped",
    "one_done",
    "one_failed",
    "one_success",
)


@dataclass(frozen=True)
class Member:
    """
    What the compiler must know of one Airflow task of the group.

    :param task_id: Airflow's id, with the prefix of its group.
    :param upstream: all direct upstream ids except launch: members, and tasks that are none.
    :param trigger_rule: Airflow's name of the rule.
    :param width: None for an unmapped member, else its number of indexes, or ``UNKNOWN_WIDTH``.
    :param retries: Airflow's retries.
    :param skips: some exit codes skip it.
    :param late: reasons of its own why Airflow must hold it, for example a value that no one knows yet.
    :param edges_late: reasons why its children cannot be native, for example a result that is judged after
        exit code 0, or exit conditions that its author wrote.
    """

    task_id: str
    upstream: frozenset[str] = frozenset()
    trigger_rule: str = "all_success"
    width: int | None = None
    retries: int = 0
    skips: bool = False
    late: tuple[str, ...] = ()
    edges_late: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Edge:
    """
    One edge of the Airflow graph that ends at a member.

    :param parent: the upstream task; not always a member.
    :param child: the member.
    :param native: Batch holds it.
    :param reason: why Airflow holds it; empty when native.
    """

    parent: str
    child: str
    native: bool
    reason: str


@dataclass(frozen=True)
class Graph:
    """
    What :func:`compile_graph` decided.

    :param eager: eager members; parents before children, the same order for the same graph.
    :param late: late members and their reasons, never without one.
    :param edges: every edge that ends at a member, sorted.
    :param satisfy: eager members whose failure satisfies their children (``all_done``).
    """

    eager: tuple[str, ...]
    late: Mapping[str, tuple[str, ...]]
    edges: tuple[Edge, ...]
    satisfy: frozenset[str]

    def parents(self, task_id: str) -> tuple[str, ...]:
        """
        Return the members that Batch lets ``task_id`` wait for, sorted; none for a late member.

        :param task_id: a member.
        """
        return self._parents.get(task_id, ())

    @cached_property
    def _parents(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            if edge.native:
                found[edge.child].append(edge.parent)
        return {child: tuple(parents) for child, parents in found.items()}

    @property
    def fingerprint(self) -> str:
        """12 hex digits that stand for members, native edges and satisfied failures; reasons do not count."""
        native = [(edge.parent, edge.child) for edge in self.edges if edge.native]
        structure = [sorted(self.eager), sorted(self.late), native, sorted(self.satisfy)]
        return hashlib.sha256(json.dumps(structure).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Shape:
    """The graph as it was given: members parents first, tasks known to be over, widths known in time."""

    members: Mapping[str, Member]
    before_launch: frozenset[str]
    widths_known_later: frozenset[str]

    def parents(self, member: Member) -> list[str]:
        """Members upstream of ``member``, sorted."""
        return sorted(id_ for id_ in member.upstream if id_ in self.members)


def compile_graph(
    members: Iterable[Member],
    before_launch: Collection[str] = (),
    *,
    widths_known_later: Collection[str] = (),
) -> Graph:
    """
    Decide which edges Batch holds; the same answer for the same graph, in whatever order it is given.

    :param members: the group's members; their edges make no cycle, Airflow has seen to that.
    :param before_launch: tasks outside the group that have succeeded whenever launch runs, as
        :func:`succeeded_before` finds them. Being upstream of launch is not enough: with a trigger rule like
        ``all_done`` on the way, launch runs although they failed.
    :param widths_known_later: members of ``UNKNOWN_WIDTH`` whose width launch will know. While the DAG is
        parsed they are taken for members with indexes; launch decides again.
    """
    by_id = {member.task_id: member for member in members}
    order = _parents_first(by_id)
    shape = _Shape(
        {task_id: by_id[task_id] for task_id in order},
        frozenset(before_launch),
        frozenset(widths_known_later),
    )
    # A member that a conflict makes late takes its descendants with it, which ends no eager member's peace:
    # fewer eager members have fewer conflicts. So twice is enough.
    late = _late_members(shape, _conflicts(shape, _late_members(shape, {})))
    return Graph(
        eager=tuple(task_id for task_id in order if task_id not in late),
        late=late,
        edges=_edges(shape, late),
        satisfy=frozenset(
            parent
            for task_id, member in shape.members.items()
            if task_id not in late and member.trigger_rule == "all_done"
            for parent in shape.parents(member)
        ),
    )


def succeeded_before(
    task_id: str, upstream: Mapping[str, Collection[str]], trigger_rules: Mapping[str, str]
) -> frozenset[str]:
    """
    Return the tasks that have succeeded whenever ``task_id`` runs.

    These are the ones that lead to it through ``all_success`` only; another rule may let it run over a
    failure or a skip.

    :param task_id: for example launch's.
    :param upstream: direct upstream ids by task id; a task that is not named has none.
    :param trigger_rules: trigger rules by task id.
    """
    found: set[str] = set()
    waiting = [task_id]
    while waiting:
        current = waiting.pop()
        if trigger_rules.get(current) == "all_success":
            new = set(upstream.get(current, ())) - found
            found |= new
            waiting.extend(new)
    return frozenset(found)


def _parents_first(members: Mapping[str, Member]) -> list[str]:
    sorter = TopologicalSorter({id_: member.upstream & members.keys() for id_, member in members.items()})
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _late_members(shape: _Shape, conflicts: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    late: dict[str, tuple[str, ...]] = {}
    may_be_skipped: set[str] = set()
    for task_id, member in shape.members.items():
        if member.skips or member.width == 0 or member.upstream & may_be_skipped:
            may_be_skipped.add(task_id)
        causes = [
            *member.late,
            *_width_reasons(member, shape),
            *_rule_reasons(member, shape, may_be_skipped),
            *conflicts.get(task_id, ()),
            *(_edge_cause(parent, shape, late) for parent in sorted(member.upstream)),
        ]
        if reasons := tuple(dict.fromkeys(cause for cause in causes if cause)):
            late[task_id] = reasons
    return late


def _edges(shape: _Shape, late: Mapping[str, tuple[str, ...]]) -> tuple[Edge, ...]:
    edges = []
    for child, member in shape.members.items():
        for parent in member.upstream:
            if child in late:
                reason = _edge_cause(parent, shape, late) or late[child][0]
            else:
                reason = "" if parent in shape.members else BEFORE_LAUNCH
            edges.append(Edge(parent, child, native=not reason, reason=reason))
    return tuple(sorted(edges))


def _edge_cause(parent: str, shape: _Shape, late: Mapping[str, tuple[str, ...]]) -> str:
    """Say why no edge from ``parent`` can be native, whatever its child is; empty when one can."""
    member = shape.members.get(parent)
    if member is None:
        if parent in shape.before_launch:
            return ""
        return (
            f"{parent} is outside the group and need not have succeeded when launch runs; "
            f"draw its edge to the whole group instead, or move it into the group"
        )
    if parent in late:
        return _LATE_PARENT
    if member.edges_late:
        return f"its parent {parent}: {'; '.join(member.edges_late)}"
    if member.width == 0:
        return f"its parent {parent} is mapped over nothing, so Airflow skips it"
    return ""


def _width_reasons(member: Member, shape: _Shape) -> list[str]:
    if member.width == UNKNOWN_WIDTH and member.task_id not in shape.widths_known_later:
        return [
            "how many indexes it has is not known when launch runs; "
            "map it over literal values or over the result of a task upstream of the group"
        ]
    return []


def _rule_reasons(member: Member, shape: _Shape, may_be_skipped: Collection[str]) -> list[str]:
    """Say why Batch cannot hold the member's trigger rule, as far as this shows without its siblings."""
    rule = member.trigger_rule
    if not member.upstream or rule == "all_success":
        return []  # without upstreams every rule passes
    if rule not in _HELD_BY_BATCH:
        return [_foreign_rule(rule)]
    parents = shape.parents(member)
    if not parents:
        return [
            f"with trigger rule {rule} and parents only outside the group it cannot wait for launch; "
            "use all_success"
        ]
    if rule == "all_done":
        return _all_done_reasons([shape.members[parent] for parent in parents], shape)
    if skipped := [parent for parent in parents if parent in may_be_skipped]:
        return [
            f"its trigger rule {rule} runs it after a skip, and {_names(skipped)} may be skipped; "
            "use all_success, or no skip_on_exit_code upstream of it"
        ]
    return []


def _foreign_rule(rule: str) -> str:
    if rule in _HELD_BY_AIRFLOW:
        return f"Batch has no trigger rule {rule}; only all_success, none_failed and all_done can be native"
    return f"its trigger rule {rule} is not known to this provider"


def _all_done_reasons(parents: Collection[Member], shape: _Shape) -> list[str]:
    """Batch can wait for an end of any kind only where a Batch task surely runs, and ends once."""
    checks = (
        (
            "has parents in the group itself, so it may never run in Batch",
            [parent.task_id for parent in parents if shape.parents(parent)],
        ),
        (
            "has retries, which Batch would not wait for; set retries=0",
            [p.task_id for p in parents if p.retries],
        ),
        ("has skip_on_exit_code; remove it", [parent.task_id for parent in parents if parent.skips]),
    )
    return [
        f"its trigger rule is all_done, and {_names(found)} {problem}" for problem, found in checks if found
    ]


def _conflicts(shape: _Shape, late: Collection[str]) -> dict[str, tuple[str, ...]]:
    """
    Find the ``all_done`` members that want a parent's failure satisfied while a sibling wants it to block.

    A parent's exit conditions serve all its children: ``all_done`` gives way.
    """
    eager = [member for task_id, member in shape.members.items() if task_id not in late]
    blocking: dict[str, str] = {}
    for member in eager:
        if member.trigger_rule != "all_done":
            blocking.update(
                (parent, member.task_id) for parent in shape.parents(member) if parent not in blocking
            )
    found: dict[str, tuple[str, ...]] = {}
    for member in eager:
        clashing = [parent for parent in shape.parents(member) if parent in blocking]
        if member.trigger_rule == "all_done" and clashing:
            found[member.task_id] = (
                f"its trigger rule is all_done, while {blocking[clashing[0]]} needs the success "
                f"of their common parent {clashing[0]}",
            )
    return found


def _names(task_ids: Collection[str]) -> str:
    first = sorted(task_ids)
    return first[0] if len(first) == 1 else f"{first[0]} (and {len(first) - 1} more)"
