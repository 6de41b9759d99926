"""The services of the management plane over one engine."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.service.access import Access
from airflow_provider_batch.emulator.service.autoscale import AutoScaling
from airflow_provider_batch.emulator.service.management_account import ManagedAccount
from airflow_provider_batch.emulator.service.management_applications import ManagedApplications
from airflow_provider_batch.emulator.service.management_locations import Locations
from airflow_provider_batch.emulator.service.management_pools import ManagedPools
from airflow_provider_batch.emulator.service.pools import Pools
from airflow_provider_batch.emulator.wire.management_resources import AccountAddress


@dataclass(frozen=True)
class Management:
    """What the routes of the management plane call."""

    address: AccountAddress
    account: ManagedAccount
    applications: ManagedApplications
    pools: ManagedPools
    locations: Locations

    @classmethod
    def over(
        cls, engine: Engine, pools: Pools, auto_scaling: AutoScaling, access: Access, address: AccountAddress
    ) -> Management:
        """Build them all."""
        return cls(
            address,
            ManagedAccount(engine, access, address),
            ManagedApplications(engine, address),
            ManagedPools(engine, pools, auto_scaling, address),
            Locations(address, pools.sizes),
        )
