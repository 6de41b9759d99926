"""
What a shared key may not create: nodes in a subnet. Told before the request is sent.

Source: "Create an Azure Batch pool in a virtual network", Azure Batch documentation: the client must sign in
with Microsoft Entra ID.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_batch.client.account import AccountSettings, SharedKey, is_loopback
from airflow_provider_batch.domain.requests import Request
from airflow_provider_batch.exceptions import SpecError

__all__ = ["check_subnet"]

#: where the pool is in the body of a request, and what it is called in messages
_POOLS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "create_pool": ((), "pool"),
    "update_pool": ((), "pool"),
    "create_job": (("poolInfo", "autoPoolSpecification", "pool"), "job.poolInfo.autoPoolSpecification.pool"),
}


def check_subnet(request: Request, settings: AccountSettings) -> None:
    """
    Check that who signs in may create what is asked for. An emulator takes any key for anything.

    :param request: what is about to be sent.
    :param settings: account and identity.
    :raises SpecError: the nodes are to stand in a subnet, and the connection has a shared key.
    """
    if request.operation not in _POOLS or not isinstance(settings.credential, SharedKey):
        return
    place, name = _POOLS[request.operation]
    if _within(request.json, *place, "networkConfiguration", "subnetId") is None:
        return
    if not is_loopback(urlsplit(settings.account_url).hostname or ""):
        raise SpecError(
            f"{name}.networkConfiguration.subnetId",
            "needs a sign-in with Microsoft Entra ID, and the connection has an account key; set its "
            "auth_method, for example to client_secret, managed_identity or default. Nothing was created.",
        )


def _within(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
