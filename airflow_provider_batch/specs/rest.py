"""
One form for everything that a user may write: plain REST JSON, checked.

A specification, a mapping in REST JSON and an ``azure.batch.models`` object all become a new dictionary of
plain values. The result may be given in again, for example after its templates were rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.base import Json, Spec, plain
from airflow_provider_batch.specs.checks import checked
from airflow_provider_batch.specs.schema import JOB, POOL, TASK

if TYPE_CHECKING:
    from airflow_provider_batch.specs.job import JobSpec
    from airflow_provider_batch.specs.pool import PoolSpec
    from airflow_provider_batch.specs.task import TaskSpec

_CLASSES: Final = {POOL: "PoolSpec", JOB: "JobSpec", TASK: "TaskSpec"}


def pool_to_rest(
    value: PoolSpec | Json, path: str = "pool", *, batch_pool_id: str | None = None
) -> dict[str, Any]:
    """
    Give the body of "Create Pool".

    :param value: a :class:`PoolSpec`, REST JSON, or an object of ``azure.batch.models``.
    :param path: what the value is called in messages.
    :param batch_pool_id: the id when the value has none.
    :raises SpecError: a field is unknown, missing, contradictory or out of range.
    """
    return _to_rest(value, POOL, path, {"id": batch_pool_id})


def job_to_rest(
    value: JobSpec | Json,
    path: str = "job",
    *,
    batch_job_id: str | None = None,
    batch_pool_id: str | None = None,
) -> dict[str, Any]:
    """
    Give the body of "Create Job".

    :param value: a :class:`JobSpec`, REST JSON, or an object of ``azure.batch.models``.
    :param path: what the value is called in messages.
    :param batch_job_id: the id when the value has none.
    :param batch_pool_id: the pool when the value names none.
    :raises SpecError: a field is unknown, missing, contradictory or out of range.
    """
    pool = None if batch_pool_id is None else {"poolId": batch_pool_id}
    return _to_rest(value, JOB, path, {"id": batch_job_id, "poolInfo": pool})


def task_to_rest(
    value: TaskSpec | Json, path: str = "task", *, batch_task_id: str | None = None
) -> dict[str, Any]:
    """
    Give the body of "Create Task".

    :param value: a :class:`TaskSpec`, REST JSON, or an object of ``azure.batch.models``.
    :param path: what the value is called in messages.
    :param batch_task_id: the id when the value has none.
    :raises SpecError: a field is unknown, missing, contradictory or out of range.
    """
    return _to_rest(value, TASK, path, {"id": batch_task_id})


def _to_rest(value: Any, definition: str, path: str, missing: Mapping[str, Any]) -> dict[str, Any]:
    wanted = _CLASSES[definition]
    if isinstance(value, Spec) and value.definition != definition:
        raise SpecError(path, f"must be a {wanted} or REST JSON, found a {type(value).__name__}")
    body = plain(value, path)
    if not isinstance(body, dict):
        raise SpecError(
            path,
            f"must be a {wanted}, a mapping in REST JSON or an azure.batch.models object,"
            f" found {type(value).__name__}",
        )
    given = {name: default for name, default in missing.items() if default is not None}
    return checked({**given, **body}, definition, path)
