"""
The Marketplace images that nodes may have, as the service lists them, and which of several is the newest.

Source: Account - List Supported Images, Azure Batch REST API 2025-06-01.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_batch.domain.flow import utc
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.specs.image_names import PATTERN_FIELDS, name_matches

__all__ = ["SupportedImage", "newest_of", "version_of"]

#: parts of names that have numbers and are no versions: generation of the hardware, architecture
_NO_VERSION = re.compile(r"(?<![a-z0-9])(?:g(?:en)?[0-9]+|x86[-_]64|x64|amd64|arm64)(?![a-z0-9])")
_NUMBER = re.compile(r"[0-9]+")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class SupportedImage:
    """
    One image.

    :param os_type: ``linux`` or ``windows``.
    :param capabilities: such as ``DockerCompatible``, in lower case.
    :param end: when the service stops to create pools with it; None when no end is known.
    """

    publisher: str
    offer: str
    sku: str
    version: str
    node_agent_sku_id: str
    os_type: str
    is_verified: bool
    capabilities: frozenset[str]
    end: datetime | None

    @classmethod
    def read(cls, listed: Mapping[str, Any]) -> SupportedImage:
        """
        Read one element of the list.

        :param listed: REST JSON.
        """
        reference = listed.get("imageReference") or {}
        end = listed.get("batchSupportEndOfLife")
        return cls(
            publisher=str(reference.get("publisher") or ""),
            offer=str(reference.get("offer") or ""),
            sku=str(reference.get("sku") or ""),
            version=str(reference.get("version") or "latest"),
            node_agent_sku_id=str(listed.get("nodeAgentSKUId") or ""),
            os_type=lower(listed.get("osType")),
            is_verified=lower(listed.get("verificationType")) == "verified",
            capabilities=frozenset(lower(name) for name in listed.get("capabilities") or ()),
            end=utc(str(end)) if end else None,
        )

    def is_named(self, reference: Mapping[str, Any], names: Iterable[str] = PATTERN_FIELDS) -> bool:
        """
        Say whether names, or patterns, mean this image.

        :param reference: ``imageReference`` of a pool.
        :param names: the names that count.
        """
        return all(name_matches(str(reference[name]), getattr(self, name)) for name in names)

    def __str__(self) -> str:
        return f"{self.publisher} {self.offer} {self.sku}"


def version_of(name: str) -> tuple[int, ...]:
    """
    Return the numbers in a name, to be compared as numbers; pure.

    Generations of hardware and architectures (``gen2``, ``g2``, ``x86_64``) are no versions.

    :param name: an offer, a SKU or a node agent, for example ``22_04-lts-gen2``, which is ``(22, 4)``.
    """
    return tuple(int(digits) for digits in _NUMBER.findall(_NO_VERSION.sub("", name.lower())))


def newest_of(images: Iterable[SupportedImage]) -> SupportedImage:
    """
    Return the newest of some images of one distribution; pure, and the same whatever their order.

    :meth:`VmImage.newest <airflow_provider_batch.specs.VmImage.newest>` says what counts.

    :param images: at least one.
    """
    return max(images, key=_age)


def _age(image: SupportedImage) -> tuple[Any, ...]:
    versions = [version_of(name) for name in (image.node_agent_sku_id, image.offer, image.sku)]
    words = len(_WORD.findall(f"{image.offer} {image.sku}".lower()))
    return (*versions, -words, str(image).lower(), image.node_agent_sku_id.lower(), str(image))
