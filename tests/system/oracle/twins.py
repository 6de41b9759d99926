"""Both DAGs of a shape, written by the same code: they differ in the classes of group and members alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import timedelta
from itertools import groupby
from typing import Any, Protocol

from airflow.providers.common.compat.sdk import DAG, TaskGroup, TriggerRule, get_parsing_context

from tests.system.oracle.catalogue import shapes
from tests.system.oracle.plain import ScriptedBranchOperator, ScriptedOperator
from tests.system.oracle.shapes import Node, Scripts, Shape, pairs


class Kind(Protocol):
    """What makes the one twin or the other."""

    def dag_id(self, shape: Shape) -> str:
        """Id of this twin."""

    def job_group(self, group_id: str) -> TaskGroup:
        """An outermost group."""

    def member(self, dag_id: str, node: Node, **arguments: Any) -> Any:
        """A member that is not mapped."""

    def mapped_member(self, dag_id: str, node: Node, values: Any, scripts: Scripts, **arguments: Any) -> Any:
        """A mapped member."""

    def values(self, dag_id: str, node: Node, scripts: Scripts) -> list[Any]:
        """What a mapped member is expanded over."""


def shapes_here() -> list[Shape]:
    """The shapes for this Airflow."""
    return shapes({rule.value for rule in TriggerRule})


def dags(kind: Kind) -> dict[str, DAG]:
    """Every DAG of a kind by id; while a task runs, only its own."""
    wanted = get_parsing_context().dag_id
    return {
        dag_id: build(shape, kind)
        for shape in shapes_here()
        if (dag_id := kind.dag_id(shape)) and wanted in (None, dag_id)
    }


def build(shape: Shape, kind: Kind) -> DAG:
    """Write the DAG as a person would, from top to bottom."""
    with DAG(
        kind.dag_id(shape),
        schedule=None,
        catchup=False,
        default_args={"retry_delay": timedelta(seconds=0.2)},
        tags=["test"],
    ) as dag:
        writing = _Writing(shape, kind)
        for group_id, nodes in groupby(shape.nodes, lambda node: node.groups[0] if node.groups else ""):
            if not group_id:
                writing.write(nodes)
                continue
            with kind.job_group(group_id) as group:
                writing.ends[group_id] = group
                writing.write(nodes)
        writing.draw(shape.edges_after, missing_ends_come_later=False)
    return dag


class _Writing:
    """A DAG that is being written; ``ends`` are the tasks and groups that edges can be drawn between."""

    def __init__(self, shape: Shape, kind: Kind) -> None:
        self.ends: dict[str, Any] = {}
        self._shape = shape
        self._kind = kind
        self._drawn: set[tuple[str, str]] = set()

    def write(self, nodes: Iterable[Node]) -> None:
        """Write tasks that stand together, then the edges that they make possible."""
        for node in nodes:
            with ExitStack() as blocks:
                for group_id in node.groups[1:]:
                    if group_id not in self.ends:
                        self.ends[group_id] = TaskGroup(group_id.rpartition(".")[2])
                    blocks.enter_context(self.ends[group_id])
                self.ends[node.task_id] = self._task(node)
        self.draw(self._shape.edges, missing_ends_come_later=True)

    def draw(self, edges: str, *, missing_ends_come_later: bool) -> None:
        """Draw edges, each once."""
        for parent, child in pairs(edges):
            if missing_ends_come_later and not {parent, child} <= set(self.ends):
                continue
            if (parent, child) not in self._drawn:
                self._drawn.add((parent, child))
                self.ends[parent] >> self.ends[child]

    def _task(self, node: Node) -> Any:
        dag_id = self._kind.dag_id(self._shape)
        arguments = {
            "task_id": node.task_id.rpartition(".")[2],
            "trigger_rule": node.rule,
            "retries": node.retries,
        }
        if node.picks is not None:
            return ScriptedBranchOperator(picks=node.picks, **arguments)
        if not node.groups:
            return ScriptedOperator(script=node.script, returns=self._list_for_a_member(node), **arguments)
        if node.mapped_from is not None:
            values = self.ends[node.mapped_from].output
        elif node.indexes is not None:
            values = self._kind.values(dag_id, node, node.indexes)
        else:
            return self._kind.member(dag_id, node, **arguments)
        scripts = self._shape.scripts_of(node) or ()
        return self._kind.mapped_member(dag_id, node, values, scripts, **arguments)

    def _list_for_a_member(self, node: Node) -> list[Any] | None:
        """What the mapped members that are expanded over this task's result need."""
        for member in self._shape.members:
            if member.mapped_from == node.task_id:
                return self._kind.values(self._kind.dag_id(self._shape), member, node.indexes or ())
        return None
