"""ISO 8601 durations: read as clients send them, written as the service normalises them."""

from __future__ import annotations

import re
from datetime import timedelta

INFINITE_TEXT = "P10675199DT2H48M5.4775807S"
"""What the service writes for "no limit"; it is the largest span of 100 ns ticks, and never null."""

INFINITE = timedelta(days=10675199, hours=2, minutes=48, seconds=5, microseconds=477580)
"""The same in Python, whose microseconds cannot hold the last digit."""

_PATTERN = re.compile(
    r"(?P<sign>-)?P(?=[0-9T])"
    r"(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta:
    """
    Read a duration; zero-padded parts, years (365 days) and months (30 days) are accepted.

    :raises ValueError: not a duration, negative, or longer than the service's "no limit".
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 duration")
    if match["sign"]:
        raise ValueError("a negative duration")
    days = 365 * _number(match["years"]) + 30 * _number(match["months"]) + 7 * _number(match["weeks"])
    try:
        value = timedelta(
            days=days + _number(match["days"]),
            hours=_number(match["hours"]),
            minutes=_number(match["minutes"]),
        )
        value += timedelta(microseconds=_microseconds(match["seconds"]))
    except OverflowError:
        raise ValueError("a duration out of range") from None
    if value > INFINITE:
        raise ValueError("a duration out of range")
    return value


def format_duration(value: timedelta) -> str:
    """Write a duration as the service does: no padding, no zero parts, days at most."""
    if value >= INFINITE:
        return INFINITE_TEXT
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0").rstrip(".") if value.microseconds else ""
    date = f"{value.days}D" if value.days else ""
    time = (
        (f"{hours}H" if hours else "")
        + (f"{minutes}M" if minutes else "")
        + (f"{seconds}{fraction}S" if seconds or fraction else "")
    )
    if not date and not time:
        return "PT0S"
    return f"P{date}" + (f"T{time}" if time else "")


def normalise_duration(text: str) -> str:
    """The service's spelling of a duration that a client sent."""
    return format_duration(parse_duration(text))


def _number(digits: str | None) -> int:
    return int(digits) if digits else 0


def _microseconds(seconds: str | None) -> int:
    whole, _, fraction = (seconds or "0").partition(".")
    return int(whole) * 1_000_000 + int(fraction[:6].ljust(6, "0") or 0)
