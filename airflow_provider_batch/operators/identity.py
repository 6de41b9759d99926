"""Who some work belongs to, as the template context tells."""

from __future__ import annotations

from datetime import timezone
from typing import Any

from airflow_provider_batch.domain.ids import GroupIdentity, WorkIdentity

__all__ = ["group_identity", "work_identity"]


def work_identity(context: Any, deployment_id: str | None) -> WorkIdentity:
    """
    Return the identity of what a task instance is to do between two clears.

    :param context: the template context.
    :param deployment_id: tells two Airflow deployments on one Batch account apart.
    """
    task_instance = context["ti"]
    return WorkIdentity(
        deployment_id=deployment_id or "",
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        task_id=task_instance.task_id,
        map_index=task_instance.map_index,
        run_started=_run_started(context),
        max_tries=task_instance.max_tries,
    )


def group_identity(context: Any, deployment_id: str | None, group_id: str) -> GroupIdentity:
    """
    Return the identity of one run of a task group.

    :param context: the template context of a task of the run.
    :param deployment_id: tells two Airflow deployments on one Batch account apart.
    :param group_id: id of the group.
    """
    task_instance = context["ti"]
    return GroupIdentity(
        deployment_id=deployment_id or "",
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        group_id=group_id,
        run_started=_run_started(context),
    )


def _run_started(context: Any) -> str:
    """
    Return the start of the run, which tells it from one made anew under the same run id.

    Airflow sets it anew when a run that has finished is cleared: what runs then is new work, in a new job.
    """
    dag_run = context["dag_run"]
    started = dag_run.start_date or getattr(dag_run, "run_after", None) or dag_run.logical_date
    return str(started.astimezone(timezone.utc).isoformat(timespec="microseconds"))
