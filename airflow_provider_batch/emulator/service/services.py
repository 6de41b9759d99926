"""All services over one engine."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.sizes import SizeList
from airflow_provider_batch.emulator.service.account import Account
from airflow_provider_batch.emulator.service.applications import Applications
from airflow_provider_batch.emulator.service.assumptions import AssumptionSwitches
from airflow_provider_batch.emulator.service.autoscale import AutoScaling
from airflow_provider_batch.emulator.service.files import Files
from airflow_provider_batch.emulator.service.jobs import Jobs
from airflow_provider_batch.emulator.service.node_logs import NodeLogs
from airflow_provider_batch.emulator.service.node_users import NodeUsers
from airflow_provider_batch.emulator.service.nodes import Nodes
from airflow_provider_batch.emulator.service.pools import Pools
from airflow_provider_batch.emulator.service.schedules import JobSchedules
from airflow_provider_batch.emulator.service.tasks import Tasks
from airflow_provider_batch.emulator.service.usage import Usage


@dataclass(frozen=True)
class Services:
    """What the routes call."""

    account: Account
    applications: Applications
    pools: Pools
    auto_scaling: AutoScaling
    nodes: Nodes
    node_users: NodeUsers
    node_logs: NodeLogs
    usage: Usage
    jobs: Jobs
    schedules: JobSchedules
    tasks: Tasks
    files: Files
    assumptions: AssumptionSwitches

    @classmethod
    def over(cls, engine: Engine, sizes: SizeList) -> Services:
        """Build them all."""
        return cls(
            Account(),
            Applications(engine),
            Pools(engine, sizes),
            AutoScaling(engine),
            Nodes(engine),
            NodeUsers(engine),
            NodeLogs(engine),
            Usage(engine),
            Jobs(engine, sizes),
            JobSchedules(engine, sizes),
            Tasks(engine),
            Files(engine),
            AssumptionSwitches(engine),
        )
