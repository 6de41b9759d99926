"""Fixtures of the machine's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.emulator.machine.simulation import Simulation


@pytest.fixture
def machine() -> Iterator[Simulation]:
    """A machine whose invariants are checked after every event and at the end."""
    simulation = Simulation()
    yield simulation
    simulation.check()


@pytest.fixture(params=["just started", "not begun yet"])
def machine_with_running_task(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """A pool of one node, and task "t" of job "j" on it, with or without a process yet."""
    simulation = Simulation(starts_processes=request.param == "just started")
    simulation.pool()
    simulation.job()
    simulation.task("t")
    yield simulation
    simulation.check()
