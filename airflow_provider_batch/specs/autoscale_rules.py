"""
Rules: each says how many nodes it wants, and rules are composed to others.

Example: in the day as many nodes as tasks need, at night at most four, and always what keeps CPUs below
their limit::

    greatest(
        WorkingHours(peak=PendingTasks(), off_peak=PendingTasks().at_most(4)),
        ResourceUsage(cpu_percent=70),
    ).with_grace(timedelta(minutes=15))

:meth:`airflow_provider_batch.specs.autoscale.Autoscale.of` makes a formula of a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.autoscale_formula import (
    MAX_LOOK_BACK,
    PRESENT,
    RECENT,
    FormulaWriter,
    check_count,
    check_span,
    counted,
    interval,
    latest,
    sampled,
    spoken,
)

__all__ = [
    "WEEKDAYS",
    "FixedNodes",
    "PendingTasks",
    "ResourceUsage",
    "Rule",
    "WorkingHours",
    "greatest",
    "least",
]

#: names of days, in the order in which the service numbers them
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_MINUTE: Final = timedelta(minutes=1)
_DAY_MINUTES: Final = 24 * 60


class Rule:
    """
    Base of the rules; all are data, and equal when their fields are.

    A rule that lacks the samples that it needs wants the size that the pool has: a gap in the service's
    measurements changes nothing.
    """

    def write(self, formula: FormulaWriter) -> str:
        """
        Write the rule's statements.

        :param formula: is added to.
        :return: the variable that holds how many nodes the rule wants.
        """
        raise NotImplementedError

    def at_most(self, nodes: int) -> Rule:
        """Want no more than so many nodes."""
        check_count("at_most.nodes", nodes)
        return _AtMost(self, nodes)

    def at_least(self, nodes: int) -> Rule:
        """Want no fewer than so many nodes."""
        check_count("at_least.nodes", nodes)
        return _AtLeast(self, nodes)

    def with_grace(self, grace: timedelta, *, tasks_per_node: int | None = None) -> Rule:
        """
        Keep the nodes that tasks have needed within a grace time.

        Tasks that follow soon then find nodes that run already. Nothing is added: the rule decides when the
        pool grows.

        :param grace: 5 minutes to 24 hours, or zero for none.
        :param tasks_per_node: as of :class:`PendingTasks`, whose own it is when left out there.
        """
        return _Grace(self, grace, tasks_per_node)


@dataclass(frozen=True, kw_only=True)
class PendingTasks(Rule):
    """
    As many nodes as it takes to run all tasks that wait or run, at the same time.

    The service counts tasks that wait for other tasks in no case, and a task that runs on several nodes
    with all its instances.

    Example::

        PendingTasks()  # slots of the pool, one for each task
        PendingTasks(tasks_per_node=2)  # 8 slots, and tasks with required_slots=4

    :param tasks_per_node: how many tasks a node runs at a time; the pool's task slots when left out, which
        is right for tasks that need one slot. A higher number makes tasks queue: fewer nodes, each used
        longer.
    :param initial_nodes: fewest nodes while there are no samples, as on a new pool, so that its first tasks
        need not wait for the second evaluation.
    """

    tasks_per_node: int | None = None
    initial_nodes: int = 0

    def __post_init__(self) -> None:
        _check_tasks_per_node("PendingTasks", self.tasks_per_node)
        check_count("PendingTasks.initial_nodes", self.initial_nodes)

    def with_grace(self, grace: timedelta, *, tasks_per_node: int | None = None) -> Rule:
        """Keep the nodes that tasks have needed within a grace time."""
        return super().with_grace(grace, tasks_per_node=tasks_per_node or self.tasks_per_node)

    def write(self, formula: FormulaWriter) -> str:
        """Write the rule's statements."""
        slots = "as many tasks as it has slots"
        share = slots if self.tasks_per_node is None else counted(self.tasks_per_node, "task")
        formula.section("pending tasks", f"a node for {share}, of all that wait or run")
        known = formula.let("known", f"{sampled('$PendingTasks')} > 0")
        unknown = f"max({PRESENT}, {self.initial_nodes})" if self.initial_nodes else PRESENT
        needed = _nodes_for(latest("$PendingTasks"), self.tasks_per_node)
        return formula.let("nodes", f"{known} ? {needed} : {unknown}")


@dataclass(frozen=True, kw_only=True)
class WorkingHours(Rule):
    """
    One size within the hours, another outside.

    Example::

        WorkingHours(peak=10, off_peak=1, start=8, end=18, utc_offset=timedelta(hours=1))
        WorkingHours(peak=4, start=22, end=6, weekdays=["friday", "saturday"])  # nights that begin there
        WorkingHours(peak=PendingTasks(), off_peak=PendingTasks().at_most(2))

    :param peak: nodes, or the rule, within the hours.
    :param off_peak: nodes, or the rule, outside the hours.
    :param start: first hour, 0 to 23, or a time of day in whole minutes.
    :param end: hour at which the hours are over, up to 24, or a time of day; before ``start`` it is on the
        next day.
    :param weekdays: days on which the hours begin, by their English names.
    :param utc_offset: of the clock that ``start`` and ``end`` are read from, fixed: the service knows no
        time zones and no summer time.
    """

    peak: int | Rule
    off_peak: int | Rule = 0
    start: int | time = 8
    end: int | time = 18
    weekdays: Sequence[str] = WEEKDAYS[:5]
    utc_offset: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        for name in ("peak", "off_peak"):
            value = getattr(self, name)
            if not isinstance(value, Rule):
                check_count(f"WorkingHours.{name}", value)
        start = _minute_of_day("WorkingHours.start", self.start, last_hour=23)
        if start == _minute_of_day("WorkingHours.end", self.end, last_hour=24):
            raise SpecError("WorkingHours.end", "is the same as start: give start=0, end=24 for whole days")
        check_span("WorkingHours.utc_offset", abs(self.utc_offset), timedelta(0), timedelta(hours=14))
        if self.utc_offset % _MINUTE:
            raise SpecError("WorkingHours.utc_offset", f"must be whole minutes, found {self.utc_offset}")
        self._check_weekdays()

    def _check_weekdays(self) -> None:
        days = [self.weekdays] if isinstance(self.weekdays, str) else list(self.weekdays)
        for day in days:
            if day not in WEEKDAYS:
                raise SpecError("WorkingHours.weekdays", f"knows {', '.join(WEEKDAYS)}; found {day!r}")
        if not days:
            raise SpecError("WorkingHours.weekdays", "must not be empty")
        # Frozen and equal by value: days in the order of the week, each once.
        object.__setattr__(self, "weekdays", tuple(day for day in WEEKDAYS if day in days))

    def write(self, formula: FormulaWriter) -> str:
        """Write the rule's statements."""
        peak, off_peak = (
            rule.write(formula) if isinstance(rule, Rule) else str(rule)
            for rule in (self.peak, self.off_peak)
        )
        start = _minute_of_day("start", self.start, last_hour=23)
        end = _minute_of_day("end", self.end, last_hour=24)
        minutes = (end - start) % _DAY_MINUTES or _DAY_MINUTES
        formula.section("hours", self._explanation(start, end))
        # On a clock that shows 00:00 when the hours begin, hours over midnight are hours of one day.
        shift = self.utc_offset // _MINUTE - start
        clock = formula.let("clock", f"time() + TimeInterval_Minute * ({shift})" if shift else "time()")
        within = [_on_days(f"{clock}.weekday", self.weekdays)]
        if minutes < _DAY_MINUTES:
            within.append(f"{clock}.hour * 60 + {clock}.minute < {minutes}")
        conditions = [condition for condition in within if condition]
        inside = formula.let("now", " && ".join(f"({part})" for part in conditions) or "1")
        return formula.let("nodes", f"{inside} ? {peak} : {off_peak}")

    def _explanation(self, start: int, end: int) -> str:
        days = ", ".join(day.capitalize()[:3] for day in self.weekdays)
        sign = "-" if self.utc_offset < timedelta(0) else "+"
        zone = _clock_text(abs(self.utc_offset) // _MINUTE)
        peak, off_peak = (
            "a rule" if isinstance(size, Rule) else counted(size, "node")
            for size in (self.peak, self.off_peak)
        )
        hours = f"{_clock_text(start)} to {_clock_text(end)} of UTC{sign}{zone}"
        return f"{peak} on {days}, {hours}; else {off_peak}"


@dataclass(frozen=True, kw_only=True)
class ResourceUsage(Rule):
    """
    As many nodes as bring the average use of their CPUs to what is wanted.

    Within the tolerance the size stays. A pool without nodes has no use and stays empty: compose with
    another rule, or give it at least one node. The service's newer documentation discourages its measures of
    nodes' resources; where tasks can be counted, :class:`PendingTasks` is the better rule.

    Example::

        greatest(ResourceUsage(cpu_percent=70), PendingTasks(tasks_per_node=20))

    :param cpu_percent: wanted average, 1 to 99.
    :param tolerance: percentage points that the average may be off before the size changes.
    :param window: time over which is averaged, 5 minutes to 24 hours.
    """

    cpu_percent: int = 70
    tolerance: int = 10
    window: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        check_count("ResourceUsage.cpu_percent", self.cpu_percent, 1, 99)
        check_count("ResourceUsage.tolerance", self.tolerance, 0, 98)
        if not 0 < self.cpu_percent - self.tolerance <= self.cpu_percent + self.tolerance < 100:
            raise SpecError(
                "ResourceUsage.tolerance",
                f"must leave cpu_percent {self.cpu_percent} +- tolerance {self.tolerance} within 1 to 99:"
                " the pool could never shrink, or never grow",
            )
        check_span("ResourceUsage.window", self.window, RECENT, MAX_LOOK_BACK)

    def write(self, formula: FormulaWriter) -> str:
        """Write the rule's statements."""
        window, wanted = interval(self.window), self.cpu_percent
        nodes = ("$CurrentDedicatedNodes", "$CurrentLowPriorityNodes")
        formula.section(
            "cpu use",
            f"an average of {wanted} percent, {self.tolerance} more or less, over {spoken(self.window)}",
        )
        known = formula.let("known", f"{sampled('$CPUPercent', *nodes, window=self.window)} >= 50")
        average = formula.let("percent", f"{known} ? avg($CPUPercent.GetSample({window})) : {wanted}")
        there = " + ".join(f"avg({metric}.GetSample({window}))" for metric in nodes)
        there = formula.let("there", f"{known} ? {there} : {PRESENT}")
        off = formula.let(
            "off", f"{average} > {wanted + self.tolerance} || {average} < {wanted - self.tolerance}"
        )
        return formula.let("nodes", f"{off} ? ceil({there} * {average} / {wanted}) : {PRESENT}")


@dataclass(frozen=True)
class FixedNodes(Rule):
    """
    Always so many nodes; of use within :func:`greatest`, :func:`least` and :class:`WorkingHours`.

    Example::

        greatest(FixedNodes(2), PendingTasks(tasks_per_node=20))

    :param nodes: 0 or more.
    """

    nodes: int

    def __post_init__(self) -> None:
        check_count("FixedNodes.nodes", self.nodes)

    def write(self, formula: FormulaWriter) -> str:
        """Write the rule's statements."""
        formula.section("fixed", f"always {counted(self.nodes, 'node')}")
        return formula.let("nodes", str(self.nodes))


def greatest(*rules: Rule) -> Rule:
    """
    Want what the rule wants that wants most.

    :param rules: two or more.
    """
    return _Choice("greatest", rules)


def least(*rules: Rule) -> Rule:
    """
    Want what the rule wants that wants least.

    :param rules: two or more.
    """
    return _Choice("least", rules)


# --- composed rules ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Choice(Rule):
    which: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        if len(self.rules) < 2:
            raise SpecError(self.which, f"takes two or more rules, found {len(self.rules)}")
        for index, rule in enumerate(self.rules):
            check_rule(f"{self.which}[{index}]", rule)

    def write(self, formula: FormulaWriter) -> str:
        wanted = [rule.write(formula) for rule in self.rules]
        formula.section(self.which, f"the {self.which} of {len(wanted)} rules")
        function = "max" if self.which == "greatest" else "min"
        return formula.let("nodes", f"{function}({', '.join(wanted)})")


@dataclass(frozen=True)
class _AtMost(Rule):
    rule: Rule
    nodes: int

    def write(self, formula: FormulaWriter) -> str:
        wanted = self.rule.write(formula)
        formula.section("cap", f"at most {counted(self.nodes, 'node')}")
        return formula.let("nodes", f"min({self.nodes}, {wanted})")


@dataclass(frozen=True)
class _AtLeast(Rule):
    rule: Rule
    nodes: int

    def write(self, formula: FormulaWriter) -> str:
        wanted = self.rule.write(formula)
        formula.section("floor", f"at least {counted(self.nodes, 'node')}")
        return formula.let("nodes", f"max({self.nodes}, {wanted})")


@dataclass(frozen=True)
class _Grace(Rule):
    rule: Rule
    grace: timedelta
    tasks_per_node: int | None = None

    def __post_init__(self) -> None:
        # Samples come out late: in a shorter time there may be none, and then no node would ever go.
        if self.grace != timedelta(0):
            check_span("with_grace.grace", self.grace, RECENT, MAX_LOOK_BACK)
        _check_tasks_per_node("with_grace", self.tasks_per_node)

    def write(self, formula: FormulaWriter) -> str:
        wanted = self.rule.write(formula)
        if not self.grace:
            return wanted
        formula.section("grace", f"nodes that tasks needed in the last {spoken(self.grace)} stay")
        known = formula.let("known", f"{sampled('$PendingTasks', window=self.grace)} > 0")
        most = f"max($PendingTasks.GetSample({interval(self.grace)}))"
        needed = formula.let("needed", f"{known} ? {_nodes_for(most, self.tasks_per_node)} : {PRESENT}")
        return formula.let("nodes", f"max({wanted}, min({PRESENT}, {needed}))")


# --- parts ---------------------------------------------------------------------------------------


def check_rule(path: str, rule: Any) -> None:
    """
    Check that something is a rule.

    :raises SpecError: it is none.
    """
    if not isinstance(rule, Rule):
        raise SpecError(path, f"must be a rule, for example PendingTasks(), found {rule!r}")


def _check_tasks_per_node(path: str, tasks_per_node: int | None) -> None:
    if tasks_per_node is not None:
        check_count(f"{path}.tasks_per_node", tasks_per_node, 1)


def _nodes_for(tasks: str, tasks_per_node: int | None) -> str:
    if tasks_per_node == 1:
        return tasks
    return f"ceil({tasks} / {'$TaskSlotsPerNode' if tasks_per_node is None else tasks_per_node})"


def _minute_of_day(path: str, moment: Any, *, last_hour: int) -> int:
    if isinstance(moment, time):
        if moment.second or moment.microsecond or moment.tzinfo:
            raise SpecError(path, f"must be whole minutes without a time zone, found {moment.isoformat()}")
        return moment.hour * 60 + moment.minute
    check_count(path, moment, 0, last_hour)
    return int(moment) * 60


def _clock_text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _on_days(weekday: str, days: Sequence[str]) -> str:
    """Write a test for days; Sunday, whose number is not documented, is what no other day is."""
    if len(days) == len(WEEKDAYS):
        return ""
    numbers = [WEEKDAYS.index(day) + 1 for day in days if day != "sunday"]
    runs = [
        (number, max(n for n in numbers if set(range(number, n + 1)) <= set(numbers)))
        for number in numbers
        if number - 1 not in numbers
    ]
    tests = [
        f"{weekday} == {first}" if first == last else f"({weekday} >= {first} && {weekday} <= {last})"
        for first, last in runs
    ]
    if "sunday" in days:
        tests.append(f"{weekday} < 1 || {weekday} > 6")
    return " || ".join(tests)
