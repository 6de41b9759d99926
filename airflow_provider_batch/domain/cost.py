"""What work has cost, and what it may cost; an amount is only as complete as the prices that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_batch.domain.node_hours import Machine, NodeHours, PoolMachines
from airflow_provider_batch.domain.prices import PriceTable
from airflow_provider_batch.domain.vm_sizes import cores_of
from airflow_provider_batch.specs.autoscale_bounds import bounds_of

__all__ = ["Cost", "Estimate", "cost_of", "estimate", "figures", "money"]

#: digits of hours: tasks of a millisecond add up, too
_DIGITS = 9


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
            sizes = ", ".join(size for size in self.unpriced if size)
            reasons = [f"no price of {sizes}"] if sizes else []
            if "" in self.unpriced:
                reasons.append("a pool was gone, or could not be read, so its VM size is not known")
            return f"cost not known ({'; '.join(reasons)})"
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
    amount = None if unpriced else round(total, _DIGITS)
    return Cost(amount, prices.currency, tuple(sorted(unpriced)))


def figures(hours: NodeHours | None, cost: Cost | None) -> dict[str, Any]:
    """
    Return hours and their cost as they stand in every XCom.

    Spot is in ``node_hours`` and ``core_hours``; ``spot_node_hours`` is its part. None stands for what is not
    known: ``core_hours`` also when a VM size does not tell its cores, ``cost`` when a price is missing,
    ``currency`` when the connection has no prices.

    :param hours: the hours; None when they are not known.
    :param cost: what they cost; None when nobody asked.
    """
    core_hours = None if hours is None else hours.core_hours
    return {
        "node_hours": None if hours is None else round(hours.total, _DIGITS),
        "spot_node_hours": None if hours is None else round(hours.spot, _DIGITS),
        "core_hours": None if core_hours is None else round(core_hours, _DIGITS),
        "cost": cost.amount if cost else None,
        "currency": cost.currency if cost else None,
    }


def money(amount: float, currency: str) -> str:
    """
    Write an amount for people.

    :param amount: the amount.
    :param currency: code of the currency.
    """
    if amount >= 0.1 or amount == 0:
        return f"{amount:,.2f} {currency}"
    return f"{amount:.4f} {currency}" if amount >= 0.0001 else f"less than 0.0001 {currency}"


@dataclass(frozen=True)
class Estimate:
    """
    The most that a pool may hold at a time; pure arithmetic on its description.

    :param batch_pool_id: the pool.
    :param machines: number of nodes by what they are billed as; of a formula that may choose, as many
        dedicated ones as it may ask for, since these cost the most. None when nothing is known.
    :param is_autoscaled: a formula decides how many there are.
    """

    batch_pool_id: str
    machines: Mapping[Machine, int] | None
    is_autoscaled: bool = False

    def text(self, prices: PriceTable | None, life: timedelta | None = None) -> str:
        """
        Say it in one line.

        :param prices: prices that are known; None when nobody asked for costs.
        :param life: longest time that the job may last; None when there is none to go by.
        """
        start = f"Pool {self.batch_pool_id}"
        if self.machines is None:
            return (
                f"{start}: its formula was not written from rules and says no most; no estimate of the cost."
            )
        if not self.machines:
            return f"{start}: no nodes are asked for; it costs nothing until it is resized."
        line = f"{start}: {self._most(self.machines)}"
        if prices is None:
            return line + "."
        an_hour = NodeHours({machine: float(count) for machine, count in self.machines.items()})
        cost = cost_of(an_hour, prices)
        if cost.amount is None:
            return f"{line}; {cost}."
        line += f": {cost} an hour"
        if life is None:
            return line + "."
        hours = life / timedelta(hours=1)
        most = money(cost.amount * hours, cost.currency)
        return f"{line}, at most {most} in the {hours:,.1f} h that the job may last."

    def _most(self, machines: Mapping[Machine, int]) -> str:
        nodes = " and ".join(_nodes(machine, count) for machine, count in machines.items())
        if not self.is_autoscaled:
            return f"up to {nodes}"
        if len(machines) == 1:
            return f"by its formula at most {nodes}"
        return f"by its formula at most {sum(machines.values())} nodes, at its dearest {nodes}"


def estimate(pool: Mapping[str, Any]) -> Estimate:
    """
    Read from the description of a pool how many nodes it may have.

    :param pool: the pool (REST JSON); one that a job brings has no id yet.
    """
    is_autoscaled = bool(pool.get("enableAutoScale"))
    counts = _most_by_formula(pool) if is_autoscaled else _targets(pool)
    machines = PoolMachines.read(pool)
    found = None
    if counts is not None:
        kinds = (Machine(machines.vm_size, is_spot, machines.is_windows) for is_spot in (False, True))
        found = {machine: count for machine, count in zip(kinds, counts, strict=True) if count}
    return Estimate(str(pool.get("id", "of the job")), found, is_autoscaled)


def _targets(pool: Mapping[str, Any]) -> tuple[int, int]:
    return int(pool.get("targetDedicatedNodes") or 0), int(pool.get("targetLowPriorityNodes") or 0)


def _most_by_formula(pool: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the most dedicated nodes that a formula can ask for, and the spot nodes beside them."""
    bounds = bounds_of(str(pool.get("autoScaleFormula") or ""))
    return None if bounds is None else (bounds.dedicated, bounds.nodes - bounds.dedicated)


def _nodes(machine: Machine, count: int) -> str:
    cores = cores_of(machine.vm_size)
    of = f"{machine.vm_size}, {cores * count} cores" if cores else f"{machine.vm_size}, cores not known"
    kind = "spot" if machine.is_spot else "dedicated"
    return f"{count} {kind} {'node' if count == 1 else 'nodes'} ({of})"
