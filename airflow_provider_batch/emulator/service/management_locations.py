"""What a region offers: quotas, sizes of machines, names for accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.service.management_listing import page
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.management_resources import AccountAddress
from airflow_provider_batch.emulator.wire.odata import Kind, Property, parse_filter
from airflow_provider_batch.emulator.wire.query import Query

ACCOUNT_QUOTA = 3
"""Accounts of a subscription in a region."""

_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_FILTERABLE = {"familyName": Property(Kind.TEXT)}


@dataclass(frozen=True)
class VirtualMachineSize:
    """One size; memory in GiB."""

    name: str
    family: str
    cores: int
    memory_gib: int
    gpus: int = 0


#: name with a place for the number of cores, family, memory for each core in GiB, numbers of cores
_SERIES = (
    ("Standard_A{}_v2", "standardAv2Family", 2, (1, 2, 4, 8)),
    ("Standard_D{}_v3", "standardDv3Family", 4, (2, 4, 8, 16, 32, 48, 64)),
    ("Standard_D{}s_v3", "standardDSv3Family", 4, (2, 4, 8, 16, 32, 48, 64)),
    ("Standard_D{}s_v5", "standardDSv5Family", 4, (2, 4, 8, 16, 32, 48, 64, 96)),
    ("Standard_D{}ds_v5", "standardDDSv5Family", 4, (2, 4, 8, 16, 32, 48, 64, 96)),
    ("Standard_E{}s_v3", "standardESv3Family", 8, (2, 4, 8, 16, 20, 32, 48)),
    ("Standard_E{}ds_v5", "standardEDSv5Family", 8, (2, 4, 8, 16, 20, 32, 48, 64, 96)),
    ("Standard_F{}s_v2", "standardFSv2Family", 2, (2, 4, 8, 16, 32, 48, 64, 72)),
)
_GPUS = (
    VirtualMachineSize("Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family", 4, 28, 1),
    VirtualMachineSize("Standard_NC8as_T4_v3", "Standard NCASv3_T4 Family", 8, 56, 1),
    VirtualMachineSize("Standard_NC16as_T4_v3", "Standard NCASv3_T4 Family", 16, 110, 1),
    VirtualMachineSize("Standard_NC64as_T4_v3", "Standard NCASv3_T4 Family", 64, 440, 4),
)


def _sizes() -> Iterator[VirtualMachineSize]:
    for name, family, memory, numbers in _SERIES:
        for cores in numbers:
            yield VirtualMachineSize(name.format(cores), family, cores, memory * cores)
    yield from _GPUS


SIZES = tuple(_sizes())
"""The sizes that are listed; pools may have others, which this emulator does not look up."""


class Locations:
    """The operations on the configured region."""

    def __init__(self, address: AccountAddress) -> None:
        self._address = address

    def quotas(self) -> Json:
        """Return how many accounts a subscription may have in the region."""
        return {"accountQuota": ACCOUNT_QUOTA}

    def sizes(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the sizes that pools may have."""
        text = query.text("$filter")
        where = None if text is None else parse_filter(text, _FILTERABLE)
        return page(
            SIZES,
            lambda size: (size.name.lower(),),
            _size_json,
            (path, query, links),
            lambda size: where is None or where.matches({"familyName": size.family}),
        )

    def check_name(self, body: Json) -> Json:
        """Say whether an account may have a name."""
        name: str = body["name"]
        if not _ACCOUNT_NAME.fullmatch(name):
            message = "An account name has 3 to 24 lower-case letters and digits."
            return {"nameAvailable": False, "reason": "Invalid", "message": message}
        if name == self._address.account_name:
            message = f"An account named '{name}' is already in use."
            return {"nameAvailable": False, "reason": "AlreadyExists", "message": message}
        return {"nameAvailable": True}

    def check_location(self, name: str) -> None:
        """
        Refuse another region than the configured one.

        :raises ServiceError: ``LocationNotAvailableForResourceType``.
        """
        if name.replace(" ", "").lower() != self._address.location:
            raise errors.location_not_available(name)


def _size_json(size: VirtualMachineSize) -> Json:
    capabilities = {
        "vCPUs": str(size.cores),
        "MemoryGB": str(size.memory_gib),
        "GPUs": str(size.gpus),
        "LowPriorityCapable": "True",
        "HyperVGenerations": "V1,V2",
        "CpuArchitectureType": "x64",
    }
    return {
        "name": size.name,
        "familyName": size.family,
        "capabilities": [{"name": name, "value": value} for name, value in capabilities.items()],
    }
