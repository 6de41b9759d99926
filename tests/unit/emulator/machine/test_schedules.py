"""Job schedules: their verbs, the states in which each is refused, and the jobs that they create."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine import schedule_events as verbs
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.timers import ScheduleTimer
from airflow_provider_batch.emulator.model.etags import Conditions, etag
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.schedules import (
    JobSchedule,
    JobScheduleSpec,
    ScheduleConfiguration,
)
from airflow_provider_batch.emulator.model.states import JobScheduleState, JobState, TaskState
from tests.unit.emulator.machine.simulation import Simulation

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def jobs_of(machine: Simulation, schedule: JobSchedule) -> list[tuple[str, JobState]]:
    jobs = machine.machine.state.jobs
    return [(jobs[key].id, jobs[key].state) for key in schedule.job_keys]


def end_job(machine: Simulation, job_id: str) -> None:
    machine.do(events.TerminateJob, job_id, "done")
    machine.end_killed()


def spec_of(schedule: JobSchedule, recurrence_interval: timedelta | None = None) -> JobScheduleSpec:
    configuration = ScheduleConfiguration(recurrence_interval=recurrence_interval)
    return replace(schedule.spec, configuration=configuration)


# --- creation -----------------------------------------------------------------------------------------


def test_first_job_is_created_with_the_schedule(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.ACTIVE)]
    assert schedule.state is JobScheduleState.ACTIVE
    assert schedule.recent_job_id == "s:job-1"
    assert schedule.next_run_time == machine.now + HOUR


def test_schedule_that_is_not_to_run_yet_has_only_a_next_time(machine: Simulation) -> None:
    schedule = machine.schedule(do_not_run_until=machine.now + HOUR, recurrence_interval=MINUTE)
    assert (schedule.recent_job_id, schedule.next_run_time) == (None, machine.now + HOUR)
    machine.pass_time(3600.0)
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.ACTIVE)]


def test_jobs_and_schedules_share_one_name_space(machine: Simulation) -> None:
    machine.job("Job")
    machine.schedule("Schedule")
    configuration, job = ScheduleConfiguration(), JobSpec("", {}, "p")
    same = JobScheduleSpec("jOB", {}, configuration, job)
    assert machine.refused(verbs.CreateJobSchedule, same) == "JobWithSameIdExists"
    assert machine.refused(events.CreateJob, JobSpec("SCHEDULE", {}, "p")) == "JobScheduleWithSameIdExists"
    again = JobScheduleSpec("SCHEDULE", {}, configuration, job)
    assert machine.refused(verbs.CreateJobSchedule, again) == "JobScheduleExists"


def test_schedules_count_for_the_quota_until_they_are_completed() -> None:
    machine = Simulation(MachineSettings(active_job_quota=1))
    schedule = machine.schedule(do_not_run_until=machine.now + HOUR)
    assert machine.refused(events.CreateJob, JobSpec("j", {}, "p")) == "ActiveJobAndScheduleQuotaReached"
    other = replace(schedule.spec, id="other")
    assert machine.refused(verbs.CreateJobSchedule, other) == "ActiveJobAndScheduleQuotaReached"
    machine.do(verbs.TerminateJobSchedule, "s")
    machine.job("j")


def test_job_that_a_schedule_owes_is_not_held_back_by_the_quota() -> None:
    machine = Simulation(MachineSettings(active_job_quota=1))
    schedule = machine.schedule()
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.ACTIVE)]


# --- recurrence ---------------------------------------------------------------------------------------


def test_next_job_comes_with_its_time_when_the_one_before_has_ended(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    created = machine.now
    machine.pass_time(60.0)
    end_job(machine, "s:job-1")
    machine.pass_time(3539.0)
    assert len(schedule.job_keys) == 1
    machine.pass_time(1.0)
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.COMPLETED), ("s:job-2", JobState.ACTIVE)]
    assert machine.machine.state.job("s:job-2").creation_time == created + HOUR
    assert schedule.next_run_time == created + 2 * HOUR


def test_next_job_waits_for_the_one_before(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    created = machine.now
    machine.pass_time(3600.0 + 600.0)
    assert len(schedule.job_keys) == 1
    end_job(machine, "s:job-1")
    assert jobs_of(machine, schedule)[-1] == ("s:job-2", JobState.ACTIVE)
    # The times of the schedule stay where they were.
    assert schedule.next_run_time == created + 2 * HOUR


def test_time_is_lost_when_the_job_before_outlasts_the_window(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR, start_window=10 * MINUTE)
    created = machine.now
    machine.pass_time(3600.0 + 600.0)
    end_job(machine, "s:job-1")
    assert len(schedule.job_keys) == 1
    assert schedule.next_run_time == created + 2 * HOUR
    machine.pass_time(3000.0)
    assert jobs_of(machine, schedule)[-1] == ("s:job-2", JobState.ACTIVE)


def test_next_job_waits_until_the_processes_of_the_one_before_are_gone(machine: Simulation) -> None:
    machine.pool()
    schedule = machine.schedule(recurrence_interval=MINUTE)
    machine.task("t", "s:job-1")
    machine.do(events.TerminateJob, "s:job-1", "done")
    machine.pass_time(60.0)
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.TERMINATING)]
    machine.end_killed()
    assert jobs_of(machine, schedule)[-1] == ("s:job-2", JobState.ACTIVE)


def test_user_who_deletes_the_active_job_makes_room_for_the_next(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=MINUTE)
    machine.do(events.DeleteJob, "s:job-1")
    assert schedule.job_keys == {}
    machine.pass_time(60.0)
    assert jobs_of(machine, schedule) == [("s:job-2", JobState.ACTIVE)]


def test_schedule_without_recurrence_completes_with_its_job(machine: Simulation) -> None:
    schedule = machine.schedule()
    machine.pass_time(100_000.0)
    assert schedule.state is JobScheduleState.ACTIVE
    end_job(machine, "s:job-1")
    assert schedule.state is JobScheduleState.COMPLETED
    assert schedule.previous_state is JobScheduleState.ACTIVE
    assert schedule.end_time == machine.now
    assert schedule.next_run_time is None


def test_schedule_completes_when_its_deadline_is_past(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR, do_not_run_after=machine.now + 1.5 * HOUR)
    end_job(machine, "s:job-1")
    machine.pass_time(3600.0)
    end_job(machine, "s:job-2")
    assert schedule.state is JobScheduleState.ACTIVE
    machine.pass_time(1801.0)
    assert schedule.state is JobScheduleState.COMPLETED


def test_deadline_does_not_end_the_active_job(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR, do_not_run_after=machine.now + 0.5 * HOUR)
    machine.pass_time(7200.0)
    assert schedule.state is JobScheduleState.ACTIVE
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.ACTIVE)]
    end_job(machine, "s:job-1")
    assert schedule.state is JobScheduleState.COMPLETED


def test_time_does_not_move_the_etag(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=MINUTE)
    modified = schedule.last_modified
    end_job(machine, "s:job-1")
    machine.pass_time(60.0)
    assert len(schedule.job_keys) == 2
    assert schedule.last_modified == modified


def test_long_sleep_gives_one_job_and_not_one_for_each_time(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=MINUTE)
    end_job(machine, "s:job-1")
    machine.now += timedelta(days=400, seconds=30)
    timer = machine.timers.take_due(machine.now)
    assert timer is not None
    machine.do(events.TimerDue, timer)
    assert len(schedule.job_keys) == 2
    assert schedule.last_run == machine.now - timedelta(seconds=30)


# --- disable and enable -------------------------------------------------------------------------------


def test_disabled_schedule_creates_nothing_and_leaves_its_job_alone(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=MINUTE)
    machine.do(verbs.DisableJobSchedule, "s")
    assert schedule.state is JobScheduleState.DISABLED
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.ACTIVE)]
    end_job(machine, "s:job-1")
    machine.pass_time(600.0)
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.COMPLETED)]


def test_enabled_schedule_uses_the_window_that_is_still_open(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR, start_window=10 * MINUTE)
    machine.do(verbs.DisableJobSchedule, "s")
    end_job(machine, "s:job-1")
    machine.pass_time(3600.0 + 300.0)
    machine.do(verbs.EnableJobSchedule, "s")
    assert schedule.state is JobScheduleState.ACTIVE
    assert schedule.previous_state is JobScheduleState.DISABLED
    assert jobs_of(machine, schedule)[-1] == ("s:job-2", JobState.ACTIVE)


def test_enabled_schedule_waits_when_the_window_is_over(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR, start_window=10 * MINUTE)
    machine.do(verbs.DisableJobSchedule, "s")
    end_job(machine, "s:job-1")
    machine.pass_time(3600.0 + 700.0)
    machine.do(verbs.EnableJobSchedule, "s")
    assert len(schedule.job_keys) == 1


@pytest.mark.parametrize("verb", [verbs.DisableJobSchedule, verbs.EnableJobSchedule])
def test_verb_that_was_obeyed_already_changes_only_the_etag(
    machine: Simulation, verb: type[verbs.JobScheduleVerb]
) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    machine.do(verb, "s")
    state, since, modified = schedule.state, schedule.state_transition_time, schedule.last_modified
    machine.pass_time(1.0)
    machine.do(verb, "s")
    assert (schedule.state, schedule.state_transition_time) == (state, since)
    assert schedule.last_modified > modified


# --- update -------------------------------------------------------------------------------------------


def test_new_job_specification_is_for_the_jobs_to_come(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    machine.do(verbs.UpdateJobSchedule, "s", replace(schedule.spec, job=JobSpec("", {}, "q", priority=5)))
    assert machine.machine.state.job("s:job-1").spec.pool_id == "p"
    end_job(machine, "s:job-1")
    machine.pass_time(3600.0)
    job = machine.machine.state.job("s:job-2")
    assert (job.spec.pool_id, job.spec.priority) == ("q", 5)


def test_new_interval_counts_from_the_last_run(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    created = machine.now
    machine.pass_time(60.0)
    machine.do(verbs.UpdateJobSchedule, "s", spec_of(schedule, recurrence_interval=10 * MINUTE))
    assert schedule.next_run_time == created + 10 * MINUTE
    end_job(machine, "s:job-1")
    machine.pass_time(540.0)
    assert len(schedule.job_keys) == 2
    machine.pass_time(3000.0)
    assert len(schedule.job_keys) == 2, "a timer of the old interval was heard"


def test_timer_of_a_moment_that_is_no_longer_awaited_sets_no_other(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    stale = machine.now + HOUR
    machine.do(verbs.UpdateJobSchedule, "s", spec_of(schedule, recurrence_interval=2 * HOUR))
    machine.pass_time(3000.0)
    assert machine.do(events.TimerDue, ScheduleTimer("s", schedule.serial, stale)) == []


def test_schedule_whose_recurrence_is_taken_away_completes_with_its_job(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    machine.do(verbs.UpdateJobSchedule, "s", spec_of(schedule))
    assert schedule.state is JobScheduleState.ACTIVE
    end_job(machine, "s:job-1")
    assert schedule.state is JobScheduleState.COMPLETED


def test_stale_etag_changes_nothing(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=HOUR)
    stale = Conditions(if_match=etag(schedule.last_modified))
    machine.do(verbs.DisableJobSchedule, "s", conditions=stale)
    assert machine.refused(verbs.EnableJobSchedule, "s", conditions=stale) == "ConditionNotMet"
    assert schedule.state is JobScheduleState.DISABLED


# --- terminate and delete -----------------------------------------------------------------------------


def test_terminate_ends_the_active_job_first(machine: Simulation) -> None:
    machine.pool()
    schedule = machine.schedule(recurrence_interval=HOUR)
    task = machine.task("t", "s:job-1")
    machine.do(verbs.TerminateJobSchedule, "s")
    job = machine.machine.state.job("s:job-1")
    assert schedule.state is JobScheduleState.TERMINATING
    assert (job.state, job.terminate_reason) == (JobState.TERMINATING, "TerminateWorkitem")
    machine.end_killed()
    assert (schedule.state, job.state) == (JobScheduleState.COMPLETED, JobState.COMPLETED)
    assert schedule.end_time == machine.now
    assert schedule.previous_state is JobScheduleState.ACTIVE
    assert task.state is TaskState.COMPLETED


def test_terminated_schedule_creates_nothing_more(machine: Simulation) -> None:
    schedule = machine.schedule(recurrence_interval=MINUTE)
    machine.do(verbs.TerminateJobSchedule, "s")
    machine.pass_time(600.0)
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.COMPLETED)]


def test_delete_takes_all_jobs_with_it(machine: Simulation) -> None:
    machine.pool()
    schedule = machine.schedule(recurrence_interval=MINUTE)
    end_job(machine, "s:job-1")
    machine.pass_time(60.0)
    machine.task("t", "s:job-2")
    machine.do(verbs.DeleteJobSchedule, "s")
    assert schedule.state is JobScheduleState.DELETING
    assert jobs_of(machine, schedule) == [("s:job-2", JobState.DELETING)]
    assert machine.refused(verbs.DeleteJobSchedule, "s") == "JobScheduleBeingDeleted"
    machine.end_killed()
    assert machine.machine.state.jobs == {}
    assert machine.refused(verbs.DeleteJobSchedule, "s") == "JobScheduleNotFound"
    assert machine.deleted[-1].directory == "workitems/s/job-2"


def test_id_of_a_deleted_schedule_is_free_and_counts_its_jobs_anew(machine: Simulation) -> None:
    machine.schedule(recurrence_interval=MINUTE)
    machine.do(verbs.DeleteJobSchedule, "s")
    machine.pass_time(30.0)
    schedule = machine.schedule(recurrence_interval=HOUR)
    machine.pass_time(60.0)
    assert jobs_of(machine, schedule) == [("s:job-1", JobState.ACTIVE)]


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (verbs.TerminateJobSchedule, "JobScheduleBeingTerminated"),
        (verbs.DeleteJobSchedule, "JobScheduleBeingDeleted"),
    ],
)
def test_schedule_on_its_way_out_refuses_every_change(
    machine: Simulation, ending: type[verbs.JobScheduleVerb], code: str
) -> None:
    machine.pool()
    schedule = machine.schedule()
    machine.task("t", "s:job-1")
    machine.do(ending, "s")
    assert machine.refused(verbs.UpdateJobSchedule, "s", schedule.spec) == code
    for verb in (verbs.DisableJobSchedule, verbs.EnableJobSchedule, verbs.TerminateJobSchedule):
        assert machine.refused(verb, "s") == code


def test_completed_schedule_can_only_be_deleted(machine: Simulation) -> None:
    schedule = machine.schedule()
    machine.do(verbs.TerminateJobSchedule, "s")
    assert machine.refused(verbs.UpdateJobSchedule, "s", schedule.spec) == "JobScheduleCompleted"
    for verb in (verbs.DisableJobSchedule, verbs.EnableJobSchedule, verbs.TerminateJobSchedule):
        assert machine.refused(verb, "s") == "JobScheduleCompleted"
    machine.do(verbs.DeleteJobSchedule, "s")


# --- files --------------------------------------------------------------------------------------------


def test_tasks_of_a_schedules_job_lie_below_the_schedule(machine: Simulation) -> None:
    machine.pool()
    machine.schedule("Nightly")
    task = machine.task("t", "Nightly:job-1")
    assert task.node is not None
    assert task.node.directory == "workitems/Nightly/job-1/t"
