"""
Entity tags, and conditions on them.

The service's ETag is the resource's last modification in .NET ticks (100 ns since the year 1), in hex and
without quotes. Times here have microseconds, so the last digit of the ticks is always 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_TICKS_FROM = datetime(1, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def etag(last_modified: datetime) -> str:
    """Return the ETag of a resource that was last modified at the given time."""
    return f"0x{(last_modified - _TICKS_FROM) // _MICROSECOND * 10:X}"


@dataclass(frozen=True)
class Conditions:
    """
    The conditional headers of a request, as sent; None for absent.

    :param if_match: one or more ETags, quoted or not, or ``*``.
    :param if_none_match: likewise.
    :param if_modified_since: whole seconds, as HTTP dates are.
    :param if_unmodified_since: likewise.
    """

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None

    def hold(self, last_modified: datetime) -> bool:
        """Whether a resource that was last modified at the given time meets every condition."""
        current = etag(last_modified)
        since = last_modified.replace(microsecond=0)
        return not (
            (self.if_match is not None and not _names(self.if_match, current))
            or (self.if_none_match is not None and _names(self.if_none_match, current))
            or (self.if_modified_since is not None and since <= self.if_modified_since)
            or (self.if_unmodified_since is not None and since > self.if_unmodified_since)
        )


def _names(header: str, current: str) -> bool:
    tags = [tag.strip().strip('"') for tag in header.split(",")]
    return "*" in tags or current in tags
