"""
Durations between Python (``timedelta``) and the service (ISO 8601 text).

The service writes days, hours, minutes and seconds, normalised (``PT90M`` comes back as ``PT1H30M``), and
says "no limit" with the longest duration that it knows, never with null. Years count 365 days and months
30, as the service counts them.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Final

#: how the service writes "no limit"
UNLIMITED: Final = "P10675199DT2H48M5.4775807S"

_UNLIMITED_VALUE: Final = timedelta(days=10675199, hours=2, minutes=48, seconds=5, microseconds=477580)
_NUMBER: Final = r"(\d+(?:[.,]\d+)?)"
_PATTERN: Final = re.compile(
    rf"(?P<sign>[+-]?)P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?P<time>T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.IGNORECASE | re.ASCII,
)
#: groups of the pattern that hold no number
_MARKS: Final = frozenset(_PATTERN.groupindex.values())
#: seconds of year, month, week, day, hour, minute and second
_SECONDS: Final = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60, 1)


def to_iso8601(duration: timedelta) -> str:
    """
    Write a duration as the service does.

    :param duration: any length; what is at least the service's longest becomes :data:`UNLIMITED`.
    :return: for example ``P1DT2H``, ``PT0.5S``, ``PT0S``; a negative duration starts with a minus sign.
    """
    if duration >= _UNLIMITED_VALUE:
        return UNLIMITED
    if duration < timedelta(0):
        return "-" + to_iso8601(-duration)
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{duration.microseconds:06d}".rstrip("0") if duration.microseconds else ""
    day = f"{duration.days}D" if duration.days else ""
    time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
    if seconds or fraction:
        time += f"{seconds}{fraction}S"
    if not day and not time:
        return "PT0S"
    return f"P{day}T{time}" if time else f"P{day}"


def from_iso8601(text: str) -> timedelta:
    """
    Read a duration, leniently: any case, zero-padded, fractions in any part, weeks beside days.

    :param text: for example ``PT01H00M00S`` or ``P1W``.
    :return: the duration; digits below a microsecond are dropped.
    :raises ValueError: ``text`` is no ISO 8601 duration, or too long for ``timedelta``.
    """
    match = _PATTERN.fullmatch(text.strip())
    numbers = [part for index, part in enumerate(match.groups(), 1) if index not in _MARKS] if match else []
    if match is None or not any(numbers) or (match["time"] or "").upper() == "T":
        raise ValueError(f"{text!r} is no ISO 8601 duration; write for example PT30M, PT1H30M or P1D")
    total = sum(
        (
            Fraction(number.replace(",", ".")) * seconds
            for number, seconds in zip(numbers, _SECONDS, strict=True)
            if number
        ),
        Fraction(0),
    )
    sign = -1 if match["sign"] == "-" else 1
    try:
        return sign * timedelta(microseconds=int(total * 1_000_000))
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any duration that can be used") from None
