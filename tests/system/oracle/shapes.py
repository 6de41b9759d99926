"""A graph and what each of its tasks does, told once; no Airflow here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

#: exit codes of a task by try, the last one for all further tries
Script = tuple[int, ...]
Scripts = Sequence[Script]

SUCCEEDS: Script = (0,)
FAILS: Script = (1,)
#: skips the Airflow task
SKIP = 99
SKIPS: Script = (SKIP,)
#: fails it without using the retries
FAIL_FOR_GOOD = 98


@dataclass(frozen=True)
class Node:
    """
    A task.

    :param task_id: with the ids of its groups: ``g.inner.a``; outside every job group without a dot.
    :param script: what each try does.
    :param rule: trigger rule.
    :param retries: of Airflow.
    :param indexes: makes it a mapped task: the script of each index.
    :param mapped_from: id of the task outside that returns what this mapped task is expanded over.
    :param picks: makes it a branch that lets only these of its direct children run.
    """

    task_id: str
    script: Script = SUCCEEDS
    rule: str = "all_success"
    retries: int = 0
    indexes: Scripts | None = None
    mapped_from: str | None = None
    picks: tuple[str, ...] | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """Ids of the groups around it, outermost first; the outermost is a job group."""
        parts = self.task_id.split(".")
        return tuple(".".join(parts[: depth + 1]) for depth in range(len(parts) - 1))


@dataclass(frozen=True)
class Shape:
    """
    A DAG.

    :param name: part of both DAG ids.
    :param nodes: its tasks, in the order in which they are written; those of one job group together.
    :param edges: chains such as ``"g.a g.b >> g.c"``; an end may be a group. Drawn as soon as its ends exist:
        inside the block where possible.
    :param edges_after: the same, drawn when every block is closed.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: str = ""
    edges_after: str = ""

    @property
    def by_id(self) -> Mapping[str, Node]:
        """The tasks by id."""
        return {node.task_id: node for node in self.nodes}

    @property
    def members(self) -> Sequence[Node]:
        """The tasks in job groups."""
        return [node for node in self.nodes if node.groups]

    def scripts_of(self, node: Node) -> Scripts | None:
        """Scripts by index of a mapped task, wherever they come from."""
        return self.by_id[node.mapped_from].indexes if node.mapped_from else node.indexes


def pairs(edges: str) -> list[tuple[str, str]]:
    """Read ``"a b >> c >> d; e >> f"``."""
    found = []
    for chain in filter(None, (chain.strip() for chain in edges.split(";"))):
        steps = [step.split() for step in chain.split(">>")]
        for left, right in pairwise(steps):
            found += [(parent, child) for parent in left for child in right]
    return found


def trace_name(task_id: str, map_index: int) -> str:
    """File in which a task instance notes when it ran: ``start`` and ``end`` with nanoseconds, per try."""
    return task_id if map_index < 0 else f"{task_id}-{map_index}"
