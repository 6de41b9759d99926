"""Keeps races out of random shapes: what Airflow itself ends now so and now so cannot be compared."""

from __future__ import annotations

from dataclasses import replace

from tests.system.oracle.shapes import FAIL_FOR_GOOD, SKIP, Node, Script, Shape, pairs

#: rules under which a task runs whatever its parents do, once they have ended
_RUNS_ANYWAY = frozenset({"all_done", "always"})


def settled(shape: Shape) -> Shape:
    """
    Return the shape without tasks whose end depends on which parent Airflow looks at first.

    A task with the rule ``all_success``, of whose parents one fails and another is skipped, is
    ``upstream_failed`` or ``skipped``, whichever Airflow sees first. It gets the rule ``none_failed``.
    """
    parents: dict[str, list[str]] = {node.task_id: [] for node in shape.nodes}
    for parent, child in pairs(f"{shape.edges}; {shape.edges_after}"):
        parents[child].append(parent)
    ends: dict[str, set[str]] = {}
    nodes = []
    for node in shape.nodes:
        bad = set[str]().union(*(ends[parent] for parent in parents[node.task_id])) - {"success"}
        settled_node = (
            replace(node, rule="none_failed") if node.rule == "all_success" and len(bad) > 1 else node
        )
        ends[node.task_id] = _own_ends(node) | _ends_without_running(settled_node.rule, bad)
        nodes.append(settled_node)
    return replace(shape, nodes=tuple(nodes))


def _ends_without_running(rule: str, parents: set[str]) -> set[str]:
    """Ends that a task may come to by its rule, given those of its parents that are no success."""
    if rule in _RUNS_ANYWAY:
        return set()
    if rule == "all_success":
        return parents
    if rule == "none_failed":
        return parents & {"failed"}
    return {"failed", "skipped"}


def _own_ends(node: Node) -> set[str]:
    scripts = [node.script] if node.indexes is None else node.indexes
    return {_end(script, node.retries) for script in scripts}


def _end(script: Script, retries: int) -> str:
    for number in range(retries + 1):
        code = script[min(number, len(script) - 1)]
        if code == SKIP:
            return "skipped"
        if code == 0:
            return "success"
        if code == FAIL_FOR_GOOD:
            break
    return "failed"
