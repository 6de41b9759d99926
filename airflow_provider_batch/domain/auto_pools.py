"""
Pools that the service makes for one job, and deletes when that job has ended.

Source: "Jobs - Create Job", ``poolInfo.autoPoolSpecification`` and ``executionInfo.schedulingError``, Azure
Batch REST API 2025-06-01.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log
from airflow_provider_batch.domain.labels import labelled
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.exceptions import BatchPoolUnusableError
from airflow_provider_batch.specs.pool_info import AUTO_POOL, brings_pool

__all__ = [
    "await_auto_pool",
    "brought_pool",
    "pool_goes_with",
    "pool_info",
    "pool_of",
    "scheduling_error",
]


def pool_goes_with(job: Mapping[str, Any]) -> bool:
    """
    Tell whether the service deletes the pool of a job when the job ends.

    :param job: its body (REST JSON).
    """
    return brings_pool(job) and not job["poolInfo"][AUTO_POOL].get("keepAlive")


def pool_info(
    job: Mapping[str, Any], batch_pool_id: str | None, labels: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """
    Return what a job that is created says of its pool.

    :param job: its body (REST JSON).
    :param batch_pool_id: the pool of a job that does not bring one.
    :param labels: metadata of a pool that comes with the job; see
        :mod:`airflow_provider_batch.domain.labels`.
    """
    if not brings_pool(job):
        return {"poolId": batch_pool_id}
    return {AUTO_POOL: {**job["poolInfo"][AUTO_POOL], "pool": brought_pool(job, labels)}}


def brought_pool(job: Mapping[str, Any], labels: Sequence[Mapping[str, str]]) -> dict[str, Any] | None:
    """
    Return the pool that a job comes with, as it is to be created; None when it comes with none.

    It has no id: the service makes that.

    :param job: its body (REST JSON).
    :param labels: metadata of the pool; see :mod:`airflow_provider_batch.domain.labels`.
    """
    if not brings_pool(job):
        return None
    return labelled(job["poolInfo"][AUTO_POOL]["pool"], labels)


def pool_of(job: Mapping[str, Any]) -> str | None:
    """
    Return the pool that a job runs on; None when it is not known (yet).

    :param job: as the service sent it.
    """
    found = (job.get("executionInfo") or {}).get("poolId") or (job.get("poolInfo") or {}).get("poolId")
    return str(found) if found else None


def scheduling_error(job: Mapping[str, Any]) -> str | None:
    """
    Say why the pool of a job could not be made; None when nothing is wrong with it.

    :param job: as the service sent it.
    """
    error = (job.get("executionInfo") or {}).get("schedulingError")
    if not isinstance(error, Mapping):
        return None
    details = [
        f"{d.get('name')}: {d.get('value')}" for d in error.get("details") or () if isinstance(d, Mapping)
    ]
    return " | ".join([f"{error.get('code')}: {error.get('message')}", *details])


def await_auto_pool(batch_job_id: str) -> Flow[str | None]:
    """
    Flow: see which pool the service has made for a new job.

    The pool's nodes are not waited for: the job's tasks do that, and say so.

    :param batch_job_id: the job.
    :return: the pool; None when the service has not said so yet.
    :raises BatchPoolUnusableError: it could not be made; the job has ended.
    """
    job: Answer = yield requests.get_job(batch_job_id, ("id", "state", "poolInfo", "executionInfo"))
    if error := scheduling_error(job.json):
        raise BatchPoolUnusableError(
            f"batch_job.poolInfo.autoPoolSpecification: the pool of Batch job {batch_job_id} could not be "
            f"made, and the job has ended: {error}"
        )
    found = pool_of(job.json)
    auto_pool = (job.json.get("poolInfo") or {}).get(AUTO_POOL) or {}
    if found and auto_pool.get("keepAlive"):
        yield Log(
            f"Pool {found} was made for Batch job {batch_job_id} and outlives it (keepAlive): it bills until "
            "you delete it.",
            "WARNING",
        )
    elif found:
        yield Log(f"Pool {found} was made for Batch job {batch_job_id}; it bills until that job ends.")
    return found
