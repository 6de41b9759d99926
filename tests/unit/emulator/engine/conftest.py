"""An engine with a clock and an executor that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.clock import ManualClock
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.execution.executor import Reports
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.tasks import TaskSpec
from tests.unit.emulator.engine.scripted import ScriptedExecutor


class Account:
    """The engine with what moves it."""

    def __init__(self, root: Path) -> None:
        self.clock = ManualClock()
        self.executors: list[ScriptedExecutor] = []
        self.engine = Engine(
            root,
            machine_settings=MachineSettings(node_start_seconds=3.0),
            clock=self.clock,
            executor=self._executor,
            run_timers=False,
        )

    def _executor(self, reports: Reports, _later: object) -> ScriptedExecutor:
        self.executors.append(ScriptedExecutor(reports))
        return self.executors[-1]

    @property
    def executor(self) -> ScriptedExecutor:
        """The engine's executor."""
        return self.executors[0]

    def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps, with what is due."""
        for _ in range(10):
            self.clock.advance(seconds / 10)
            self.engine.fire_due_timers()

    def begin(self) -> None:
        """Create a pool with an idle node, and a job with a running task."""
        self.engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1))
        self.pass_time(6.0)
        self.engine.create_job(JobSpec("j", {}, "p"))
        self.engine.add_task("j", TaskSpec("t", {}, Command("/bin/true")))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """An account with nothing in it."""
    made = Account(tmp_path / "root")
    yield made
    made.engine.close()
