"""Job preparation and release: where and when they run, and what hangs on how they end."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory, RunKind
from airflow_provider_batch.emulator.machine.node_events import RebootNode, ReimageNode
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import Command, EnvironmentSetting
from airflow_provider_batch.emulator.model.jobs import Job, JobConstraints
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.special_tasks import JobNode, JobPreparationTask, JobReleaseTask
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    JobState,
    NodeState,
    SpecialTaskState,
    TaskResult,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskSpec
from tests.unit.emulator.machine.simulation import COMMAND, Simulation

PREPARES = JobPreparationTask("prep", COMMAND)
RELEASES = JobReleaseTask("rel", COMMAND)


def prepared_job(machine: Simulation, **spec: Any) -> Job:
    spec.setdefault("preparation", PREPARES)
    return machine.job(**spec)


def end_preparation(machine: Simulation, node: Node, exit_code: int = 0) -> None:
    machine.end(machine.special_run(RunKind.PREPARATION, node), exit_code)


def end_release(machine: Simulation, node: Node, exit_code: int = 0) -> None:
    machine.end(machine.special_run(RunKind.RELEASE, node), exit_code)


def visited(job: Job, node: Node) -> JobNode:
    return job.nodes[node.pool_id, node.id]


# --- preparation --------------------------------------------------------------------------------------


def test_first_task_of_a_job_on_a_node_waits_for_the_preparation(machine: Simulation) -> None:
    machine.pool()
    job = prepared_job(machine)
    assert not machine.processes, "a job without tasks prepares nothing"
    task = machine.task("t")
    assert task.state is TaskState.PREPARING
    assert task.node is not None
    assert job.counts.tasks.running == 1
    assert machine.started == ["prep"]
    end_preparation(machine, machine.nodes()[0])
    assert (task.state, task.previous_state) == (TaskState.RUNNING, TaskState.PREPARING)
    assert machine.started == ["prep", "t"]


def test_preparation_runs_once_for_all_tasks_on_a_node(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    prepared_job(machine)
    for name in ("a", "b", "c"):
        machine.task(name)
    assert machine.tasks_in(TaskState.PREPARING) == ["a", "b"]
    end_preparation(machine, machine.nodes()[0])
    machine.exit("a")
    assert machine.started == ["prep", "a", "b", "c"]


def test_each_node_and_each_job_has_a_preparation_of_its_own(machine: Simulation) -> None:
    machine.pool(nodes=2, task_slots_per_node=2)
    prepared_job(machine)
    machine.job("k", preparation=JobPreparationTask("other", COMMAND))
    machine.task("a")
    machine.task("b")
    machine.task("t", "k")
    assert machine.started == ["prep", "prep", "other"]


def test_preparation_takes_no_slot_and_preparing_task_takes_its_own(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    prepared_job(machine)
    machine.task("t")
    node = machine.nodes()[0]
    assert (node.state, node.used_slots, node.running_tasks_count) == (NodeState.RUNNING, 1, 1)
    assert [recent.task_state for recent in node.recent_tasks] == [TaskState.PREPARING]
    end_preparation(machine, node)
    assert [recent.task_state for recent in node.recent_tasks] == [TaskState.RUNNING]


def test_tasks_do_not_wait_for_a_preparation_that_is_not_waited_for(machine: Simulation) -> None:
    machine.pool()
    job = prepared_job(machine, preparation=JobPreparationTask("prep", COMMAND, wait_for_success=False))
    machine.task("t")
    assert machine.running() == ["t"]
    node = machine.nodes()[0]
    end_preparation(machine, node, 1)
    assert visited(job, node).preparation.result is TaskResult.FAILURE
    machine.exit("t")
    machine.task("next")
    assert machine.running() == ["next"]


def test_failed_preparation_sends_the_task_to_another_node(machine: Simulation) -> None:
    machine.pool(nodes=2)
    job = prepared_job(machine)
    task = machine.task("t")
    first = next(node for node in machine.nodes() if node.runs)
    end_preparation(machine, first, 1)
    other = next(node for node in machine.nodes() if node is not first)
    assert task.node is not None
    assert task.node.node_id == other.id
    assert (task.execution_info.retry_count, task.execution_info.requeue_count) == (0, 0)
    info = visited(job, first).preparation
    assert (info.state, info.exit_code, info.result) == (SpecialTaskState.COMPLETED, 1, TaskResult.FAILURE)
    assert info.failure_info == failures.failure_exit_code()


def test_task_without_a_node_that_can_be_prepared_stays_active(machine: Simulation) -> None:
    machine.pool()
    prepared_job(machine)
    machine.job("k")
    task = machine.task("t")
    node = machine.nodes()[0]
    end_preparation(machine, node, 1)
    assert task.state is TaskState.ACTIVE
    assert node.state is NodeState.IDLE
    machine.task("other", "k")
    assert machine.running("k") == ["other"], "the node runs the tasks of other jobs"


def test_preparation_is_retried_as_often_as_its_constraints_say(machine: Simulation) -> None:
    machine.pool()
    twice = JobPreparationTask("prep", COMMAND, TaskConstraints(max_task_retry_count=1))
    job = prepared_job(machine, preparation=twice)
    task = machine.task("t")
    node = machine.nodes()[0]
    end_preparation(machine, node, 1)
    machine.pass_time(1.0)
    info = visited(job, node).preparation
    assert (info.state, info.retry_count) == (SpecialTaskState.RUNNING, 1)
    assert task.state is TaskState.PREPARING
    end_preparation(machine, node, 0)
    assert task.state is TaskState.RUNNING
    assert info.last_retry_time == info.start_time
    assert info.end_time == machine.now


def test_preparation_that_cannot_start_is_not_retried(machine: Simulation) -> None:
    machine.pool()
    constraints = TaskConstraints(max_task_retry_count=5)
    job = prepared_job(machine, preparation=JobPreparationTask("prep", COMMAND, constraints))
    machine.starts_processes = False
    task = machine.task("t")
    node = machine.nodes()[0]
    run_id = machine.special_run(RunKind.PREPARATION, node)
    del machine.processes[run_id]
    machine.do(events.ProcessNotStarted, run_id, failures.blob_not_found("x"))
    assert task.state is TaskState.ACTIVE
    assert visited(job, node).preparation.failure_info == failures.blob_not_found("x")


def test_preparation_that_takes_too_long_has_failed(machine: Simulation) -> None:
    machine.pool()
    constraints = TaskConstraints(max_wall_clock_time=timedelta(seconds=10))
    job = prepared_job(machine, preparation=JobPreparationTask("prep", COMMAND, constraints))
    task = machine.task("t")
    machine.pass_time(10.0)
    machine.end_killed()
    assert task.state is TaskState.ACTIVE
    info = visited(job, machine.nodes()[0]).preparation
    assert (info.result, info.exit_code) == (TaskResult.FAILURE, None)


def test_preparation_and_tasks_have_the_common_environment(machine: Simulation) -> None:
    machine.pool()
    common = (EnvironmentSetting("A", "common"),)
    own = Command("/bin/true", (EnvironmentSetting("A", "own"),))
    prepared_job(machine, preparation=JobPreparationTask("prep", own), common_environment_settings=common)
    machine.task("t")
    node = machine.nodes()[0]
    run = machine.processes[machine.special_run(RunKind.PREPARATION, node)]
    assert run.command.environment_settings == common + own.environment_settings
    assert (run.directory, run.preparation_directory) == ("workitems/j/job-1/prep", None)
    end_preparation(machine, node)
    task = machine.processes[machine.run_of("t")]
    assert task.command.environment_settings == common
    assert task.preparation_directory == "workitems/j/job-1/prep"


def test_preparing_task_is_terminated_at_once(machine: Simulation) -> None:
    machine.pool()
    prepared_job(machine)
    task = machine.task("t")
    machine.do(events.TerminateTask, "j", "t")
    assert task.state is TaskState.COMPLETED
    assert task.execution_info.failure_info == failures.task_ended()
    assert task.execution_info.start_time is None
    end_preparation(machine, machine.nodes()[0])
    machine.task("next")
    assert machine.started == ["prep", "next"]


def test_disabled_job_takes_preparing_tasks_back_and_prepares_anew(machine: Simulation) -> None:
    machine.pool()
    job = prepared_job(machine)
    task = machine.task("t")
    machine.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    assert task.state is TaskState.ACTIVE
    assert task.execution_info.requeue_count == 1
    assert job.state is JobState.DISABLING, "the preparation still ends"
    machine.do(events.EnableJob, "j")
    assert task.state is TaskState.PREPARING
    machine.end_killed()
    assert task.state is TaskState.PREPARING
    end_preparation(machine, machine.nodes()[0])
    assert task.state is TaskState.RUNNING


def test_job_that_is_disabled_with_wait_lets_a_preparing_task_run(machine: Simulation) -> None:
    machine.pool()
    job = prepared_job(machine)
    machine.task("t")
    machine.do(events.DisableJob, "j", DisableTasks.WAIT)
    end_preparation(machine, machine.nodes()[0])
    assert machine.running() == ["t"]
    machine.exit("t")
    assert job.state is JobState.DISABLED


def test_lost_node_gives_a_preparing_task_back(machine: Simulation) -> None:
    machine.pool()
    prepared_job(machine)
    task = machine.task("t")
    machine.do(events.NodeLost, "p", machine.nodes()[0].id)
    assert task.state is TaskState.ACTIVE
    assert task.execution_info.requeue_count == 0
    machine.end_killed()


@pytest.mark.parametrize("rerun", [True, False])
def test_reboot_prepares_anew_only_if_that_is_wanted(machine: Simulation, rerun: bool) -> None:
    machine.pool()
    spec = JobPreparationTask("prep", COMMAND, rerun_on_node_reboot_after_success=rerun)
    prepared_job(machine, preparation=spec)
    machine.task("t")
    end_preparation(machine, machine.nodes()[0])
    machine.exit("t")
    machine.do(RebootNode, "p", machine.nodes()[0].id)
    machine.pass_time(3.0)
    machine.task("next")
    assert machine.started == ["prep", "t", "prep" if rerun else "next"]


def test_interrupted_preparation_runs_again_after_a_reboot_in_any_case(machine: Simulation) -> None:
    machine.pool()
    spec = JobPreparationTask("prep", COMMAND, rerun_on_node_reboot_after_success=False)
    prepared_job(machine, preparation=spec)
    task = machine.task("t")
    machine.do(RebootNode, "p", machine.nodes()[0].id)
    machine.end_killed()
    machine.pass_time(3.0)
    assert task.state is TaskState.PREPARING
    assert machine.started == ["prep", "prep"]


def test_node_that_failed_to_be_prepared_takes_tasks_again_after_a_new_image_only(
    machine: Simulation,
) -> None:
    machine.pool()
    prepared_job(machine)
    task = machine.task("t")
    node = machine.nodes()[0]
    end_preparation(machine, node, 1)
    machine.do(RebootNode, "p", node.id)
    machine.pass_time(3.0)
    assert task.state is TaskState.ACTIVE
    machine.do(ReimageNode, "p", node.id)
    machine.pass_time(3.0)
    assert task.state is TaskState.PREPARING


def test_task_with_the_id_of_a_special_task_is_refused(machine: Simulation) -> None:
    prepared_job(machine, release=RELEASES)
    spec = TaskSpec("PREP", {}, COMMAND)
    assert machine.refused(events.AddTask, "j", spec) == "TaskIdSameAsJobPreparationTask"
    spec = TaskSpec("rel", {}, COMMAND)
    assert machine.refused(events.AddTask, "j", spec) == "TaskIdSameAsJobReleaseTask"


# --- release ------------------------------------------------------------------------------------------


def released_job(machine: Simulation, **spec: Any) -> Job:
    """A job whose only task has run on the only node."""
    machine.pool()
    job = prepared_job(machine, release=RELEASES, **spec)
    machine.task("t")
    end_preparation(machine, machine.nodes()[0])
    return job


def test_release_runs_after_the_last_task_and_holds_the_job_back(machine: Simulation) -> None:
    job = released_job(machine)
    node = machine.nodes()[0]
    machine.do(events.TerminateJob, "j", "why")
    assert machine.started == ["prep", "t"]
    machine.end_killed()
    assert machine.started == ["prep", "t", "rel"]
    assert (job.state, node.state) == (JobState.TERMINATING, NodeState.IDLE)
    run = machine.processes[machine.special_run(RunKind.RELEASE, node)]
    assert run.preparation_directory == "workitems/j/job-1/prep"
    end_release(machine, node)
    assert job.state is JobState.COMPLETED
    release = visited(job, node).release
    assert release is not None
    assert (release.exit_code, release.result) == (0, TaskResult.SUCCESS)


def test_failed_release_does_not_stop_the_completion(machine: Simulation) -> None:
    job = released_job(machine)
    machine.exit("t")
    machine.do(events.TerminateJob, "j", "why")
    end_release(machine, machine.nodes()[0], 1)
    assert job.state is JobState.COMPLETED


def test_release_is_ended_by_its_limit(machine: Simulation) -> None:
    job = released_job(machine)
    machine.exit("t")
    machine.do(events.TerminateJob, "j", "why")
    machine.pass_time(15 * 60 - 1.0)
    assert not machine.killed
    machine.pass_time(1.0)
    machine.end_killed()
    assert job.state is JobState.COMPLETED


def test_release_does_not_run_where_no_task_ran(machine: Simulation) -> None:
    machine.pool(nodes=2)
    job = prepared_job(machine, release=RELEASES)
    machine.task("a")
    machine.task("b")
    first, second = machine.nodes()
    end_preparation(machine, first)
    end_preparation(machine, second, 1)
    machine.do(events.TerminateJob, "j", "why")
    machine.end_killed()
    assert machine.started.count("rel") == 1
    end_release(machine, first)
    assert job.state is JobState.COMPLETED


def test_release_does_not_run_on_a_new_image(machine: Simulation) -> None:
    job = released_job(machine)
    machine.exit("t")
    machine.do(ReimageNode, "p", machine.nodes()[0].id)
    machine.pass_time(3.0)
    machine.do(events.TerminateJob, "j", "why")
    assert job.state is JobState.COMPLETED


def test_deleted_job_vanishes_after_its_release(machine: Simulation) -> None:
    released_job(machine)
    machine.exit("t")
    node = machine.nodes()[0]
    machine.do(events.DeleteJob, "j")
    assert machine.machine.state.job("j").state is JobState.DELETING
    end_release(machine, node)
    assert "j" not in machine.machine.state.jobs
    assert DeleteDirectory("p", node.id, "workitems/j") in machine.deleted


def test_completed_job_is_not_released_again_when_it_is_deleted(machine: Simulation) -> None:
    released_job(machine)
    machine.exit("t")
    machine.do(events.TerminateJob, "j", "why")
    end_release(machine, machine.nodes()[0])
    machine.do(events.DeleteJob, "j")
    assert machine.started.count("rel") == 1
    assert "j" not in machine.machine.state.jobs


def test_job_that_is_deleted_while_it_is_released_waits_for_that(machine: Simulation) -> None:
    released_job(machine)
    machine.exit("t")
    machine.do(events.TerminateJob, "j", "why")
    machine.do(events.DeleteJob, "j")
    assert not machine.killed
    end_release(machine, machine.nodes()[0])
    assert "j" not in machine.machine.state.jobs


def test_expired_job_is_released(machine: Simulation) -> None:
    limit = JobConstraints(max_wall_clock_time=timedelta(seconds=60))
    job = released_job(machine, constraints=limit)
    machine.pass_time(60.0)
    machine.end_killed()
    end_release(machine, machine.nodes()[0])
    assert (job.state, job.terminate_reason) == (JobState.COMPLETED, "MaxWallClockTimeExpiry")


def test_release_on_a_lost_node_is_given_up(machine: Simulation) -> None:
    job = released_job(machine)
    machine.exit("t")
    machine.do(events.TerminateJob, "j", "why")
    machine.do(events.NodeLost, "p", machine.nodes()[0].id)
    machine.end_killed()
    assert job.state is JobState.COMPLETED


# --- by force -----------------------------------------------------------------------------------------


def test_job_that_is_ended_by_force_waits_for_nothing(machine: Simulation) -> None:
    job = released_job(machine)
    task = machine.machine.state.task("j", "t")
    machine.do(events.TerminateJob, "j", "why", True)
    assert job.state is JobState.COMPLETED
    assert task.execution_info.failure_info == failures.task_ended()
    node = machine.nodes()[0]
    assert node.used_slots == 1, "the process is not gone yet"
    machine.end_killed()
    assert (node.used_slots, node.state) == (0, NodeState.IDLE)
    assert "rel" not in machine.started


def test_job_that_is_deleted_by_force_is_gone_at_once(machine: Simulation) -> None:
    machine.pool(nodes=2)
    prepared_job(machine, release=RELEASES)
    machine.task("a")
    end_preparation(machine, next(node for node in machine.nodes() if node.runs))
    machine.task("preparing")
    machine.do(events.DeleteJob, "j", True)
    assert "j" not in machine.machine.state.jobs
    machine.job()
    machine.end_killed()
    assert all(node.state is NodeState.IDLE for node in machine.nodes())


def test_release_under_way_is_ended_by_a_deletion_by_force(machine: Simulation) -> None:
    released_job(machine)
    machine.exit("t")
    machine.do(events.TerminateJob, "j", "why")
    machine.do(events.DeleteJob, "j", True)
    assert "j" not in machine.machine.state.jobs
    machine.end_killed()
