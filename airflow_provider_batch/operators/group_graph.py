"""
A group's members as the graph compiler wants them.

What is read here are the real operators of a parsed DAG file, so it runs where the file was executed: in the
DAG processor, and on a worker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_batch.domain.graph import UNKNOWN_WIDTH, Graph, Member, compile_graph, succeeded_before
from airflow_provider_batch.operators.member_values import (
    mapped_sources,
    parse_time_width,
    unknown_at_launch,
)
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs.base import plain
from airflow_provider_batch.triggers.arguments import given_arguments
from airflow_provider_batch.triggers.worker_endings import may_fail_after_success
from airflow_provider_batch.version_compat import SkipMixin

__all__ = [
    "batch_members",
    "before_launch",
    "definition_of",
    "describe",
    "is_member",
    "launch_graph",
    "static_graph",
]


def is_member(task: Any) -> bool:
    """
    Tell whether a task of a group is one Batch task, or (mapped) many.

    :param task: an operator, mapped or not.
    """
    operator_class = getattr(task, "operator_class", type(task))
    return isinstance(operator_class, type) and issubclass(operator_class, AzureBatchTaskOperator)


def batch_members(task_group: Any) -> dict[str, Any]:
    """
    Return the members of a group by their ids; nested groups are flattened.

    :param task_group: the group.
    """
    return {task.task_id: task for task in task_group.iter_tasks() if is_member(task)}


def before_launch(launch: Any) -> frozenset[str]:
    """
    Return the tasks that have succeeded whenever launch runs.

    :param launch: the launch operator.
    """
    tasks = launch.dag.task_dict
    return succeeded_before(
        launch.task_id,
        {task_id: task.upstream_task_ids for task_id, task in tasks.items()},
        {task_id: str(getattr(t.trigger_rule, "value", t.trigger_rule)) for task_id, t in tasks.items()},
    )


def skips_selectively(task: Any) -> bool:
    """
    Tell whether a task may skip some of the tasks after it and not others, as a branch does.

    :param task: an operator, mapped or not.
    """
    if getattr(task, "inherits_from_skipmixin", False):
        return True
    operator_class = getattr(task, "operator_class", type(task))
    return isinstance(operator_class, type) and issubclass(operator_class, SkipMixin)


def describe(task: Any, launch: Any, before: Collection[str]) -> Member:
    """
    Describe one member as far as the DAG file tells.

    :param task: the member, mapped or not.
    :param launch: the launch operator of its group.
    :param before: tasks that have succeeded whenever launch runs.
    """
    width: int | None = None
    late = list(unknown_at_launch(task, before, launch.dag))
    if getattr(task, "is_mapped", False) or hasattr(task, "expand_input"):
        known = parse_time_width(task)
        width = UNKNOWN_WIDTH if known is None else known
    if task.depends_on_past or task.wait_for_downstream:
        late.append("depends_on_past and wait_for_downstream look at other runs, which Batch does not know")
    if getattr(launch.dag, "fail_fast", False) or getattr(launch.dag, "fail_stop", False):
        late.append("with fail_fast the first failure skips what Batch may have started already")
    return Member(
        task_id=task.task_id,
        upstream=frozenset(task.upstream_task_ids) - {launch.task_id},
        trigger_rule=str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        width=width,
        retries=task.retries or 0,
        skips=_may_have(task, "skip_on_exit_code"),
        late=tuple(late),
        edges_late=tuple(_edges_late(task)),
    )


def static_graph(launch: Any, members: Mapping[str, Any], over: Collection[str] = ()) -> Graph:
    """
    Compile a group's graph as far as the DAG file tells; launch decides again with all values known.

    :param launch: the launch operator.
    :param members: the group's members.
    :param over: members that have ended with success and are not to be planned again.
    """
    before = before_launch(launch) | frozenset(over)
    return compile_graph(
        [describe(task, launch, before) for task in members.values()],
        before,
        widths_known_later=[
            task_id
            for task_id, task in members.items()
            if _has_sources(task) and mapped_sources(task) <= before
        ],
    )


def launch_graph(
    launch: Any,
    members: Mapping[str, Any],
    widths: Mapping[str, int | None],
    over: Collection[str] = (),
    late: Mapping[str, str] | None = None,
) -> Graph:
    """
    Compile a group's graph with the widths that launch found.

    :param launch: the launch operator.
    :param members: the members to plan.
    :param widths: their widths.
    :param over: members that have ended with success and are not to be planned again.
    :param late: members that turned out to be late, and why.
    """
    before = before_launch(launch) | frozenset(over)
    late = late or {}
    described: Iterable[Member] = (describe(task, launch, before) for task in members.values())
    return compile_graph(
        [
            replace(
                member,
                width=widths.get(member.task_id, member.width),
                late=(*member.late, late[member.task_id]) if member.task_id in late else member.late,
            )
            for member in described
        ],
        before,
    )


def definition_of(task: Any) -> str:
    """
    Return what stands for a member as its author wrote it, before templates are rendered.

    A Batch task that failed is run again as it is only while this is the same.

    :param task: the member, mapped or not.
    """
    written = written_fields(task)
    if hasattr(task, "partial_kwargs"):
        written["expand"] = getattr(task.expand_input, "value", None)
    return hashlib.sha256(json.dumps(written, sort_keys=True, default=_stable).encode()).hexdigest()[:8]


def written_fields(task: Any) -> dict[str, Any]:
    """
    Return the templated fields that have a value; those of a mapped member that are not mapped.

    The connection is left out, which is the group's.

    :param task: the member, mapped or not.
    """
    given = given_arguments(task)
    names = (name for name in task.template_fields if name != "azure_batch_conn_id")
    return {name: given[name] for name in names if given.get(name) is not None}


def _stable(value: object) -> Any:
    """Stand for what is no JSON, without an address in memory, which every process has another one of."""
    operator = getattr(value, "operator", None)
    if operator is not None:
        return f"{type(value).__name__}:{operator.task_id}:{getattr(value, 'key', '')}"
    written = plain(value, "value")
    return type(value).__qualname__ if written is value else written


def _has_sources(task: Any) -> bool:
    return hasattr(task, "expand_input") and parse_time_width(task) is None


def _may_have(task: Any, name: str) -> bool:
    """Tell whether a parameter is set, or may be, since a mapped argument gives it."""
    if given_arguments(task).get(name):
        return True
    if not hasattr(task, "partial_kwargs"):
        return False
    value = getattr(task.expand_input, "value", None)
    if isinstance(value, Mapping):
        return name in value
    if isinstance(value, (list, tuple)):
        return any(not isinstance(kwargs, Mapping) or name in kwargs for kwargs in value)
    return True  # the arguments come from an XCom: any may be among them


def _edges_late(task: Any) -> list[str]:
    reasons = list(may_fail_after_success(task))
    batch_task = given_arguments(task).get("batch_task")
    if isinstance(batch_task, Mapping) and "exitConditions" in batch_task:
        reasons.append("it has exitConditions of its own, so Batch would not wait as Airflow does")
    elif getattr(batch_task, "exit_conditions", None) is not None:
        reasons.append("it has exit conditions of its own, so Batch would not wait as Airflow does")
    elif hasattr(task, "partial_kwargs") and batch_task is None and _may_have(task, "batch_task"):
        reasons.append("its batch_task is mapped and may have exitConditions of its own")
    return reasons
