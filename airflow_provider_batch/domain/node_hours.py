"""
Node-hours: how long work had nodes, and how many cores those have.

A task holds a node from its start to its end. Where tasks share a node, each holds the share of its slots:
one that needs 1 of 4 slots for an hour held a quarter of a node-hour. So the hours of tasks add up to those
of their job, and never to more than the node gave. What a node costs while it is idle or starts is in none of
them: that is the pool's (:func:`held_hours`), and the difference is what idling costs.

The service keeps the times of a task's last run only: earlier runs of one that was retried are not in its
hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_batch.domain.flow import utc
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.domain.vm_sizes import cores_of

__all__ = [
    "NO_HOURS",
    "Machine",
    "NodeHours",
    "PoolMachines",
    "held_hours",
    "hours_between",
    "task_hours",
]


class Machine(NamedTuple):
    """
    What a node is billed as.

    :param vm_size: for example ``standard_d2s_v5``, in lower case; empty when it is not known.
    :param is_spot: it may be preempted, and costs less.
    :param is_windows: its price has Windows in it.
    """

    vm_size: str
    is_spot: bool = False
    is_windows: bool = False


@dataclass(frozen=True)
class NodeHours:
    """
    Hours of nodes, by what they are billed as; they add up.

    :param by_machine: node-hours.
    """

    by_machine: Mapping[Machine, float] = field(default_factory=dict)

    @classmethod
    def of(cls, machine: Machine, hours: float) -> NodeHours:
        """Return the hours of one kind of node; none when the clocks that they come from disagree."""
        return cls({machine: hours}) if hours > 0 else cls()

    def __add__(self, other: NodeHours) -> NodeHours:
        both = dict(self.by_machine)
        for machine, hours in other.by_machine.items():
            both[machine] = both.get(machine, 0.0) + hours
        return NodeHours(both)

    def __str__(self) -> str:
        cores = self.core_hours
        spot = f", {self.spot:.3f} of them spot" if self.spot else ""
        return (
            f"{self.total:.3f} node-hours{spot} ({'unknown' if cores is None else f'{cores:.3f}'} core-hours)"
        )

    @property
    def total(self) -> float:
        """Node-hours of all nodes."""
        return sum(self.by_machine.values(), 0.0)

    @property
    def spot(self) -> float:
        """Node-hours of spot nodes; the rest is dedicated."""
        return sum((hours for machine, hours in self.by_machine.items() if machine.is_spot), 0.0)

    @property
    def core_hours(self) -> float | None:
        """Core-hours of all nodes; None when a VM size does not tell its cores."""
        total = 0.0
        for machine, hours in self.by_machine.items():
            cores = cores_of(machine.vm_size)
            if cores is None:
                return None
            total += cores * hours
        return total


NO_HOURS = NodeHours()


@dataclass(frozen=True)
class PoolMachines:
    """
    What the nodes of a pool are.

    :param vm_size: VM size of its nodes; empty when the pool is not there any more.
    :param slots: task slots of a node.
    :param is_windows: its nodes run Windows.
    :param spot_nodes: ids of nodes that are known to be spot.
    :param is_all_spot: it has, and is to have, no dedicated node.
    """

    vm_size: str = ""
    slots: int = 1
    is_windows: bool = False
    spot_nodes: frozenset[str] = frozenset()
    is_all_spot: bool = False

    @classmethod
    def read(cls, pool: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]] = ()) -> PoolMachines:
        """
        Read a pool and its nodes as the service sent them.

        :param pool: the pool; empty when it does not exist any more.
        :param nodes: its nodes, as far as they exist.
        """
        configuration = pool.get("virtualMachineConfiguration") or {}
        kinds = {str(node["id"]): node.get("isDedicated") for node in nodes}
        dedicated, spot = (
            any(int(pool.get(f"{of}{kind}Nodes") or 0) for of in ("current", "target"))
            for kind in ("Dedicated", "LowPriority")
        )
        return cls(
            vm_size=lower(pool.get("vmSize")),
            slots=max(int(pool.get("taskSlotsPerNode") or 1), 1),
            is_windows="windows" in lower(configuration.get("nodeAgentSKUId")),
            spot_nodes=frozenset(node_id for node_id, kind in kinds.items() if kind is False),
            # A formula may have asked for both kinds before.
            is_all_spot=spot and not (dedicated or pool.get("enableAutoScale") or True in kinds.values()),
        )

    def machine(self, node_id: str) -> Machine:
        """
        Return what a node is, or was, billed as.

        What was not listed is what all nodes of the pool are; of a mixed pool the end of a node's id tells:
        ``_d`` of dedicated nodes is in recordings of the service, ``_p`` of spot nodes is inferred.

        :param node_id: the node.
        """
        is_spot = node_id in self.spot_nodes or self.is_all_spot or node_id.endswith("_p")
        return Machine(self.vm_size, is_spot, self.is_windows)


def task_hours(task: Mapping[str, Any], pool: PoolMachines) -> NodeHours:
    """
    Return what one task held; none for a task that did not run or has not ended.

    :param task: the task as the service sent it, with ``TASK_SELECT``.
    :param pool: the pool that it ran on.
    """
    info, node = task.get("executionInfo") or {}, task.get("nodeInfo") or {}
    node_id, started, ended = node.get("nodeId"), info.get("startTime"), info.get("endTime")
    if not (node_id and started and ended):
        return NodeHours()
    slots = min(max(int(task.get("requiredSlots") or 1), 1), pool.slots)
    share = slots / pool.slots
    # Of a task on several nodes the service names the first; the others are of the same pool.
    instances = int((task.get("multiInstanceSettings") or {}).get("numberOfInstances") or 1)
    hours = hours_between(utc(started), utc(ended)) * share * max(instances, 1)
    return NodeHours.of(pool.machine(str(node_id)), hours)


def held_hours(nodes: Iterable[Mapping[str, Any]], pool: PoolMachines, until: datetime) -> NodeHours:
    """
    Return what the nodes that a pool has now have held since each was allocated, idle or not.

    Nodes that the pool has given back since are not in it. A preempted node holds nothing now, and when it
    was preempted counts as its end.

    :param nodes: the nodes as the service sent them.
    :param pool: what they are.
    :param until: end of the time that counts.
    """
    held = NodeHours()
    for node in nodes:
        if not node.get("allocationTime"):
            continue
        end = until
        if lower(node.get("state")) in ("preempted", "deallocated") and node.get("stateTransitionTime"):
            end = min(until, utc(node["stateTransitionTime"]))
        hours = hours_between(utc(node["allocationTime"]), end)
        held += NodeHours.of(pool.machine(str(node["id"])), hours)
    return held


def hours_between(start: datetime, end: datetime) -> float:
    """Return hours from one moment to another; 0 when the other is earlier."""
    return max((end - start).total_seconds(), 0.0) / 3600
