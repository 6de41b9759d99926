"""Deletes directories: out of sight at once, from the disk a little later."""

from __future__ import annotations

import logging
import queue
import shutil
import stat
import threading
import time
import uuid
from pathlib import Path

_log = logging.getLogger(__name__)

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.05


class Removals:
    """
    A thread that deletes directories.

    A directory is first moved aside, so that its name is free at once, even while processes still write into
    it.

    :param aside: where to move them; on the same file system.
    """

    def __init__(self, aside: Path) -> None:
        self._aside = aside
        self._queue: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="batch-removals", daemon=True)
        self._thread.start()

    def remove(self, directory: Path) -> None:
        """Delete a directory with all that is in it; one that does not exist is deleted already."""
        place = self._aside / uuid.uuid4().hex
        try:
            self._aside.mkdir(parents=True, exist_ok=True)
            directory.rename(place)
        except FileNotFoundError:
            return
        self._queue.put(place)

    def close(self) -> None:
        """Delete what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (place := self._queue.get()) is not None:
            delete_tree(place)


def delete_tree(place: Path) -> None:
    """
    Delete a directory with all that is in it.

    Tries again while a dying process still adds files, or when a task has closed directories to us.
    """
    for attempt in range(_ATTEMPTS):
        try:
            shutil.rmtree(place)
        except FileNotFoundError:
            if not place.exists():
                return
        except PermissionError:
            _open_directories(place)
        except OSError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
        if attempt == _ATTEMPTS - 1:
            _log.warning("Could not delete %s.", place)


def _open_directories(place: Path) -> None:
    """Give ourselves back the right to look into directories and to delete from them."""
    for directory in [place, *(p for p in place.rglob("*") if p.is_dir() and not p.is_symlink())]:
        directory.chmod(directory.stat().st_mode | stat.S_IRWXU)
