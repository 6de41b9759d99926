"""Output files: read from a request and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.commands import OutputFile
from airflow_provider_batch.emulator.model.states import OutputFileUploadCondition
from airflow_provider_batch.emulator.service.resource_files import check_url

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)


def output_file_of(given: Mapping[str, Any], path: str) -> OutputFile:
    """
    Read one output file.

    :param path: of the property, for errors.
    :raises ServiceError: naming the property that cannot be.
    """
    pattern = given["filePattern"]
    if not pattern.strip() or "\0" in pattern:
        raise errors.invalid_property_value(f"{path}.filePattern", pattern, "A pattern is expected")
    destination = given["destination"].get("container")
    if destination is None:
        raise errors.missing_required_property(f"{path}.destination.container")
    where = f"{path}.destination.container"
    return OutputFile(
        file_pattern=pattern,
        container_url=check_url(destination["containerUrl"], f"{where}.containerUrl"),
        condition=OutputFileUploadCondition(given["uploadOptions"]["uploadCondition"]),
        path=destination.get("path", ""),
        upload_headers=tuple(
            _header(header, f"{where}.uploadHeaders[{index}]")
            for index, header in enumerate(destination.get("uploadHeaders", ()))
        ),
        has_identity="identityReference" in destination,
    )


def _header(given: Mapping[str, Any], path: str) -> tuple[str, str]:
    name, value = given["name"], given.get("value", "")
    if not _HEADER_NAME.fullmatch(name):
        raise errors.invalid_property_value(f"{path}.name", name, "The name of a header is expected")
    if any(ord(character) < 32 or ord(character) > 126 for character in value):
        raise errors.invalid_property_value(f"{path}.value", value, "A header is one line of ASCII")
    return name, value
