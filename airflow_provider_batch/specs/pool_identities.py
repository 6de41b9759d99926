"""The managed identities of a pool, and what in a description needs one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.templates import decided_later

__all__ = ["check_pool_identity", "check_references", "check_resource_id", "identities_of"]

_REFERENCE: Final = "identityReference"
_RESOURCE_ID: Final = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity"
    r"/userAssignedIdentities/[^/]+",
    re.IGNORECASE,
)


def identities_of(pool: Mapping[str, Any]) -> list[str]:
    """
    Return the resource ids of a pool's identities; of one that is decided later, its template.

    :param pool: a pool as described or as the service shows it (REST JSON).
    """
    identity = pool.get("identity")
    listed = identity.get("userAssignedIdentities") if isinstance(identity, Mapping) else None
    return [
        str(each["resourceId"]) for each in listed or () if isinstance(each, Mapping) and "resourceId" in each
    ]


def check_pool_identity(path: str, pool: Mapping[str, Any]) -> None:
    """
    Rule: what a pool says of its identities is whole, and they are all that it needs.

    :param path: where the pool stands, for messages.
    :param pool: the pool (REST JSON), its fields checked.
    :raises SpecError: it is not so.
    """
    identity = pool.get("identity")
    if identity is None or decided_later(identity):
        return
    given, wanted = bool(identities_of(pool)), identity["type"] == "UserAssigned"
    if given != wanted and not decided_later(identity["type"]):
        raise SpecError(
            f"{path}.identity.userAssignedIdentities",
            'needs at least one identity with type "UserAssigned"' if wanted else 'contradicts type "None"',
        )
    check_references(pool, pool, path)


def check_resource_id(path: str, identity: Mapping[str, Any]) -> None:
    """
    Rule: the resource id of an identity is one.

    :param path: where the identity stands, for messages.
    :param identity: an element of ``userAssignedIdentities``.
    :raises SpecError: it is not so.
    """
    resource_id = identity["resourceId"]
    if not decided_later(resource_id) and not _RESOURCE_ID.fullmatch(resource_id):
        raise SpecError(
            f"{path}.resourceId",
            f"must be the resource id of a user-assigned identity (/subscriptions/.../resourceGroups/..."
            f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>), found {resource_id!r}",
        )


def check_references(pool: Mapping[str, Any], value: Any, path: str, *, is_new: bool = False) -> None:
    """
    See that every identity that something names is among the identities of its pool.

    Of a pool that is described without identities nothing is known: one that exists may have them.

    :param pool: the pool as described (REST JSON).
    :param value: the pool, or a task that is to run on it (REST JSON).
    :param path: where ``value`` stands, for messages.
    :param is_new: whether the pool does not exist yet, and so has what is described and nothing else.
    :raises SpecError: with the path of the first that is not.
    """
    if "identity" not in pool and not is_new:
        return
    known = identities_of(pool)
    if any(decided_later(resource_id) for resource_id in known):
        return
    there = {resource_id.lower() for resource_id in known}
    for place, resource_id in _references(value, path):
        if not decided_later(resource_id) and resource_id.lower() not in there:
            raise SpecError(
                place, f"the pool has no identity {resource_id!r}; add it to its user_assigned_identities"
            )


def _references(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name == _REFERENCE and isinstance(member, Mapping):
                resource_id = member.get("resourceId")
                if isinstance(resource_id, str):
                    yield f"{path}.{name}.resourceId", resource_id
            else:
                yield from _references(member, f"{path}.{name}")
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _references(element, f"{path}[{index}]")
