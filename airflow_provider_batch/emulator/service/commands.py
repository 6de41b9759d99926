"""Command lines with their environment and resource files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.commands import Command, EnvironmentSetting, ResourceFile

_OCTAL = re.compile(r"0?[0-7]{3,4}", re.ASCII)


def command_of(body: Mapping[str, Any], path: str = "") -> Command:
    """
    Read what is needed to run a command line.

    :param body: a task or start task, already of the right shape.
    :param path: prefix for the properties in errors, with a dot at its end.
    """
    line: str = body["commandLine"]
    if not line.strip() or "\0" in line:
        raise errors.invalid_property_value(f"{path}commandLine", line[:256], "A command is expected")
    return Command(
        command_line=line,
        environment_settings=environment_of(
            body.get("environmentSettings", ()), f"{path}environmentSettings"
        ),
        resource_files=tuple(
            _resource_file(given, f"{path}resourceFiles[{index}]")
            for index, given in enumerate(body.get("resourceFiles", ()))
        ),
    )


def environment_of(given: Sequence[Mapping[str, Any]], path: str) -> tuple[EnvironmentSetting, ...]:
    """Read environment variables; the last one of a name wins."""
    for index, setting in enumerate(given):
        name, value = setting["name"], setting.get("value", "")
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise errors.invalid_property_value(
                f"{path}[{index}].name", name, "No environment variable can be so named"
            )
    return tuple(EnvironmentSetting(setting["name"], setting.get("value", "")) for setting in given)


def _resource_file(given: Mapping[str, Any], path: str) -> ResourceFile:
    sources = [
        name for name in ("httpUrl", "storageContainerUrl", "autoStorageContainerName") if name in given
    ]
    if len(sources) != 1:
        reason = "Exactly one of httpUrl, storageContainerUrl and autoStorageContainerName is expected"
        raise errors.invalid_property_value(path, ", ".join(sources), reason)
    if sources != ["httpUrl"]:
        raise errors.not_implemented(f"{path}.{sources[0]}")
    if "identityReference" in given:
        raise errors.not_implemented(f"{path}.identityReference")
    if "blobPrefix" in given:
        raise errors.invalid_property_value(
            f"{path}.blobPrefix", given["blobPrefix"], "It needs a container as its source"
        )
    if "filePath" not in given:
        raise errors.missing_required_property(f"{path}.filePath")
    if not given["httpUrl"].lower().startswith(("http://", "https://")):
        raise errors.invalid_property_value(
            f"{path}.httpUrl", given["httpUrl"], "An http or https address is expected"
        )
    mode = given.get("fileMode", "0770")
    if not _OCTAL.fullmatch(mode):
        raise errors.invalid_property_value(f"{path}.fileMode", mode, "An octal file mode is expected")
    return ResourceFile(given["httpUrl"], _inside(given["filePath"], f"{path}.filePath"), mode)


def _inside(file_path: str, path: str) -> str:
    parts = PurePosixPath(file_path.replace("\\", "/"))
    if not parts.parts or parts.is_absolute() or ".." in parts.parts or "\0" in file_path:
        raise errors.invalid_property_value(
            path, file_path, "A path inside the working directory is expected"
        )
    return parts.as_posix()
