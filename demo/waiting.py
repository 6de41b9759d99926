"""Wait for a condition, with a limit and a message that says what did not happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(
    condition: Callable[[], Found | None],
    what: str,
    *,
    limit_seconds: float,
    interval_seconds: float = 0.2,
) -> Found:
    """
    Call ``condition`` until it returns something true, and return that.

    :param condition: asked again and again; an exception that it raises ends the wait.
    :param what: the thing waited for, for the message.
    :param limit_seconds: longest wait.
    :param interval_seconds: pause between two questions.
    :raises TimeoutError: when the limit has passed.
    """
    deadline = time.monotonic() + limit_seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit_seconds:g} s in vain for: {what}")
        time.sleep(interval_seconds)
