"""Checks of a pool's endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.service.checks import check_range

_PATH = "networkConfiguration.endpointConfiguration.inboundNATPools"
_MAX_POOLS = 5
_MAX_RULES = 25
_MIN_PORTS = 40
_RESERVED_BACKEND = (29_876, 29_877)
_RESERVED_FRONTEND = range(50_000, 55_001)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,75}[A-Za-z0-9_])?", re.ASCII)


def check_endpoints(network: Mapping[str, Any]) -> None:
    """
    Check the inbound NAT pools of a network configuration.

    :raises ServiceError: ``InvalidPropertyValue``, naming the property with its path.
    """
    pools = network.get("endpointConfiguration", {}).get("inboundNATPools", ())
    if len(pools) > _MAX_POOLS:
        raise errors.invalid_property_value(_PATH, str(len(pools)), f"At most {_MAX_POOLS} are allowed")
    rules = sum(len(pool.get("networkSecurityGroupRules", ())) for pool in pools)
    if rules > _MAX_RULES:
        reason = f"At most {_MAX_RULES} rules are allowed"
        raise errors.invalid_property_value(f"{_PATH}.networkSecurityGroupRules", str(rules), reason)
    for index, pool in enumerate(pools):
        _check_pool(pool, f"{_PATH}[{index}]")
        _check_beside(pool, pools[:index], f"{_PATH}[{index}]")


def _check_pool(pool: Mapping[str, Any], path: str) -> None:
    if not _NAME.fullmatch(pool["name"]):
        raise errors.invalid_property_value(f"{path}.name", pool["name"], "The name is not allowed")
    check_range(pool["backendPort"], 1, 65_535, f"{path}.backendPort")
    if pool["backendPort"] in _RESERVED_BACKEND:
        raise errors.invalid_property_value(f"{path}.backendPort", str(pool["backendPort"]), "It is reserved")
    first, last = pool["frontendPortRangeStart"], pool["frontendPortRangeEnd"]
    check_range(first, 1, 65_534, f"{path}.frontendPortRangeStart")
    check_range(last, 1, 65_534, f"{path}.frontendPortRangeEnd")
    if last - first + 1 < _MIN_PORTS:
        reason = f"A range has at least {_MIN_PORTS} ports"
        raise errors.invalid_property_value(f"{path}.frontendPortRangeEnd", str(last), reason)
    if first < _RESERVED_FRONTEND.stop and last >= _RESERVED_FRONTEND.start:
        reason = "The ports from 50000 to 55000 are reserved"
        raise errors.invalid_property_value(f"{path}.frontendPortRangeStart", str(first), reason)


def _check_beside(pool: Mapping[str, Any], others: list[Mapping[str, Any]], path: str) -> None:
    for other in others:
        for name in ("name", "backendPort"):
            if pool[name] == other[name]:
                raise errors.invalid_property_value(
                    f"{path}.{name}", str(pool[name]), "Another one has the same"
                )
        apart = (
            pool["frontendPortRangeStart"] > other["frontendPortRangeEnd"]
            or pool["frontendPortRangeEnd"] < other["frontendPortRangeStart"]
        )
        if not apart:
            value = str(pool["frontendPortRangeStart"])
            raise errors.invalid_property_value(
                f"{path}.frontendPortRangeStart", value, "The range overlaps with another one"
            )
