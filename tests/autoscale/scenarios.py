"""The scenarios that the documentation shows as plots, and that the tests make claims about."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from airflow_provider_batch.specs import Autoscale
from airflow_provider_batch.specs.autoscale_rules import (
    PendingTasks,
    WorkingHours,
    greatest,
    least,
)
from tests.autoscale.simulation import Curve, Load, Surroundings, simulate


@dataclass(frozen=True)
class Scenario:
    """
    A rule under a load.

    :param name: of the image.
    :param make: its body is the code that the documentation shows.
    """

    name: str
    title: str
    make: Callable[[], Autoscale]
    load: tuple[Load, ...]
    length: timedelta
    surroundings: Surroundings = field(default_factory=Surroundings)

    @property
    def code(self) -> str:
        """Return the expression that makes the rule, as it is written."""
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(self.make))).body
        assert isinstance(function, ast.FunctionDef)
        (statement,) = function.body
        assert isinstance(statement, ast.Return)
        assert statement.value is not None
        source = textwrap.dedent(inspect.getsource(self.make))
        segment = ast.get_source_segment(source, statement.value)
        assert segment is not None
        first, *others = segment.split("\n")
        return "\n".join([first, *(line.removeprefix("    ") for line in others)])


@cache
def curve_of(scenario: Scenario) -> Curve:
    """Run a scenario, once."""
    return simulate(scenario.make(), scenario.load, scenario.length, scenario.surroundings)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def pending_tasks() -> Autoscale:
    return Autoscale.pending_tasks(max_nodes=20)


def stepped() -> Autoscale:
    return Autoscale.pending_tasks(max_nodes=20, step_up=4, step_down=2)


def working_hours() -> Autoscale:
    return Autoscale.working_hours(peak=10, off_peak=1, start=8, end=18, utc_offset=timedelta(hours=1))


def resource_usage() -> Autoscale:
    return Autoscale.resource_usage(max_nodes=20, cpu_percent=70)


def spot_with_fallback() -> Autoscale:
    return Autoscale.spot_with_fallback(max_nodes=20, min_dedicated_nodes=1)


def composed() -> Autoscale:
    return Autoscale.of(
        greatest(
            least(PendingTasks(), WorkingHours(peak=20, off_peak=4)).with_grace(timedelta(minutes=10)),
            WorkingHours(peak=2, off_peak=0, start=7, end=19),
        ),
        max_nodes=20,
    )


BURSTS = (
    Load(minutes(12), 48, minutes(10)),
    Load(minutes(62), 6, minutes(8)),
    Load(minutes(74), 12, minutes(8)),
)

SCENARIOS = (
    Scenario(
        "pending-tasks",
        "Pending tasks: two slots a node, three bursts",
        pending_tasks,
        BURSTS,
        hours(2.25),
        Surroundings(slots=2),
    ),
    Scenario(
        "gradual-steps",
        "Gradual steps: the same load, at most 4 up and 2 down",
        stepped,
        BURSTS,
        hours(2.25),
        Surroundings(slots=2),
    ),
    Scenario(
        "working-hours",
        "Working hours: Sunday to Tuesday, tasks every six hours",
        working_hours,
        tuple(Load(hours(hour), 16, minutes(45)) for hour in range(1, 72, 6)),
        hours(72),
        Surroundings(begin=Surroundings().begin + timedelta(days=6)),
    ),
    Scenario(
        "cpu-use",
        "CPU use: eight slots a node, tasks that use a quarter of a node each",
        resource_usage,
        tuple(
            Load(minutes(minute), 16 if 40 <= minute < 150 else 3, minutes(10), cpu_percent=25)
            for minute in range(0, 240, 10)
        ),
        hours(4),
        Surroundings(slots=8),
    ),
    Scenario(
        "spot-with-fallback",
        "Spot with fallback: Azure has only 3 spot nodes from 1:05 to 2:35",
        spot_with_fallback,
        tuple(Load(minutes(minute), 10, minutes(10)) for minute in range(10, 250, 10)),
        hours(5),
        Surroundings(spot_nodes=lambda at: 3 if minutes(65) <= at < minutes(155) else 20),
    ),
    Scenario(
        "composed",
        "Composed: as tasks need, 4 at night, 2 kept warm in the day",
        composed,
        tuple(Load(hours(hour), 14, minutes(40)) for hour in (2, 6, 9.5, 12, 16, 21)),
        hours(24),
    ),
)
