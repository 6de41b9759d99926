"""Ask the service what the nodes of a pool are, and what they have held."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.cost import Cost, cost_of, figures
from airflow_provider_batch.domain.flow import Flow, Log, Now, get_or_none, pages
from airflow_provider_batch.domain.node_hours import Machine, NodeHours, PoolMachines, held_hours
from airflow_provider_batch.domain.prices import PriceTable
from airflow_provider_batch.exceptions import AzureBatchError, BatchNotFoundError

__all__ = ["POOL_SELECT", "PoolHeld", "read_pool_machines"]

#: what is read of a pool to know what its nodes are
POOL_SELECT = (
    "id",
    "vmSize",
    "taskSlotsPerNode",
    "virtualMachineConfiguration",
    "enableAutoScale",
    "currentDedicatedNodes",
    "currentLowPriorityNodes",
    "targetDedicatedNodes",
    "targetLowPriorityNodes",
)
_NODE_SELECT = ("id", "state", "stateTransitionTime", "allocationTime", "isDedicated")


@dataclass(frozen=True)
class PoolHeld:
    """
    What a pool is made of, and what the nodes that it has now have held, and cost.

    :param batch_pool_id: the pool.
    :param machines: its nodes.
    :param held: since each node was allocated; None when it is not known.
    :param cost: what that cost; None when nobody asked for costs.
    """

    batch_pool_id: str
    machines: PoolMachines = field(default_factory=PoolMachines)
    held: NodeHours | None = None
    cost: Cost | None = None

    @property
    def billed(self) -> Collection[Machine]:
        """What the nodes are whose hours are in it."""
        return () if self.held is None else self.held.by_machine.keys()

    def priced(self, prices: PriceTable | None) -> PoolHeld:
        """
        Return the same with its cost.

        :param prices: prices that are known; None when nobody asked for costs.
        """
        if prices is None or self.held is None:
            return self
        return replace(self, cost=cost_of(self.held, prices))

    def as_json(self) -> dict[str, Any]:
        """Return its id and :func:`~airflow_provider_batch.domain.cost.figures`, as they go into XCom."""
        return {"batch_pool_id": self.batch_pool_id, **figures(self.held, self.cost)}

    def __str__(self) -> str:
        if self.held is None:
            return f"Pool {self.batch_pool_id}: what its nodes have held is not known."
        cost = f": {self.cost}" if self.cost else ""
        return f"Pool {self.batch_pool_id}: its present nodes have held {self.held} until now{cost}."


def read_pool_machines(batch_pool_id: str) -> Flow[PoolHeld]:
    """
    Flow: read a pool and its nodes; nothing of a pool that is gone or cannot be read: figures are no duty.

    :param batch_pool_id: the pool.
    """
    try:
        pool = yield from get_or_none(requests.get_pool(batch_pool_id, POOL_SELECT))
        if pool is None:
            return PoolHeld(batch_pool_id)
        nodes = yield from _nodes(batch_pool_id)
    except AzureBatchError as error:
        yield Log(f"Node-hours on pool {batch_pool_id} are not known: {error}", "WARNING")
        return PoolHeld(batch_pool_id)
    machines = PoolMachines.read(pool.json, nodes)
    return PoolHeld(batch_pool_id, machines, held_hours(nodes, machines, (yield Now())))


def _nodes(batch_pool_id: str) -> Flow[list[Mapping[str, Any]]]:
    try:
        return (yield from pages(requests.list_nodes(batch_pool_id, _NODE_SELECT)))
    except BatchNotFoundError:
        return []  # deleted between our two looks
