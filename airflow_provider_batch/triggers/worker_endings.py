"""Which endings of a deferred task need a worker, and which the trigger can do itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.domain.verdict import Verdict
from airflow_provider_batch.triggers.arguments import given_arguments
from airflow_provider_batch.version_compat import AIRFLOW_V_3_3_PLUS, MIRRORS_SUPPORTED

#: arguments that say what the Batch task is
_PARTS_OF_THE_TASK = frozenset({"command_line", "batch_task", "environment", "resource_files", "params"})

__all__ = [
    "endings_for_a_worker",
    "endings_of_a_mirror",
    "may_fail_after_success",
    "must_start_on_a_worker",
]


def endings_for_a_worker(operator: Any, task_instance: Any) -> list[str]:
    """
    Return the verdicts that must end on a worker, for a task that has started on one.

    A trigger that ends its task spares a worker start, and a race in Airflow that fails short tasks which
    resume on a worker. But what a trigger ends gets no success or skip callbacks and no asset events, its
    failure stops no run that is to stop with its first failure, and below 3.3 that failure is final whatever
    retries are left.

    :param operator: the operator that defers.
    :param task_instance: its task instance.
    """
    return _endings(operator, may_be_retried=task_instance.try_number <= task_instance.max_tries)


def endings_of_a_mirror(task: Any) -> list[str]:
    """
    Return the verdicts of a group's member that must end on a worker, though it never started on one.

    :param task: the member, mapped or not.
    """
    return _endings(task, may_be_retried=bool(task.retries))


def _endings(task: Any, *, may_be_retried: bool) -> list[str]:
    on_worker = []
    if _success_needs_worker(task):
        on_worker.append(Verdict.SUCCESS)
    if task.on_skipped_callback:
        on_worker.append(Verdict.SKIPPED)
    told_by_workers = may_be_retried or _failure_callbacks(task)
    if task.email or _stops_its_run(task) or (told_by_workers and not AIRFLOW_V_3_3_PLUS):
        on_worker.append(Verdict.FAILED)
    if Verdict.FAILED in on_worker or may_be_retried:
        on_worker.append(Verdict.FAILED_FOR_GOOD)
    return [verdict.value for verdict in on_worker]


def must_start_on_a_worker(task: Any) -> list[str]:
    """
    Return reasons why a member cannot start in the triggerer; empty when it can.

    :param task: the member, mapped or not.
    """
    reasons = []
    if not MIRRORS_SUPPORTED:
        reasons.append("this Airflow starts no task in the triggerer")
    if task.on_execute_callback:
        reasons.append("it has on_execute_callback")
    if _is_overridden(task, "pre_execute") or _hook(task, "pre_execute"):
        reasons.append("it has pre_execute")
    if _given(task, "deferrable") is False:
        reasons.append("it has deferrable=False")
    if beyond := _mapped_beyond_the_task(task):
        reasons.append(f"{beyond} is mapped, and mirrors of a mapped task are all started alike")
    return reasons


def _mapped_beyond_the_task(task: Any) -> str | None:
    """Name a mapped argument that is no part of the Batch task, which launch makes for each index."""
    if not hasattr(task, "partial_kwargs"):
        return None
    value = getattr(task.expand_input, "value", None)
    each = [value] if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [None]
    for arguments in each:
        if not isinstance(arguments, Mapping):
            return "what is known at run time only"
        if beyond := sorted(set(arguments) - _PARTS_OF_THE_TASK):
            return str(beyond[0])
    return None


def may_fail_after_success(task: Any) -> list[str]:
    """
    Return reasons why a member may fail although its Batch task succeeded; empty when it cannot.

    :param task: the member, mapped or not.
    """
    reasons = []
    if _is_overridden(task, "post_execute") or _hook(task, "post_execute"):
        reasons.append("its post_execute runs after the Batch task succeeded and may fail")
    if _given(task, "multiple_outputs"):
        reasons.append("its multiple_outputs are taken apart after the Batch task succeeded, which may fail")
    return reasons


def _success_needs_worker(operator: Any) -> bool:
    return bool(
        operator.outlets
        or operator.on_success_callback
        or may_fail_after_success(operator)
        # A mapped task downstream needs the length of the result, which only a worker writes.
        or _feeds_a_mapped_task(operator)
    )


def _feeds_a_mapped_task(operator: Any) -> bool:
    # To answer, Airflow walks the whole DAG: for each of a thousand members that takes a second.
    tasks = operator.dag.task_dict
    if not any(_is_mapped_somehow(tasks[task_id]) for task_id in operator.downstream_task_ids):
        return False
    return next(iter(operator.iter_mapped_dependants()), None) is not None


def _is_mapped_somehow(task: Any) -> bool:
    return hasattr(task, "partial_kwargs") or next(iter(task.iter_mapped_task_groups()), None) is not None


def _stops_its_run(task: Any) -> bool:
    return bool(getattr(task.dag, "fail_fast", False) or getattr(task.dag, "fail_stop", False))


def _failure_callbacks(task: Any) -> bool:
    return bool(task.on_failure_callback or task.on_retry_callback)


def _given(task: Any, name: str) -> Any:
    """A parameter as it was given to the operator, or to ``partial`` of a mapped one, or as a default."""
    return given_arguments(task).get(name)


def _hook(task: Any, name: str) -> Any:
    return _given(task, name if hasattr(task, "partial_kwargs") else f"_{name}_hook")


def _is_overridden(task: Any, method: str) -> bool:
    operator_class = task.operator_class if hasattr(task, "partial_kwargs") else type(task)
    defined_by = next(cls for cls in operator_class.__mro__ if method in vars(cls))
    return not defined_by.__module__.startswith("airflow.")
