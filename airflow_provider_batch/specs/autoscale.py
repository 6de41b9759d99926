"""Size of a pool by formula: written by hand, or by rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, ClassVar, Final

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.autoscale_formula import PRESENT, FormulaWriter, check_count, counted
from airflow_provider_batch.specs.autoscale_nodes import SpotWithFallback, write_targets
from airflow_provider_batch.specs.autoscale_rules import (
    WEEKDAYS,
    PendingTasks,
    ResourceUsage,
    Rule,
    WorkingHours,
    check_rule,
)
from airflow_provider_batch.specs.base import Duration, Spec, rest
from airflow_provider_batch.specs.schema import POOL

_GRACE: Final = timedelta(minutes=15)
#: the shortest that the service takes
_INTERVAL: Final = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Autoscale(Spec):
    """
    The service sizes the pool by a formula.

    Example::

        Autoscale.pending_tasks(max_nodes=50, spot=True)
        Autoscale.working_hours(peak=10, off_peak=1, utc_offset=timedelta(hours=1))
        Autoscale.of(greatest(PendingTasks(), WorkingHours(peak=2)), max_nodes=50)
        Autoscale(
            formula="$TargetDedicatedNodes = min(10, $PendingTasks.GetSample(1));",
            evaluation_interval=timedelta(minutes=5),
        )

    A formula that is written here never takes a node from a task that runs on it
    (``$NodeDeallocationOption = taskcompletion``), and keeps the size where the service has no samples.

    :param formula: text in the service's formula language, at most 8,192 characters.
    :param evaluation_interval: time between evaluations, 5 minutes to 168 hours; the service takes 15
        minutes when it is left out.
    """

    definition: ClassVar[str] = POOL
    partial: ClassVar[bool] = True

    formula: str = field(metadata=rest("autoScaleFormula"))
    evaluation_interval: Duration | None = field(default=None, metadata=rest("autoScaleEvaluationInterval"))

    def assemble(self, path: str) -> dict[str, Any]:
        """Place the fields, and the switch that makes them count."""
        return {"enableAutoScale": True, **super().assemble(path)}

    @classmethod
    def of(
        cls,
        rule: Rule,
        *,
        max_nodes: int,
        min_nodes: int = 0,
        spot: bool | SpotWithFallback = False,
        step_up: int | None = None,
        step_down: int | None = None,
        evaluation_interval: timedelta = _INTERVAL,
    ) -> Autoscale:
        """
        Size the pool as a rule wants.

        :param rule: of :mod:`airflow_provider_batch.specs.autoscale_rules`.
        :param max_nodes: most nodes, dedicated and spot together, whatever the rule wants.
        :param min_nodes: fewest nodes, likewise.
        :param spot: false for dedicated nodes, true for spot nodes, or spot with a fallback.
        :param step_up: most nodes that one evaluation adds; no limit when left out. The first evaluation asks
            for the fewest nodes all the same.
        :param step_down: most nodes that one evaluation takes away; no limit when left out.
        :param evaluation_interval: time between evaluations, 5 minutes to 168 hours.
        :raises SpecError: a value is out of range, two contradict each other, or the formula is too long.
        """
        return cls(
            formula=_formula("Autoscale.of", rule, max_nodes, min_nodes, spot, step_up, step_down),
            evaluation_interval=evaluation_interval,
        )

    @classmethod
    def pending_tasks(
        cls,
        max_nodes: int,
        *,
        min_nodes: int = 0,
        initial_nodes: int = 0,
        tasks_per_node: int | None = None,
        grace: timedelta = _GRACE,
        spot: bool | SpotWithFallback = False,
        step_up: int | None = None,
        step_down: int | None = None,
        evaluation_interval: timedelta = _INTERVAL,
    ) -> Autoscale:
        """
        Size the pool by the tasks that wait or run; down to nothing when there have been none for a time.

        Example::

            Autoscale.pending_tasks(max_nodes=50, spot=True, grace=timedelta(minutes=30))

        :param max_nodes: most nodes.
        :param min_nodes: fewest nodes; they are there, and paid for, when there is no task.
        :param initial_nodes: nodes of a new pool before its first samples, so that it starts to allocate at
            once.
        :param tasks_per_node: how many tasks a node runs at a time; the pool's task slots when left out.
        :param grace: nodes that tasks have needed within this time stay; 5 minutes to 24 hours, or
            zero for none.
        :param spot: false for dedicated nodes, true for spot nodes, or spot with a fallback.
        :param step_up: most nodes that one evaluation adds.
        :param step_down: most nodes that one evaluation takes away.
        :param evaluation_interval: time between evaluations, 5 minutes to 168 hours.
        :raises SpecError: a value is out of range, or two contradict each other.
        """
        rule = PendingTasks(tasks_per_node=tasks_per_node, initial_nodes=initial_nodes)
        return cls(
            formula=_formula(
                "Autoscale.pending_tasks",
                rule.with_grace(grace),
                max_nodes,
                min_nodes,
                spot,
                step_up,
                step_down,
            ),
            evaluation_interval=evaluation_interval,
        )

    @classmethod
    def spot_with_fallback(
        cls,
        max_nodes: int,
        *,
        min_nodes: int = 0,
        min_dedicated_nodes: int = 0,
        max_dedicated_nodes: int | None = None,
        initial_nodes: int = 0,
        tasks_per_node: int | None = None,
        grace: timedelta = _GRACE,
        evaluation_interval: timedelta = 2 * _INTERVAL,
    ) -> Autoscale:
        """
        Size the pool by its tasks, with spot nodes; dedicated ones take the place of those that are missing.

        Example::

            Autoscale.spot_with_fallback(max_nodes=50, min_dedicated_nodes=1, max_dedicated_nodes=10)

        :param min_dedicated_nodes: see :class:`SpotWithFallback`, as for the next.
        :param max_dedicated_nodes: most dedicated nodes.
        :param evaluation_interval: time between evaluations; spot nodes that are not allocated within it
            count as missing.

        The other parameters are those of :meth:`pending_tasks`.

        :raises SpecError: a value is out of range, or two contradict each other.
        """
        return cls.pending_tasks(
            max_nodes,
            min_nodes=min_nodes,
            initial_nodes=initial_nodes,
            tasks_per_node=tasks_per_node,
            grace=grace,
            spot=SpotWithFallback(
                min_dedicated_nodes=min_dedicated_nodes, max_dedicated_nodes=max_dedicated_nodes
            ),
            evaluation_interval=evaluation_interval,
        )

    @classmethod
    def working_hours(
        cls,
        peak: int,
        *,
        off_peak: int = 0,
        start: int | time = 8,
        end: int | time = 18,
        weekdays: Sequence[str] = WEEKDAYS[:5],
        utc_offset: timedelta = timedelta(0),
        spot: bool | SpotWithFallback = False,
        step_up: int | None = None,
        step_down: int | None = None,
        evaluation_interval: timedelta = _INTERVAL,
    ) -> Autoscale:
        """
        Size the pool by the clock.

        Example::

            Autoscale.working_hours(peak=10, off_peak=1, start=7, end=19, utc_offset=timedelta(hours=1))

        :param peak: nodes within the hours.
        :param off_peak: nodes outside the hours.
        :param start: first hour; see :class:`WorkingHours`, as for the next three.
        :param end: hour at which the hours are over.
        :param weekdays: days on which the hours begin.
        :param utc_offset: of the clock.
        :param spot: false for dedicated nodes, true for spot nodes, or spot with a fallback.
        :param step_up: most nodes that one evaluation adds.
        :param step_down: most nodes that one evaluation takes away.
        :param evaluation_interval: time between evaluations, 5 minutes to 168 hours.
        :raises SpecError: a value is out of range, or two contradict each other.
        """
        rule = WorkingHours(
            peak=peak, off_peak=off_peak, start=start, end=end, weekdays=weekdays, utc_offset=utc_offset
        )
        path, low, high = "Autoscale.working_hours", min(peak, off_peak), max(peak, off_peak)
        return cls(
            formula=_formula(path, rule, high, low, spot, step_up, step_down),
            evaluation_interval=evaluation_interval,
        )

    @classmethod
    def resource_usage(
        cls,
        max_nodes: int,
        *,
        min_nodes: int = 1,
        cpu_percent: int = 70,
        tolerance: int = 10,
        window: timedelta = timedelta(minutes=10),
        spot: bool | SpotWithFallback = False,
        step_up: int | None = None,
        step_down: int | None = None,
        evaluation_interval: timedelta = _INTERVAL,
    ) -> Autoscale:
        """
        Size the pool by the use of its CPUs.

        Example::

            Autoscale.resource_usage(max_nodes=20, cpu_percent=60)

        :param max_nodes: most nodes.
        :param min_nodes: fewest nodes, at least 1: nodes that are not there have no use to grow by.
        :param cpu_percent: wanted average; see :class:`ResourceUsage`, as for the next two.
        :param tolerance: percentage points that the average may be off.
        :param window: time over which is averaged.
        :param spot: false for dedicated nodes, true for spot nodes, or spot with a fallback.
        :param step_up: most nodes that one evaluation adds.
        :param step_down: most nodes that one evaluation takes away.
        :param evaluation_interval: time between evaluations, 5 minutes to 168 hours.
        :raises SpecError: a value is out of range, or two contradict each other.
        """
        path = "Autoscale.resource_usage"
        check_count(f"{path}.min_nodes", min_nodes, 1)
        rule = ResourceUsage(cpu_percent=cpu_percent, tolerance=tolerance, window=window)
        return cls(
            formula=_formula(path, rule, max_nodes, min_nodes, spot, step_up, step_down),
            evaluation_interval=evaluation_interval,
        )


def _formula(
    path: str,
    rule: Rule,
    max_nodes: int,
    min_nodes: int,
    spot: bool | SpotWithFallback,
    step_up: int | None,
    step_down: int | None,
) -> str:
    check_rule(f"{path}.rule", rule)
    _check_limits(path, max_nodes, min_nodes, spot)
    formula = FormulaWriter()
    formula.section("present", "nodes that the pool was asked to have so far")
    formula.assign(PRESENT, "$TargetDedicatedNodes + $TargetLowPriorityNodes")
    wanted = _write_steps(formula, path, rule.write(formula), step_up, step_down)
    formula.section("limits", f"{min_nodes} to {counted(max_nodes, 'node')}")
    wanted = formula.let("nodes", f"max({min_nodes}, min({max_nodes}, {wanted}))")
    write_targets(formula, wanted, spot)
    formula.section("removal", "a node goes when its tasks have ended")
    formula.assign("$NodeDeallocationOption", "taskcompletion")
    return formula.text(path)


def _check_limits(path: str, max_nodes: int, min_nodes: int, spot: bool | SpotWithFallback) -> None:
    check_count(f"{path}.max_nodes", max_nodes, 1)
    check_count(f"{path}.min_nodes", min_nodes)
    if min_nodes > max_nodes:
        raise SpecError(f"{path}.min_nodes", f"is {min_nodes}, above max_nodes {max_nodes}")
    if not isinstance(spot, (bool, SpotWithFallback)):
        raise SpecError(f"{path}.spot", f"must be true, false or SpotWithFallback(...), found {spot!r}")
    if isinstance(spot, SpotWithFallback) and spot.min_dedicated_nodes > max_nodes:
        raise SpecError(
            f"{path}.spot.min_dedicated_nodes",
            f"is {spot.min_dedicated_nodes}, above max_nodes {max_nodes}",
        )


def _write_steps(
    formula: FormulaWriter, path: str, wanted: str, step_up: int | None, step_down: int | None
) -> str:
    """Bound the change of one evaluation; the limits come after it, so that they always hold."""
    for name, step in (("step_up", step_up), ("step_down", step_down)):
        if step is not None:
            check_count(f"{path}.{name}", step, 1)
    up = [f"{counted(step_up, 'node')} more"] if step_up is not None else []
    down = [f"{counted(step_down, 'node')} fewer"] if step_down is not None else []
    if not up and not down:
        return wanted
    formula.section("steps", f"at most {' or '.join(up + down)} than so far")
    if step_down is not None:
        wanted = f"max({wanted}, {PRESENT} - {step_down})"
    if step_up is not None:
        wanted = f"min({wanted}, {PRESENT} + {step_up})"
    return formula.let("nodes", wanted)
