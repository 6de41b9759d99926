"""Resource files: read from a request and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.commands import Resource, ResourceContainer, ResourceFile

_OCTAL = re.compile(r"0?[0-7]{3,4}", re.ASCII)
_SOURCES = ("httpUrl", "storageContainerUrl", "autoStorageContainerName")
_CONTAINER_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}", re.ASCII)


def resource_of(given: Mapping[str, Any], path: str) -> Resource:
    """
    Read one resource file.

    :param path: of the property, for errors.
    :raises ServiceError: naming the property that cannot be.
    """
    sources = [name for name in _SOURCES if name in given]
    if len(sources) != 1:
        reason = "Exactly one of httpUrl, storageContainerUrl and autoStorageContainerName is expected"
        raise errors.invalid_property_value(path, ", ".join(sources), reason)
    mode = given.get("fileMode", "0770")
    if not _OCTAL.fullmatch(mode):
        raise errors.invalid_property_value(f"{path}.fileMode", mode, "An octal file mode is expected")
    return _file(given, path, mode) if sources == ["httpUrl"] else _container(given, path, mode)


def check_auto_storage(resources: Iterable[Resource], auto_storage: object | None) -> None:
    """
    Refuse files of the auto-storage account where none is linked.

    :raises ServiceError: ``AccountNotEnabledForAutoStorage``.
    """
    for resource in resources:
        named = isinstance(resource, ResourceContainer) and resource.auto_storage_container is not None
        if named and auto_storage is None:
            raise errors.account_not_enabled_for_auto_storage()


def check_url(url: str, path: str) -> str:
    """An address that nodes can reach."""
    if not url.lower().startswith(("http://", "https://")):
        raise errors.invalid_property_value(path, url[:256], "An http or https address is expected")
    return url


def _file(given: Mapping[str, Any], path: str, mode: str) -> ResourceFile:
    if "blobPrefix" in given:
        raise errors.invalid_property_value(
            f"{path}.blobPrefix", given["blobPrefix"], "It needs a container as its source"
        )
    if "filePath" not in given:
        raise errors.missing_required_property(f"{path}.filePath")
    url = check_url(given["httpUrl"], f"{path}.httpUrl")
    return ResourceFile(
        url, _inside(given["filePath"], f"{path}.filePath"), mode, "identityReference" in given
    )


def _container(given: Mapping[str, Any], path: str, mode: str) -> ResourceContainer:
    url, name = given.get("storageContainerUrl"), given.get("autoStorageContainerName")
    if url is not None:
        check_url(url, f"{path}.storageContainerUrl")
    elif not _CONTAINER_NAME.fullmatch(name or ""):
        raise errors.invalid_property_value(
            f"{path}.autoStorageContainerName", str(name), "The name of a container is expected"
        )
    directory = given.get("filePath", "")
    return ResourceContainer(
        url=url,
        auto_storage_container=name,
        blob_prefix=given.get("blobPrefix", ""),
        directory=_inside(directory, f"{path}.filePath") if directory not in ("", ".", "./") else "",
        file_mode=mode,
        has_identity="identityReference" in given,
    )


def _inside(file_path: str, path: str) -> str:
    parts = PurePosixPath(file_path.replace("\\", "/"))
    if not parts.parts or parts.is_absolute() or ".." in parts.parts or "\0" in file_path:
        raise errors.invalid_property_value(
            path, file_path, "A path inside the working directory is expected"
        )
    return parts.as_posix()
