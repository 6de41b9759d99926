"""The executor without processes: what it is told happens, in the account's time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from airflow_provider_batch.emulator.clock import ManualClock
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.execution.simulated import (
    EXIT_CODE,
    SECONDS,
    SimulatedExecutor,
    parse_seconds,
)
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.commands import Command, EnvironmentSetting
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies, TaskIdRange
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.states import TaskState
from airflow_provider_batch.emulator.model.tasks import Task, TaskConstraints, TaskSpec


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(
        machine_settings=MachineSettings(node_start_seconds=3.0),
        clock=ManualClock(),
        executor=SimulatedExecutor,
        run_timers=False,
    )
    yield engine
    engine.close()


def begin(engine: Engine, nodes: int = 1, slots: int = 1) -> None:
    engine.create_pool(
        PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=nodes, task_slots_per_node=slots)
    )
    engine.advance(5)
    engine.create_job(JobSpec("j", {}, "p", uses_task_dependencies=True))


def add(engine: Engine, task_id: str, environment: Mapping[str, str] | None = None, retries: int = 0) -> None:
    settings = tuple(EnvironmentSetting(name, value) for name, value in (environment or {}).items())
    command = Command("anything", settings)
    constraints = TaskConstraints(max_task_retry_count=retries)
    engine.add_task("j", TaskSpec(task_id, {}, command, constraints))


def task(engine: Engine, task_id: str) -> Task:
    with engine.reading() as state:
        return state.task("j", task_id)


def test_command_takes_the_time_and_ends_with_the_code_that_it_is_told(engine: Engine):
    begin(engine)
    add(engine, "t", {SECONDS: "30", EXIT_CODE: "3"})
    engine.advance(29)
    assert task(engine, "t").state is TaskState.RUNNING
    engine.advance(2)
    info = task(engine, "t").execution_info
    assert info.exit_code == 3
    assert info.start_time is not None
    assert info.end_time == info.start_time + timedelta(seconds=30)


def test_each_run_of_a_task_may_end_otherwise(engine: Engine):
    begin(engine)
    add(engine, "t", {EXIT_CODE: "1,2,0"}, retries=5)
    engine.advance(10)
    info = task(engine, "t").execution_info
    assert (info.exit_code, info.retry_count) == (0, 2)


def test_ended_command_has_no_exit_code(engine: Engine):
    begin(engine)
    add(engine, "t", {SECONDS: "30"})
    engine.advance(1)
    engine.terminate_task("j", "t")
    engine.advance(0)
    assert task(engine, "t").state is TaskState.COMPLETED
    assert task(engine, "t").execution_info.exit_code is None


@pytest.mark.parametrize("environment", [{SECONDS: "soon"}, {SECONDS: "9..1"}, {EXIT_CODE: "x"}])
def test_environment_that_makes_no_sense_fails_the_task_and_says_why(
    engine: Engine, environment: dict[str, str]
):
    begin(engine)
    add(engine, "t", environment)
    engine.advance(1)
    failure = task(engine, "t").execution_info.failure_info
    assert failure is not None
    assert failure.code == "CommandLaunchFailed"
    assert next(iter(environment.values())) in str(failure)


def test_range_of_seconds_is_used_and_the_same_work_takes_the_same_time():
    times = [parse_seconds("2..10", f"job/{number}/0") for number in range(100)]
    assert times == [parse_seconds("2..10", f"job/{number}/0") for number in range(100)]
    assert min(times) < 3
    assert max(times) > 9


def test_a_thousand_nodes_run_ten_thousand_tasks_and_their_fan_in(engine: Engine):
    begin(engine, nodes=1_000, slots=2)
    for number in range(10_000):
        add(engine, str(number))
    fan_in = TaskDependencies(task_id_ranges=(TaskIdRange(0, 9_999),))
    engine.add_task("j", TaskSpec("merge", {}, Command("merge"), depends_on=fan_in))
    engine.advance(4.5)
    assert task(engine, "merge").state is TaskState.ACTIVE
    engine.advance(2)
    assert task(engine, "merge").state is TaskState.COMPLETED
    with engine.reading() as state:
        tally = state.job("j").counts.tasks
        assert (tally.succeeded, tally.total) == (10_001, 10_001)
        runs = [node.total_tasks_run for node in state.pool("p").nodes.values()]
    assert (sum(runs), min(runs)) == (10_001, 10)
