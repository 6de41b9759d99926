"""
What operators do, by the types of their operands: the table of the documentation, and nothing else.

What it does not list is refused, for example ``double * doubleVec`` and ``timestamp - timeinterval``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_batch.emulator.autoscale.values import (
    DoubleVec,
    TimeInterval,
    Value,
    interval,
    kind_of,
    timestamp,
)

Operation = Callable[[Any, Any], Value]


def _divide(left: float, right: float) -> float:
    """Divide as IEEE 754 does, where nothing fails."""
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "!=": operator.ne,
}


def _vector_scalar(operation: Callable[[float, float], float]) -> Operation:
    return lambda left, right: tuple(operation(element, right) for element in left)


def _vectors(operation: Callable[[float, float], float]) -> Operation:
    def apply(left: DoubleVec, right: DoubleVec) -> DoubleVec:
        if len(left) != len(right):
            raise ValueError(f"The vectors have different lengths: {len(left)} and {len(right)}")
        return tuple(map(operation, left, right))

    return apply


def _comparison(operation: Callable[[Any, Any], bool]) -> Operation:
    return lambda left, right: float(operation(left, right))


def _times(span: TimeInterval, factor: float) -> TimeInterval:
    return interval(span.ticks * factor)


def _table() -> dict[tuple[str, str, str], Operation]:
    table: dict[tuple[str, str, str], Operation] = {}
    for sign, arithmetic in _ARITHMETIC.items():
        table["double", sign, "double"] = arithmetic
        table["doubleVec", sign, "double"] = _vector_scalar(arithmetic)
        table["doubleVec", sign, "doubleVec"] = _vectors(arithmetic)
    for sign, compare in _COMPARISONS.items():
        for kind in ("double", "string", "timestamp", "timeinterval"):
            table[kind, sign, kind] = _comparison(compare)
    table["double", "&&", "double"] = lambda left, right: float(left != 0 and right != 0)
    table["double", "||", "double"] = lambda left, right: float(left != 0 or right != 0)
    table["timeinterval", "*", "double"] = _times
    table["double", "*", "timeinterval"] = lambda factor, span: _times(span, factor)
    table["timeinterval", "/", "double"] = lambda span, part: interval(_divide(span.ticks, part))
    table["timeinterval", "+", "timeinterval"] = lambda left, right: interval(left.ticks + right.ticks)
    table["timeinterval", "-", "timeinterval"] = lambda left, right: interval(left.ticks - right.ticks)
    table["timeinterval", "+", "timestamp"] = lambda span, moment: timestamp(moment.ticks + span.ticks)
    table["timestamp", "+", "timeinterval"] = lambda moment, span: timestamp(moment.ticks + span.ticks)
    table["timestamp", "-", "timestamp"] = lambda left, right: interval(left.ticks - right.ticks)
    return table


_BINARY = _table()


def apply_binary(left: Value, sign: str, right: Value) -> Value:
    """
    Apply an operator to two values.

    :raises ValueError: these types know no such operator, or the result is out of range.
    """
    operation = _BINARY.get((kind_of(left), sign, kind_of(right)))
    if operation is None:
        raise ValueError(f"Operator {sign} is not defined for {kind_of(left)} and {kind_of(right)}")
    return operation(left, right)


def apply_unary(sign: str, operand: Value) -> Value:
    """
    Apply ``-`` or ``!``.

    :raises ValueError: the type knows no such operator.
    """
    if isinstance(operand, float):
        return -operand if sign == "-" else float(operand == 0)
    if isinstance(operand, TimeInterval) and sign == "-":
        return interval(-operand.ticks)
    raise ValueError(f"Operator {sign} is not defined for {kind_of(operand)}")
