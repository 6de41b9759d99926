"""One Batch job for each run of a group, and its next generations: whose they are, and how they end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.group_job import end_jobs, generations_of
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchOwnershipError,
)
from tests.unit.domain.fake_batch import FakeBatch, service_error
from tests.unit.domain.groups import (
    GROUP,
    JOB,
    OPENING,
    PLAN,
    after_an_ended_job,
    chain,
    go,
    half_launched,
    job,
    late,
    late_before_launch,
    launched,
    launching,
    unchangeable,
    unchangeable_after_an_ended_job,
)
from tests.unit.domain.plans import POOL_BODY, account


@pytest.mark.parametrize("name", ["deployment_id", "dag_id", "run_id", "group_id", "run_started"])
def test_another_deployment_and_a_run_made_anew_never_find_each_others_jobs(name: str) -> None:
    other = replace(GROUP, **{name: getattr(GROUP, name) + "x"})
    batch, said = launched()
    assert go(batch, generations_of(other)) == []
    theirs = go(batch, launching([], plan=replace(PLAN, group=other)))
    assert theirs.batch_job_id != said.batch_job_id
    assert len(go(batch, generations_of(GROUP))) == 1
    go(batch, end_jobs(other, "test"))
    assert batch.jobs[said.batch_job_id]["state"] == "active"


@pytest.mark.parametrize("generation", [1, 2])
def test_a_job_of_somebody_else_under_our_id_is_left_alone(generation: int) -> None:
    batch = account()
    if generation == 2:
        batch = after_an_ended_job()
    theirs = {**batch.jobs["nightly"], "id": job(generation)}
    batch.jobs[job(generation)] = theirs
    for flow in (launching(chain()), submit_late(PLAN, late("x")), end_jobs(GROUP, "test")):
        with pytest.raises(BatchOwnershipError, match=job(generation)):
            go(batch, flow)
    assert theirs["state"] == "active"
    assert all(job_id == JOB for job_id, _ in batch.tasks)


def test_a_later_generation_of_somebody_else_behind_a_deleted_one_is_left_alone() -> None:
    batch = account()
    batch.jobs[job(3)] = {**batch.jobs["nightly"], "id": job(3)}
    with pytest.raises(BatchOwnershipError, match="-g3"):
        go(batch, generations_of(GROUP))


def test_the_users_metadata_stay_and_cannot_hide_whose_job_it_is() -> None:
    theirs = [{"name": "cost", "value": "7"}, {"name": ids.OWNER, "value": "me"}]
    batch = account()
    go(batch, launching([], plan=replace(PLAN, job={"metadata": theirs})))
    metadata = batch.jobs[JOB]["metadata"]
    assert ids.named_value(metadata, "cost") == "7"
    assert ids.named_value(metadata, ids.OWNER) == GROUP.owner
    assert go(batch, generations_of(GROUP))[0].fingerprint == "shape"


def test_a_refusal_other_than_existence_is_no_job_of_ours() -> None:
    batch = account()
    batch.fail("create_job", service_error("JobScheduleWithSameIdExists"))
    with pytest.raises(BatchConflictError, match="JobScheduleWithSameIdExists"):
        go(batch, launching(chain()))


def test_a_job_that_cannot_be_changed_is_followed_by_one_that_has_its_full_life_from_the_start() -> None:
    plan = replace(PLAN, wall_clock="P3D", job={"constraints": {"maxTaskRetryCount": 2}})
    batch = unchangeable()
    said = go(batch, launching(chain(), plan=plan, is_new=True))
    assert said.batch_job_id == job(2)
    assert batch.active_jobs() == ["nightly", job(2)]
    assert batch.jobs[job(2)]["constraints"] == {"maxWallClockTime": "P3D", "maxTaskRetryCount": 2}
    assert batch.jobs[job(2)]["onAllTasksComplete"] == "noaction"
    assert {key.batch_job_id for key in batch.live_tasks()} == {job(2)}


def test_a_job_that_cannot_be_changed_is_found_out_once() -> None:
    batch = unchangeable_after_an_ended_job()
    assert go(batch, launching(chain(), replace(OPENING, max_tries=1))).batch_job_id == job(3)
    assert batch.operations().count("update_job") == 1


def test_a_job_with_tasks_is_never_ended_because_it_cannot_be_changed() -> None:
    batch = half_launched()
    batch.refuses_changes = True
    with pytest.raises(BatchConflictError, match="OperationInvalidForCurrentState"):
        go(batch, launching(chain()))
    assert JOB in batch.active_jobs()


def test_a_missing_pool_is_named_before_a_job_is_created() -> None:
    batch = FakeBatch()
    with pytest.raises(AzureBatchConfigurationError, match="'p1' does not exist"):
        go(batch, launching(chain()))
    assert not batch.jobs


def test_a_described_pool_is_created_first() -> None:
    batch = FakeBatch()
    go(batch, launching(chain(), plan=replace(PLAN, pool=POOL_BODY)))
    operations = batch.operations()
    assert operations.index("create_pool") < operations.index("create_job")


def test_every_open_job_of_the_run_is_ended_and_no_other() -> None:
    batch = late_before_launch()
    assert len(batch.active_jobs()) == 3
    found = go(batch, end_jobs(GROUP, "test"))
    assert [generation.number for generation in found] == [1, 2]
    assert batch.active_jobs() == ["nightly"]


@pytest.mark.parametrize("code", ["JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobNotFound"])
def test_a_job_that_ends_meanwhile_needs_no_end(code: str) -> None:
    batch, _ = launched()
    batch.fail("begin_terminate_job", service_error(code))
    assert len(go(batch, end_jobs(GROUP, "test"))) == 1


def test_a_job_that_cannot_be_ended_is_an_error() -> None:
    batch, _ = launched()
    batch.fail("begin_terminate_job", service_error("OperationInvalidForCurrentState"))
    with pytest.raises(BatchConflictError, match="OperationInvalidForCurrentState"):
        go(batch, end_jobs(GROUP, "test"))
