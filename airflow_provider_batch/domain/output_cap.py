"""How much of a task's output goes into the Airflow log, unless the user says otherwise."""

from __future__ import annotations

__all__ = ["DEFAULT_CAP"]

#: bytes of each stream
DEFAULT_CAP = 10 * 1024 * 1024
