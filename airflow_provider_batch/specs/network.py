"""Where the nodes of a pool stand in a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Flag, Json, Spec, rest


@dataclass(frozen=True, kw_only=True)
class PublicIpAddresses(Spec):
    """
    Public addresses of the nodes.

    Example::

        PublicIpAddresses(provision="nopublicipaddresses")

    :param provision: ``batchmanaged`` (the service's default), ``usermanaged`` or ``nopublicipaddresses``.
    :param ip_address_ids: resource ids of own addresses, with ``usermanaged``; one for each 100 nodes.
    :param extra: REST JSON for the rest.
    """

    definition: ClassVar[str] = "BatchPublicIpAddressConfiguration"

    provision: str | None = None
    ip_address_ids: Sequence[str] | str | None = None
    extra: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NetworkConfiguration(Spec):
    """
    Network of a pool. A subnet needs a connection with Microsoft Entra ID: a shared key is refused.

    Example::

        NetworkConfiguration(
            subnet_id="/subscriptions/.../virtualNetworks/films/subnets/batch",
            public_ip_addresses=PublicIpAddresses(provision="nopublicipaddresses"),
        )

    :param subnet_id: resource id of a subnet in the region of the account.
    :param public_ip_addresses: public addresses of the nodes.
    :param enable_accelerated_networking: for VM sizes that can.
    :param extra: REST JSON for the rest, for example ``endpointConfiguration``.
    """

    definition: ClassVar[str] = "NetworkConfiguration"

    subnet_id: str | None = None
    public_ip_addresses: PublicIpAddresses | Json | None = field(
        default=None, metadata=rest("publicIPAddressConfiguration")
    )
    enable_accelerated_networking: Flag | None = None
    extra: Json = field(default_factory=dict)
