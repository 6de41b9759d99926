"""How often each operation was asked for, so that tests can hold a client to its number of requests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class RequestCounter:
    """Counts requests by operation; safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, operation: str) -> None:
        """Add one."""
        with self._lock:
            self._counts[operation] += 1

    def counts(self) -> Mapping[str, int]:
        """The numbers by operation name."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def reset(self) -> None:
        """Start anew."""
        with self._lock:
            self._counts.clear()
