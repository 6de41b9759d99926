"""Where the nodes of a pool stand in a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Flag, Json, Number, Spec, rest


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
class NetworkRule(Spec):
    """
    Who may reach an inbound endpoint, or may not.

    Example::

        NetworkRule(priority=150, access="allow", source_address_prefix="203.0.113.0/24")
        NetworkRule(priority=4000, access="deny", source_address_prefix="*")

    :param priority: 150 to 4096; the smaller one counts.
    :param access: ``allow`` or ``deny``.
    :param source_address_prefix: address, address range, ``*``, or a service tag such as ``Internet``.
    :param source_port_ranges: ports or ranges such as ``8000-8010``; all when left out.
    """

    definition: ClassVar[str] = "NetworkSecurityGroupRule"

    priority: Number
    access: str
    source_address_prefix: str
    source_port_ranges: Sequence[str] | str | None = None


@dataclass(frozen=True, kw_only=True)
class InboundEndpoint(Spec):
    """
    A port of every node that can be reached from outside, each node at a port of its own.

    Example::

        InboundEndpoint(
            name="ssh",
            backend_port=22,
            frontend_port_range_start=60000,
            frontend_port_range_end=60119,
            rules=[NetworkRule(priority=4000, access="deny", source_address_prefix="*")],
        )

    :param name: unique in the pool.
    :param backend_port: on the node; not 29876, 29877, or a reserved one.
    :param frontend_port_range_start: 1024 to 65534, but not 50000 to 55000; at least 40 ports are needed.
    :param frontend_port_range_end: last port of the range.
    :param protocol: ``tcp`` or ``udp``.
    :param rules: who may reach it; everybody when left out.
    """

    definition: ClassVar[str] = "BatchInboundNatPool"

    name: str
    backend_port: Number
    frontend_port_range_start: Number
    frontend_port_range_end: Number
    protocol: str = "tcp"
    rules: Sequence[NetworkRule | Json] | str | None = field(
        default=None, metadata=rest("networkSecurityGroupRules")
    )


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
    :param inbound_endpoints: ports of the nodes that can be reached from outside; at most 5.
    :param enable_accelerated_networking: for VM sizes that can.
    :param extra: REST JSON for the rest.
    """

    definition: ClassVar[str] = "NetworkConfiguration"

    subnet_id: str | None = None
    public_ip_addresses: PublicIpAddresses | Json | None = field(
        default=None, metadata=rest("publicIPAddressConfiguration")
    )
    inbound_endpoints: Sequence[InboundEndpoint | Json] | str | None = field(
        default=None, metadata=rest("endpointConfiguration.inboundNATPools")
    )
    enable_accelerated_networking: Flag | None = None
    extra: Json = field(default_factory=dict)
