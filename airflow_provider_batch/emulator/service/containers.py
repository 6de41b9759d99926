"""Containers of commands and the registries of pools: read from a request and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.containers import (
    BindMount,
    ContainerRegistry,
    ContainerSettings,
    ContainerWorkingDirectory,
    HostDataPath,
)

#: no option of the runtime, whatever else it may be
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", re.ASCII)
_SERVER = re.compile(r"(?:https?://)?[A-Za-z0-9][A-Za-z0-9.:/_-]*", re.ASCII)


def container_settings_of(given: Mapping[str, Any], path: str) -> ContainerSettings:
    """
    Read the container settings of a command.

    :param path: of the property, for errors.
    :raises ServiceError: naming the property that cannot be.
    """
    image = given["imageName"]
    if not _IMAGE.fullmatch(image):
        raise errors.invalid_property_value(f"{path}.imageName", image, "The name of an image is expected")
    mounts = given.get("containerHostBatchBindMounts")
    return ContainerSettings(
        image=image,
        run_options=given.get("containerRunOptions", ""),
        registry=registry_of(given["registry"], f"{path}.registry") if "registry" in given else None,
        working_directory=ContainerWorkingDirectory(
            given.get("workingDirectory", ContainerWorkingDirectory.TASK.value)
        ),
        mounts=None
        if mounts is None
        else tuple(
            _mount(mount, f"{path}.containerHostBatchBindMounts[{index}]")
            for index, mount in enumerate(mounts)
        ),
    )


def registry_of(given: Mapping[str, Any], path: str) -> ContainerRegistry:
    """Read a registry; a managed identity in it is taken and opens nothing here."""
    server = given.get("registryServer", "docker.io")
    if not _SERVER.fullmatch(server):
        raise errors.invalid_property_value(f"{path}.registryServer", server, "A host is expected")
    if ("username" in given) != ("password" in given):
        missing = "password" if "username" in given else "username"
        raise errors.missing_required_property(f"{path}.{missing}")
    return ContainerRegistry(server, given.get("username"), given.get("password"))


def registries_of(machine: Mapping[str, Any]) -> tuple[ContainerRegistry, ...] | None:
    """Return the registries of a pool; None for a pool that takes no containers."""
    given = machine.get("containerConfiguration")
    if given is None:
        return None
    path = "virtualMachineConfiguration.containerConfiguration"
    for index, image in enumerate(given.get("containerImageNames", ())):
        if not _IMAGE.fullmatch(image):
            raise errors.invalid_property_value(
                f"{path}.containerImageNames[{index}]", image, "The name of an image is expected"
            )
    return tuple(
        registry_of(registry, f"{path}.containerRegistries[{index}]")
        for index, registry in enumerate(given.get("containerRegistries", ()))
    )


def _mount(given: Mapping[str, Any], path: str) -> BindMount:
    if "source" not in given:
        raise errors.missing_required_property(f"{path}.source")
    return BindMount(HostDataPath(given["source"]), given.get("isReadOnly", False))
