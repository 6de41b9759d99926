"""The emulator's own time."""

from __future__ import annotations

from airflow_provider_batch.emulator.clock import ScaledClock
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.times import format_time

MAX_SCALE = 100_000.0
"""Greatest speed."""

MAX_ADVANCE_SECONDS = 366 * 86_400.0
"""Farthest that the time is moved at once."""


class TimeControl:
    """
    Reads and moves the time that the account lives in.

    The processes of tasks, and the dates of requests, stay in the computer's own time; the dates of answers
    are the account's.
    """

    def __init__(self, engine: Engine, clock: ScaledClock) -> None:
        self._engine = engine
        self._clock = clock

    def get(self) -> Json:
        """Return the present time and its speed."""
        return {"now": format_time(self._clock.now()), "scale": self._clock.scale}

    def run_at(self, scale: float) -> None:
        """Set how many seconds pass here in one real second."""
        self._clock.run_at(scale)
        self._engine.clock_changed()

    def advance(self, seconds: float) -> None:
        """Move on by a number of seconds."""
        self._engine.advance(seconds)
