"""How a trigger ends its task, in each Airflow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.verdict import Verdict
from airflow_provider_batch.triggers.task_instance import set_xcom
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS, TRIGGERS_END_TASKS

__all__ = ["end_task", "is_for_worker"]


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


async def end_task(
    task_instance: Any, ending: Ending, *, worker_endings: Collection[str], push_result: bool, log: Any
) -> TriggerEvent:
    """
    Return the event that ends the trigger's task at once, or on a worker; its result is written before.

    :param task_instance: the trigger's ``task_instance``; without one, a worker ends the task.
    :param ending: how it ended.
    :param worker_endings: verdicts that end on a worker.
    :param push_result: whether the outcome becomes the task's return value.
    :param log: the Airflow task log.
    """
    for_worker = TriggerEvent(ending.as_json())  # type: ignore[no-untyped-call]
    if task_instance is None or not TRIGGERS_END_TASKS or ending.verdict.value in worker_endings:
        return for_worker
    value = ending.return_value
    if ending.verdict is Verdict.SUCCESS and push_result and value is not None:
        try:
            await set_xcom(task_instance, "return_value", dict(value))
        except Exception as error:  # noqa: BLE001 - a worker writes it then; the task did succeed
            log.warning("The result was not written, a worker will do it: %s", error)
            return for_worker
    if ending.verdict is Verdict.SKIPPED:
        # What stands above it in the log is a failure's report.
        log.info("%s; skip_on_exit_code says to skip", ending.message)
    return _EVENTS[ending.verdict]()


def is_for_worker(event: TriggerEvent) -> bool:
    """
    Tell whether an event resumes the task on a worker.

    :param event: what :func:`end_task` returned.
    """
    return type(event) is TriggerEvent
