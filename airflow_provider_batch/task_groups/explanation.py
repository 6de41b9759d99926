"""A Batch group as text: who holds each edge, where each member starts, what its author may not expect."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_batch.domain.explain import explain
from airflow_provider_batch.domain.graph import UNKNOWN_WIDTH
from airflow_provider_batch.domain.verdict import Verdict
from airflow_provider_batch.operators.group_graph import batch_members, static_graph
from airflow_provider_batch.operators.member_values import parse_time_width
from airflow_provider_batch.task_groups.limits import limits_without_effect
from airflow_provider_batch.task_groups.worker_starts import reasons_for_a_worker
from airflow_provider_batch.triggers.worker_endings import endings_of_a_mirror, may_fail_after_success
from airflow_provider_batch.version_compat import AIRFLOW_V_3_3_PLUS

__all__ = ["explain_group"]

_COLUMNS = 100

#: what needs a worker for a failure only below Airflow 3.3
_NEEDED_BELOW_3_3 = ("retries", "on_failure_callback", "on_retry_callback")


def explain_group(group: Any) -> str:
    """
    Describe a group as far as the DAG file tells; launch decides again when it runs, and logs the same table.

    :param group: an ``AzureBatchJobTaskGroup`` of a DAG that Airflow has loaded.
    :return: several lines, without a line break at the end.
    """
    members = batch_members(group)
    graph = static_graph(group.dag.get_task(group.azure_batch_launch_id), members)
    widths = {task_id: _width(task) for task_id, task in members.items()}

    def name(task_id: str) -> str:
        width = widths[task_id]
        return task_id if width is None else f"{task_id}[{'?' if width == UNKNOWN_WIDTH else width}]"

    lines = [explain(graph, widths)]
    mirrors = [task_id for task_id, task in members.items() if task.start_from_trigger]
    if mirrors:
        lines += ["start in the triggerer, without a worker", *_wrapped(map(name, mirrors))]
    reasons = reasons_for_a_worker(graph, members, group.max_mirrors)
    if on_workers := {task_id: reasons[task_id] for task_id in members if task_id not in mirrors}:
        lines += ["start on a worker because", *_grouped(on_workers, name)]
    if notes := {task_id: found for task_id in mirrors if (found := list(_notes(members[task_id])))}:
        lines += ["notes", *_grouped(notes, name)]
    return "\n".join(lines)


def _width(task: Any) -> int | None:
    if not hasattr(task, "partial_kwargs"):
        return None
    known = parse_time_width(task)
    return UNKNOWN_WIDTH if known is None else known


def _notes(task: Any) -> Iterator[str]:
    """Say what the author of a member that starts in the triggerer may not expect."""
    if limits := limits_without_effect(task):
        yield (
            f"not held back in the triggerer by Airflow's {' and '.join(limits)}, but by "
            "max_parallel_tasks of batch_job and by the task slots of the Batch pool"
        )
    endings = endings_of_a_mirror(task)
    if Verdict.SUCCESS.value in endings:
        because = [*_set(task, "outlets", "on_success_callback"), *may_fail_after_success(task)]
        yield f"its success ends on a worker: {'; '.join(because) or 'a mapped task takes its result'}"
    if Verdict.SKIPPED.value in endings:
        yield "its skip ends on a worker: on_skipped_callback"
    if Verdict.FAILED.value in endings:
        because = _set(task, "email", *(() if AIRFLOW_V_3_3_PLUS else _NEEDED_BELOW_3_3))
        yield f"its failure ends on a worker: {', '.join(because)}"
    elif Verdict.FAILED_FOR_GOOD.value in endings and _given(task, "fail_on_exit_code"):
        yield "its failure without further retries ends on a worker: fail_on_exit_code"


def _set(task: Any, *parameters: str) -> list[str]:
    return [parameter for parameter in parameters if getattr(task, parameter, None)]


def _given(task: Any, parameter: str) -> Any:
    given = task.partial_kwargs if hasattr(task, "partial_kwargs") else vars(task)
    return given.get(parameter)


def _grouped(reasons: Mapping[str, Iterable[str]], name: Any) -> list[str]:
    """Join the members that share a reason."""
    members: dict[str, list[str]] = defaultdict(list)
    for task_id, found in reasons.items():
        for reason in found:
            members[reason].append(name(task_id))
    return [line for reason, names in members.items() for line in _wrapped(names, f"{reason}: ")]


def _wrapped(names: Iterable[str], before: str = "") -> list[str]:
    return textwrap.wrap(
        before + ", ".join(names),
        _COLUMNS,
        initial_indent="  ",
        subsequent_indent="    " if before else "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
