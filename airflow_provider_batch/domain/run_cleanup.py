"""
What a DAG run leaves in Batch when Airflow lets none of its tasks clean up: open jobs, and pools that bill.

It is found by its labels, so it needs nothing of the run but its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.auto_pools import pool_of
from airflow_provider_batch.domain.flow import Flow, Log, pages
from airflow_provider_batch.domain.group_end import end_job
from airflow_provider_batch.domain.labels import owner_of
from airflow_provider_batch.domain.plurals import counted
from airflow_provider_batch.domain.states import JOB_CLOSED, lower
from airflow_provider_batch.exceptions import BatchConflictError, BatchNotFoundError

__all__ = ["clean_up_run"]

_JOB_SELECT: Final = ("id", "state", "metadata", "poolInfo", "executionInfo")
_POOL_SELECT: Final = ("id", "state", "metadata", "currentDedicatedNodes", "currentLowPriorityNodes")


def clean_up_run(dag_id: str, run_id: str, deployment_id: str) -> Flow[list[str]]:
    """
    Flow: end the jobs that were made for a run, and delete its pools. Safe to repeat; it waits for nothing.

    A pool on which others have an open job stays: they have adopted it, and the log says so.

    :param dag_id: the DAG.
    :param run_id: its run, which has ended.
    :param deployment_id: the Airflow of that DAG among several on one account; empty when it has no name.
    :return: ids of the pools that are being deleted.
    """
    listed = yield from pages(requests.list_jobs(_JOB_SELECT, "state ne 'completed'"))
    jobs = [job for job in listed if lower(job.get("state")) not in JOB_CLOSED]
    mine = [job for job in jobs if _is_of(job, dag_id, run_id, deployment_id)]
    for job in mine:
        yield from end_job(str(job["id"]))
    others = [job for job in jobs if job not in mine]
    pools = yield from pages(requests.list_pools(_POOL_SELECT))
    deleted = []
    for pool in pools:
        if _is_of(pool, dag_id, run_id, deployment_id) and (yield from _delete(pool, others)):
            deleted.append(str(pool["id"]))
    return deleted


def _is_of(resource: Mapping[str, Any], dag_id: str, run_id: str, deployment_id: str) -> bool:
    owner = owner_of(resource)
    return owner is not None and (owner.dag_id, owner.run_id, owner.deployment_id) == (
        dag_id,
        run_id,
        deployment_id,
    )


def _delete(pool: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Flow[bool]:
    pool_id = str(pool["id"])
    if lower(pool.get("state")) == "deleting":
        return False
    user = next((job for job in others if pool_of(job) == pool_id), None)
    if user is not None:
        whose = owner_of(user) or "somebody else"
        yield Log(f"Pool {pool_id} stays, and bills: job {user['id']} of {whose} is open on it.", "WARNING")
        return False
    try:
        yield requests.delete_pool(pool_id)
    except (BatchNotFoundError, BatchConflictError) as error:
        if error.code not in ("PoolNotFound", "PoolBeingDeleted"):
            raise
        return False
    nodes = sum(int(pool.get(f"current{kind}Nodes") or 0) for kind in ("Dedicated", "LowPriority"))
    yield Log(
        f"Pool {pool_id} is being deleted, with {counted(nodes, 'node')}: its DAG run has ended.", "WARNING"
    )
    return True
