"""Jobs: their verbs, the states in which each is refused, and their ends."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.tables import JobPassage
from airflow_provider_batch.emulator.machine.transitions import InvalidTransition, move_job
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies
from airflow_provider_batch.emulator.model.etags import Conditions, etag
from airflow_provider_batch.emulator.model.exits import ExitCodeRange, ExitConditions, ExitOptions
from airflow_provider_batch.emulator.model.jobs import JobConstraints, JobSpec
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    JobAction,
    JobState,
    OnAllTasksComplete,
    OnTaskFailure,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskSpec
from tests.unit.emulator.machine.simulation import COMMAND, Simulation

TERMINATES = OnAllTasksComplete.TERMINATE_JOB
HEEDS = OnTaskFailure.PERFORM_EXIT_OPTIONS_JOB_ACTION


def _spec(task_id: str) -> TaskSpec:
    return TaskSpec(task_id, {}, COMMAND)


def test_new_job_is_active_without_previous_state(machine: Simulation) -> None:
    job = machine.job()
    assert job.state is JobState.ACTIVE
    assert job.previous_state is None
    assert job.start_time == job.state_transition_time == machine.now


def test_second_job_of_an_id_is_refused_whatever_its_case(machine: Simulation) -> None:
    machine.job("Job")
    assert machine.refused(events.CreateJob, JobSpec("jOB", {}, "p")) == "JobExists"


def test_completed_jobs_do_not_count_for_the_quota() -> None:
    machine = Simulation(MachineSettings(active_job_quota=1))
    machine.job("j")
    code = machine.refused(events.CreateJob, JobSpec("k", {}, "p"))
    assert code == "ActiveJobAndScheduleQuotaReached"
    machine.do(events.TerminateJob, "j", "why")
    machine.job("k")


# --- disable and enable -------------------------------------------------------------------------------


def test_disabled_job_without_tasks_shows_active_as_previous_state(machine: Simulation) -> None:
    job = machine.job()
    created = job.state_transition_time
    machine.pass_time(1.0)
    machine.do(events.DisableJob, "j", DisableTasks.TERMINATE)
    assert job.state is JobState.DISABLED
    assert job.previous_state is JobState.ACTIVE
    assert job.previous_state_transition_time == created


def test_disable_with_requeue_sends_running_tasks_back(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    task = machine.task("t")
    machine.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    assert job.state is JobState.DISABLING
    machine.end_killed()
    assert job.state is JobState.DISABLED
    assert task.state is TaskState.ACTIVE
    assert task.execution_info.requeue_count == 1


def test_disable_with_terminate_completes_running_tasks(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    task = machine.task("t")
    machine.do(events.DisableJob, "j", DisableTasks.TERMINATE)
    machine.end_killed()
    assert task.execution_info.failure_info is not None
    assert task.execution_info.failure_info.code == "TaskEnded"


def test_disable_with_wait_stays_disabling_while_tasks_run(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    machine.task("t")
    machine.task("next")
    machine.do(events.DisableJob, "j", DisableTasks.WAIT)
    machine.pass_time(100.0)
    assert job.state is JobState.DISABLING
    assert not machine.killed
    machine.exit("t", 0)
    assert job.state is JobState.DISABLED
    assert machine.tasks_in(TaskState.ACTIVE) == ["next"]


def test_disabled_job_takes_tasks_and_starts_them_when_enabled(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    machine.do(events.DisableJob, "j", DisableTasks.WAIT)
    task = machine.task("t")
    assert task.state is TaskState.ACTIVE
    machine.do(events.EnableJob, "j")
    assert (job.state, job.previous_state) == (JobState.ACTIVE, JobState.DISABLED)
    assert job.state_transition_time == machine.now
    assert task.state is TaskState.RUNNING


def test_enable_lets_a_disabling_job_go_on(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    task = machine.task("t")
    machine.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    machine.do(events.EnableJob, "j")
    assert job.state is JobState.ACTIVE
    machine.end_killed()
    assert task.state is TaskState.RUNNING


# --- terminate and delete -----------------------------------------------------------------------------


def test_terminate_ends_running_tasks_and_leaves_active_ones_active(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    running, waiting = machine.task("running"), machine.task("waiting")
    machine.pass_time(1.0)
    machine.do(events.TerminateJob, "j", "UserTerminate")
    assert job.state is JobState.TERMINATING
    assert job.terminate_reason == "UserTerminate"
    assert job.end_time is None
    assert job.last_modified == machine.now
    modified = job.last_modified
    machine.pass_time(1.0)
    machine.end_killed()
    assert (job.state, job.previous_state) == (JobState.COMPLETED, JobState.ACTIVE)
    assert job.end_time == machine.now
    assert job.last_modified == modified
    assert running.state is TaskState.COMPLETED
    machine.pass_time(1_000.0)
    assert waiting.state is TaskState.ACTIVE


def test_job_stays_terminating_for_the_set_time() -> None:
    machine = Simulation(MachineSettings(job_end_seconds=2.0))
    job = machine.job()
    machine.do(events.TerminateJob, "j", "why")
    machine.pass_time(1.9)
    assert job.state is JobState.TERMINATING
    machine.pass_time(0.1)
    assert job.state is JobState.COMPLETED


CLOSED = {
    JobState.TERMINATING: "JobBeingTerminated",
    JobState.COMPLETED: "JobCompleted",
    JobState.DELETING: "JobBeingDeleted",
}


def _closed_job(state: JobState) -> Simulation:
    machine = Simulation(MachineSettings(node_start_seconds=3.0, job_end_seconds=1_000.0))
    machine.pool()
    machine.job()
    machine.task("t")
    machine.exit("t", 1)
    if state is JobState.DELETING:
        machine.do(events.DeleteJob, "j")
    else:
        machine.do(events.TerminateJob, "j", "why")
    if state is JobState.COMPLETED:
        machine.pass_time(1_000.0)
    assert machine.machine.state.job("j").state is state
    return machine


@pytest.mark.parametrize("state", CLOSED)
def test_closed_job_refuses_every_change(state: JobState) -> None:
    machine = _closed_job(state)
    spec = machine.machine.state.job("j").spec
    code = CLOSED[state]
    assert machine.refused(events.UpdateJob, "j", spec) == code
    assert machine.refused(events.DisableJob, "j", DisableTasks.WAIT) == code
    assert machine.refused(events.EnableJob, "j") == code
    assert machine.refused(events.TerminateJob, "j", "again") == code
    assert machine.refused(events.AddTask, "j", _spec("new")) == code
    assert machine.refused(events.ReactivateTask, "j", "t") == code


@pytest.mark.parametrize("state", [JobState.TERMINATING, JobState.COMPLETED])
def test_job_can_be_deleted_while_and_after_it_ends(state: JobState) -> None:
    machine = _closed_job(state)
    machine.do(events.DeleteJob, "j")
    machine.pass_time(1_000.0)
    assert machine.refused(events.DeleteJob, "j") == "JobNotFound"


def test_deleted_job_vanishes_with_its_last_process_and_its_files(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    task = machine.task("t")
    assert task.node is not None
    machine.do(events.DeleteJob, "j")
    assert job.state is JobState.DELETING
    assert machine.refused(events.CreateJob, job.spec) == "JobBeingDeleted"
    machine.end_killed()
    assert DeleteDirectory("p", task.node.node_id, "workitems/j") in machine.deleted
    machine.job()


def test_stale_etag_refuses_a_verb(machine: Simulation) -> None:
    job = machine.job()
    old = Conditions(if_match=etag(job.last_modified))
    machine.do(events.EnableJob, "j", conditions=old)
    assert machine.refused(events.TerminateJob, "j", "why", conditions=old) == "ConditionNotMet"


# --- ends by itself -----------------------------------------------------------------------------------


def test_job_with_terminatejob_ends_with_its_last_task(machine: Simulation) -> None:
    machine.pool()
    job = machine.job(on_all_tasks_complete=TERMINATES)
    machine.task("a")
    machine.task("b")
    machine.exit("a", 0)
    assert job.state is JobState.ACTIVE
    machine.exit("b", 1)
    assert job.state is JobState.COMPLETED
    assert job.terminate_reason == "AllTasksComplete"


def test_update_to_terminatejob_ends_a_job_whose_tasks_are_complete(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    machine.task("a")
    machine.exit("a", 0)
    machine.do(events.UpdateJob, "j", replace(job.spec, on_all_tasks_complete=TERMINATES))
    assert job.state is JobState.COMPLETED


def test_job_with_a_blocked_task_never_counts_as_complete(machine: Simulation) -> None:
    machine.pool()
    job = machine.job(on_all_tasks_complete=TERMINATES)
    machine.task("parent")
    machine.task("child", depends_on=TaskDependencies(("parent",)))
    machine.exit("parent", 1)
    machine.pass_time(1_000_000.0)
    assert job.state is JobState.ACTIVE


def test_job_with_terminatejob_and_no_task_ends_after_a_while_only(machine: Simulation) -> None:
    job = machine.job(on_all_tasks_complete=TERMINATES)
    machine.pass_time(9.9)
    assert job.state is JobState.ACTIVE
    machine.pass_time(0.1)
    assert job.state is JobState.COMPLETED


def test_terminatejob_cannot_be_taken_back(machine: Simulation) -> None:
    job = machine.job(on_all_tasks_complete=TERMINATES)
    wanted = replace(job.spec, on_all_tasks_complete=OnAllTasksComplete.NO_ACTION)
    assert machine.refused(events.UpdateJob, "j", wanted) == "InvalidPropertyValue"


def test_failed_task_ends_a_job_that_heeds_exit_options(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    job = machine.job(on_task_failure=HEEDS)
    machine.task("t")
    other = machine.task("other")
    machine.pass_time(1.0)
    machine.exit("t", 1)
    assert job.state is JobState.TERMINATING
    assert job.terminate_reason == "TaskFailed"
    assert job.last_modified == machine.now
    machine.end_killed()
    assert job.state is JobState.COMPLETED
    assert other.state is TaskState.COMPLETED


def test_failed_task_is_only_counted_when_its_retries_are_used_up(machine: Simulation) -> None:
    machine.pool()
    job = machine.job(on_task_failure=HEEDS)
    machine.task("t", constraints=TaskConstraints(max_task_retry_count=1))
    machine.exit("t", 1)
    assert job.state is JobState.ACTIVE
    machine.exit("t", 1)
    assert job.state is JobState.COMPLETED


def test_job_action_disable_disables_with_requeue(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    job = machine.job(on_task_failure=HEEDS)
    conditions = ExitConditions((ExitCodeRange(3, 3, ExitOptions(job_action=JobAction.DISABLE)),))
    machine.task("t", exit_conditions=conditions)
    other = machine.task("other")
    machine.exit("t", 3)
    machine.end_killed()
    assert job.state is JobState.DISABLED
    assert other.state is TaskState.ACTIVE


def test_job_that_heeds_nothing_goes_on_after_a_failure(machine: Simulation) -> None:
    machine.pool()
    job = machine.job()
    machine.task("t")
    machine.exit("t", 1)
    assert job.state is JobState.ACTIVE


def test_job_ends_when_its_wall_clock_limit_is_over(machine: Simulation) -> None:
    machine.pool()
    job = machine.job(constraints=JobConstraints(max_wall_clock_time=timedelta(seconds=60)))
    machine.task("t")
    machine.pass_time(59.0)
    assert job.state is JobState.ACTIVE
    machine.pass_time(1.0)
    assert job.state is JobState.TERMINATING
    assert job.terminate_reason == "MaxWallClockTimeExpiry"


def test_longer_limit_set_later_holds(machine: Simulation) -> None:
    job = machine.job(constraints=JobConstraints(max_wall_clock_time=timedelta(seconds=60)))
    longer = JobConstraints(max_wall_clock_time=timedelta(seconds=90))
    machine.do(events.UpdateJob, "j", replace(job.spec, constraints=longer))
    machine.pass_time(89.0)
    assert job.state is JobState.ACTIVE
    machine.pass_time(1.0)
    assert job.state is JobState.COMPLETED


def test_limit_that_was_over_when_it_was_set_ends_the_job_at_once(machine: Simulation) -> None:
    job = machine.job()
    machine.pass_time(100.0)
    short = JobConstraints(max_wall_clock_time=timedelta(seconds=60))
    machine.do(events.UpdateJob, "j", replace(job.spec, constraints=short))
    machine.pass_time(0.0)
    assert job.state is JobState.COMPLETED


def test_pool_of_a_job_changes_only_while_it_is_disabled(machine: Simulation) -> None:
    machine.pool("p", nodes=0)
    machine.pool("q")
    job = machine.job()
    task = machine.task("t")
    moved = replace(job.spec, pool_id="q")
    assert machine.refused(events.UpdateJob, "j", moved) == "InvalidPropertyValue"
    machine.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    machine.do(events.UpdateJob, "j", moved)
    machine.do(events.EnableJob, "j")
    assert task.state is TaskState.RUNNING


def test_unlisted_passage_of_a_job_is_a_bug_and_tells_its_story(machine: Simulation) -> None:
    job = machine.job()
    machine.do(events.TerminateJob, "j", "why")
    with pytest.raises(InvalidTransition, match="active --terminate--> terminating") as caught:
        move_job(machine.machine.world, job, JobPassage.DISABLE)
    assert len(caught.value.story) == 2
    assert job.state is JobState.COMPLETED
