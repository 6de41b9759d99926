"""Faults that requests meet on demand: an error instead of an answer, a lost connection, a delay."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any


class Action(str, Enum):
    """What a request meets."""

    #: an error of the service
    ANSWER = "answer"
    #: the connection ends without an answer
    DROP = "drop"
    #: the answer comes late
    DELAY = "delay"


class When(str, Enum):
    """Whether the request has had its effect when it meets the fault."""

    BEFORE = "before"
    AFTER = "after"


@dataclass
class RequestFault:
    """
    One fault.

    :param operation: name of the operation as in ``GET /_emulator/requests``; ``*`` for all.
    :param path: pattern of the decoded path, as in ``/jobs/*/tasks/t1``.
    :param skip: so many requests that match pass before the first one meets the fault.
    :param times: how many meet it; None for all that follow.
    :param status: of the answer, as are ``code`` and ``message``.
    :param retry_after: text of the Retry-After header; None for none.
    :param seconds: of the delay.
    :param met: how many have met it.
    """

    id: int
    action: Action
    operation: str = "*"
    path: str = "*"
    skip: int = 0
    times: int | None = 1
    when: When = When.BEFORE
    status: int = 503
    code: str = "ServerBusy"
    message: str = ""
    retry_after: str | None = None
    seconds: float = 0.0
    met: int = 0
    _passed: int = field(default=0, repr=False)

    def meets(self, operation: str, path: str) -> bool:
        """Whether the next request of this operation meets the fault; counts it."""
        if self.operation not in ("*", operation) or not fnmatchcase(path, self.path):
            return False
        if self._passed < self.skip:
            self._passed += 1
            return False
        if self.times is not None and self.met >= self.times:
            return False
        self.met += 1
        return True


class RequestFaults:
    """All faults that wait for requests; safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: dict[int, RequestFault] = {}

    def add(self, **properties: Any) -> RequestFault:
        """Add a fault; see :class:`RequestFault`."""
        with self._lock:
            fault = RequestFault(id=next(self._numbers), **properties)
            self._faults[fault.id] = fault
            return fault

    def all(self) -> Sequence[RequestFault]:
        """Every fault, in order."""
        with self._lock:
            return list(self._faults.values())

    def remove(self, fault_id: int) -> bool:
        """Forget a fault; whether there was one."""
        with self._lock:
            return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def met_by(self, operation: str, path: str) -> Sequence[RequestFault]:
        """The faults that a request meets, in the order in which they were added."""
        if not self._faults:
            return ()
        with self._lock:
            return [fault for fault in self._faults.values() if fault.meets(operation, path)]
