"""What a pool brings onto its nodes besides the start task: packages, mounts, and room for containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.model.applications import MAX_REFERENCES
from airflow_provider_batch.emulator.model.commands import PackageReference
from airflow_provider_batch.emulator.service.commands import packages_of

_REFERENCES = "applicationPackageReferences"
_MOUNTS = "mountConfiguration"
_MAX_MOUNTS = 10


def pool_packages(definition: Mapping[str, Any]) -> tuple[PackageReference, ...]:
    """Read the application packages of a pool."""
    given: Sequence[Mapping[str, Any]] = definition.get(_REFERENCES, ())
    if len(given) > MAX_REFERENCES:
        reason = f"At most {MAX_REFERENCES} packages can be referenced"
        raise errors.invalid_property_value(_REFERENCES, str(len(given)), reason)
    return packages_of(definition)


def check_packages(state: State, packages: Sequence[PackageReference]) -> None:
    """
    Refuse packages that nodes could not have.

    :raises ServiceError: ``ApplicationNotFound``, ``InvalidApplicationPackageReferences``.
    """
    for reference in packages:
        application = state.application(reference.application_id)
        if application.active_package(reference.version) is None:
            raise errors.invalid_application_package_references(reference.application_id, reference.version)


def mounts_of(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where a pool's file systems are mounted, relative to the directory of all mounts."""
    given = definition.get(_MOUNTS, ())
    if len(given) > _MAX_MOUNTS:
        reason = f"At most {_MAX_MOUNTS} file systems can be mounted"
        raise errors.invalid_property_value(_MOUNTS, str(len(given)), reason)
    mounts: list[str] = []
    for index, entry in enumerate(given):
        mount = _mount(entry, f"{_MOUNTS}[{index}]")
        if mount in mounts:
            raise errors.invalid_property_value(
                f"{_MOUNTS}[{index}]", mount, "Two file systems have one place"
            )
        mounts.append(mount)
    return tuple(mounts)


def _mount(given: Mapping[str, Any], path: str) -> str:
    kinds = [name for name in given if given[name] is not None]
    if len(kinds) != 1:
        raise errors.invalid_property_value(
            path, ", ".join(kinds), "Exactly one kind of file system is expected"
        )
    text: str = given[kinds[0]]["relativeMountPath"]
    place = PurePosixPath(text)
    if not place.parts or place.is_absolute() or ".." in place.parts or "\0" in text:
        raise errors.invalid_property_value(
            f"{path}.{kinds[0]}.relativeMountPath", text, "A path inside the mounts directory is expected"
        )
    return place.as_posix()
