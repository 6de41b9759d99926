"""Extensions of the virtual machines, as nodes show them; none is really installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.wire.fields import Fields, Json, present, time_or_none


@dataclass(frozen=True)
class Extension:
    """
    One extension on one node.

    :param definition: of the pool, without what is protected.
    :param installed_at: None while the node has not booted yet.
    """

    name: str
    definition: Mapping[str, Any]
    installed_at: datetime | None


def extensions_of(pool: Pool, node: Node) -> list[Extension]:
    """Return the extensions that a node has from its pool."""
    given = pool.spec.definition["virtualMachineConfiguration"].get("extensions", ())
    return [Extension(definition["name"], definition, node.last_boot_time) for definition in given]


EXTENSION: Fields[Extension] = {
    "provisioningState": lambda extension, links: "Succeeded" if extension.installed_at else "Creating",
    "vmExtension": lambda extension, links: extension.definition,
    "instanceView": lambda extension, links: _view(extension),
}


def _view(extension: Extension) -> Json:
    state = ("succeeded", "Provisioning succeeded") if extension.installed_at else ("creating", "Creating")
    status = present(
        code=f"ProvisioningState/{state[0]}",
        level="Info",
        displayStatus=state[1],
        time=time_or_none(extension.installed_at),
    )
    return {"name": extension.name, "statuses": [status]}
