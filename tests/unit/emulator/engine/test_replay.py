"""Whatever happened in whatever order: the journal leads to the same state again, and the work goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule

from airflow_provider_batch.emulator.engine.journal import Entry
from airflow_provider_batch.emulator.engine.journal_codec import from_text, to_text
from airflow_provider_batch.emulator.engine.journalled_machine import JournalledMachine
from airflow_provider_batch.emulator.engine.restart import replay
from airflow_provider_batch.emulator.engine.timers import TimerQueue
from airflow_provider_batch.emulator.machine.machine import Machine
from airflow_provider_batch.emulator.machine.restart import Beginning, is_empty
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from tests.unit.emulator.machine.simulation import Simulation
from tests.unit.emulator.machine.test_any_order import AnyOrder


class ListedEntries:
    """A journal in memory."""

    def __init__(self, settings: MachineSettings) -> None:
        self.beginning = to_text(Beginning, Beginning.of_new_account(settings))
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)

    def replayed(self) -> tuple[Machine, TimerQueue]:
        return replay(from_text(Beginning, self.beginning), self.entries)


def plain(value: Any) -> Any:
    """A value as lists and primitives, so that equal means alike in every part and in every order."""
    if isinstance(value, dict):
        return [(plain(key), plain(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value), key=repr)
    if isinstance(value, list | tuple) or type(value).__name__ == "deque":
        return [plain(item) for item in value]
    if hasattr(value, "__dict__") and not isinstance(value, type) and not hasattr(value, "value"):
        return type(value).__name__, plain(vars(value))
    return value


class Restarting(AnyOrder):
    """Users, nodes, time and restarts in any order."""

    def simulation(self, settings: MachineSettings) -> Simulation:
        self.journal = ListedEntries(settings)
        return Simulation(settings, starts_processes=False, make_machine=self._machine)

    def _machine(self, settings: MachineSettings) -> Machine:
        return JournalledMachine(Beginning.of_new_account(settings).world(), self.journal)  # type: ignore[arg-type]

    def _replayed(self) -> tuple[Machine, TimerQueue]:
        machine, timers = self.journal.replayed()
        world = self.world.machine.world
        # Requests that were refused have moved the time, and nothing else.
        assert machine.world.now <= world.now
        machine.world.now = world.now
        assert plain(machine.world) == plain(world)
        assert [(due, timer) for due, _, timer in sorted(timers._heap, key=_order)] == [
            (due, timer) for due, _, timer in sorted(self.world.timers._heap, key=_order)
        ]
        return machine, timers

    @rule()
    def emulator_is_killed_and_begins_again(self) -> None:
        machine, timers = self._replayed()
        self.world.restart(JournalledMachine(machine.world, self.journal), timers)  # type: ignore[arg-type]

    def teardown(self) -> None:
        """The end of all is remembered, too; an account that was emptied begins as it has ended."""
        if not hasattr(self, "world"):
            return
        super().teardown()
        machine, _ = self._replayed()
        machine.world.faults = replace(machine.world.faults, resizes={}, start_tasks=[])
        assert is_empty(machine.world)
        beginning = Beginning.of_empty_account(machine.world)
        assert from_text(Beginning, to_text(Beginning, beginning)) == beginning
        assert plain(beginning.world()) == plain(machine.world)


def _order(item: tuple[Any, int, Any]) -> tuple[Any, int]:
    return item[:2]


TestRestarting = Restarting.TestCase
TestRestarting.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
