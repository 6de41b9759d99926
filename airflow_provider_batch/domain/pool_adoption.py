"""
Making sure that a pool exists as described: created, adopted when it fits, or changed when that is allowed.

What a pool was made from is in its metadata as a fingerprint. The comparison field by field says more, yet
sees only what the description sets: the fingerprint tells of what it does not set any more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from airflow_provider_batch.domain import polling, requests
from airflow_provider_batch.domain.flow import Flow, Log, Now, Sleep, get_or_none
from airflow_provider_batch.domain.ids import DEFINITION, named_value
from airflow_provider_batch.domain.images import resolve_image
from airflow_provider_batch.domain.labels import labelled
from airflow_provider_batch.domain.pool_autoscale import disable_autoscale, enable_autoscale, formula_refusal
from airflow_provider_batch.domain.pool_changes import resize_pool
from airflow_provider_batch.domain.pool_readiness import old_errors_of
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import BatchOwnershipError, BatchServiceError
from airflow_provider_batch.specs import fingerprint, pool_differences
from airflow_provider_batch.specs.pool_identities import check_references, identities_of

__all__ = ["Adopted", "Changes", "adopt_pool", "changes_of"]

#: seconds to wait for a pool of the same id to be gone, and between two looks
DELETION_PATIENCE: Final = 600.0
DELETION_POLL: Final = 5.0

_SIZE: Final = frozenset({"targetDedicatedNodes", "targetLowPriorityNodes"})
_FORMULA: Final = frozenset({"enableAutoScale", "autoScaleFormula", "autoScaleEvaluationInterval"})
#: counts only in the next resize
_RESIZE_ONLY: Final = frozenset({"resizeTimeout"})
#: what may be changed while the pool has nodes; they take it when they boot
_ANY_TIME: Final = frozenset({"startTask", "metadata", "applicationPackageReferences"})
#: what may be changed while the pool has no nodes
_WHILE_EMPTY: Final = frozenset(
    {
        "displayName",
        "enableInterNodeCommunication",
        "mountConfiguration",
        "networkConfiguration",
        "taskSchedulingPolicy",
        "upgradePolicy",
        "userAccounts",
        "virtualMachineConfiguration",
        "vmSize",
    }
)
#: parts that a pool has only when somebody has described them
_OPTIONAL: Final = ("startTask", "mountConfiguration", "applicationPackageReferences", "userAccounts")
_FIELD: Final = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Adopted:
    """
    The pool that is there now.

    :param how: ``created``, ``adopted`` or ``updated``.
    :param old_errors: see :func:`~airflow_provider_batch.domain.pool_readiness.old_errors_of`.
    :param created: creation time of the pool, as the service sent it; None when it is not known.
    """

    how: str
    old_errors: str | None = None
    created: str | None = None


@dataclass(frozen=True)
class Changes:
    """
    What makes a pool as it is described.

    :param patch: properties to replace.
    :param resize: targets to set.
    :param formula: whether automatic scaling is to be switched or changed.
    :param refused: differences that the service does not let anybody change now.
    """

    patch: Mapping[str, Any] = field(default_factory=dict)
    resize: bool = False
    formula: bool = False
    refused: tuple[str, ...] = ()


def changes_of(wanted: Mapping[str, Any], found: Mapping[str, Any], differences: Sequence[str]) -> Changes:
    """
    Sort differences by how they can be changed; pure.

    :param wanted: the pool as described (REST JSON).
    :param found: the pool as the service sent it.
    :param differences: lines of :func:`~airflow_provider_batch.specs.pool_differences`.
    """
    names = {line: _field_of(line) for line in differences}
    empty = not any(int(found.get(f"{when}{kind}Nodes") or 0) for when in _WHEN for kind in _KINDS)
    changeable = _ANY_TIME | _SIZE | _FORMULA | _RESIZE_ONLY | (_WHILE_EMPTY if empty else frozenset())
    patch = {name: wanted.get(name) for name in names.values() if name in _ANY_TIME | _WHILE_EMPTY}
    return Changes(
        patch={name: value for name, value in patch.items() if value is not None},
        resize=bool(set(names.values()) & _SIZE)
        or ("enableAutoScale" in names.values() and not _scales(wanted)),
        formula=bool(set(names.values()) & _FORMULA),
        refused=tuple(
            line for line, name in names.items() if name not in changeable or _is_removal(name, patch)
        ),
    )


_WHEN: Final = ("current", "target")
_KINDS: Final = ("Dedicated", "LowPriority")


def _field_of(difference: str) -> str:
    match = _FIELD.match(difference)
    return match[0] if match else difference


def _is_removal(name: str, patch: Mapping[str, Any]) -> bool:
    return name in patch and patch[name] is None


def _scales(body: Mapping[str, Any]) -> bool:
    return bool(body.get("enableAutoScale"))


def adopt_pool(
    body: Mapping[str, Any], labels: Sequence[Mapping[str, str]] = (), *, update: bool | None = None
) -> Flow[Adopted]:
    """
    Flow: make sure that a pool exists as described. Safe to repeat and to run in many places at once.

    A pool that fits is adopted, whoever made it. One that has fewer nodes than it is meant to have, since its
    last resize failed, is resized again to its own targets.

    :param body: the pool (REST JSON).
    :param labels: metadata of a pool that is created; see :mod:`airflow_provider_batch.domain.labels`.
    :param update: change what differs and may be changed, instead of refusing the pool; None where the user
        has no say in it, and so is not told of it.
    :raises BatchOwnershipError: the pool differs; nothing was changed. The message has every difference.
    """
    wanted = labelled(body, [*labels, {"name": DEFINITION, "value": fingerprint(dict(body))}])
    pool_id = str(body["id"])
    began: datetime = yield Now()
    lost_race = False
    while True:
        found = yield from get_or_none(requests.get_pool(pool_id))
        if found is not None and lower(found.json.get("state")) != "deleting":
            return (yield from _adopt(body, found.json, update=update))
        code = None if found is not None else (yield from _create(wanted))
        if found is None and code is None:
            return Adopted("created")
        trouble = "exists and cannot be read" if code == "PoolExists" else "is being deleted"
        if ((yield Now()) - began).total_seconds() > DELETION_PATIENCE:
            raise BatchOwnershipError(
                f"pool.id: pool {pool_id!r} still {trouble} after {DELETION_PATIENCE:.0f} s; "
                "choose another id."
            )
        if code == "PoolExists" and not lost_race:
            # Between our look and our request: the ordinary race of runs that share a pool.
            lost_race, trouble = True, "has just been created by somebody else"
        yield Log(f"Pool {pool_id} {trouble}; looking again.")
        yield Sleep(DELETION_POLL if found is not None else polling.QUICK)


def _create(body: Mapping[str, Any]) -> Flow[str | None]:
    """Create the pool; the code of the conflict when somebody else was quicker, or an old one is not gone."""
    check_references(body, body, "pool", is_new=True)
    body = yield from resolve_image(body)
    try:
        yield requests.create_pool(body)
    except BatchServiceError as error:
        if error.code in ("PoolExists", "PoolBeingDeleted"):
            return error.code
        refusal = formula_refusal(str(body.get("autoScaleFormula")), error, "pool.autoScaleFormula")
        if refusal is None:
            raise
        raise refusal from error
    yield Log(f"Created pool {body['id']}; it bills for its nodes until it is deleted or scaled to 0.")
    return None


def _adopt(body: Mapping[str, Any], found: Mapping[str, Any], *, update: bool | None) -> Flow[Adopted]:
    differences = [*pool_differences(dict(body), dict(found)), *_not_described(body, found)]
    created = found.get("creationTime")
    if not differences:
        yield Log(f"Pool {body['id']} exists and fits its description: adopted.")
        yield from _fill(body, found)
        return Adopted("adopted", old_errors_of(found), created)
    changes = changes_of(body, found, differences)
    if not update or changes.refused:
        raise BatchOwnershipError(_refusal(body, changes, differences, update=update))
    yield from _apply(body, found, changes)
    yield Log(f"Pool {body['id']} was changed: {'; '.join(differences)}.")
    return Adopted("updated", old_errors_of(found), created)


def _refusal(
    body: Mapping[str, Any], changes: Changes, differences: Sequence[str], *, update: bool | None
) -> str:
    start = f"pool.id: pool {body['id']!r} exists and is not as described: {'; '.join(differences)}."
    if update:
        names = {line: _field_of(line) for line in changes.refused}
        never = [line for line, name in names.items() if name not in _WHILE_EMPTY or body.get(name) is None]
        if never:
            return (
                f"{start} Nothing was changed, since this cannot be changed: {'; '.join(never)}. Choose "
                "another id, or delete the pool."
            )
        return (
            f"{start} Nothing was changed, since the service does not let us change, now: "
            f"{'; '.join(changes.refused)}. Scale the pool to 0 first, choose another id, or delete the pool."
        )
    remedies = ["change the description", "choose another id", "delete the pool"]
    if update is not None:
        remedies.append("let what can be changed be changed (update='allowed')")
    choice = f"{', '.join(remedies[:-1])}, or {remedies[-1]}."
    return f"{start} {choice[0].upper()}{choice[1:]}"


def _not_described(body: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a pool of ours was made from and its description has no more."""
    made_from = named_value(found.get("metadata"), DEFINITION)
    if made_from is None or made_from == fingerprint(dict(body)):
        return []
    there = [name for name in _OPTIONAL if found.get(name) and not body.get(name)]
    if identities_of(found) and "identity" not in body:
        there.append("identity")
    return [f"{name}: found, not wanted" for name in there]


def _fill(body: Mapping[str, Any], found: Mapping[str, Any]) -> Flow[None]:
    short = any(
        int(found.get(f"current{kind}Nodes") or 0) < int(found.get(f"target{kind}Nodes") or 0)
        for kind in _KINDS
    )
    if short and lower(found.get("allocationState")) == "steady" and not _scales(found):
        yield from _resize(body, found)


def _resize(body: Mapping[str, Any], found: Mapping[str, Any]) -> Flow[None]:
    dedicated, spot = (
        int(body.get(f"target{kind}Nodes") or 0)
        if _SIZE & set(body)
        else int(found.get(f"target{kind}Nodes") or 0)
        for kind in _KINDS
    )
    timeout = body.get("resizeTimeout")
    yield from resize_pool(
        str(body["id"]),
        dedicated=dedicated,
        low_priority=spot,
        resize_timeout=str(timeout) if timeout else None,
    )


def _apply(body: Mapping[str, Any], found: Mapping[str, Any], changes: Changes) -> Flow[None]:
    pool_id = str(body["id"])
    # Others may have written more metadata, and what the pool was made from is another thing now.
    given = changes.patch.get("metadata") or ()
    metadata = labelled({"metadata": found.get("metadata")}, [dict(pair) for pair in given])["metadata"]
    made_from = {"name": DEFINITION, "value": fingerprint(dict(body))}
    patch = yield from resolve_image({**changes.patch, **labelled({"metadata": metadata}, [made_from])})
    yield requests.update_pool(pool_id, patch)
    if changes.formula and not _scales(body):
        yield from disable_autoscale(pool_id)
    elif changes.formula:
        yield from enable_autoscale(
            pool_id, str(body["autoScaleFormula"]), body.get("autoScaleEvaluationInterval")
        )
    if changes.resize and not _scales(body):
        yield from _resize(body, found)
