"""Command lines with all that they need around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.applications import application_id_of
from airflow_provider_batch.emulator.model.commands import Command, EnvironmentSetting, PackageReference
from airflow_provider_batch.emulator.service.containers import container_settings_of
from airflow_provider_batch.emulator.service.output_files import output_file_of
from airflow_provider_batch.emulator.service.resource_files import resource_of


def command_of(body: Mapping[str, Any], path: str = "") -> Command:
    """
    Read what is needed to run a command line.

    :param body: a task, start task or task of a job, already of the right shape.
    :param path: prefix for the properties in errors, with a dot at its end.
    """
    line: str = body["commandLine"]
    container = None
    if "containerSettings" in body:
        container = container_settings_of(body["containerSettings"], f"{path}containerSettings")
    if (container is None and not line.strip()) or "\0" in line:
        raise errors.invalid_property_value(f"{path}commandLine", line[:256], "A command is expected")
    return Command(
        command_line=line,
        environment_settings=environment_of(
            body.get("environmentSettings", ()), f"{path}environmentSettings"
        ),
        resource_files=tuple(
            resource_of(given, f"{path}resourceFiles[{index}]")
            for index, given in enumerate(body.get("resourceFiles", ()))
        ),
        output_files=tuple(
            output_file_of(given, f"{path}outputFiles[{index}]")
            for index, given in enumerate(body.get("outputFiles", ()))
        ),
        packages=packages_of(body),
        container=container,
    )


def packages_of(body: Mapping[str, Any]) -> tuple[PackageReference, ...]:
    """Read references to application packages; an id may be a whole ARM id."""
    return tuple(
        PackageReference(application_id_of(given["applicationId"]), given.get("version"))
        for given in body.get("applicationPackageReferences", ())
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
