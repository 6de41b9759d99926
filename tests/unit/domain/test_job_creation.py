"""A job that the account has no room for is waited with, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.job_creation import LONGEST_WAIT, PATIENCE, create_job
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.submission import submit
from airflow_provider_batch.exceptions import BatchConflictError, BatchQuotaError
from tests.unit.domain.fake_batch import FakeBatch, Process, service_error
from tests.unit.domain.groups import PLAN, chain, late, launching
from tests.unit.domain.plans import account, own

JOB = {"id": "j", "poolInfo": {"poolId": "p1"}}


def full(times: int) -> tuple[FakeBatch, Process]:
    batch = account()
    batch.fail("create_job", service_error("ActiveJobAndScheduleQuotaReached"), times=times)
    return batch, Process(batch)


def test_it_is_created_as_soon_as_there_is_room() -> None:
    batch, process = full(3)
    process.drive(create_job(JOB))
    assert "j" in batch.jobs
    assert process.sleeps == [10.0, 20.0, 40.0]
    assert "ActiveJobAndScheduleQuotaReached" in process.text


def test_the_wait_grows_to_a_limit_and_ends_with_the_quotas_own_error() -> None:
    batch, process = full(10_000)
    with pytest.raises(BatchQuotaError) as caught:
        process.drive(create_job(JOB))
    assert caught.value.code == "ActiveJobAndScheduleQuotaReached"
    assert max(process.sleeps) == LONGEST_WAIT
    assert PATIENCE <= sum(process.sleeps) < PATIENCE + LONGEST_WAIT
    assert "j" not in batch.jobs


@pytest.mark.parametrize("code", ["JobExists", "JobScheduleWithSameIdExists", "PoolQuotaReached"])
def test_another_refusal_is_not_waited_with(code: str) -> None:
    batch = account()
    batch.fail("create_job", service_error(code))
    process = Process(batch)
    with pytest.raises(BatchConflictError, match=code):
        process.drive(create_job(JOB))
    assert process.sleeps == []


@pytest.mark.parametrize(
    "flow",
    [
        pytest.param(lambda: submit(own()), id="task"),
        pytest.param(lambda: launching(chain()), id="launch"),
        pytest.param(lambda: submit_late(PLAN, late("x")), id="late member"),
    ],
)
def test_whoever_creates_a_job_waits_for_room(flow: Callable[[], Flow[object]]) -> None:
    batch, process = full(2)
    process.drive(flow())
    assert len(batch.active_jobs()) == 2
    assert process.sleeps[:2] == [10.0, 20.0]
