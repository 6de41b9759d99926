"""When a task that was deferred may resume on a worker."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

__all__ = ["belongs_to_another_try", "not_too_soon"]

#: Time between a deferral and a resumption on a worker. A task that resumes sooner can meet the executor's
#: late report of the worker that deferred it, which Airflow takes for a crash and fails the task. The report
#: waits for the scheduler's loop: on 3.3.2 and two busy cores, 1 of 80 short tasks failed with 5 s, none of
#: 280 with 15 s. In 2.11 the race is the same.
BEFORE_A_WORKER = timedelta(seconds=15)


async def not_too_soon(task_instance: Any, deferred_at: str | None) -> None:
    """
    Wait until a task may resume on a worker.

    :param task_instance: the trigger's ``task_instance``; without one there is no executor to wait for.
    :param deferred_at: when it was deferred, ISO 8601; None when that is not known.
    """
    if task_instance is None or deferred_at is None:
        return
    due = datetime.fromisoformat(deferred_at) + BEFORE_A_WORKER
    await asyncio.sleep(max(0.0, (due - datetime.now(timezone.utc)).total_seconds()))


def belongs_to_another_try(context: Any, try_number: int | None) -> bool:
    """
    Tell whether a task is resumed with the event of an earlier try; it has to begin anew then.

    Airflow 3.0 keeps where a task resumes when that fails, and begins its retry there.

    :param context: the template context of a task that resumes on a worker.
    :param try_number: the try that was deferred; None when no operator deferred it.
    """
    return try_number is not None and try_number != context["ti"].try_number
