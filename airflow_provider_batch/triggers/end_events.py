"""How a trigger ends its task, in each Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from airflow_provider_batch.domain.outcome import Verdict
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS

__all__ = ["end_event"]


class _WithoutCallbackRequest:
    """
    Ends a task in Airflow 2.11 without a row in its table of callback requests.

    There nobody ever takes such a row, and none is deleted. Tasks that have callbacks end on a worker.
    """

    def _submit_callback_if_necessary(self, **_: Any) -> None:
        """Leave out what the base class would write."""


class _QuietSuccess(_WithoutCallbackRequest, TaskSuccessEvent):
    pass


class _QuietFailure(_WithoutCallbackRequest, TaskFailedEvent):
    pass


_EVENTS: Mapping[Verdict, Callable[[], TriggerEvent]] = {
    Verdict.SUCCESS: TaskSuccessEvent if AIRFLOW_V_3_0_PLUS else _QuietSuccess,
    Verdict.SKIPPED: TaskSkippedEvent,
    Verdict.FAILED: TaskFailedEvent if AIRFLOW_V_3_0_PLUS else _QuietFailure,
    Verdict.FAILED_FOR_GOOD: TaskFailedEvent if AIRFLOW_V_3_0_PLUS else _QuietFailure,
}


def end_event(verdict: Verdict) -> TriggerEvent:
    """
    Return the event that ends the trigger's task at once.

    :param verdict: how it ended.
    """
    return _EVENTS[verdict]()
