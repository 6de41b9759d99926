"""Draws the dependencies of tasks as a layered graph: parents left of their children, in plain SVG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 120, 24
"""Of one box."""

_GAP_X, _GAP_Y, _MARGIN = 60, 10, 8


@dataclass(frozen=True)
class Box:
    """A task at its place."""

    name: str
    x: int
    y: int


@dataclass(frozen=True)
class Line:
    """A dependency, from the right side of the parent to the left side of the child."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True)
class Drawing:
    """Everything at its place, and how much room it takes."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def draw(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> Drawing:
    """
    Lay out a graph.

    :param names: the tasks, in the order in which those of one layer stand below each other.
    :param edges: parent and child; pairs that name another task, and those that close a circle (tasks may
        wait for each other for ever), do not shift anything to the right.
    """
    layers = _layers(names, edges)
    places: dict[str, tuple[int, int]] = {}
    rows: dict[int, int] = defaultdict(int)
    for name in names:
        layer = layers[name]
        places[name] = (
            _MARGIN + layer * (WIDTH + _GAP_X),
            _MARGIN + rows[layer] * (HEIGHT + _GAP_Y),
        )
        rows[layer] += 1
    lines = tuple(
        Line(
            places[parent][0] + WIDTH,
            places[parent][1] + HEIGHT // 2,
            places[child][0],
            places[child][1] + HEIGHT // 2,
        )
        for parent, child in edges
        if parent in places and child in places
    )
    return Drawing(
        tuple(Box(name, *places[name]) for name in names),
        lines,
        2 * _MARGIN + (max(layers.values(), default=0) + 1) * (WIDTH + _GAP_X) - _GAP_X,
        2 * _MARGIN + max(rows.values(), default=1) * (HEIGHT + _GAP_Y) - _GAP_Y,
    )


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> Mapping[str, int]:
    """The length of the longest path that leads to each task."""
    children: dict[str, list[str]] = defaultdict(list)
    waits_for: dict[str, int] = dict.fromkeys(names, 0)
    for parent, child in edges:
        if parent in waits_for and child in waits_for:
            children[parent].append(child)
            waits_for[child] += 1
    layers = dict.fromkeys(names, 0)
    free = [name for name in names if not waits_for[name]]
    while free:
        parent = free.pop()
        for child in children[parent]:
            layers[child] = max(layers[child], layers[parent] + 1)
            waits_for[child] -= 1
            if not waits_for[child]:
                free.append(child)
    return layers
