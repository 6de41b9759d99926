"""
The one retry policy: which answers are worth another try, how long to wait, and when to stop.

It replaces the defaults of azure-core, which try up to ten times, wait for any ``Retry-After`` however long,
and send every POST again after a 500. The vendor's loop stays; this decides.
"""

from __future__ import annotations

import random
from typing import Any

from azure.core.pipeline.policies import AsyncRetryPolicy, RetryPolicy

from airflow_provider_batch.domain.requests import Request

__all__ = ["AsyncBatchRetryPolicy", "BatchRetryPolicy", "repeatable_methods"]

RETRIES = 3
#: A longer ``Retry-After`` is handed to the caller, who can wait without holding a thread.
LONGEST_WAIT_SECONDS = 30.0
FIRST_WAIT_SECONDS = 0.5
#: No new try starts later than this after the first one.
TOTAL_SECONDS = 120

_REFUSED_UNDONE = frozenset({429})
_UNKNOWN_OUTCOME = frozenset({408, 500, 502, 503, 504})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "PATCH"})

#: POST operations whose repetition is answered with a code that says that the first one had been done.
_REPEATABLE_POSTS = frozenset(
    {
        "begin_terminate_job",
        "create_job",
        "create_pool",
        "create_task",
        "create_task_collection",
        "terminate_task",
    }
)


def repeatable_methods(request: Request) -> frozenset[str]:
    """
    Return the methods that may be sent again although the outcome of the first try is unknown.

    A POST is among them when its repetition cannot do a second thing: it creates or ends something named, or
    it carries an ``If-Match``.

    :param request: what is to be sent.
    """
    if request.operation in _REPEATABLE_POSTS or "If-Match" in request.headers:
        return _IDEMPOTENT | {"POST"}
    return _IDEMPOTENT


class _BatchRetries:
    """Decisions that the sync and the async policy share."""

    # Provided by azure-core's policy that this is mixed into.
    get_retry_after: Any

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        status = response.http_response.status_code
        if status not in _REFUSED_UNDONE | _UNKNOWN_OUTCOME:
            return False
        wait = self.get_retry_after(response)
        if wait is not None:
            # The service refused before doing anything.
            return bool(wait <= LONGEST_WAIT_SECONDS)
        return status in _REFUSED_UNDONE or self._is_method_retryable(settings, response.http_request)

    def _is_method_retryable(self, settings: dict[str, Any], request: Any, response: Any = None) -> bool:
        return request.method.upper() in settings["methods"]

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        failures = len(settings["history"])
        if not failures:
            return 0.0
        # Half of it random, so that clients which failed together do not come back together.
        wait = FIRST_WAIT_SECONDS * 2 ** (failures - 1)
        return float(wait * (0.5 + random.random() / 2))  # noqa: S311 - not for cryptography


_LIMITS = {
    "retry_total": RETRIES,
    "retry_connect": RETRIES,
    "retry_read": RETRIES,
    "retry_status": RETRIES,
    "timeout": TOTAL_SECONDS,
}


class BatchRetryPolicy(_BatchRetries, RetryPolicy[Any, Any]):
    """The retry policy of :class:`~airflow_provider_batch.client.session.BatchSession`."""

    def __init__(self) -> None:
        super().__init__(**_LIMITS)


class AsyncBatchRetryPolicy(_BatchRetries, AsyncRetryPolicy[Any, Any]):
    """The retry policy of :class:`~airflow_provider_batch.client.async_session.AsyncBatchSession`."""

    def __init__(self) -> None:
        super().__init__(**_LIMITS)
