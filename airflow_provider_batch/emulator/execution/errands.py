"""Work over the network that whoever waits for it can leave behind."""

from __future__ import annotations

import threading
from collections.abc import Callable

Cancelled = Callable[[], bool]
"""Looked at now and then by the work: whether nobody wants it any more."""


class Abandoned(Exception):
    """Raised by the work itself when it sees that nobody wants it any more."""


class Errand:
    """
    Work in a thread of its own.

    Who ends a command must not wait for a server that is slow or silent: cancelled work is left to itself,
    changes nothing more, and ends with its time-out at the latest.

    :param work: is given :data:`Cancelled`.
    :param name: of the thread.
    """

    def __init__(self, work: Callable[[Cancelled], None], name: str) -> None:
        self._work = work
        self._name = name
        self._over = threading.Event()
        self._cancelled = threading.Event()
        self._error: Exception | None = None

    def run(self) -> bool:
        """Do the work; whether it is done, or else not wanted any more. Errors of the work come from here."""
        if not self._cancelled.is_set():
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
            self._over.wait()
        if self._cancelled.is_set():
            return False
        if self._error is not None:
            raise self._error
        return True

    def cancel(self) -> None:
        """Let :meth:`run` return now; may be called before it, and repeated."""
        self._cancelled.set()
        self._over.set()

    def _run(self) -> None:
        try:
            self._work(self._cancelled.is_set)
        except Abandoned:
            return
        except Exception as error:  # noqa: BLE001 - raised again by run, in the thread that asked for it
            self._error = error
        finally:
            self._over.set()
