"""
Finds the operation for a path.

Parts are decoded after splitting, so that an encoded slash stays inside its part.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from urllib.parse import unquote

from airflow_provider_batch.emulator import errors

_VARIABLE = re.compile(r"\{(\w+)\}")
_REST = "filePath"


class Routed(Protocol):
    """What has a method and a path."""

    @property
    def method(self) -> str:
        """The verb of HTTP."""

    @property
    def path(self) -> str:
        """A template with variable parts in braces."""


Operation = TypeVar("Operation", bound=Routed)


@dataclass(frozen=True)
class Match(Generic[Operation]):
    """An operation with the variable parts of the path."""

    operation: Operation
    ids: Mapping[str, str]


class Matcher(Generic[Operation]):
    """
    All operations by their paths.

    :param ignore_case: the fixed parts of a path are compared without regard to case.
    """

    def __init__(self, operations: Iterable[Operation], *, ignore_case: bool = False) -> None:
        self._ignore_case = ignore_case
        self._templates: dict[str, dict[str, Operation]] = defaultdict(dict)
        for operation in operations:
            self._templates[operation.path][operation.method] = operation
        self._compiled = [(template.split("/"), by_method) for template, by_method in self._templates.items()]

    def find(self, method: str, raw_path: str) -> Match[Operation]:
        """
        Return the operation of a request.

        :param raw_path: as it was sent, percent-encoded.
        :raises ServiceError: ``ResourceNotFound`` (404) for an unknown path, ``UnsupportedHttpVerb`` (405)
            for a known one that does not take the method.
        """
        parts = [_decoded(part) for part in raw_path.split("/")]
        for template, by_method in self._compiled:
            ids = _matched(template, parts, self._ignore_case)
            if ids is None:
                continue
            if method not in by_method:
                raise errors.unsupported_http_verb(method)
            return Match(by_method[method], ids)
        raise errors.resource_not_found()


def _matched(template: list[str], parts: list[str], ignore_case: bool) -> dict[str, str] | None:
    if template[-1] == f"{{{_REST}}}" and len(parts) > len(template):
        rest = len(template) - 1
        parts = [*parts[:rest], "/".join(parts[rest:])]
    if len(parts) != len(template):
        return None
    ids: dict[str, str] = {}
    for wanted, found in zip(template, parts, strict=True):
        variable = _VARIABLE.fullmatch(wanted)
        if variable is None:
            if wanted != found and not (ignore_case and wanted.lower() == found.lower()):
                return None
        elif not found:
            return None
        else:
            ids[variable[1]] = found
    return ids


def _decoded(part: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise errors.invalid_uri() from None
