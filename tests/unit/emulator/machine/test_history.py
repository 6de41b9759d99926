"""What lists and counts show while they are assumed to be late."""

# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.history import Past
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.assumptions import Assumptions
from tests.unit.emulator.machine.simulation import START, Simulation

LAG = 10.0


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def machine() -> Simulation:
    """A machine whose lists and counts are ten seconds late."""
    settings = MachineSettings(
        node_start_seconds=3.0, assumptions=Assumptions(list_lag=LAG, stale_counts=LAG)
    )
    machine = Simulation(settings)
    machine.pool()
    machine.job()
    return machine


def listed(machine: Simulation) -> dict[str, str]:
    job = machine.machine.state.job("j")
    history = machine.machine.world.jobs[job.serial].history
    return {t.id: t.state.value for t in history.tasks_at(job, machine.now - timedelta(seconds=LAG))}


def succeeded(machine: Simulation) -> int:
    job = machine.machine.state.job("j")
    history = machine.machine.world.jobs[job.serial].history
    return (history.counts.at(machine.now - timedelta(seconds=LAG)) or job.counts).tasks.succeeded


def test_new_and_changed_tasks_show_when_the_lag_is_over(machine: Simulation) -> None:
    machine.task("t")
    machine.pass_time(4.0)
    machine.exit("t")
    assert listed(machine) == {}
    machine.pass_time(6.0)
    assert listed(machine) == {"t": "running"}
    assert succeeded(machine) == 0
    machine.pass_time(4.0)
    assert listed(machine) == {"t": "completed"}
    assert succeeded(machine) == 1


def test_deleted_task_shows_until_the_lag_is_over(machine: Simulation) -> None:
    machine.task("t")
    machine.pass_time(20.0)
    machine.exit("t")
    machine.do(events.DeleteTask, "j", "t")
    machine.pass_time(9.0)
    assert listed(machine) == {"t": "running"}
    machine.pass_time(1.0)
    assert listed(machine) == {}


def test_past_forgets_what_nobody_asks_for_any_more() -> None:
    past: Past[int] = Past()
    for second in range(100):
        past.keep(second, at(second), at(second - 3))
    assert [past.at(at(second)) for second in (96, 97, 98, 99)] == [97, 98, 99, None]
    assert past.at(at(0)) == 97
