"""The time, so that tests can hold it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC; never earlier than before."""
        ...


class SystemClock:
    """The computer's time at the start, continued without the jumps of a clock that is being set."""

    def __init__(self) -> None:
        self._epoch = datetime.now(timezone.utc)
        self._started = time.monotonic()

    def now(self) -> datetime:
        """Return the present time."""
        return self._epoch + timedelta(seconds=time.monotonic() - self._started)


class ManualClock:
    """A clock that stands still until a test moves it; then call ``Engine.fire_due_timers``."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=timezone.utc)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by a number of seconds."""
        self._now += timedelta(seconds=seconds)
