"""Times as the service writes them: UTC, up to 7 fraction digits, trailing zeros dropped."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import lru_cache

_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(?:[Zz]|([+-])(\d\d):(\d\d))?",
    re.ASCII,
)


def format_time(value: datetime) -> str:
    """Write a time for a JSON body."""
    text = value.astimezone(timezone.utc).isoformat().removesuffix("+00:00")
    return f"{text.rstrip('0') if value.microsecond else text}Z"


def format_http_date(value: datetime) -> str:
    """Write a time for a header, in whole seconds."""
    return format_datetime(value.astimezone(timezone.utc).replace(microsecond=0), usegmt=True)


# The times of a long list are read again for every filter on it.
@lru_cache(maxsize=65_536)
def parse_time(text: str) -> datetime:
    """
    Read a time; without an offset it is UTC, digits beyond microseconds are dropped.

    :raises ValueError: not a time.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 time")
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = match.groups()
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    value = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        microsecond,
        timezone.utc,
    )
    if sign is None:
        return value
    offset = timedelta(hours=int(off_hours), minutes=int(off_minutes))
    try:
        return value - offset if sign == "+" else value + offset
    except OverflowError:
        raise ValueError("a time out of range") from None
