"""
An account that outlives its emulator: what it begins with, and what becomes of its processes.

What ran when the emulator ended counts as lost with its node: tasks run again, which is not counted, and so
do the start tasks, packages, preparation and release tasks that were not being ended. The nodes themselves,
and the files on them, are as they were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from airflow_provider_batch.emulator.machine import node_packages, nodes, special_tasks, start_tasks
from airflow_provider_batch.emulator.machine import restart_events as events
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.runs import Ending, Run
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.account import Account
from airflow_provider_batch.emulator.model.assumptions import Assumptions
from airflow_provider_batch.emulator.model.faults import Faults
from airflow_provider_batch.emulator.model.nodes import NodeUsage


@dataclass(frozen=True)
class Beginning:
    """
    What an account without pools, jobs, schedules and applications still has.

    :param last_serial: so that no number is used twice.
    """

    settings: MachineSettings
    assumptions: Assumptions
    now: datetime = datetime(1, 1, 1, tzinfo=timezone.utc)
    last_serial: int = 0
    account: Account = field(default_factory=Account)
    usage: tuple[NodeUsage, ...] = ()

    @classmethod
    def of_new_account(cls, settings: MachineSettings) -> Beginning:
        """What a new account has."""
        return cls(settings, settings.assumptions)

    @classmethod
    def of_empty_account(cls, world: World) -> Beginning:
        """What is left in an account that is empty."""
        state = world.state
        return cls(
            world.settings, world.assumptions, world.now, world.last_serial, state.account, tuple(state.usage)
        )

    def world(self) -> World:
        """Make the memory of a machine."""
        made = World(self.settings, self.assumptions, now=self.now, last_serial=self.last_serial)
        made.state.account = replace(self.account)
        made.state.usage = deque(self.usage)
        return made


def is_empty(world: World) -> bool:
    """Whether nothing is there, and nothing is still to come, that only the past explains."""
    state = world.state
    things = (state.pools, state.jobs, state.schedules, state.applications, world.runs, world.instructions)
    return not any(things) and world.faults == Faults()


# --- events -------------------------------------------------------------------------------------------


def restarted(world: World, _event: events.EmulatorRestarted) -> None:
    """Let everything run again that ran, unless somebody was ending it: then it has ended."""
    for run_id in sorted(world.runs):
        run = world.runs[run_id]
        again = _AGAIN.get(run.kind)
        if run.ending is None and again is not None and (run.job_key is None or world.job_of(run)):
            _forget(world, run)
            again(world, run)
            continue
        if run.ending is None:
            run.ending = Ending.RECOVER
        world.dropped.append(run_id)


def _forget(world: World, run: Run) -> None:
    del world.runs[run.id]
    nodes.release(world, world.state.pools[run.pool_key], world.node_of(run), run)


def _start_task_again(world: World, run: Run) -> None:
    start_tasks.run_again(world, world.state.pools[run.pool_key], world.node_of(run))


def _packages_again(world: World, run: Run) -> None:
    node_packages.begin(world, world.state.pools[run.pool_key], world.node_of(run))


def _release_again(world: World, run: Run) -> None:
    job = world.job_of(run)
    if job is None or job.spec.release is None:
        raise AssertionError(f"run {run.id} releases a node for nobody")
    job.special_runs.discard(run.id)
    release = job.spec.release
    special_tasks.run_command(world, job, world.node_of(run), run.kind, release.id, release.command)


_AGAIN: Mapping[RunKind, Callable[[World, Run], None]] = {
    RunKind.START_TASK: _start_task_again,
    RunKind.PACKAGES: _packages_again,
    RunKind.RELEASE: _release_again,
}


def change_settings(world: World, event: events.ChangeSettings) -> None:
    """Take other settings."""
    before = world.settings
    world.settings = replace(event.settings, seed=before.seed, assumptions=before.assumptions)


HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    events.EmulatorRestarted: restarted,
    events.ChangeSettings: change_settings,
}
