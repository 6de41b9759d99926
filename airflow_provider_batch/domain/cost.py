"""What work has cost, and what it may cost; an amount is only as complete as the prices that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_batch.domain.node_hours import Machine, NodeHours, PoolMachines
from airflow_provider_batch.domain.prices import PriceTable
from airflow_provider_batch.domain.vm_sizes import cores_of

__all__ = ["Cost", "Estimate", "cost_of", "estimate"]


@dataclass(frozen=True)
class Cost:
    """
    What hours of nodes cost.

    :param amount: the sum; None when the price of some of it is not known.
    :param currency: code of the currency.
    :param unpriced: VM sizes without a price; an empty name stands for one that is not known.
    """

    amount: float | None
    currency: str
    unpriced: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.amount is None:
            sizes = ", ".join(size or "a VM size that is not known" for size in self.unpriced)
            return f"cost not known (no price of {sizes})"
        return money(self.amount, self.currency)


def cost_of(hours: NodeHours, prices: PriceTable) -> Cost:
    """
    Return what hours of nodes cost.

    :param hours: the hours.
    :param prices: prices that are known.
    """
    total, unpriced = 0.0, set[str]()
    for machine, each in hours.by_machine.items():
        price = prices.per_hour(machine)
        if price is None:
            unpriced.add(machine.vm_size + (" (spot)" if machine.is_spot and machine.vm_size else ""))
        else:
            total += price * each
    amount = None if unpriced else round(total, 6)
    return Cost(amount, prices.currency, tuple(sorted(unpriced)))


def money(amount: float, currency: str) -> str:
    """
    Write an amount for people.

    :param amount: the amount.
    :param currency: code of the currency.
    """
    return f"{amount:,.2f} {currency}" if amount >= 0.1 or amount == 0 else f"{amount:.4f} {currency}"


@dataclass(frozen=True)
class Estimate:
    """
    The most that a pool may hold at a time; pure arithmetic on its description.

    :param batch_pool_id: the pool.
    :param machines: number of nodes by what they are billed as; None when a formula decides.
    """

    batch_pool_id: str
    machines: Mapping[Machine, int] | None

    def text(self, life: timedelta, prices: PriceTable | None) -> str:
        """
        Say it in one line.

        :param life: longest time that the job may last.
        :param prices: prices that are known; None when nobody asked for costs.
        """
        start = f"Pool {self.batch_pool_id}"
        if self.machines is None:
            return f"{start}: its formula decides how many nodes it has; no estimate of the cost."
        if not self.machines:
            return f"{start}: no nodes are asked for; it costs nothing until it is resized."
        an_hour = NodeHours({machine: float(count) for machine, count in self.machines.items()})
        nodes = " and ".join(_nodes(machine, count) for machine, count in self.machines.items())
        line = f"{start}: up to {nodes}"
        if prices is None:
            return line + "."
        cost = cost_of(an_hour, prices)
        if cost.amount is None:
            return f"{line}; {cost}."
        hours = life / timedelta(hours=1)
        most = money(cost.amount * hours, cost.currency)
        return f"{line}: {cost} an hour, at most {most} in the {hours:,.1f} h that the job may last."


def estimate(pool: Mapping[str, Any]) -> Estimate:
    """
    Read from the description of a pool how many nodes it may have.

    :param pool: the pool (REST JSON).
    """
    machines = PoolMachines.read(pool)
    if pool.get("enableAutoScale"):
        return Estimate(str(pool.get("id")), None)
    targets = {
        Machine(machines.vm_size, is_spot, machines.is_windows): int(pool.get(name) or 0)
        for is_spot, name in ((False, "targetDedicatedNodes"), (True, "targetLowPriorityNodes"))
    }
    found = {machine: count for machine, count in targets.items() if count}
    return Estimate(str(pool.get("id")), found)


def _nodes(machine: Machine, count: int) -> str:
    cores = cores_of(machine.vm_size)
    of = f"{machine.vm_size}, {cores * count} cores" if cores else f"{machine.vm_size}, cores not known"
    return f"{count} {'spot' if machine.is_spot else 'dedicated'} nodes ({of})"
