"""
The pool that a job is to run on: looked up when it is only named, made sure of when it is described.

A pool that differs from its description is refused with the differences, and never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, get_or_none
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import AzureBatchConfigurationError

__all__ = ["ensure_pool"]


def ensure_pool(
    pool_id: str | None, pool: Mapping[str, Any] | None, labels: Sequence[Mapping[str, str]] = ()
) -> Flow[None]:
    """
    Flow: check that a pool exists, or create or adopt the one that is described.

    :param pool_id: id of the pool.
    :param pool: its description (REST JSON); None for a pool that exists.
    :param labels: metadata of a pool that is created; see :mod:`airflow_provider_batch.domain.labels`.
    """
    if pool_id is None:
        raise AzureBatchConfigurationError(
            "batch_pool_id: missing; name a pool, or describe one (batch_pool)."
        )
    if pool is None:
        found = yield from get_or_none(requests.get_pool(pool_id, select=("id", "state")))
        if found is None or lower(found.json.get("state")) == "deleting":
            problem = "does not exist" if found is None else "is being deleted"
            raise AzureBatchConfigurationError(
                f"batch_pool_id: pool {pool_id!r} {problem} in this Batch account. "
                "Create it first, or describe it (batch_pool)."
            )
        return
    # Every worker that runs a task imports this module; few of them describe a pool.
    from airflow_provider_batch.domain.pool_adoption import adopt_pool

    yield from adopt_pool(pool, labels)
