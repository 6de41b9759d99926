"""Who waits for whom: ids, ranges, actions, reactivation."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.dependencies import DependencyGraph
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.assumptions import (
    Assumptions,
    ReactivationUnblocks,
    UndeclaredDependencies,
)
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies, TaskIdRange
from airflow_provider_batch.emulator.model.exits import (
    ExitCodeRange,
    ExitConditions,
    ExitOptions,
)
from airflow_provider_batch.emulator.model.states import DependencyAction, TaskState
from airflow_provider_batch.emulator.model.tasks import TaskSpec
from tests.unit.emulator.machine.simulation import COMMAND, Simulation

SATISFY = ExitOptions(dependency_action=DependencyAction.SATISFY)
BLOCK = ExitOptions(dependency_action=DependencyAction.BLOCK)


def _ids(*task_ids: str) -> TaskDependencies:
    return TaskDependencies(task_ids=task_ids)


def _range(start: int, end: int) -> TaskDependencies:
    return TaskDependencies(task_id_ranges=(TaskIdRange(start, end),))


@pytest.fixture
def machine(machine: Simulation) -> Simulation:
    """A machine with room for everything."""
    machine.pool(nodes=10)
    machine.job()
    return machine


def test_dependent_starts_when_its_last_parent_succeeds(machine: Simulation) -> None:
    child = machine.task("c", depends_on=_ids("a", "B", "b"))
    machine.task("a")
    machine.task("b")
    machine.exit("a", 0)
    assert child.state is TaskState.ACTIVE
    machine.exit("b", 0)
    assert child.state is TaskState.RUNNING


def test_dependent_stays_active_when_parent_fails_with_block(machine: Simulation) -> None:
    machine.task("a")
    child = machine.task("c", depends_on=_ids("a"))
    machine.exit("a", 1)
    machine.pass_time(1_000_000.0)
    assert child.state is TaskState.ACTIVE


def test_dependent_starts_when_reactivated_parent_succeeds(machine: Simulation) -> None:
    machine.task("a")
    child = machine.task("c", depends_on=_ids("a"))
    machine.exit("a", 1)
    machine.do(events.ReactivateTask, "j", "a")
    machine.exit("a", 0)
    assert child.state is TaskState.RUNNING


def test_dependent_of_a_completed_parent_starts_at_once(machine: Simulation) -> None:
    machine.task("a")
    machine.exit("a", 0)
    assert machine.task("c", depends_on=_ids("A")).state is TaskState.RUNNING


def test_dependent_of_a_deleted_or_missing_parent_waits(machine: Simulation) -> None:
    machine.task("a")
    machine.exit("a", 0)
    machine.do(events.DeleteTask, "j", "a")
    assert machine.task("c", depends_on=_ids("a")).state is TaskState.ACTIVE
    assert machine.task("d", depends_on=_ids("never")).state is TaskState.ACTIVE


def test_satisfaction_stays_with_those_who_had_it_when_the_parent_is_reactivated(machine: Simulation) -> None:
    machine.task("1", exit_conditions=ExitConditions(default=SATISFY))
    early = machine.task("early", depends_on=TaskDependencies(("b",), (TaskIdRange(1, 2),)))
    machine.task("2")
    machine.exit("1", 1)
    machine.do(events.ReactivateTask, "j", "1")
    late = machine.task("late", depends_on=_range(1, 2))
    machine.task("b")
    machine.exit("2", 0)
    machine.exit("b", 0)
    assert early.state is TaskState.RUNNING
    assert late.state is TaskState.ACTIVE
    machine.exit("1", 0)
    assert late.state is TaskState.RUNNING


def test_range_waits_for_every_integer_in_it(machine: Simulation) -> None:
    child = machine.task("c", depends_on=_range(1, 3))
    for task_id in ("1", "3"):
        machine.task(task_id)
        machine.exit(task_id, 0)
    assert child.state is TaskState.ACTIVE
    machine.task("2")
    machine.exit("2", 0)
    assert child.state is TaskState.RUNNING


def test_leading_zeros_do_not_matter_to_a_range_and_the_first_to_complete_counts(machine: Simulation) -> None:
    child = machine.task("c", depends_on=_range(4, 4))
    machine.task("4")
    machine.task("004")
    machine.exit("004", 0)
    assert child.state is TaskState.RUNNING


def test_leading_zeros_matter_to_an_id(machine: Simulation) -> None:
    child = machine.task("c", depends_on=_ids("4"))
    machine.task("04")
    machine.exit("04", 0)
    assert child.state is TaskState.ACTIVE


def test_undeclared_dependencies_are_refused_with_the_code_that_is_set() -> None:
    spec = TaskSpec("c", {}, COMMAND, depends_on=_ids("a"))
    for answer in UndeclaredDependencies:
        machine = Simulation(MachineSettings(assumptions=Assumptions(undeclared_dependencies=answer)))
        machine.job(uses_task_dependencies=False)
        assert machine.refused(events.AddTask, "j", spec) == answer.value


@pytest.mark.parametrize(
    ("conditions", "exit_code", "starts"),
    [
        (ExitConditions(), 0, True),
        (ExitConditions(), 1, False),
        (ExitConditions(default=SATISFY), 1, True),
        (ExitConditions(default=BLOCK), 0, True),
        (ExitConditions((ExitCodeRange(0, 0, BLOCK),)), 0, False),
        (ExitConditions((ExitCodeRange(2, 4, SATISFY),)), 3, True),
        (ExitConditions((ExitCodeRange(2, 4, SATISFY),)), 5, False),
        (ExitConditions((ExitCodeRange(3, 3, BLOCK),), default=SATISFY), 3, False),
        (ExitConditions((ExitCodeRange(3, 3, ExitOptions()),), default=SATISFY), 3, False),
    ],
)
def test_exit_conditions_decide_for_dependents(
    machine: Simulation, conditions: ExitConditions, exit_code: int, starts: bool
) -> None:
    machine.task("a", exit_conditions=conditions)
    child = machine.task("c", depends_on=_ids("a"))
    machine.exit("a", exit_code)
    assert (child.state is TaskState.RUNNING) == starts


def test_pre_processing_error_has_its_own_condition(machine: Simulation) -> None:
    machine.starts_processes = False
    machine.task("a", exit_conditions=ExitConditions(pre_processing_error=SATISFY, default=BLOCK))
    child = machine.task("c", depends_on=_ids("a"))
    machine.fail_to_start("a", failures.command_program_not_found("x"))
    assert child.state is TaskState.RUNNING


def test_terminated_parent_blocks_unless_the_default_satisfies(machine: Simulation) -> None:
    machine.task("a")
    machine.task("b", exit_conditions=ExitConditions(default=SATISFY))
    blocked, free = machine.task("c", depends_on=_ids("a")), machine.task("d", depends_on=_ids("b"))
    machine.do(events.TerminateTask, "j", "a")
    machine.do(events.TerminateTask, "j", "b")
    machine.end_killed()
    assert blocked.state is TaskState.ACTIVE
    assert free.state is TaskState.RUNNING


def test_terminated_dependent_that_is_reactivated_still_waits_for_its_parent(machine: Simulation) -> None:
    machine.task("a")
    child = machine.task("c", depends_on=_ids("a"))
    machine.do(events.TerminateTask, "j", "c")
    machine.do(events.ReactivateTask, "j", "c")
    assert child.state is TaskState.ACTIVE
    machine.exit("a", 0)
    assert child.state is TaskState.RUNNING


RANGES = st.builds(
    lambda start, length: TaskIdRange(start, start + length), st.integers(-20, 40), st.integers(0, 40)
)


@given(st.lists(RANGES, max_size=6), st.permutations(range(-20, 81)))
def test_ranges_free_exactly_when_their_last_integer_comes(
    ranges: list[TaskIdRange], order: list[int]
) -> None:
    graph = DependencyGraph()
    missing = {}
    for serial, ids in enumerate(ranges):
        graph.add((str(serial), serial), TaskDependencies(task_id_ranges=(ids,)))
        missing[serial] = set(range(ids.start, ids.end + 1))
    for number in order:
        for ids_left in missing.values():
            ids_left.discard(number)
        freed = {serial for _, serial in graph.satisfy(str(number))}
        assert freed == {serial for serial, left in missing.items() if not left}
        missing = {serial: left for serial, left in missing.items() if left}


def test_huge_ranges_are_not_expanded() -> None:
    graph = DependencyGraph()
    for number in range(10_000):
        graph.add((f"c{number}", number), _range(number * 10, number * 10 + 1_000_000_000))
    graph.add(("last", -1), _range(7, 7))
    assert graph.satisfy("7") == [("last", -1)]
    assert not graph.is_free(("c0", 0))


def test_dependent_stays_blocked_after_reactivation_if_that_is_assumed() -> None:
    settings = MachineSettings(
        node_start_seconds=3.0, assumptions=Assumptions(reactivation_unblocks=ReactivationUnblocks.NO)
    )
    machine = Simulation(settings)
    machine.pool(nodes=10)
    machine.job()
    machine.task("1")
    blocked = [machine.task("c", depends_on=_ids("1")), machine.task("d", depends_on=_range(1, 1))]
    machine.exit("1", 1)
    machine.do(events.ReactivateTask, "j", "1")
    later = machine.task("e", depends_on=_range(1, 1))
    machine.exit("1", 0)
    assert [child.state for child in blocked] == [TaskState.ACTIVE] * 2
    assert later.state is TaskState.RUNNING
