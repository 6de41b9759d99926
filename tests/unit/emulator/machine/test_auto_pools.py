"""Pools that come with a job or a schedule and go with it."""

# mypy: disable-error-code="comparison-overlap"
# The machine changes the state of what a test holds; mypy takes the second assertion for impossible.

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine import schedule_events as verbs
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.auto_pools import AutoPoolSpec
from airflow_provider_batch.emulator.model.commands import PackageReference
from airflow_provider_batch.emulator.model.jobs import Job, JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    JobScheduleState,
    JobState,
    PoolLifetime,
    PoolState,
)
from tests.unit.emulator.machine.simulation import Simulation

MINUTE = timedelta(minutes=1)
GUID = "[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}"
POOL = PoolSpec("", {}, "standard_d2s_v3", target_dedicated_nodes=1)
OF_JOB = AutoPoolSpec(POOL, PoolLifetime.JOB, id_prefix="mine")
OF_SCHEDULE = AutoPoolSpec(POOL, PoolLifetime.JOB_SCHEDULE)


def job_with_pool(machine: Simulation, auto_pool: AutoPoolSpec = OF_JOB) -> Job:
    return machine.job("j", "", auto_pool=auto_pool)


def pools(machine: Simulation) -> list[str]:
    return [pool.id for pool in machine.machine.state.pools.values()]


def end_job(machine: Simulation, job_id: str = "j") -> None:
    machine.do(events.TerminateJob, job_id, "done")
    machine.end_killed()


def test_pool_is_created_with_its_job(machine: Simulation) -> None:
    job = job_with_pool(machine)
    assert pools(machine) == [job.spec.pool_id]
    assert re.fullmatch(f"mine{GUID}", job.spec.pool_id)
    machine.pass_time(3.0)
    machine.task("t")
    assert machine.running() == ["t"]


def test_same_events_and_seed_give_the_same_pool_id() -> None:
    ids = [job_with_pool(Simulation(MachineSettings(seed=seed))).spec.pool_id for seed in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_each_job_has_a_pool_of_its_own(machine: Simulation) -> None:
    first, second = (machine.job(name, "", auto_pool=OF_JOB) for name in ("j", "k"))
    assert first.spec.pool_id != second.spec.pool_id


def test_pool_goes_when_its_job_is_completed(machine: Simulation) -> None:
    job_with_pool(machine)
    machine.pass_time(3.0)
    machine.task("t")
    machine.do(events.TerminateJob, "j", "done")
    assert len(pools(machine)) == 1, "the pool goes only when the job has ended"
    machine.end_killed()
    assert pools(machine) == []


def test_pool_goes_when_its_active_job_is_deleted(machine: Simulation) -> None:
    job_with_pool(machine)
    machine.pass_time(3.0)
    machine.task("t")
    machine.do(events.DeleteJob, "j")
    machine.end_killed()
    assert pools(machine) == []


def test_pool_that_is_kept_alive_stays(machine: Simulation) -> None:
    job = job_with_pool(machine, replace(OF_JOB, keep_alive=True))
    end_job(machine)
    machine.do(events.DeleteJob, "j")
    assert pools(machine) == [job.spec.pool_id]


def test_keep_alive_can_be_changed_before_the_job_ends(machine: Simulation) -> None:
    job = job_with_pool(machine)
    machine.do(events.UpdateJob, "j", replace(job.spec, auto_pool=replace(OF_JOB, keep_alive=True)))
    end_job(machine)
    assert pools(machine) == [job.spec.pool_id]


def test_pool_of_a_job_that_moved_elsewhere_still_goes_with_it(machine: Simulation) -> None:
    job = job_with_pool(machine)
    machine.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    machine.do(events.UpdateJob, "j", replace(job.spec, pool_id="p", auto_pool=None))
    end_job(machine)
    assert pools(machine) == []


def test_pool_that_a_user_deleted_meanwhile_is_not_missed(machine: Simulation) -> None:
    job = job_with_pool(machine)
    machine.do(events.DeletePool, job.spec.pool_id)
    end_job(machine)
    assert job.state is JobState.COMPLETED


def test_job_whose_pool_is_one_too_many_is_completed_with_an_error() -> None:
    machine = Simulation(MachineSettings(pool_quota=0))
    job = job_with_pool(machine)
    assert job.state is JobState.COMPLETED
    assert job.scheduling_error is not None
    assert job.scheduling_error.code == "AutoPoolCreationFailedWithQuotaReached"
    assert (job.spec.pool_id, job.terminate_reason) == ("", "")
    assert pools(machine) == []


def test_job_whose_pool_wants_an_unknown_package_is_completed_with_an_error(machine: Simulation) -> None:
    pool = replace(POOL, packages=(PackageReference("none", "1"),))
    job = job_with_pool(machine, replace(OF_JOB, pool=pool))
    assert job.state is JobState.COMPLETED
    assert job.scheduling_error is not None
    assert job.scheduling_error.code == "InvalidApplicationPackageReferencesInAutoPool"
    assert pools(machine) == []


# --- schedules ----------------------------------------------------------------------------------------


def test_each_job_of_a_schedule_has_a_pool_when_lifetime_is_job(machine: Simulation) -> None:
    machine.schedule(job=JobSpec("", {}, "", auto_pool=OF_JOB), recurrence_interval=MINUTE)
    first = pools(machine)
    end_job(machine, "s:job-1")
    assert pools(machine) == []
    machine.pass_time(60.0)
    assert len(pools(machine)) == 1
    assert pools(machine) != first


def test_jobs_of_a_schedule_share_one_pool_until_it_completes(machine: Simulation) -> None:
    schedule = machine.schedule(job=JobSpec("", {}, "", auto_pool=OF_SCHEDULE), recurrence_interval=MINUTE)
    shared = pools(machine)
    end_job(machine, "s:job-1")
    machine.pass_time(60.0)
    assert pools(machine) == shared
    assert machine.machine.state.job("s:job-2").spec.pool_id == shared[0] == schedule.auto_pool_id
    machine.do(verbs.TerminateJobSchedule, "s")
    assert pools(machine) == []


def test_pool_of_a_schedule_comes_with_its_first_job(machine: Simulation) -> None:
    machine.schedule(job=JobSpec("", {}, "", auto_pool=OF_SCHEDULE), do_not_run_until=machine.now + MINUTE)
    assert pools(machine) == []
    machine.pass_time(60.0)
    assert len(pools(machine)) == 1


def test_pool_of_a_deleted_schedule_goes_after_its_jobs(machine: Simulation) -> None:
    machine.schedule(job=JobSpec("", {}, "", auto_pool=OF_SCHEDULE), recurrence_interval=MINUTE)
    machine.pass_time(3.0)
    machine.task("t", "s:job-1")
    machine.do(verbs.DeleteJobSchedule, "s")
    (pool,) = machine.machine.state.pools.values()
    assert pool.state is PoolState.ACTIVE
    machine.end_killed()
    assert pools(machine) == []


def test_shared_pool_that_is_kept_alive_survives_its_schedule(machine: Simulation) -> None:
    kept = replace(OF_SCHEDULE, keep_alive=True)
    machine.schedule(job=JobSpec("", {}, "", auto_pool=kept))
    machine.do(verbs.DeleteJobSchedule, "s")
    assert len(pools(machine)) == 1


def test_schedule_tries_again_after_a_job_without_its_pool() -> None:
    machine = Simulation(MachineSettings(pool_quota=1, node_start_seconds=3.0))
    machine.pool("p", 0)
    schedule = machine.schedule(job=JobSpec("", {}, "", auto_pool=OF_SCHEDULE), recurrence_interval=MINUTE)
    assert machine.machine.state.job("s:job-1").state is JobState.COMPLETED
    assert schedule.state is JobScheduleState.ACTIVE
    machine.do(events.DeletePool, "p")
    machine.pass_time(60.0)
    assert machine.machine.state.job("s:job-2").state is JobState.ACTIVE
    assert pools(machine) == [schedule.auto_pool_id]


def test_schedule_without_recurrence_completes_when_its_job_had_no_pool() -> None:
    machine = Simulation(MachineSettings(pool_quota=0))
    schedule = machine.schedule(job=JobSpec("", {}, "", auto_pool=OF_JOB))
    assert schedule.state is JobScheduleState.COMPLETED
