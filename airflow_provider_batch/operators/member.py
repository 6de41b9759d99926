"""A task of a group on a worker: what it submits, as its group and its own parameters say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.domain.acceptance import Refused
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.membership import MemberPlan
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import TaskPlan
from airflow_provider_batch.operators.group_graph import batch_members, definition_of
from airflow_provider_batch.operators.identity import work_identity
from airflow_provider_batch.operators.run_states import states_of_run

if TYPE_CHECKING:
    from airflow_provider_batch.operators.task import AzureBatchTaskOperator

__all__ = ["member_plan"]


def member_plan(
    operator: AzureBatchTaskOperator, context: Any, refused: Mapping[str, Any] | None
) -> MemberPlan:
    """
    Say what a member's task is, and what is known of the group's job.

    :param operator: the member; its fields are rendered.
    :param context: its template context.
    :param refused: what its mirror refused, when it comes from there.
    """
    task_instance = context["ti"]
    dag: Any = operator.dag
    group = operator.batch_group
    # Another member may use the same object: the fields are rendered on a copy.
    launch = dag.get_task(group.azure_batch_launch_id).prepare_for_execution()
    launch.render_template_fields(context)
    job = launch.job_plan(context, operator.hook)
    task = operator.task_body()
    said = task_instance.xcom_pull(task_ids=group.azure_batch_launch_id, map_indexes=-1)
    # A clear lets a task instance have as many tries again as it may have.
    tries_before_clear = max(task_instance.max_tries - (operator.retries or 0), 0)
    return MemberPlan(
        job=job,
        task=TaskPlan(
            work=work_identity(context, operator.hook.connection.deployment_id),
            task=task,
            batch_pool_id=job.batch_pool_id,
            group=job.group,
            definition=definition_of(dag.get_task(operator.task_id)),
        ),
        launched=Launched.from_json(said) if isinstance(said, Mapping) else None,
        try_number=task_instance.try_number,
        tries_before_clear=tries_before_clear,
        refused=_refused(refused),
        failure_satisfies=str(getattr(operator.trigger_rule, "value", operator.trigger_rule)) == "all_done",
        waiting_members=_waiting(context, group) if tries_before_clear or refused else frozenset(),
    )


def _waiting(context: Any, group: Any) -> frozenset[str]:
    states = states_of_run(context)
    return frozenset(task_id for task_id in batch_members(group) if states.is_pending(task_id))


def _refused(event: Mapping[str, Any] | None) -> Refused | None:
    if event is None:
        return None
    return Refused(str(event["refused"]), [TaskKey(*pair) for pair in event.get("retire") or ()])
