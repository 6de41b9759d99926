"""A member that Airflow starts comes into a job of its group once, whatever happens to it on the way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from airflow_provider_batch.domain.group_job import end_jobs
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.submission import ENDING_PATIENCE
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchConflictError,
)
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, service_error
from tests.unit.domain.groups import (
    GROUP,
    JOB,
    PLAN,
    after_an_ended_job,
    attempt,
    chain,
    go,
    job,
    late,
    late_before_launch,
    late_first,
    launched,
    launching,
    planned,
    submitted,
    unchangeable,
    unchangeable_after_an_ended_job,
)
from tests.unit.domain.plans import account


def test_a_late_member_whose_job_cannot_be_changed_shares_one_that_stays_open() -> None:
    batch = unchangeable()
    assert submitted(batch).key.batch_job_id == submitted(batch, "other").key.batch_job_id == job(2)
    for key in batch.live_tasks():
        batch.complete(key)
    assert batch.active_jobs() == ["nightly", job(2)]
    go(batch, end_jobs(GROUP, "test"))
    assert batch.active_jobs() == ["nightly"]


def test_a_late_member_puts_nothing_into_a_job_that_nobody_knows_to_be_changeable() -> None:
    unharmed = unchangeable()
    go(unharmed, launching(chain()))
    batch = unchangeable()
    batch.crash_at = (unharmed.operations().index("create_job"), "after")
    with pytest.raises(Crash):
        go(batch, launching(chain()))
    batch.crash_at = None
    go(batch, submit_late(PLAN, late("frame")))
    said = go(batch, launching(chain()))
    assert batch.jobs[said.batch_job_id]["constraints"] == {"maxWallClockTime": PLAN.wall_clock}


def while_open() -> FakeBatch:
    return launched()[0]


def beside_others() -> FakeBatch:
    batch = late_first()
    submitted(batch, "other")
    return batch


def late_failed() -> FakeBatch:
    """The try before failed; the job of a late member ended with it."""
    batch = late_first()
    batch.complete(attempt("split"), 1)
    assert batch.jobs[JOB]["state"] == "completed"
    return batch


def late_failed_in_launchs_job() -> FakeBatch:
    batch = while_open()
    batch.complete(submitted(batch, "split").key, 1)
    return batch


def late_succeeded() -> FakeBatch:
    """It succeeded, its job ended by itself, and the worker died before it could take the result."""
    batch = late_first()
    batch.complete(attempt("split"), 0)
    assert batch.jobs[JOB]["state"] == "completed"
    return batch


LATE = [
    account,
    while_open,
    after_an_ended_job,
    beside_others,
    late_failed,
    late_failed_in_launchs_job,
    late_succeeded,
    late_before_launch,
    unchangeable,
    unchangeable_after_an_ended_job,
]


@pytest.mark.parametrize("situation", LATE)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("ends", [None, 0])
def test_a_late_member_killed_at_any_request_and_run_again_runs_as_often_as_one_try(
    situation: Callable[[], FakeBatch], when: str, ends: int | None
) -> None:
    """``ends``: the task succeeds between the two tries, and its job may end with it."""
    unharmed = situation()
    before = len(unharmed.requests)
    wanted = submitted(unharmed).key
    length = len(unharmed.requests) - before
    for point in range(length):
        batch = situation()
        batch.crash_at = (len(batch.requests) + point, when)
        with pytest.raises(Crash):
            submitted(batch)
        batch.crash_at = None
        if ends is not None and batch._key(wanted) in batch.tasks:
            batch.complete(wanted, ends)

        again = submitted(batch)

        assert again.key == wanted
        assert again.shared_job
        assert batch.submissions == unharmed.submissions
        assert len(batch.active_jobs()) <= len(unharmed.active_jobs())
        assert batch.live_tasks() == unharmed.live_tasks() or ends is not None


def test_a_late_member_goes_into_launchs_job_without_dependencies() -> None:
    batch, said = launched()
    submission = submitted(batch, "extra")
    assert submission.key.batch_job_id == said.batch_job_id
    assert "dependsOn" not in batch.task(submission.key)
    assert batch.jobs[said.batch_job_id]["onAllTasksComplete"] == "noaction"


def test_a_job_that_a_late_member_opened_ends_by_itself_and_the_next_one_opens_another() -> None:
    batch = late_first()
    assert batch.jobs[JOB]["onAllTasksComplete"] == "terminatejob"
    assert batch.jobs[JOB]["constraints"] == {"maxWallClockTime": "P30D"}
    batch.complete(attempt("split"))
    assert batch.active_jobs() == ["nightly"]
    assert submitted(batch, "next").key.batch_job_id == job(2)


def test_a_member_cleared_after_the_end_runs_in_the_next_generation() -> None:
    batch, _ = launched()
    batch.complete(planned("split"))
    go(batch, end_jobs(GROUP, "test"))
    submission = submitted(batch, max_tries=1, retire=[planned("split")])
    assert submission.key == attempt("split", max_tries=1, generation=2)
    batch.complete(submission.key)
    assert batch.active_jobs() == ["nightly"]


def test_a_late_member_of_a_job_deleted_by_hand_gets_a_new_one() -> None:
    batch, said = launched()
    batch._begin_delete_job(batch.requests[-1], said.batch_job_id)
    assert submitted(batch).key == attempt("split")


def test_a_success_that_nobody_took_in_a_job_that_ended_since_is_taken() -> None:
    batch = late_succeeded()
    submission = submitted(batch)
    assert submission.key == attempt("split")
    assert submission.adopted
    assert submission.stale_end is None
    assert batch.active_jobs() == ["nightly"]


def test_a_success_of_before_a_clear_is_not_taken() -> None:
    batch = late_succeeded()
    assert submitted(batch, max_tries=1).key == attempt("split", max_tries=1, generation=2)


def test_a_late_task_that_runs_in_an_older_job_than_the_newest_is_found_there() -> None:
    batch = late_before_launch()
    assert submitted(batch).key == attempt("split")
    assert [key for key in batch.live_tasks() if "split" in key.batch_task_id] == [attempt("split")]


def test_a_late_task_that_its_ending_job_still_runs_is_waited_for() -> None:
    batch = late_first()
    batch.run(attempt("split"))
    batch.jobs[JOB]["state"] = "terminating"
    process = Process(batch)
    process.at(7, lambda: batch.end_job(JOB))
    submission = process.drive(submit_late(PLAN, late("split")))
    assert sum(process.sleeps) >= 7
    assert batch.live_tasks() == [submission.key]
    assert submission.key.batch_job_id == job(2)


def test_a_late_task_is_not_run_beside_one_that_never_ends() -> None:
    batch = late_first()
    batch.run(attempt("split"))
    batch.jobs[JOB]["state"] = "terminating"
    with pytest.raises(AzureBatchError, match="not run a second time"):
        submitted(batch)


def test_a_task_that_is_superseded_has_ended_before_the_new_one_starts() -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    states: list[str] = []
    batch.before("create_task", lambda b: states.append(b.task(planned("split"))["state"]))
    submitted(batch, retire=[planned("split")])
    assert states == ["completed"]


def test_a_superseded_task_that_its_ending_job_still_runs_is_waited_for() -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    batch.jobs[JOB]["state"] = "terminating"
    batch.fail("terminate_task", service_error("JobBeingTerminated"))
    process = Process(batch)
    process.at(9, lambda: batch.end_job(JOB))
    process.drive(submit_late(PLAN, late("split"), [planned("split")]))
    assert 9 <= sum(process.sleeps) < ENDING_PATIENCE


def test_a_superseded_task_that_has_ended_or_was_never_there_costs_no_waiting() -> None:
    batch, _ = launched()
    batch.complete(planned("split"), 1)
    process = Process(batch)
    process.drive(submit_late(PLAN, late("split"), [planned("split"), planned("ghost")]))
    assert process.sleeps == []


@pytest.mark.parametrize("operation", ["get_job", "create_task"])
def test_a_job_that_ends_between_the_look_and_the_act_is_followed_by_the_next(operation: str) -> None:
    batch, _ = launched()
    batch.before(operation, lambda b: b.end_job(JOB))
    assert submitted(batch).key.batch_job_id == job(2)


def test_two_late_members_at_the_same_time_share_one_job() -> None:
    for operation in ("get_job", "get_pool", "create_job", "get_task", "create_task", "update_job"):
        batch = account()
        batch.before(operation, partial(submitted, member_id="other"))
        submitted(batch)
        assert batch.active_jobs() == ["nightly", JOB], operation
        assert len(batch.live_tasks()) == 2


def test_a_job_that_ends_again_and_again_is_an_error_and_no_endless_loop() -> None:
    batch, _ = launched()

    class Ending(Process):
        def __call__(self, effect: Any) -> Any:
            if getattr(effect, "operation", "") == "create_task":
                for job_id in batch.active_jobs():
                    batch.end_job(job_id)
            return super().__call__(effect)

    with pytest.raises(BatchConflictError, match="times in a row"):
        Ending(batch).drive(submit_late(PLAN, late("split")))
