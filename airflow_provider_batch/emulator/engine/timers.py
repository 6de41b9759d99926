"""The moments that the machine, or an executor in the account's time, waits for; soonest first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from itertools import count

from airflow_provider_batch.emulator.machine.timers import Timer

Due = Timer | Callable[[], None]


class TimerQueue:
    """Timers by the time when they are due; those of the same time in the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Due]] = []
        self._numbers = count()

    def put(self, due: datetime, timer: Due) -> None:
        """Set a timer."""
        heappush(self._heap, (due, next(self._numbers), timer))

    def next_due(self) -> datetime | None:
        """Return the time of the soonest timer; None without any."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: datetime) -> Due | None:
        """Return and forget the soonest timer that is due; None if there is none."""
        if self._heap and self._heap[0][0] <= now:
            return heappop(self._heap)[2]
        return None
