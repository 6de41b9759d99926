"""
Pools that a job needs: checked, created, or adopted when they fit their description.

A pool that differs from its description is refused with the differences, and never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_batch.domain import polling, requests
from airflow_provider_batch.domain.flow import Flow, Log, Now, Sleep, get_or_none
from airflow_provider_batch.domain.labels import labelled
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchOwnershipError,
)
from airflow_provider_batch.specs import pool_differences

__all__ = ["create_or_adopt_pool", "ensure_pool"]

#: seconds to wait for a pool of the same id to be gone, and between two looks
DELETION_PATIENCE = 600.0
DELETION_POLL = 5.0


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
    yield from create_or_adopt_pool(pool, labels)


def create_or_adopt_pool(body: Mapping[str, Any], labels: Sequence[Mapping[str, str]] = ()) -> Flow[bool]:
    """
    Flow: make sure that a pool exists as described.

    A pool of that id that fits the description is adopted, whoever made it; one that differs is refused with
    the differences, and never changed. Safe to repeat and to run at the same time in many places.

    :param body: the pool to create (REST JSON).
    :param labels: metadata that say for whom it is created; a pool that is adopted need not have them.
    :return: whether this call created it.
    """
    pool_id = str(body["id"])
    started = yield Now()
    while True:
        found = yield from get_or_none(requests.get_pool(pool_id))
        trouble = "is being deleted"
        if found is None:
            code = yield from _create_pool(labelled(body, labels))
            if code is None:
                return True
            if code == "PoolExists":
                trouble = "exists and cannot be read"
        elif lower(found.json.get("state")) != "deleting":
            _check_pool(body, found.json)
            yield Log(f"Pool {pool_id} exists and fits its description: adopted.")
            return False
        if ((yield Now()) - started).total_seconds() > DELETION_PATIENCE:
            raise BatchOwnershipError(
                f"pool.id: pool {pool_id!r} still {trouble} after {DELETION_PATIENCE:.0f} s; "
                "choose another id."
            )
        yield Log(f"Pool {pool_id} {trouble}; waiting.")
        yield Sleep(DELETION_POLL if found is not None else polling.QUICK)


def _create_pool(body: Mapping[str, Any]) -> Flow[str | None]:
    """Create the pool; the code of the conflict when somebody else was quicker, or an old one is not gone."""
    try:
        yield requests.create_pool(body)
    except BatchConflictError as error:
        if error.code not in ("PoolExists", "PoolBeingDeleted"):
            raise
        return error.code
    yield Log(f"Created pool {body['id']}; it stays, and bills, until it is deleted or scaled to 0.")
    return None


def _check_pool(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    differences = pool_differences(dict(wanted), dict(found))
    if differences:
        raise BatchOwnershipError(
            f"pool.id: pool {wanted['id']!r} exists and is not as described: {'; '.join(differences)}. "
            "Change the description, choose another id, or delete the pool."
        )
