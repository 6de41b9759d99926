"""Tasks: runs, retries, verbs, exit conditions, wall clock, files."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory, RunProcess
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import Command, EnvironmentSetting
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    ErrorCategory,
    NodeDeallocationOption,
    TaskResult,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskFiles, TaskSpec
from tests.unit.emulator.machine.simulation import COMMAND, Simulation


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_task_that_exits_with_0_succeeds(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    created = task.last_modified
    machine.pass_time(1.0)
    machine.exit("t", 0)
    info = task.execution_info
    assert (task.state, task.previous_state) == (TaskState.COMPLETED, TaskState.RUNNING)
    assert (info.exit_code, info.result, info.failure_info) == (0, TaskResult.SUCCESS, None)
    assert info.end_time == task.state_transition_time == machine.now
    assert task.last_modified == created


def test_task_that_exits_otherwise_fails_with_its_code(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    machine.exit("t", 3)
    info = task.execution_info
    assert (info.exit_code, info.result) == (3, TaskResult.FAILURE)
    assert info.failure_info == failures.failure_exit_code()


def test_task_runs_in_the_directory_that_the_service_uses(machine: Simulation) -> None:
    machine.pool()
    machine.job(common_environment_settings=(EnvironmentSetting("A", "job"),))
    command = Command("/bin/true", (EnvironmentSetting("A", "task"),))
    machine.do(events.AddTask, "j", TaskSpec("t", {}, command))
    (run,) = machine.processes.values()
    assert run.directory == "workitems/j/job-1/t"
    assert [s.value for s in run.command.environment_settings] == ["job", "task"]


def test_start_time_comes_with_the_process(machine: Simulation) -> None:
    machine.starts_processes = False
    machine.pool()
    machine.job()
    task = machine.task("t")
    assert task.state is TaskState.RUNNING
    assert task.execution_info.start_time is None
    machine.pass_time(2.0)
    machine.begin(machine.run_of("t"))
    assert task.execution_info.start_time == machine.now
    assert task.state_transition_time < machine.now


def test_second_task_of_an_id_is_refused_whatever_its_case(machine: Simulation) -> None:
    machine.job()
    machine.task("Task")
    assert machine.refused(events.AddTask, "j", TaskSpec("tASK", {}, COMMAND)) == "TaskExists"


def test_process_that_cannot_start_completes_its_task_without_exit_code(machine: Simulation) -> None:
    machine.starts_processes = False
    machine.pool()
    machine.job()
    task = machine.task("t", constraints=TaskConstraints(max_task_retry_count=5))
    machine.fail_to_start("t", failures.blob_not_found("x"))
    info = task.execution_info
    assert (task.state, info.exit_code, info.result) == (TaskState.COMPLETED, None, TaskResult.FAILURE)
    assert info.failure_info == failures.blob_not_found("x")
    assert info.retry_count == 0


# --- retries ------------------------------------------------------------------------------------------


def test_task_runs_once_more_for_each_retry(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t", constraints=TaskConstraints(max_task_retry_count=2))
    machine.exit("t", 1)
    assert task.state is TaskState.RUNNING
    assert task.execution_info.retry_count == 1
    assert task.execution_info.last_retry_time == machine.now
    machine.exit("t", 1)
    machine.exit("t", 1)
    assert task.state is TaskState.COMPLETED
    assert task.execution_info.retry_count == 2
    assert machine.started == ["t"] * 3


def test_retry_count_of_minus_1_never_gives_up(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t", constraints=TaskConstraints(max_task_retry_count=-1))
    for _ in range(20):
        machine.exit("t", 1)
    assert task.state is TaskState.RUNNING
    machine.exit("t", 0)
    assert task.execution_info.result is TaskResult.SUCCESS
    assert task.execution_info.retry_count == 20


def test_retried_task_goes_before_younger_ones(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    machine.task("old", constraints=TaskConstraints(max_task_retry_count=1))
    machine.task("young")
    machine.exit("old", 1)
    assert machine.running() == ["old"]


# --- wall clock ---------------------------------------------------------------------------------------


def test_task_that_runs_too_long_is_ended_without_retry(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    limits = TaskConstraints(max_wall_clock_time=_seconds(10), max_task_retry_count=3)
    task = machine.task("t", constraints=limits)
    machine.pass_time(9.9)
    assert not machine.killed
    machine.pass_time(0.1)
    assert machine.killed
    assert task.state is TaskState.RUNNING
    machine.end_killed()
    info = task.execution_info
    assert (task.state, info.exit_code, info.retry_count) == (TaskState.COMPLETED, None, 0)
    assert info.failure_info is not None
    assert (info.failure_info.category, info.failure_info.code) == (ErrorCategory.SERVER_ERROR, "TaskEnded")


def test_each_run_has_its_own_wall_clock(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    limits = TaskConstraints(max_wall_clock_time=_seconds(10), max_task_retry_count=1)
    machine.task("t", constraints=limits)
    machine.pass_time(6.0)
    machine.exit("t", 1)
    machine.pass_time(6.0)
    assert not machine.killed
    machine.pass_time(4.0)
    assert machine.killed


def test_limit_set_by_an_update_holds_for_the_present_run(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    machine.pass_time(5.0)
    short = replace(task.spec, constraints=TaskConstraints(max_wall_clock_time=_seconds(7)))
    machine.do(events.UpdateTask, "j", "t", short)
    assert task.last_modified == machine.now
    machine.pass_time(1.9)
    assert not machine.killed
    machine.pass_time(0.1)
    assert machine.killed


def test_completed_task_refuses_an_update(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    machine.exit("t", 0)
    assert machine.refused(events.UpdateTask, "j", "t", task.spec) == "TaskCompleted"


# --- terminate ----------------------------------------------------------------------------------------


def test_terminated_active_task_completes_at_once_as_recorded(machine: Simulation) -> None:
    machine.job()
    task = machine.task("t")
    machine.pass_time(1.0)
    machine.do(events.TerminateTask, "j", "t")
    info = task.execution_info
    assert (task.state, task.previous_state) == (TaskState.COMPLETED, TaskState.ACTIVE)
    assert task.node is None
    assert (info.start_time, info.exit_code, info.result) == (None, None, TaskResult.FAILURE)
    assert info.failure_info == failures.task_ended()
    assert task.last_modified == task.state_transition_time == info.end_time == machine.now


def test_terminated_running_task_completes_when_its_processes_are_gone(
    machine_with_running_task: Simulation,
) -> None:
    machine = machine_with_running_task
    task = machine.machine.state.task("j", "t")
    machine.do(events.TerminateTask, "j", "t")
    assert task.state is TaskState.RUNNING
    machine.do(events.TerminateTask, "j", "t")
    machine.end_killed()
    assert (task.state, task.previous_state) == (TaskState.COMPLETED, TaskState.RUNNING)
    assert task.execution_info.failure_info == failures.task_ended()
    assert task.execution_info.exit_code is None
    assert machine.refused(events.TerminateTask, "j", "t") == "TaskCompleted"


def test_terminate_beats_a_requeue_that_is_under_way(machine_with_running_task: Simulation) -> None:
    machine = machine_with_running_task
    machine.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    machine.do(events.TerminateTask, "j", "t")
    machine.end_killed()
    assert machine.machine.state.task("j", "t").state is TaskState.COMPLETED


# --- reactivate ---------------------------------------------------------------------------------------


def test_reactivated_task_starts_from_nothing(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t", constraints=TaskConstraints(max_task_retry_count=1))
    machine.exit("t", 1)
    machine.exit("t", 1)
    machine.do(events.DisableJob, "j", DisableTasks.WAIT)
    machine.pass_time(1.0)
    machine.do(events.ReactivateTask, "j", "t")
    info = task.execution_info
    assert (task.state, task.previous_state) == (TaskState.ACTIVE, TaskState.COMPLETED)
    assert (info.retry_count, info.requeue_count, info.exit_code, info.failure_info) == (0, 0, None, None)
    assert task.last_modified == machine.now
    assert task.node is None


def test_reactivate_is_for_failed_tasks_only(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    machine.task("t")
    assert machine.refused(events.ReactivateTask, "j", "t") == "TaskNotCompleted"
    machine.exit("t", 0)
    assert machine.refused(events.ReactivateTask, "j", "t") == "TaskSucceeded"


# --- delete -------------------------------------------------------------------------------------------


def test_deleted_running_task_holds_its_slot_until_its_processes_are_gone(
    machine_with_running_task: Simulation,
) -> None:
    machine = machine_with_running_task
    machine.do(events.DeleteTask, "j", "t")
    assert machine.machine.state.job("j").counts.tasks.total == 0
    again = machine.task("t")
    assert again.state is TaskState.ACTIVE
    machine.end_killed()
    assert again.state is TaskState.RUNNING


def test_deleted_task_takes_its_files_with_it(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    machine.exit("t", 0)
    assert task.files_at is not None
    machine.do(events.DeleteTask, "j", "t")
    assert machine.deleted == [DeleteDirectory("p", task.files_at.node_id, "workitems/j/job-1/t")]


# --- files --------------------------------------------------------------------------------------------


def test_files_go_when_the_retention_time_is_over(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t", constraints=TaskConstraints(retention_time=_seconds(60)))
    machine.exit("t", 0)
    machine.pass_time(59.0)
    assert task.files is TaskFiles.KEPT
    machine.pass_time(1.0)
    assert task.files is TaskFiles.CLEANED_UP
    assert len(machine.deleted) == 1


def test_retention_of_an_earlier_completion_does_not_touch_a_new_run(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t", constraints=TaskConstraints(retention_time=_seconds(60)))
    machine.exit("t", 1)
    machine.pass_time(30.0)
    machine.do(events.ReactivateTask, "j", "t")
    machine.exit("t", 0)
    machine.pass_time(30.0)
    assert task.files is TaskFiles.KEPT
    machine.pass_time(30.0)
    assert task.files is TaskFiles.CLEANED_UP


def test_run_on_another_node_removes_the_files_of_the_first(machine: Simulation) -> None:
    machine.pool(nodes=1)
    machine.job()
    task = machine.task("t", constraints=TaskConstraints(max_task_retry_count=1))
    first = machine.nodes()[0].id
    machine.do(events.NodeLost, "p", first)
    machine.end_killed()
    machine.pool("q")
    machine.do(events.DisableJob, "j", DisableTasks.WAIT)
    machine.do(events.UpdateJob, "j", replace(machine.machine.state.job("j").spec, pool_id="q"))
    machine.do(events.EnableJob, "j")
    assert task.node is not None
    assert task.node.pool_id == "q"
    assert machine.deleted == [DeleteDirectory("p", first, "workitems/j/job-1/t")]


# --- nodes' memory ------------------------------------------------------------------------------------


def test_node_remembers_its_last_ten_tasks(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    for number in range(12):
        machine.task(f"t{number}")
        machine.exit(f"t{number}", number % 2)
    (node,) = machine.nodes()
    assert [recent.task_id for recent in node.recent_tasks] == [f"t{n}" for n in range(2, 12)]
    assert node.recent_tasks[-1].exit_code == 1
    assert (node.total_tasks_run, node.total_tasks_succeeded) == (12, 6)


def test_same_events_give_the_same_instructions() -> None:
    def play() -> list[RunProcess]:
        machine = Simulation()
        machine.pool(nodes=3)
        machine.job()
        for number in range(5):
            machine.task(str(number))
        machine.exit("0", 0)
        return list(machine.processes.values())

    assert play() == play()


@pytest.mark.parametrize("option", list(NodeDeallocationOption))
def test_task_on_a_leaving_node_is_never_lost(machine: Simulation, option: NodeDeallocationOption) -> None:
    machine.pool(nodes=2)
    machine.job()
    task = machine.task("t")
    assert task.node is not None
    machine.do(events.RemoveNodes, "p", (task.node.node_id,), option)
    for run_id in list(machine.processes):
        machine.end(run_id, 0)
    assert task.state in (TaskState.RUNNING, TaskState.COMPLETED)
