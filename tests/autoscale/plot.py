"""Draws a curve of nodes as SVG: the tasks above, the nodes below, on one axis of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from tests.autoscale.simulation import Curve, Point

WIDTH, LEFT, RIGHT = 760, 48, 16
TASKS, NODES = (58, 90), (180, 130)
"""Top and height of the two panels."""
HEIGHT = 356

INK, PALE, GRID = "#1f2933", "#6b7785", "#e3e7eb"
WAITING, RUNNING = "#c9d1d9", "#7b8794"
DEDICATED, SPOT, TARGET = "#2f6fb5", "#e08a1e", "#b3261e"

Value = Callable[[Point], int]
Panel = tuple[int, int]


def svg(title: str, curve: Curve) -> str:
    """Return the image; the same curve always gives the same text."""
    points = curve.points
    tasks_most = max(1, *(point.pending for point in points))
    nodes_most = max(1, *(max(point.nodes, point.target) for point in points))
    has_spot = any(point.spot for point in points)
    legend = [("waiting tasks", WAITING), ("running tasks", RUNNING), ("dedicated nodes", DEDICATED)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="11">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 20, title, INK, size=14),
        *_legend([*legend, *([("spot nodes", SPOT)] if has_spot else [])]),
        *_axis(TASKS, tasks_most, "tasks"),
        *_axis(NODES, nodes_most, "nodes"),
        *_hours(points),
        _area(points, TASKS, tasks_most, lambda p: p.pending, WAITING),
        _area(points, TASKS, tasks_most, lambda p: p.running, RUNNING),
    ]
    if has_spot:
        parts.append(_area(points, NODES, nodes_most, lambda p: p.nodes, SPOT))
    parts += [
        _area(points, NODES, nodes_most, lambda p: p.dedicated, DEDICATED),
        _line(points, NODES, nodes_most, lambda p: p.target, TARGET),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, words: str, colour: str, *, size: int = 11, anchor: str = "start") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="{size}" text-anchor="{anchor}">{words}</text>'
    )


def _legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    parts, x = [], float(LEFT)
    for words, colour in entries:
        parts.append(f'<rect x="{x:g}" y="32" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(x + 15, 41, words, PALE))
        x += 30 + 6.2 * len(words)
    line = f'<path d="M{x:g} 37h14" stroke="{TARGET}" stroke-width="1.5" stroke-dasharray="4 2"/>'
    return [*parts, line, _text(x + 19, 41, "target", PALE)]


def _axis(panel: Panel, most: int, unit: str) -> list[str]:
    top, height = panel
    parts = [_text(14, top + height / 2, unit, PALE, anchor="middle")]
    parts[0] = parts[0].replace("<text ", f'<text transform="rotate(-90 14 {top + height / 2:g})" ', 1)
    for value in sorted({0, most // 2, most}):
        y = _y(value, panel, most)
        parts.append(f'<path d="M{LEFT} {y:g}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(_text(LEFT - 6, y + 4, str(value), PALE, anchor="end"))
    return parts


def _hours(points: Sequence[Point]) -> list[str]:
    """Mark the time under the axis, at most a dozen times."""
    length = points[-1].at
    every = next(
        span
        for span in (timedelta(minutes=m) for m in (15, 30, 60, 120, 240, 480, 720, 1440, 10_080))
        if length / span <= 13
    )
    parts = []
    for index in range(int(length / every) + 1):
        at = index * every
        x = _x(at, length)
        hours, minutes = divmod(int(at.total_seconds()) // 60, 60)
        parts.append(_text(x, NODES[0] + NODES[1] + 16, f"{hours}:{minutes:02d}", PALE, anchor="middle"))
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    return [*parts, _text(middle, HEIGHT - 10, "hours since the beginning", PALE, anchor="middle")]


def _x(at: timedelta, length: timedelta) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * (at / length), 1)


def _y(value: float, panel: Panel, most: int) -> float:
    top, height = panel
    return round(top + height * (1 - value / most), 1)


def _steps(points: Sequence[Point], panel: Panel, most: int, value: Value) -> str:
    """Write a path that goes on only where the value changes."""
    length, last = points[-1].at, value(points[0])
    path = f"M{_x(points[0].at, length):g} {_y(last, panel, most):g}"
    for point in points:
        if value(point) != last:
            last = value(point)
            path += f"H{_x(point.at, length):g}V{_y(last, panel, most):g}"
    return f"{path}H{_x(length, length):g}"


def _area(points: Sequence[Point], panel: Panel, most: int, value: Value, colour: str) -> str:
    bottom = panel[0] + panel[1]
    return f'<path d="{_steps(points, panel, most, value)}V{bottom}H{LEFT}Z" fill="{colour}"/>'


def _line(points: Sequence[Point], panel: Panel, most: int, value: Value, colour: str) -> str:
    steps = _steps(points, panel, most, value)
    return f'<path d="{steps}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="4 2"/>'
