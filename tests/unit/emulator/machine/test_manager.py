"""The job manager: first of its job, alone on its node, and the end of the job."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.special_tasks import (
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
)
from airflow_provider_batch.emulator.model.states import JobState, TaskState
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskSpec
from tests.unit.emulator.machine.simulation import COMMAND, Simulation


def managed_job(machine: Simulation, **manager: Any) -> Job:
    task = TaskSpec("m", {}, COMMAND, constraints=manager.pop("constraints", TaskConstraints()))
    return machine.job(manager=JobManagerTask(task, **manager))


def test_manager_comes_with_its_job_and_starts(machine: Simulation) -> None:
    machine.pool()
    job = managed_job(machine)
    assert list(job.tasks) == ["m"]
    assert machine.running() == ["m"]


def test_task_with_the_id_of_the_manager_exists(machine: Simulation) -> None:
    managed_job(machine)
    assert machine.refused(events.AddTask, "j", TaskSpec("M", {}, COMMAND)) == "TaskExists"


@pytest.mark.parametrize("exit_code", [0, 1])
def test_job_ends_with_its_manager_however_that_ends(machine: Simulation, exit_code: int) -> None:
    machine.pool(task_slots_per_node=2)
    job = managed_job(machine, run_exclusive=False)
    other = machine.task("t")
    machine.exit("m", exit_code)
    assert (job.state, job.terminate_reason) == (JobState.TERMINATING, "JMComplete")
    machine.end_killed()
    assert job.state is JobState.COMPLETED
    assert other.state is TaskState.COMPLETED


def test_job_ends_with_a_terminated_manager(machine: Simulation) -> None:
    job = managed_job(machine)
    machine.do(events.TerminateTask, "j", "m")
    assert (job.state, job.terminate_reason) == (JobState.COMPLETED, "JMComplete")


def test_job_goes_on_after_a_manager_that_is_not_to_end_it(machine: Simulation) -> None:
    machine.pool()
    job = managed_job(machine, kill_job_on_completion=False)
    machine.task("t")
    machine.exit("m")
    assert job.state is JobState.ACTIVE
    assert machine.running() == ["t"]


def test_manager_is_alone_on_its_node(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=3)
    machine.job("k")
    managed_job(machine, kill_job_on_completion=False)
    machine.task("t")
    machine.task("other", "k")
    assert machine.running() == ["m"]
    assert machine.running("k") == []
    machine.exit("m")
    assert machine.running() == ["t"]
    assert machine.running("k") == ["other"]


def test_manager_waits_for_an_empty_node_and_its_tasks_wait_for_it(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    machine.job("k")
    machine.task("other", "k")
    managed_job(machine)
    task = machine.task("t")
    assert machine.running() == []
    machine.exit("other", job_id="k")
    assert machine.running() == ["m"]
    assert task.state is TaskState.ACTIVE


def test_manager_that_shares_its_node_leaves_the_other_slots(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    managed_job(machine, run_exclusive=False)
    machine.task("t")
    assert machine.running() == ["m", "t"]


def test_manager_that_needs_a_dedicated_node_waits_for_one(machine: Simulation) -> None:
    machine.pool(nodes=0, target_low_priority_nodes=1)
    managed_job(machine, allow_low_priority_node=False)
    assert machine.running() == []
    machine.pool("q", target_low_priority_nodes=1)
    task = TaskSpec("m", {}, COMMAND)
    job = machine.job("k", "q", manager=JobManagerTask(task, allow_low_priority_node=False))
    node = job.tasks["m"].node
    assert node is not None
    assert node.node_id.endswith("_d")


def test_failed_manager_is_retried_before_other_tasks_start(machine: Simulation) -> None:
    machine.pool()
    job = managed_job(machine, constraints=TaskConstraints(max_task_retry_count=1))
    machine.task("t")
    machine.exit("m", 1)
    assert job.state is JobState.ACTIVE
    assert machine.running() == ["m"]
    assert job.tasks["m"].execution_info.retry_count == 1


def test_release_runs_when_the_manager_ends_the_job(machine: Simulation) -> None:
    machine.pool()
    job = machine.job(
        manager=JobManagerTask(TaskSpec("m", {}, COMMAND)),
        preparation=JobPreparationTask("prep", COMMAND),
        release=JobReleaseTask("rel", COMMAND),
    )
    node = machine.nodes()[0]
    machine.end(machine.special_run(RunKind.PREPARATION, node), 0)
    machine.exit("m")
    machine.end(machine.special_run(RunKind.RELEASE, node), 0)
    assert machine.started == ["prep", "m", "rel"]
    assert job.state is JobState.COMPLETED
