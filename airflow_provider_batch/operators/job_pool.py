"""The pool of a job that an operator creates: named, described, or brought by the job itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import decided_later, job_to_rest
from airflow_provider_batch.specs.pool_info import brings_pool

__all__ = ["LATER", "check_one_pool", "job_without_pool"]

#: stands for an id that is chosen when the task runs
LATER = "chosen-at-run-time"


def job_without_pool(batch_job: Any) -> dict[str, Any]:
    """
    Check what is said of a job beside its pool and give it as REST JSON.

    :param batch_job: a specification, REST JSON, an ``azure.batch.models`` object, or None.
    :return: with ``id`` when one is given, and with ``poolInfo`` when the job brings its pool.
    :raises SpecError: a field is unknown, missing, contradictory or out of range.
    """
    body = job_to_rest(batch_job or {}, "batch_job", batch_job_id=LATER, batch_pool_id=LATER)
    if body["id"] == LATER:
        del body["id"]
    if brings_pool(body):
        return body
    if body.pop("poolInfo") != {"poolId": LATER}:
        raise SpecError("batch_job.poolInfo", "give the pool as batch_pool_id or batch_pool")
    return body


def check_one_pool(batch_pool_id: Any, batch_pool: Any, batch_job: Any) -> None:
    """
    Check that there is one pool, and not two.

    :param batch_pool_id: as the user gave it, like the others.
    :param batch_pool: description of a pool.
    :param batch_job: what is said of the job; it may bring a pool.
    :raises SpecError: it is not so.
    """
    brought = isinstance(batch_job, Mapping) and brings_pool(batch_job)
    if batch_pool_id is not None and batch_pool is not None:
        raise SpecError("batch_pool_id", "batch_pool has an id of its own; leave one of them out")
    if brought and (batch_pool_id is not None or batch_pool is not None):
        raise SpecError(
            "batch_job.poolInfo.autoPoolSpecification",
            "contradicts " + ("batch_pool_id" if batch_pool_id is not None else "batch_pool") + ": keep one",
        )
    is_open = batch_job is not None and decided_later(batch_job)
    if batch_pool_id is None and batch_pool is None and not brought and not is_open:
        raise SpecError(
            "batch_pool_id",
            "missing: name a pool, describe one (batch_pool), or let the job bring one "
            "(auto_pool_specification of batch_job)",
        )
