"""
How often to ask, and which failures of asking mean nothing.

A poll that got no answer says nothing about the Batch task: it is repeated, less and less often, until the
deadline. Only a refusal that repeating cannot cure (credentials, rights) ends the watch, after a while.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchPermissionError,
    BatchServiceError,
    BatchThrottledError,
    BatchUnavailableError,
)

#: seconds of the first poll after something changed; what is short is then seen quickly
QUICK = 1.0
#: each further poll waits this much longer, up to the interval that the user asked for
GROWTH = 1.5
#: share of the wait that is random, so that many watchers do not ask in step
JITTER = 0.2
#: longest wait after failures, in seconds
MAX_BACKOFF = 120.0
#: seconds for which refused credentials are taken for a passing state (roles and keys take time to spread)
REFUSAL_PATIENCE = 300.0


@dataclass
class Pace:
    """
    The wait before the next poll.

    :param interval: seconds between polls when nothing happens.
    """

    interval: float
    _next: float = QUICK
    _failures: int = 0

    def changed(self) -> None:
        """Something happened: ask quickly again, as more may follow."""
        self._next = QUICK

    def wait(self, random: float) -> float:
        """
        Return the seconds to wait after a poll that was answered.

        :param random: a number in [0, 1).
        """
        self._failures = 0
        seconds = min(self._next, self.interval)
        self._next = min(self._next * GROWTH, self.interval)
        return seconds * (1 - JITTER * random)

    def wait_after(self, error: AzureBatchError, random: float) -> float:
        """
        Return the seconds to wait after a poll that failed; never less than the service asked for.

        :param error: why it failed.
        :param random: a number in [0, 1).
        """
        self._failures += 1
        seconds = min(max(self.interval, QUICK) * 2 ** min(self._failures - 1, 10), MAX_BACKOFF)
        asked = error.retry_after if isinstance(error, BatchThrottledError) else None
        return float(max(seconds * (1 - JITTER * random), asked or 0.0))


def is_transient(error: AzureBatchError) -> bool:
    """Tell whether the same request may succeed later without anybody's doing."""
    if isinstance(error, (BatchUnavailableError, BatchThrottledError)):
        return True
    return isinstance(error, BatchServiceError) and error.status is not None and error.status >= 500


def is_refusal(error: AzureBatchError) -> bool:
    """Tell whether we were refused, rather than the request; a proxy that answers instead counts too."""
    if isinstance(error, BatchServiceError) and error.code is None:
        return True
    return isinstance(error, (BatchAuthenticationError, BatchPermissionError))
