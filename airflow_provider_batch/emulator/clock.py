"""The time, so that it can be held, moved and made to run faster."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC; never earlier than before."""
        ...

    def seconds_until(self, moment: datetime) -> float | None:
        """Return the real seconds until a moment, 0 for a past one; None if it never comes by itself."""
        ...


class MovableClock(Clock, Protocol):
    """A clock that can be moved on."""

    def advance(self, seconds: float) -> None:
        """Move on by a number of seconds."""
        ...


class ScaledClock:
    """
    The computer's time at the start, continued without the jumps of a clock that is being set.

    :param scale: seconds that pass here in one real second; 0 to stand still until it is moved by hand.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._scale = scale
        self._epoch = datetime.now(timezone.utc)
        self._started = time.monotonic()

    @property
    def scale(self) -> float:
        """Seconds that pass here in one real second."""
        return self._scale

    def now(self) -> datetime:
        """Return the present time."""
        with self._lock:
            return self._now()

    def _now(self) -> datetime:
        return self._epoch + timedelta(seconds=(time.monotonic() - self._started) * self._scale)

    def seconds_until(self, moment: datetime) -> float | None:
        """Return the real seconds until a moment; None while the clock stands still before it."""
        with self._lock:
            seconds = max((moment - self._now()).total_seconds(), 0.0)
            if not seconds:
                return 0.0
            return seconds / self._scale if self._scale else None

    def run_at(self, scale: float) -> None:
        """Go on from the present time at another speed."""
        with self._lock:
            self._epoch, self._started = self._now(), time.monotonic()
            self._scale = scale

    def advance(self, seconds: float) -> None:
        """Move on by a number of seconds."""
        with self._lock:
            self._epoch += timedelta(seconds=seconds)


class ManualClock:
    """A clock that stands still until a test moves it; then call ``Engine.fire_due_timers``."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=timezone.utc)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def seconds_until(self, moment: datetime) -> float | None:
        """Return 0 for what is due, and None for all else: it comes when somebody says so."""
        return 0.0 if moment <= self._now else None

    def advance(self, seconds: float) -> None:
        """Move on by a number of seconds."""
        self._now += timedelta(seconds=seconds)
