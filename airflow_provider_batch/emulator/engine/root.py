"""The root directory: private, and used by one emulator at a time."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

from airflow_provider_batch.emulator.execution.guard import GUARD_FILE

_LOCK_FILE = ".lock"
_GUARD_SECONDS = 20.0
_PAUSE_SECONDS = 0.02


class RootInUseError(RuntimeError):
    """Another emulator uses the root directory."""


class Root:
    """
    A directory of which only its owner may see anything, locked while it is in use.

    :param path: made when missing; None for a temporary one, which is removed on close.
    :raises RootInUseError: another process, or another engine of this one, has it.
    """

    def __init__(self, path: Path | None) -> None:
        self._temporary = path is None
        made = Path(tempfile.mkdtemp(prefix="batch-emulator-")) if path is None else path
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It may have been there before; what tasks write is nobody else's business.
        made.chmod(0o700)
        self.path = made.resolve()
        self._lock = self._take()
        self._await_guard()

    def _await_guard(self) -> None:
        """Wait until nothing is left of an emulator that was killed: its guard ends the processes."""
        deadline = time.monotonic() + _GUARD_SECONDS
        with (self.path / GUARD_FILE).open("ab") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        self._lock.close()
                        raise RootInUseError(f"processes of an emulator still use {self.path}") from None
                    time.sleep(_PAUSE_SECONDS)
                else:
                    return

    def _take(self) -> IO[bytes]:
        file = (self.path / _LOCK_FILE).open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise RootInUseError(f"another emulator uses the directory {self.path}") from None
        return file

    def close(self) -> None:
        """Free the directory; a temporary one is removed."""
        self._lock.close()
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=False)
