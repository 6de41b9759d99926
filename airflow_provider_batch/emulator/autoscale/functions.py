"""
The functions.

Most take a doubleVecList: doubles and vectors in any mixture, which are joined to one vector first.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from airflow_provider_batch.emulator.autoscale.values import DoubleVec, Timestamp, Value, kind_of

Function = Callable[[Sequence[Value]], Value]


def _list(name: str, arguments: Sequence[Value], *, least: int = 0) -> list[float]:
    joined: list[float] = []
    for argument in arguments:
        if isinstance(argument, float):
            joined.append(argument)
        elif isinstance(argument, tuple):
            joined.extend(argument)
        else:
            raise ValueError(f"{name} takes doubles and vectors, not a {kind_of(argument)}")
    if len(joined) < least:
        raise ValueError(f"{name} needs {least} or more values, found {len(joined)}")
    return joined


def _reduce(name: str, function: Callable[[list[float]], float], *, least: int = 0) -> Function:
    return lambda arguments: float(function(_list(name, arguments, least=least)))


def _each(name: str, function: Callable[[float], float]) -> Function:
    """One double gives a double; anything else a vector, element by element."""

    def apply(arguments: Sequence[Value]) -> Value:
        elements = _list(name, arguments, least=1)
        if len(arguments) == 1 and isinstance(arguments[0], float):
            return function(elements[0])
        return tuple(map(function, elements))

    return apply


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    def apply(value: float) -> float:
        if value == 0:
            return -math.inf
        return math.nan if value < 0 else function(value)

    return apply


def _whole(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: float(function(value)) if math.isfinite(value) else value


def _round(value: float) -> float:
    """Round halves away from zero."""
    whole = float(math.trunc(value))
    return whole + math.copysign(1.0, value) if abs(value - whole) >= 0.5 else whole


def _norm(values: list[float]) -> float:
    return math.hypot(*values)


def _average(values: list[float]) -> float:
    return _sum(values) / len(values)


def _sum(values: list[float]) -> float:
    # Not fsum: it raises where IEEE 754 has an infinity.
    return sum(values)


def _deviation(values: list[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    try:
        return statistics.stdev(values)
    except OverflowError:
        return math.inf


def _vector_and_number(name: str, arguments: Sequence[Value]) -> tuple[DoubleVec, float]:
    if len(arguments) == 2:
        vector, number = arguments
        if isinstance(vector, tuple) and isinstance(number, float):
            return vector, number
    kinds = ", ".join(map(kind_of, arguments))
    raise ValueError(f"{name} takes a doubleVec and a double, not ({kinds})")


def _percentile(arguments: Sequence[Value]) -> float:
    """The nearest rank: an element of the vector, as the page says, and none between two of them."""
    vector, percent = _vector_and_number("percentile", arguments)
    if not vector or not 0 <= percent <= 100:
        raise ValueError("percentile needs a vector that is not empty and a percentage from 0 to 100")
    rank = math.ceil(percent / 100 * len(vector))
    return sorted(vector)[max(rank, 1) - 1]


def _value(arguments: Sequence[Value]) -> float:
    vector, index = _vector_and_number("val", arguments)
    if not 0 <= index < len(vector):
        raise ValueError(f"val: there is no element {index:g} in a vector of {len(vector)}")
    return vector[int(index)]


FUNCTIONS: Mapping[str, Function] = {
    "avg": _reduce("avg", _average, least=1),
    "ceil": _each("ceil", _whole(math.ceil)),
    "floor": _each("floor", _whole(math.floor)),
    "len": _reduce("len", len),
    "lg": _each("lg", _logarithm(math.log2)),
    "ln": _each("ln", _logarithm(math.log)),
    "log": _each("log", _logarithm(math.log10)),
    "max": _reduce("max", max, least=1),
    "min": _reduce("min", min, least=1),
    "norm": _reduce("norm", _norm),
    "percentile": _percentile,
    "range": _reduce("range", lambda values: max(values) - min(values), least=1),
    "round": _each("round", _whole(_round)),
    "std": _reduce("std", _deviation, least=2),
    "sum": _reduce("sum", _sum),
    "val": _value,
    "vec": lambda arguments: tuple(_list("vec", arguments)),
}
"""All but ``rand``, ``stop`` and ``time``, which need more than their arguments."""


# --- time ---------------------------------------------------------------------------------------------

_W3C = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?(Z|[+-]\d\d:\d\d))?)?)?",
    re.ASCII,
)
_RFC1123 = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)


def parse_time(text: str) -> Timestamp:
    """
    Read a time in W3C-DTF or RFC 1123.

    :raises ValueError: it has neither form.
    """
    try:
        if _RFC1123.fullmatch(text):
            return Timestamp.of(parsedate_to_datetime(text).replace(tzinfo=timezone.utc))
        match = _W3C.fullmatch(text)
        if match is not None:
            return Timestamp.of(_w3c(match))
    except (ValueError, TypeError, OverflowError):
        pass
    raise ValueError(f"time: neither W3C-DTF nor RFC 1123: {text[:64]}")


def _w3c(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    moment = datetime(
        int(year),
        int(month or 1),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0")[:6].ljust(6, "0")),
        timezone.utc,
    )
    if zone in (None, "Z"):
        return moment
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    return moment - offset if zone[0] == "+" else moment + offset
