"""Which endings of a deferred task need a worker, and which the trigger can do itself."""

from __future__ import annotations

from typing import Any

from airflow_provider_batch.domain.outcome import Verdict
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_3_PLUS

__all__ = ["endings_for_a_worker"]


def endings_for_a_worker(operator: Any, task_instance: Any) -> list[str]:
    """
    Return the verdicts that must end on a worker.

    A trigger that ends its task spares a worker start, and a race in Airflow 3 that fails short tasks which
    resume on a worker. But what a trigger ends gets no success or skip callbacks and no asset events. Below
    3.3 a failure that a trigger reports is final whatever retries are left; and 2.11 keeps a row in its
    database for ever for each task that a trigger ends, so there all of them end on a worker.

    :param operator: the operator that defers.
    :param task_instance: its task instance.
    """
    if not AIRFLOW_V_3_0_PLUS:
        return [verdict.value for verdict in Verdict]
    on_worker = []
    if _success_needs_worker(operator):
        on_worker.append(Verdict.SUCCESS)
    if operator.on_skipped_callback:
        on_worker.append(Verdict.SKIPPED)
    if not AIRFLOW_V_3_3_PLUS:
        on_worker.append(Verdict.FAILED)
    if task_instance.try_number <= task_instance.max_tries or not AIRFLOW_V_3_3_PLUS:
        on_worker.append(Verdict.FAILED_FOR_GOOD)
    return [verdict.value for verdict in on_worker]


def _success_needs_worker(operator: Any) -> bool:
    overridden = _is_overridden(operator, "post_execute") or getattr(operator, "_post_execute_hook", None)
    return bool(
        operator.outlets
        or operator.on_success_callback
        or getattr(operator, "multiple_outputs", False)
        or overridden
        # A mapped task downstream needs the length of the result, which only a worker writes.
        or next(iter(operator.iter_mapped_dependants()), None) is not None
    )


def _is_overridden(operator: Any, method: str) -> bool:
    defined_by = next(cls for cls in type(operator).__mro__ if method in vars(cls))
    return not defined_by.__module__.startswith("airflow.")
