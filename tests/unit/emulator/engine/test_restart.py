"""An engine that is given up without a word, and another one on the same root directory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.clock import ManualClock
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.engine.journal import STATE_FILE, StateFileError
from airflow_provider_batch.emulator.engine.restart_directories import leftovers
from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.execution.executor import Reports
from airflow_provider_batch.emulator.execution.layout import Layout
from airflow_provider_batch.emulator.machine.events import CreateJob
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory, RunKind
from airflow_provider_batch.emulator.machine.management_events import RegenerateKey
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.account import KeyName
from airflow_provider_batch.emulator.model.assumptions import ForwardReferences
from airflow_provider_batch.emulator.model.commands import Command, PackageReference
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec, StartTaskSpec
from airflow_provider_batch.emulator.model.special_tasks import JobPreparationTask, JobReleaseTask
from airflow_provider_batch.emulator.model.states import JobState, NodeState, TaskState
from airflow_provider_batch.emulator.model.tasks import TaskSpec
from tests.unit.emulator.engine.scripted import ScriptedExecutor

COMMAND = Command("/bin/true")


class Lives:
    """One account, whose engine is killed and begun anew."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = ManualClock()
        self.engine = self._begin()

    def _begin(self, name: str = "devbatch") -> Engine:
        return Engine(
            self.root,
            account_name=name,
            machine_settings=MachineSettings(node_start_seconds=3.0),
            clock=self.clock,
            executor=self._executor,
            run_timers=False,
        )

    def _executor(self, reports: Reports, _later: object) -> ScriptedExecutor:
        self.executor = ScriptedExecutor(reports)
        return self.executor

    def again(self, name: str = "devbatch") -> Engine:
        """Let the engine be gone; nothing that it ran is reported any more."""
        self.engine.close()
        self.engine = self._begin(name)
        return self.engine

    def pass_time(self, seconds: float) -> None:
        for _ in range(10):
            self.clock.advance(seconds / 10)
            self.engine.fire_due_timers()

    def node(self) -> object:
        return next(iter(self.engine._machine.state.pool("p").nodes.values()))


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    """An account with nothing in it."""
    made = Lives(tmp_path / "root")
    yield made
    made.engine.close()


def begin(lives: Lives, **job: object) -> None:
    lives.engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1))
    lives.pass_time(6.0)
    lives.engine.create_job(JobSpec("j", {}, "p", **job))  # type: ignore[arg-type]


def task_state(lives: Lives, task_id: str = "t") -> TaskState:
    with lives.engine.reading() as state:
        return state.task("j", task_id).state


def test_all_is_as_it_was(lives: Lives):
    begin(lives)
    lives.engine.add_task("j", TaskSpec("t", {"k": [1, None, "ü"]}, COMMAND))
    lives.executor.exit("t", 0)
    before = repr(lives.engine._machine.state)
    lives.again()
    assert repr(lives.engine._machine.state) == before
    assert lives.engine.is_restored


def test_running_task_runs_again_and_that_is_not_counted(lives: Lives):
    begin(lives)
    lives.engine.add_task("j", TaskSpec("t", {}, COMMAND))
    lives.executor.reports.started(lives.executor.runs[-1].run_id)
    lives.again()
    assert [run.task_id for run in lives.executor.runs] == ["t"]
    lives.executor.exit("t", 0)
    with lives.engine.reading() as state:
        task = state.task("j", "t")
        assert task.state is TaskState.COMPLETED
        assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (0, 0)


def test_task_that_was_being_ended_has_ended(lives: Lives):
    begin(lives)
    lives.engine.add_task("j", TaskSpec("t", {}, COMMAND))
    lives.executor.reports.started(lives.executor.runs[-1].run_id)
    lives.engine.terminate_task("j", "t")
    lives.again()
    assert lives.executor.runs == []
    assert task_state(lives) is TaskState.COMPLETED


@pytest.mark.parametrize("waits", [True, False])
def test_start_task_runs_again_and_that_is_no_retry(lives: Lives, waits: bool):
    start_task = StartTaskSpec(COMMAND, 0, waits)
    spec = PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1, start_task=start_task)
    lives.engine.create_pool(spec)
    lives.pass_time(6.0)
    lives.again()
    (run,) = lives.executor.runs
    assert run.kind is RunKind.START_TASK
    lives.executor.reports.started(run.run_id)
    lives.executor.reports.exited(run.run_id, 0)
    with lives.engine.reading() as state:
        (node,) = state.pool("p").nodes.values()
        assert node.state is NodeState.IDLE
        assert node.start_task_info is not None
        assert node.start_task_info.retry_count == 0


def test_packages_are_brought_to_a_node_again(lives: Lives):
    packages = (PackageReference("a", "1"),)
    spec = PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1, packages=packages)
    lives.engine.create_pool(spec)
    lives.pass_time(6.0)
    lives.again()
    (run,) = lives.executor.runs
    assert run.kind is RunKind.PACKAGES
    lives.executor.reports.exited(run.run_id, 0)
    with lives.engine.reading() as state:
        assert [node.state for node in state.pool("p").nodes.values()] == [NodeState.IDLE]


def test_preparation_and_release_run_again(lives: Lives):
    begin(lives, preparation=JobPreparationTask("d", COMMAND), release=JobReleaseTask("c", COMMAND))
    lives.engine.add_task("j", TaskSpec("t", {}, COMMAND))
    assert [run.task_id for run in lives.executor.runs] == ["d"]
    lives.again()
    assert [run.task_id for run in lives.executor.runs] == ["d"]
    lives.executor.exit("d", 0)
    lives.executor.exit("t", 0)
    lives.engine.terminate_job("j")
    assert [run.task_id for run in lives.executor.runs] == ["d", "t", "c"]
    lives.again()
    assert [run.task_id for run in lives.executor.runs] == ["c"]
    lives.executor.exit("c", 0)
    lives.pass_time(1.0)
    with lives.engine.reading() as state:
        assert state.job("j").state is JobState.COMPLETED


def test_timers_go_on_and_those_that_are_due_come_at_once(lives: Lives):
    lives.engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1))
    lives.again()
    lives.clock.advance(60.0)
    lives.again()
    lives.pass_time(6.0)
    with lives.engine.reading() as state:
        assert [node.state for node in state.pool("p").nodes.values()] == [NodeState.IDLE]


def test_time_does_not_go_back(lives: Lives):
    lives.clock.advance(3600.0)
    begin(lives)
    before = lives.engine.now()
    lives.clock = ManualClock()
    assert lives.again().now() >= before - timedelta(seconds=6)
    assert lives.engine.now() > ManualClock().now() + timedelta(seconds=3600)


def test_refused_requests_leave_no_trace(lives: Lives):
    begin(lives)
    for _ in range(3):
        with pytest.raises(ServiceError):
            lives.engine.create_job(JobSpec("j", {}, "p"))
        lives.clock.advance(1.0)
    lives.engine.add_task("j", TaskSpec("t", {}, COMMAND))
    lives.again()
    assert task_state(lives) is TaskState.RUNNING


def test_event_that_came_late_counts_as_it_did(lives: Lives):
    begin(lives)
    early = lives.engine.now()
    lives.clock.advance(5.0)
    with pytest.raises(ServiceError):
        lives.engine.create_job(JobSpec("j", {}, "p"))
    # Its time was taken before that of the refused one, which the journal does not know.
    lives.engine.feed(CreateJob(early, JobSpec("k", {}, "p")))
    before = repr(lives.engine._machine.state.job("k"))
    assert repr(lives.again()._machine.state.job("k")) == before


def test_keys_assumptions_and_seed_stay(lives: Lives):
    lives.engine.feed(RegenerateKey(lives.engine.now(), KeyName.SECONDARY, "a2V5"))
    lives.engine.assume("forward_references", "refused")
    seed = lives.engine.machine_settings.seed
    for _ in range(2):
        # The account is empty: it begins again with what is left.
        engine = lives.again()
        assert engine.account.keys == {KeyName.SECONDARY: "a2V5"}
        assert engine.assumptions.forward_references is ForwardReferences.REFUSED
        assert engine.machine_settings.seed == seed


def test_other_settings_hold_from_now_on_and_after_the_next_restart(lives: Lives):
    begin(lives)
    settings = replace(lives.engine.machine_settings, node_start_seconds=30.0, seed="other")
    assumptions = lives.engine.assumptions.changed("forward_references", "refused")
    lives.engine.reconfigure(settings, assumptions)
    engine = lives.again()
    assert engine.machine_settings.node_start_seconds == 30.0
    assert engine.machine_settings.seed != "other"
    assert engine.assumptions.forward_references is ForwardReferences.REFUSED


def test_journal_of_an_empty_account_is_cut_and_ids_go_on(lives: Lives):
    begin(lives)
    lives.engine.delete_job("j")
    lives.pass_time(1.0)
    lives.engine.delete_pool("p")
    lives.pass_time(1.0)
    serial = lives.engine._machine.world.last_serial
    usage = list(lives.engine._machine.state.usage)
    lives.again()
    assert lives.engine._machine.world.last_serial == serial
    assert list(lives.engine._machine.state.usage) == usage
    lives.engine.close()
    with closing(sqlite3.connect(lives.root / STATE_FILE)) as database:
        assert database.execute("SELECT kind FROM events").fetchall() == [("EmulatorRestarted",)]


def test_root_of_another_account_is_refused_and_free_again(lives: Lives):
    with pytest.raises(StateFileError, match="--account-name devbatch"):
        lives.again("other")
    lives.engine = lives._begin()


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE events SET kind = 'Unheard' WHERE number = 1", "there is no event Unheard"),
        ("UPDATE events SET last_serial = 99 WHERE number = 1", "has other consequences"),
        ("UPDATE events SET body = '{}' WHERE number = 1", "another version"),
        ("INSERT INTO events SELECT 99, kind, body, 99, 0 FROM events WHERE number = 1", "missing"),
        ("UPDATE beginning SET body = '{\"x\":1}'", "another version"),
        ("UPDATE events SET went_wrong = 1 WHERE number = 1", "does not now"),
    ],
)
def test_journal_that_leads_elsewhere_is_refused(lives: Lives, statement: str, text: str):
    begin(lives)
    lives.engine.close()
    with closing(sqlite3.connect(lives.root / STATE_FILE, isolation_level=None)) as database:
        database.execute(statement)
    with pytest.raises(StateFileError, match=text):
        lives.again()
    with closing(sqlite3.connect(lives.root / STATE_FILE, isolation_level=None)) as database:
        database.execute("DELETE FROM events")


def test_engine_without_a_root_writes_no_journal():
    engine = Engine(run_timers=False)
    assert not (engine.root / STATE_FILE).exists()
    assert not engine.is_restored
    engine.close()


def test_event_that_cannot_be_written_is_answered_with_an_error_as_are_all_that_follow(lives: Lives):
    begin(lives)
    assert lives.engine._kept is not None
    database = lives.engine._kept.machine._journal._database
    database.execute("PRAGMA query_only = ON")
    runs = len(lives.executor.runs)
    with pytest.raises(StateFileError):
        lives.engine.add_task("j", TaskSpec("t", {}, COMMAND))
    database.execute("PRAGMA query_only = OFF")
    with pytest.raises(StateFileError):
        lives.engine.add_task("j", TaskSpec("u", {}, COMMAND))
    assert len(lives.executor.runs) == runs
    lives.again()
    with pytest.raises(ServiceError):
        task_state(lives)


def test_what_went_wrong_in_the_machine_goes_wrong_again_and_nothing_else(lives: Lives):
    begin(lives)
    with pytest.raises(KeyError):
        lives.executor.reports.exited(12345, 0)
    lives.engine.add_task("j", TaskSpec("t", {}, COMMAND))
    lives.again()
    assert task_state(lives) is TaskState.RUNNING


def test_directories_that_belong_to_nothing_are_removed_and_others_never(lives: Lives):
    begin(lives)
    lives.engine.add_task("j", TaskSpec("t", {}, COMMAND))
    layout = Layout(lives.engine.root)
    with lives.engine.reading() as state:
        (node,) = state.pool("p").nodes.values()
        work = layout.node("p", node.id) / "workitems"
        other = f"tvmps_{'0' * 64}_d"
        for path in (
            work / "j/job-1/t/wd",
            work / "j/job-1/gone/wd",
            work / "k/job-1/t",
            layout.node("p", node.id) / "shared/kept",
            layout.node("p", other) / "workitems",
            layout.root / "letters/aunt",
        ):
            path.mkdir(parents=True)
        found = {(item.pool_id, item.node_id, item.directory) for item in leftovers(layout, state)}
    assert found == {
        ("p", node.id, "workitems/j/job-1/gone"),
        ("p", node.id, "workitems/k"),
        ("p", other, ""),
    }
    lives.again()
    assert {d for d in lives.executor.deleted if d.node_id == other} == {DeleteDirectory("p", other)}
    assert [prepared.node_id for prepared in lives.executor.nodes] == [node.id]
