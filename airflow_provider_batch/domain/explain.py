"""
A compiled graph as text: which edges Batch holds, which ones Airflow holds, and why.

The text is for people, in launch's log and on a terminal; it stays readable for hundreds of members.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from airflow_provider_batch.domain.graph import UNKNOWN_WIDTH, Edge, Graph

__all__ = ["explain"]

#: more lines than this of one kind are joined, and what is still beyond it is counted
MAX_LINES = 40

#: task ids named in one line
_MAX_NAMES = 3


def explain(graph: Graph, widths: Mapping[str, int | None]) -> str:
    """
    Return a table of the edges and the reasons for late members.

    :param graph: the compiled graph.
    :param widths: None for an unmapped member, else its number of indexes; absent counts as unmapped.
    :return: several lines, without a line break at the end.
    """

    def name(task_id: str) -> str:
        width = widths.get(task_id)
        if width is None:
            return task_id
        return f"{task_id}[{'?' if width == UNKNOWN_WIDTH else width}]"

    members = len(graph.eager) + len(graph.late)
    lines = [
        f"{_count(members, 'member')}: {len(graph.eager)} eager (Batch starts them), "
        f"{len(graph.late)} late (Airflow starts them)"
    ]
    if graph.late:
        lines += ["late because", *_reason_lines(graph.late, name)]
    if graph.edges:
        lines += [_count(len(graph.edges), "edge"), *_edge_lines(graph.edges, name)]
    return "\n".join(lines)


def _reason_lines(late: Mapping[str, Sequence[str]], name: Callable[[str], str]) -> list[str]:
    members: dict[str, list[str]] = defaultdict(list)
    for task_id, reasons in late.items():
        for reason in reasons:
            members[reason].append(task_id)
    ordered = sorted(members, key=lambda reason: (-len(members[reason]), reason))
    lines = [f"  {reason}: {_names(members[reason], name)}" for reason in ordered]
    return _capped(lines, [1] * len(lines), "reason")


def _edge_lines(edges: Sequence[Edge], name: Callable[[str], str]) -> list[str]:
    groups = [([edge.parent], [edge.child], edge) for edge in edges]
    if len(groups) > MAX_LINES:
        groups = _joined(edges)
    pairs = [f"{_names(parents, name)} -> {_names(children, name)}" for parents, children, _ in groups]
    width = max(len(pair) for pair in pairs)
    lines = [f"  {pair:<{width}}  {_held(edge)}" for pair, (_, _, edge) in zip(pairs, groups, strict=True)]
    return _capped(lines, [len(parents) * len(children) for parents, children, _ in groups], "edge")


def _joined(edges: Iterable[Edge]) -> list[tuple[list[str], list[str], Edge]]:
    """Join edges that share child and verdict, then children that share their parents and verdict."""
    parents: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        parents[edge.child, edge.reason].append(edge)
    children: dict[tuple[tuple[str, ...], str], list[Edge]] = defaultdict(list)
    for (_, reason), group in parents.items():
        children[tuple(edge.parent for edge in group), reason].append(group[0])
    return [
        (list(shared), [edge.child for edge in group], group[0]) for (shared, _), group in children.items()
    ]


def _held(edge: Edge) -> str:
    return "native" if edge.native else f"held by Airflow: {edge.reason}"


def _names(task_ids: Sequence[str], name: Callable[[str], str]) -> str:
    shown = sorted(task_ids)
    if len(shown) > _MAX_NAMES:
        shown = shown[: _MAX_NAMES - 1]
    more = len(task_ids) - len(shown)
    return ", ".join(map(name, shown)) + (f" and {more} more" if more else "")


def _capped(lines: list[str], counts: Sequence[int], noun: str) -> list[str]:
    """Cut a long list of lines; the last one says how many things are not shown."""
    if len(lines) <= MAX_LINES:
        return lines
    return [*lines[:MAX_LINES], f"  ... and {_count(sum(counts[MAX_LINES:]), f'more {noun}')}"]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
