"""Who tasks and nodes are: operating system users, and managed identities of Entra ID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_batch.specs.base import Json, Spec
from airflow_provider_batch.specs.templates import decided_later


@dataclass(frozen=True, kw_only=True)
class AutoUser(Spec):
    """
    A user that the service makes.

    Example::

        AutoUser(scope="task", elevation_level="admin")

    :param scope: ``pool``: one user for all tasks on the node (the service's default); ``task``: its own.
    :param elevation_level: ``nonadmin`` (the service's default) or ``admin``.
    """

    definition: ClassVar[str] = "AutoUserSpecification"

    scope: str | None = None
    elevation_level: str | None = None


@dataclass(frozen=True, kw_only=True)
class UserIdentity(Spec):
    """
    Either an account of the pool, by its name, or a user that the service makes.

    Example::

        UserIdentity(username="render")
        UserIdentity.automatic(elevation_level="admin")

    :param username: name of one of the pool's user accounts.
    :param auto_user: a user that the service makes.
    """

    definition: ClassVar[str] = "UserIdentity"

    username: str | None = None
    auto_user: AutoUser | Json | None = None

    @classmethod
    def automatic(cls, *, scope: str | None = None, elevation_level: str | None = None) -> UserIdentity:
        """Shorthand for a :class:`AutoUser`."""
        return cls(auto_user=AutoUser(scope=scope, elevation_level=elevation_level))


@dataclass(frozen=True, kw_only=True)
class UserAccount(Spec):
    """
    An account that every node of the pool has.

    Example::

        UserAccount(name="render", password="{{ conn.render_user.password }}", elevation_level="nonadmin")

    :param name: at most 20 characters on Windows.
    :param password: a secret; better taken by a template than written in a DAG.
    :param elevation_level: ``nonadmin`` (the service's default) or ``admin``.
    :param extra: REST JSON for the rest, for example ``linuxUserConfiguration``.
    """

    definition: ClassVar[str] = "UserAccount"

    name: str
    password: str = field(repr=False)
    elevation_level: str | None = None
    extra: Json = field(default_factory=dict)


def user_assigned(resource_ids: Any) -> Any:
    """
    Turn resource ids of managed identities into the form in which a pool shows its identities.

    :param resource_ids: one or several; what is in that form already stays, and what is decided later stands
        for one.
    """
    if isinstance(resource_ids, Mapping):
        return resource_ids
    is_one = isinstance(resource_ids, str) or decided_later(resource_ids)
    listed = [resource_ids] if is_one else list(resource_ids)
    return {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": each} for each in listed]}
