"""What a region offers: quotas, sizes of machines, names for accounts."""

from __future__ import annotations

import re

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.sizes import SizeList, VmSize
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


class Locations:
    """The operations on the configured region."""

    def __init__(self, address: AccountAddress, sizes: SizeList) -> None:
        self._address = address
        self._sizes = sizes

    def quotas(self) -> Json:
        """Return how many accounts a subscription may have in the region."""
        return {"accountQuota": ACCOUNT_QUOTA}

    def sizes(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the sizes that pools may have."""
        text = query.text("$filter")
        where = None if text is None else parse_filter(text, _FILTERABLE)
        return page(
            self._sizes,
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


def _size_json(size: VmSize) -> Json:
    capabilities = {
        "vCPUs": str(size.cores),
        "MemoryGB": f"{size.memory_gib:g}",
        "GPUs": str(size.gpus),
        "LowPriorityCapable": "True",
        "HyperVGenerations": "V1,V2",
        "CpuArchitectureType": "Arm64" if size.is_arm else "x64",
    }
    return {
        "name": size.name,
        "familyName": size.family,
        "capabilities": [{"name": name, "value": value} for name, value in capabilities.items()],
    }
