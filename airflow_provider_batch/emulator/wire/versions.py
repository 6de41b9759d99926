"""
The versions of the API that are served, and what older ones have that the present one has not.

The service of today answers in the version that a request names. What is stored has the present shape; the
few properties that went away are kept beside it, and shown to those who ask in a version that has them.

Source: the request and response models of the vendor's SDKs azure-batch 12.0 to 15.1, compared; reference of
the service, sections 1.4 and 1.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_provider_batch.emulator.wire.links import Links

CURRENT = "2025-06-01"
"""What azure-batch 15.1 sends."""

SUPPORTED = (
    "2022-01-01.15.0",
    "2022-10-01.16.0",
    "2023-05-01.17.0",
    "2023-11-01.18.0",
    "2024-02-01.19.0",
    "2024-07-01.20.0",
    CURRENT,
)
"""In order of time, which is that of their text too."""

LAST_WITH_CAPITALS = "2024-02-01.19.0"
"""The newest version of which there are recordings, and they show a few words in capitals."""

T = TypeVar("T")

_LAST = "2024-07-01.20.0"
_BEFORE_LICENSES_WENT = "2024-02-01.19.0"
_POOL = ("BatchPoolCreateOptions", "BatchPoolSpecification")
_POOL_CHANGES = (*_POOL, "BatchPoolUpdateOptions", "BatchPoolReplaceOptions")
_TASK = ("BatchTaskCreateOptions", "BatchJobManagerTask")

_TEXTS: Mapping[str, Any] = {"array": "string"}
_TEXT_MAP: Mapping[str, Any] = {"map": "string"}

#: models, property, its type, the first and the last version that has it
_OLDER: tuple[tuple[tuple[str, ...], str, Any, str, str], ...] = (
    (_POOL_CHANGES, "targetNodeCommunicationMode", "string", "2022-10-01.16.0", _LAST),
    (_POOL, "resourceTags", _TEXT_MAP, "2023-11-01.18.0", _LAST),
    (_POOL, "applicationLicenses", _TEXTS, SUPPORTED[0], _BEFORE_LICENSES_WENT),
    (_TASK, "authenticationTokenSettings", {"object": "AuthenticationTokenSettings"}, SUPPORTED[0], _LAST),
    (("DataDisk",), "storageAccountType", {"enum": "StorageAccountType"}, SUPPORTED[0], _LAST),
)
_OLDER_MODELS: Mapping[str, Mapping[str, Any]] = {
    "AuthenticationTokenSettings": {"access": {"type": _TEXTS}},
}


def older_properties(version: str) -> Mapping[str, Mapping[str, Any]]:
    """Return, by model, the properties that a version has and the present one has not."""
    found: dict[str, dict[str, Any]] = {name: dict(model) for name, model in _OLDER_MODELS.items()}
    for models, name, kind, first, last in _OLDER:
        if first <= version <= last:
            for model in models:
                found.setdefault(model, {})[name] = {"type": kind}
    return found


def shown_from(first: str, last: str, get: Callable[[T, Links], Any]) -> Callable[[T, Links], Any]:
    """A getter for a property that only some versions have."""
    return lambda resource, links: get(resource, links) if first <= links.api_version <= last else None


def shown_before_current(
    get: Callable[[T, Links], Any], first: str = SUPPORTED[0]
) -> Callable[[T, Links], Any]:
    """A getter for a property that the present version has lost."""
    return shown_from(first, _LAST, get)
