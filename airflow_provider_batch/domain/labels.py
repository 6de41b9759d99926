"""
The labels of what we create: the metadata that say which DAG, run and task a pool or job was made for.

By them people find out what bills, and the reaper tells what is ours from what is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.ids import GroupIdentity, WorkIdentity

__all__ = ["Owner", "labelled", "owner_of", "pool_labels", "with_ours"]


@dataclass(frozen=True)
class Owner:
    """
    Whom a pool or job was made for, as its labels say.

    :param dag_id: id of the DAG.
    :param run_id: id of the DAG run that created it.
    :param deployment_id: name of the Airflow among several on one account; empty when it has none.
    :param run_started: start of the run, ISO 8601; empty when the labels lack it.
    :param member: id of the Airflow task, or of the task group.
    """

    dag_id: str
    run_id: str
    deployment_id: str = ""
    run_started: str = ""
    member: str = ""

    def __str__(self) -> str:
        return f"run {self.run_id} of DAG {self.dag_id}" + (f", {self.member}" if self.member else "")


def pool_labels(identity: WorkIdentity | GroupIdentity) -> list[dict[str, str]]:
    """
    Return the metadata of a pool that is created for some work.

    Who adopts the pool later leaves them as they are: they name who created it.

    :param identity: whose pool.
    """
    pairs = {
        ids.OWNER: identity.owner,
        "airflow_dag_id": identity.dag_id,
        "airflow_run_id": identity.run_id,
        "airflow_run_started": identity.run_started,
    }
    if isinstance(identity, GroupIdentity):
        pairs["airflow_group_id"] = identity.group_id
    else:
        pairs["airflow_task_id"] = identity.task_id
    if identity.deployment_id:
        pairs["airflow_deployment_id"] = identity.deployment_id
    return [{"name": name, "value": value} for name, value in pairs.items()]


def labelled(body: Mapping[str, Any], labels: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """
    Return the body of a pool or job with labels in its metadata.

    :param body: REST JSON.
    :param labels: pairs of ours; without any the body stays as it is.
    """
    if not labels:
        return dict(body)
    return {**body, "metadata": with_ours(body.get("metadata"), labels)}


def with_ours(theirs: Any, ours: Sequence[Mapping[str, str]]) -> list[Any]:
    """
    Join pairs of name and value; a name of ours counts, whatever the user says it is.

    :param theirs: the user's pairs; None for none.
    :param ours: our pairs.
    """
    names = {pair["name"] for pair in ours}
    kept = [pair for pair in theirs or () if not (isinstance(pair, Mapping) and pair.get("name") in names)]
    return [*kept, *ours]


def owner_of(resource: Mapping[str, Any]) -> Owner | None:
    """
    Read whom a pool or job was made for; None when it does not carry our labels.

    :param resource: the pool or job as the service sent it.
    """
    metadata = resource.get("metadata")
    dag_id, run_id = (ids.named_value(metadata, name) for name in ("airflow_dag_id", "airflow_run_id"))
    if ids.named_value(metadata, ids.OWNER) is None or dag_id is None or run_id is None:
        return None
    member = ids.named_value(metadata, "airflow_task_id") or ids.named_value(metadata, "airflow_group_id")
    return Owner(
        dag_id=dag_id,
        run_id=run_id,
        deployment_id=ids.named_value(metadata, "airflow_deployment_id") or "",
        run_started=ids.named_value(metadata, "airflow_run_started") or "",
        member=member or "",
    )
