"""
Changes of a pool's size, and its end; each is safe to repeat.

A pool takes one change of its size at a time: who comes while it is being resized waits for that, or has
nothing to do when it is the same change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, Now, Sleep, get_or_none
from airflow_provider_batch.domain.ids import OWNER, named_value
from airflow_provider_batch.domain.labels import owner_of
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    AzureBatchError,
    BatchConflictError,
    BatchDeadlineError,
    BatchNotFoundError,
    BatchOwnershipError,
    BatchPoolLostError,
    BatchThrottledError,
)

__all__ = [
    "delete_pool",
    "read_pool",
    "resize_pool",
    "stop_resize",
    "tell_what_bills",
    "when_steady",
    "withdraw",
]

#: seconds to wait for another change of the pool to end, and between two tries
CHANGE_PATIENCE: Final = 1800.0
CHANGE_POLL: Final = 5.0
#: the service takes a new formula each 30 s
_FORMULA_PAUSE: Final = 30.0
_BUSY: Final = frozenset({"PoolBeingResized", "PoolBeingCreated"})


def read_pool(batch_pool_id: str) -> Flow[Mapping[str, Any]]:
    """
    Flow: read a pool that must exist.

    :param batch_pool_id: the pool.
    :raises BatchPoolLostError: it does not exist, or is being deleted.
    """
    found = yield from get_or_none(requests.get_pool(batch_pool_id))
    if found is None:
        raise BatchPoolLostError(f"pool {batch_pool_id} does not exist in this Batch account.")
    if lower(found.json.get("state")) == "deleting":
        raise BatchPoolLostError(f"pool {batch_pool_id} is being deleted.")
    return found.json


def when_steady(batch_pool_id: str, request: Request, patience: float = CHANGE_PATIENCE) -> Flow[Answer]:
    """
    Flow: send a change that the service takes only while the pool is steady; wait while it is not.

    :param batch_pool_id: the pool.
    :param request: the change.
    :param patience: seconds to wait for another change of the pool to end.
    :raises BatchDeadlineError: another change of the pool does not end.
    """
    began: datetime = yield Now()
    said = False
    while True:
        try:
            answer: Answer = yield request
        except BatchConflictError as error:
            if error.code not in _BUSY:
                raise
            pause, why = CHANGE_POLL, f"pool {batch_pool_id} is being changed ({error.code})"
        except BatchThrottledError as error:
            if error.code != "TooManyEnableAutoScaleRequests":
                raise
            pause = error.retry_after or _FORMULA_PAUSE
            why = f"pool {batch_pool_id} takes a formula only once in 30 s"
        else:
            return answer
        if ((yield Now()) - began).total_seconds() + pause > patience:
            raise BatchDeadlineError(f"{why}, for more than {patience:.0f} s; nothing was changed.")
        if not said:
            said = True
            yield Log(f"Waiting: {why}.")
        yield Sleep(pause)


def resize_pool(
    batch_pool_id: str,
    *,
    dedicated: int | None = None,
    low_priority: int | None = None,
    resize_timeout: str | None = None,
    deallocation: str | None = None,
    patience: float = CHANGE_PATIENCE,
) -> Flow[Mapping[str, Any]]:
    """
    Flow: give a pool new targets, or see that it has them.

    A resize to these targets that is under way is left to go on; one that failed is begun again.

    :param batch_pool_id: the pool.
    :param dedicated: target of dedicated nodes; None to leave it.
    :param low_priority: target of spot nodes; None to leave it.
    :param resize_timeout: how long the service tries, ISO 8601.
    :param deallocation: what becomes of tasks on nodes that go, for example ``taskcompletion``.
    :param patience: seconds to wait for another change of the pool to end.
    :return: the pool as it was before; see
        :func:`~airflow_provider_batch.domain.pool_readiness.old_errors_of`.
    :raises AzureBatchConfigurationError: a formula decides the size of this pool.
    :raises BatchDeadlineError: another change of the pool does not end.
    """
    wanted = {
        name: target
        for name, target in (("targetDedicatedNodes", dedicated), ("targetLowPriorityNodes", low_priority))
        if target is not None
    }
    pool = yield from read_pool(batch_pool_id)
    _check_fixed(pool, "first, or change the formula")
    if _has_targets(pool, wanted) and (lower(pool.get("allocationState")) != "steady" or _is_full(pool)):
        yield Log(f"Pool {batch_pool_id} has these targets already: {_targets(pool)}.")
        return pool
    body: dict[str, Any] = dict(wanted)
    if resize_timeout is not None:
        body["resizeTimeout"] = resize_timeout
    if deallocation is not None:
        body["nodeDeallocationOption"] = deallocation
    yield from when_steady(batch_pool_id, requests.resize_pool(batch_pool_id, body), patience)
    yield Log(
        f"Pool {batch_pool_id} is being resized from {_targets(pool)} to {_targets({**pool, **wanted})}."
    )
    return pool


def _check_fixed(pool: Mapping[str, Any], remedy: str) -> None:
    if pool.get("enableAutoScale"):
        raise AzureBatchConfigurationError(
            f"batch_pool_id: a formula decides the size of pool {pool.get('id')!r}; disable automatic "
            f"scaling {remedy}."
        )


def _has_targets(pool: Mapping[str, Any], wanted: Mapping[str, int]) -> bool:
    return all(int(pool.get(name) or 0) == target for name, target in wanted.items())


def _is_full(pool: Mapping[str, Any]) -> bool:
    return all(
        int(pool.get(f"current{kind}") or 0) == int(pool.get(f"target{kind}") or 0)
        for kind in ("DedicatedNodes", "LowPriorityNodes")
    )


def _targets(pool: Mapping[str, Any]) -> str:
    dedicated, spot = (int(pool.get(f"target{kind}Nodes") or 0) for kind in ("Dedicated", "LowPriority"))
    return f"{dedicated} dedicated and {spot} spot nodes"


def stop_resize(batch_pool_id: str) -> Flow[Mapping[str, Any]]:
    """
    Flow: stop a resize; of a pool that is not being resized there is none to stop.

    :param batch_pool_id: the pool.
    :return: the pool as it was before.
    :raises AzureBatchConfigurationError: a formula decides the size of this pool.
    """
    pool = yield from read_pool(batch_pool_id)
    if lower(pool.get("allocationState")) == "steady":
        yield Log(f"Pool {batch_pool_id} is steady: there is no resize to stop.")
        return pool
    _check_fixed(pool, "to keep the size that it has")
    try:
        yield requests.stop_pool_resize(batch_pool_id)
    except BatchConflictError as error:
        if error.code not in ("OperationInvalidForCurrentState", "PoolBeingResized"):
            raise
        yield Log(f"The resize of pool {batch_pool_id} has ended by itself, or is stopping ({error.code}).")
    else:
        yield Log(
            f"The resize of pool {batch_pool_id} is being stopped; the nodes that it has stay, and bill."
        )
    return pool


def delete_pool(
    batch_pool_id: str, *, dag_id: str, deployment_id: str | None, whoever: bool = False
) -> Flow[str | None]:
    """
    Flow: delete a pool that a DAG of ours has made, or whoever has made it when we are told to.

    :param batch_pool_id: the pool.
    :param dag_id: the DAG whose pool it must be.
    :param deployment_id: the Airflow of that DAG among several on one account.
    :param whoever: delete the pool of somebody else too.
    :return: its creation time, which tells it from a later pool of its id; None when there is none to delete.
    :raises BatchOwnershipError: it was made by somebody else; nothing was deleted.
    """
    found = yield from get_or_none(requests.get_pool(batch_pool_id))
    if found is None:
        yield Log(f"Pool {batch_pool_id} does not exist: there is nothing to delete.")
        return None
    pool = found.json
    if not whoever:
        _check_ours(pool, dag_id, deployment_id)
    if lower(pool.get("state")) != "deleting":
        try:
            yield requests.delete_pool(batch_pool_id)
        except BatchNotFoundError:
            return None
        except BatchConflictError as error:
            if error.code != "PoolBeingDeleted":
                raise
        yield Log(f"Pool {batch_pool_id} is being deleted, with {_current(pool)}.")
    return str(pool.get("creationTime"))


def _check_ours(pool: Mapping[str, Any], dag_id: str, deployment_id: str | None) -> None:
    owner = owner_of(pool)
    if owner is not None and (owner.dag_id, owner.deployment_id) == (dag_id, deployment_id or ""):
        return
    made_by = f"was made for {owner}" if owner is not None else "does not carry our labels"
    raise BatchOwnershipError(
        f"batch_pool_id: pool {pool.get('id')!r} {made_by}, and not for DAG {dag_id}; it was not deleted. "
        "To delete it all the same, give delete_any=True."
    )


def withdraw(batch_pool_id: str, owner: str | None) -> Flow[None]:
    """
    Flow: leave nothing of a pool unsaid when nobody waits for it any more; delete it when it is ours alone.

    :param batch_pool_id: the pool.
    :param owner: of the work that made the pool and may delete it; None to delete nothing.
    """
    found = yield from get_or_none(requests.get_pool(batch_pool_id))
    if found is not None and owner is not None and named_value(found.json.get("metadata"), OWNER) == owner:
        try:
            yield requests.delete_pool(batch_pool_id)
        except (BatchConflictError, BatchNotFoundError) as error:
            yield Log(f"Pool {batch_pool_id} needs no deletion ({error.code}).")
        else:
            yield Log(f"Pool {batch_pool_id} is being deleted, with {_current(found.json)}.", "WARNING")
        return
    yield from tell_what_bills(batch_pool_id)


def tell_what_bills(batch_pool_id: str) -> Flow[None]:
    """
    Flow: say what is left of a pool when nobody waits for it any more; an unsaid node bills unseen.

    :param batch_pool_id: the pool.
    """
    try:
        found = yield from get_or_none(requests.get_pool(batch_pool_id))
    except AzureBatchError as error:
        yield Log(f"Pool {batch_pool_id} may exist, and bill; it cannot be seen: {error}", "WARNING")
        return
    if found is None:
        yield Log(f"Pool {batch_pool_id} does not exist: nothing of it bills.")
        return
    pool = found.json
    grows = "" if lower(pool.get("allocationState")) == "steady" else f", on its way to {_targets(pool)}"
    yield Log(
        f"Pool {batch_pool_id} ({pool.get('vmSize')}) stays, with {_current(pool)}{grows}; "
        "it bills until it is deleted or resized to 0.",
        "WARNING",
    )


def _current(pool: Mapping[str, Any]) -> str:
    return _targets({name.replace("current", "target"): pool[name] for name in pool if "current" in name})
