"""
Applications and their packages: programs that Batch unpacks on nodes.

Source: "Deploy applications to compute nodes with Batch application packages", and the recordings of the
management plane.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.states import PackageState

MAX_APPLICATIONS = 20
"""Applications of an account."""

MAX_PACKAGES = 40
"""Packages of an application."""

MAX_REFERENCES = 10
"""Packages of a pool."""

_NO_CONTAINER_CHARACTER = re.compile(r"[^a-z0-9]+")
_MAX_NAME_IN_CONTAINER = 26


@dataclass
class ApplicationPackage:
    """
    One version of an application; may be used once it is active.

    :param version: as the user wrote it.
    :param format: of the file; None until it is active.
    :param container: container of auto storage that holds the file.
    :param blob: name of the file there.
    """

    version: str
    container: str
    blob: str
    last_modified: datetime
    state: PackageState = PackageState.PENDING
    format: str | None = None
    last_activation_time: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Application:
    """
    An application.

    :param allow_updates: whether a package that is active may be replaced.
    :param default_version: what a reference without a version means; None for none.
    :param packages: by ``id_key`` of the version, in order of creation.
    """

    id: str
    last_modified: datetime
    display_name: str | None = None
    allow_updates: bool = True
    default_version: str | None = None
    packages: dict[str, ApplicationPackage] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def active_package(self, version: str | None) -> ApplicationPackage | None:
        """Return an active package, of the default version when none is given; None when there is none."""
        wanted = self.default_version if version is None else version
        package = None if wanted is None else self.packages.get(id_key(wanted))
        return package if package is not None and package.state is PackageState.ACTIVE else None

    @property
    def active_versions(self) -> list[str]:
        """The versions that nodes can use."""
        return [package.version for package in self.packages.values() if package.state is PackageState.ACTIVE]


def application_id_of(reference: str) -> str:
    """Return the id in a reference, which is an application's id or, since 2025-06-01, its whole ARM id."""
    return reference.rpartition("/")[2]


def container_of(application_id: str) -> str:
    """Return the name of the container that holds an application's packages."""
    key = id_key(application_id)
    name = (
        _NO_CONTAINER_CHARACTER.sub("-", key).strip("-")[:_MAX_NAME_IN_CONTAINER].strip("-") or "application"
    )
    return f"app-{name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
