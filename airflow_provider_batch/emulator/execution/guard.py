"""Makes sure that no task outlives the emulator, even one that was killed with SIGKILL."""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
import threading
from pathlib import Path

from airflow_provider_batch.emulator.execution import guard_process

_log = logging.getLogger(__name__)

GUARD_FILE = ".guard"
"""In the root directory: locked by whoever guards its processes."""

#: the guard kills and scans; it has no reason to take longer
_CLOSE_SECONDS = 10.0


class Guard:
    """
    The other end of :mod:`guard_process`, which is started with the first process.

    :param root: root directory of the nodes, by which stray processes are known.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    def add(self, group: int) -> None:
        """Watch over a process group."""
        with self._lock:
            self._groups.add(group)
            self._send(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Forget a process group that is gone, before its number is used again."""
        with self._lock:
            self._groups.discard(group)
            self._send(f"-{group}\n")

    def start(self) -> None:
        """
        Start the guard, unless it runs; one that somebody killed is replaced.

        As long as it lives it holds a lock, for which the next emulator on the same directory waits: it would
        take that one's processes for strays.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            with (self._root / GUARD_FILE).open("wb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", guard_process.__file__, str(self._root)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    pass_fds=(file.fileno(),),
                    start_new_session=True,
                )
            self._send("".join(f"+{group}\n" for group in sorted(self._groups)))

    def _send(self, lines: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the guard was not started")
        try:
            self._process.stdin.write(lines.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            _log.warning("The guard of the task processes is gone; they may outlive a killed emulator.")

    def close(self) -> None:
        """Let the guard kill whatever is left, and wait for it."""
        with self._lock:
            process, self._process = self._process, None
            if process is None or process.stdin is None:
                return
            try:
                process.stdin.close()
            except BrokenPipeError:
                _log.debug("The guard was gone already.")
            try:
                process.wait(_CLOSE_SECONDS)
            except subprocess.TimeoutExpired:
                _log.warning("The guard of the task processes did not end in time.")
                process.kill()
                process.wait()
