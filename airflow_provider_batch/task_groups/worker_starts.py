"""Which members of a group start on a worker, and why; all others start in the triggerer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.domain.graph import Graph
from airflow_provider_batch.operators.member_values import is_wholly_literal
from airflow_provider_batch.triggers.worker_endings import must_start_on_a_worker
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS

__all__ = ["reasons_for_a_worker", "unmapped_eager"]

_LATE = "late"
_NOT_LITERAL = (
    "its mapped arguments are not all literal: only then can Airflow 2.11 start it in the triggerer"
)


def unmapped_eager(graph: Graph, members: Mapping[str, Any]) -> list[str]:
    """
    Return the members that ``max_mirrors`` counts.

    :param graph: the group's graph.
    :param members: its members by id.
    """
    return [task_id for task_id in graph.eager if not hasattr(members[task_id], "partial_kwargs")]


def reasons_for_a_worker(graph: Graph, members: Mapping[str, Any], max_mirrors: int) -> dict[str, list[str]]:
    """
    Say for each member why it starts on a worker; a member without reasons starts in the triggerer.

    :param graph: the group's graph as far as the DAG file tells.
    :param members: its members by id.
    :param max_mirrors: greatest number of unmapped members that start in the triggerer.
    """
    unmapped = unmapped_eager(graph, members)
    too_many = (
        [f"of unmapped members the group has {len(unmapped)}, more than max_mirrors={max_mirrors}"]
        if len(unmapped) > max_mirrors
        else []
    )
    reasons: dict[str, list[str]] = {}
    for task_id, task in members.items():
        if task_id in graph.late:
            reasons[task_id] = [_LATE]
            continue
        reasons[task_id] = [*must_start_on_a_worker(task)]
        # The scheduler of 2.11 unmaps such a task, cannot read the XComs, and dies of it again and again.
        if not AIRFLOW_V_3_0_PLUS and not is_wholly_literal(task):
            reasons[task_id].append(_NOT_LITERAL)
        if task_id in unmapped:
            reasons[task_id] += too_many
    return reasons
