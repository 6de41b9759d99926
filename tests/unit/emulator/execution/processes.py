"""Waits for processes that are not ours to wait for."""

from __future__ import annotations

import threading
from pathlib import Path

WAIT_SECONDS = 20.0


def is_running(pid: int) -> bool:
    """Whether a process runs; a zombie, which nobody has asked for yet, does not."""
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def wait_until_gone(pid: int) -> None:
    """Wait for a process's end."""
    waiting = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.02)):
        if not is_running(pid):
            return
        waiting.wait(0.02)
    raise AssertionError(f"process {pid} still runs")
