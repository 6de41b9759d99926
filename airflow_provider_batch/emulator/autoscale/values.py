"""
The values of the language: double, doubleVec, string, timestamp, timeinterval.

There is no boolean: comparisons give 1 and 0. A doubleVecList is only how functions take their arguments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_TICKS_PER_SECOND = 10_000_000
_EPOCH = datetime(1, 1, 1, tzinfo=timezone.utc)
_MAX_TICKS = 2**63 - 1
_MAX_TIMESTAMP = 3_155_378_975_999_999_999


@dataclass(frozen=True, order=True)
class TimeInterval:
    """
    A span of time.

    :param ticks: of 100 ns, as the service counts.
    """

    ticks: int

    @classmethod
    def of(cls, span: timedelta) -> TimeInterval:
        """Convert a Python span."""
        return cls(span // timedelta(microseconds=1) * 10)

    def timedelta(self) -> timedelta:
        """Return it for Python, in whole microseconds."""
        return timedelta(microseconds=self.ticks // 10)


@dataclass(frozen=True, order=True)
class Timestamp:
    """
    A moment, in UTC.

    :param ticks: of 100 ns since the beginning of the year 1.
    """

    ticks: int

    @classmethod
    def of(cls, moment: datetime) -> Timestamp:
        """Convert a Python time, which must be aware."""
        return cls((moment - _EPOCH) // timedelta(microseconds=1) * 10)

    def datetime(self) -> datetime:
        """Return it for Python, in whole microseconds."""
        return _EPOCH + timedelta(microseconds=self.ticks // 10)


DoubleVec = tuple[float, ...]
Value = float | DoubleVec | str | Timestamp | TimeInterval

_KINDS: tuple[tuple[type, str], ...] = (
    (float, "double"),
    (tuple, "doubleVec"),
    (str, "string"),
    (Timestamp, "timestamp"),
    (TimeInterval, "timeinterval"),
)


def kind_of(value: Value) -> str:
    """Return the name of a value's type, as the documentation has it."""
    return next(name for kind, name in _KINDS if isinstance(value, kind))


def interval(ticks: float) -> TimeInterval:
    """
    Make a span from a computed number of ticks.

    :raises ValueError: it is out of range.
    """
    if not math.isfinite(ticks) or abs(ticks) > _MAX_TICKS:
        raise ValueError("The time interval is out of range")
    return TimeInterval(round(ticks))


def timestamp(ticks: int) -> Timestamp:
    """
    Make a moment from a computed number of ticks.

    :raises ValueError: it is outside the years 1 to 9999.
    """
    if not 0 <= ticks <= _MAX_TIMESTAMP:
        raise ValueError("The timestamp is out of range")
    return Timestamp(ticks)


_UNITS = {
    "Zero": 0,
    "100ns": 1,
    "Microsecond": 10,
    "Millisecond": 10_000,
    "Second": _TICKS_PER_SECOND,
    "Minute": 60 * _TICKS_PER_SECOND,
    "Hour": 3600 * _TICKS_PER_SECOND,
    "Day": 86_400 * _TICKS_PER_SECOND,
    "Week": 7 * 86_400 * _TICKS_PER_SECOND,
    "Year": 365 * 86_400 * _TICKS_PER_SECOND,
}

INTERVALS = {f"TimeInterval_{name}": TimeInterval(ticks) for name, ticks in _UNITS.items()}
"""The constants of timeinterval; the year has 365 days (the page does not say)."""

_MEMBERS = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    # The page gives Monday as 1 and no other day; Sunday is 0 in .NET, where 1 to 5 are workdays as well.
    "weekday": lambda moment: moment.isoweekday() % 7,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "second": lambda moment: moment.second,
}


def member_of(value: Timestamp, name: str) -> float:
    """
    Return a part of a timestamp.

    :raises KeyError: it has no such part.
    """
    return float(_MEMBERS[name](value.datetime()))


def format_value(value: Value) -> str:
    """Write a value as ``results`` shows it; intervals and vectors are guessed, none was recorded."""
    if isinstance(value, float):
        return _format_double(value)
    if isinstance(value, tuple):
        return f"[{','.join(map(_format_double, value))}]"
    if isinstance(value, Timestamp):
        return f"{value.datetime().replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    if isinstance(value, TimeInterval):
        return _format_interval(value)
    return value


def _format_double(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value).replace("e", "E")


def _format_interval(value: TimeInterval) -> str:
    sign = "-" if value.ticks < 0 else ""
    seconds, ticks = divmod(abs(value.ticks), _TICKS_PER_SECOND)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    date = f"{days}." if days else ""
    fraction = f".{ticks:07d}" if ticks else ""
    return f"{sign}{date}{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}"
