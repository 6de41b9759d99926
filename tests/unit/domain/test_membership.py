"""A worker takes the planned task of its member or submits another one; never both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_batch.domain.acceptance import Refused
from airflow_provider_batch.domain.group_job import end_jobs
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.membership import MemberPlan, find_member, submit_member
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.termination import terminate
from airflow_provider_batch.exceptions import BatchUnavailableError
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, service_error
from tests.unit.domain.groups import (
    GROUP,
    JOB,
    OPENING,
    PLAN,
    attempt,
    body,
    chain,
    job,
    late,
    launched,
    launching,
    member,
    planned,
)
from tests.unit.domain.plans import account

SPLIT = planned("split")
SPLIT_ANEW = planned("split", generation=2)


def submitted(batch: FakeBatch, plan: MemberPlan) -> Submission:
    submission: Submission = Process(batch).drive(submit_member(plan))
    return submission


def split_tasks(batch: FakeBatch) -> list[TaskKey]:
    return [key for key in batch.live_tasks() if key.batch_task_id.startswith("split")]


# --- crashes --------------------------------------------------------------------------------------

Scene = tuple[FakeBatch, Launched | None, dict[str, Any]]


def planned_by_launch() -> Scene:
    return (*launched(), {})


def planned_and_running() -> Scene:
    batch, said = launched()
    batch.run(SPLIT)
    return batch, said, {}


def planned_and_failed() -> Scene:
    batch, said = launched()
    batch.complete(SPLIT, 1)
    return batch, said, {"try_number": 2}


def planned_and_failed_and_changed() -> Scene:
    batch, said, _ = planned_and_failed()
    return batch, said, {"try_number": 2, "task": late("split", command="changed")}


def planned_and_succeeded() -> Scene:
    batch, said = launched()
    batch.complete(SPLIT)
    return batch, said, {}


def refused_by_its_mirror() -> Scene:
    batch, said, _ = planned_and_running()
    return batch, said, {"refused": Refused("a parent was run again", (SPLIT,))}


def cleared() -> Scene:
    batch, said, _ = planned_and_succeeded()
    return batch, said, {"max_tries": 1, "tries_before_clear": 1, "try_number": 2}


def cleared_after_the_end() -> Scene:
    batch, said, changes = cleared()
    Process(batch).drive(end_jobs(GROUP, "test"))
    return batch, said, changes


def cleared_and_planned_anew() -> Scene:
    """All of the group was cleared while it ran: launch has planned it into the next generation."""
    batch, _, _ = planned_and_running()
    said = Process(batch).drive(launching(chain(), replace(OPENING, max_tries=1, start_over=True)))
    return batch, said, {"max_tries": 1, "tries_before_clear": 1, "try_number": 2}


def cleared_and_failed_anew() -> Scene:
    batch, said, changes = cleared_and_planned_anew()
    batch.complete(SPLIT_ANEW, 1)
    return batch, said, {**changes, "try_number": 3, "max_tries": 2}


def without_launch() -> Scene:
    return account(), None, {}


def job_deleted() -> Scene:
    batch, said = launched()
    batch._begin_delete_job(batch.requests[-1], JOB)
    return batch, said, {}


SITUATIONS = [
    planned_by_launch,
    planned_and_running,
    planned_and_failed,
    planned_and_failed_and_changed,
    planned_and_succeeded,
    refused_by_its_mirror,
    cleared,
    cleared_after_the_end,
    cleared_and_planned_anew,
    cleared_and_failed_anew,
    without_launch,
    job_deleted,
]


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("is_next_try", [False, True])
def test_a_worker_killed_at_any_request_and_run_again_has_one_task_and_runs_it_once(
    situation: Callable[[], Scene], when: str, is_next_try: bool
) -> None:
    unharmed, said, changes = situation()
    before = len(unharmed.requests)
    wanted = submitted(unharmed, member("split", said, **changes)).key
    for point in range(len(unharmed.requests) - before):
        batch, said, changes = situation()
        batch.crash_at = (len(batch.requests) + point, when)
        with pytest.raises(Crash):
            submitted(batch, member("split", said, **changes))
        batch.crash_at = None
        if is_next_try:
            # It starts on a worker: what the mirror had refused is not known any more.
            changes = {**changes, "try_number": changes.get("try_number", 1) + 1}
            was_refused = changes.pop("refused", None)
            if was_refused and batch._key(wanted) not in batch.tasks:
                submitted(batch, member("split", said, **changes))
                assert len(split_tasks(batch)) == 1
                continue

        assert submitted(batch, member("split", said, **changes)).key == wanted
        assert batch.submissions == unharmed.submissions
        assert split_tasks(batch) == split_tasks(unharmed)
        assert len(split_tasks(batch)) <= 1
        assert len(batch.active_jobs()) == len(unharmed.active_jobs())


# --- what is planned is taken ---------------------------------------------------------------------


@pytest.mark.parametrize("situation", [planned_by_launch, planned_and_running])
def test_a_planned_task_is_adopted_and_a_late_kill_of_somebody_else_cannot_end_it(
    situation: Callable[[], Scene],
) -> None:
    batch, said, changes = situation()
    old = batch.task(SPLIT)["eTag"]
    found = submitted(batch, member("split", said, **changes))
    assert found.key == SPLIT
    assert found.shared_job
    assert found.etag == batch.task(SPLIT)["eTag"] != old
    Process(batch).drive(terminate(Submission(SPLIT, "p1", old), "late"))
    assert split_tasks(batch) == [SPLIT]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_the_end_of_a_planned_task_is_the_end_of_the_first_try(exit_code: int) -> None:
    batch, said = launched()
    batch.complete(SPLIT, exit_code)
    found = submitted(batch, member("split", said))
    assert (found.key, found.stale_end) == (SPLIT, None)
    assert batch.submissions[batch._key(SPLIT)] == 1


def test_a_retry_runs_the_planned_task_again_and_its_failure_does_not_count() -> None:
    batch, said, changes = planned_and_failed()
    end = batch.task(SPLIT)["executionInfo"]["endTime"]
    found = submitted(batch, member("split", said, **changes))
    assert (found.key, found.stale_end) == (SPLIT, end)
    assert batch.submissions[batch._key(SPLIT)] == 2


def test_a_retry_with_another_definition_gets_a_task_of_its_own() -> None:
    batch, said, changes = planned_and_failed_and_changed()
    found = submitted(batch, member("split", said, **changes))
    assert found.key == attempt("split")
    assert batch.task(found.key)["commandLine"] == "changed"


@pytest.mark.parametrize("code", ["TaskSucceeded", "JobCompleted", "TaskNotFound"])
def test_a_planned_task_that_cannot_be_run_again_is_replaced(code: str) -> None:
    batch, said, changes = planned_and_failed()
    batch.fail("reactivate_task", service_error(code))
    assert submitted(batch, member("split", said, **changes)).key == attempt("split")


def test_a_success_of_an_earlier_try_that_was_not_cleared_is_taken() -> None:
    batch, said, _ = planned_and_succeeded()
    assert submitted(batch, member("split", said, try_number=2)).key == SPLIT


# --- what is not ----------------------------------------------------------------------------------


def test_a_late_member_gets_a_task_of_its_own() -> None:
    batch, said = launched()
    found = submitted(batch, member("late", said))
    assert found.key == attempt("late")
    assert found.shared_job


def test_what_a_mirror_refused_has_ended_before_the_other_one_starts() -> None:
    batch, said, changes = refused_by_its_mirror()
    states: list[str] = []
    batch.before("create_task", lambda b: states.append(b.task(SPLIT)["state"]))
    process = Process(batch)
    found = process.drive(submit_member(member("split", said, **changes)))
    assert found.key == attempt("split")
    assert states == ["completed"]
    assert "a parent was run again" in process.text


def test_a_planned_task_that_failed_does_not_run_again_beside_what_an_earlier_try_submitted() -> None:
    batch, said = launched()
    Process(batch).drive(submit_late(PLAN, late("split"), [SPLIT]))  # that worker died here
    found = submitted(batch, member("split", said, try_number=2))
    assert found.key == attempt("split")
    assert split_tasks(batch) == [attempt("split")]


def test_a_refused_task_of_this_very_work_is_taken_up_and_not_ended() -> None:
    batch, said = launched()
    own = submitted(batch, member("late", said))
    batch.complete(own.key, 1)
    refused = Refused("an earlier try", (own.key,))
    found = submitted(batch, member("late", said, refused=refused, try_number=2))
    assert found.key == own.key
    assert found.stale_end is not None


def test_a_mirror_that_refused_an_old_plan_leaves_no_newer_one_beside_its_worker() -> None:
    batch, said = launched()
    stale = Refused("the job has ended", (TaskKey("before", SPLIT.batch_task_id),))
    found = submitted(batch, member("split", said, refused=stale, try_number=2))
    assert split_tasks(batch) == [found.key] == [attempt("split")]


def test_a_cleared_member_runs_anew_beside_its_old_success() -> None:
    batch, said, changes = cleared()
    assert submitted(batch, member("split", said, **changes)).key == attempt("split", max_tries=1)


def test_a_cleared_member_ends_its_planned_task_that_still_runs() -> None:
    batch, said, _ = planned_and_running()
    found = submitted(batch, member("split", said, max_tries=1, tries_before_clear=1, try_number=2))
    assert split_tasks(batch) == [found.key]


@pytest.mark.parametrize("exit_code", [None, 0, 1])
def test_a_member_that_was_planned_anew_after_its_clear_takes_that_task_whatever_became_of_it(
    exit_code: int | None,
) -> None:
    """Batch may have ended it before its Airflow task has begun."""
    batch, said, changes = cleared_and_planned_anew()
    if exit_code is not None:
        batch.complete(SPLIT_ANEW, exit_code)
    before = dict(batch.submissions)
    assert submitted(batch, member("split", said, **changes)).key == SPLIT_ANEW
    assert batch.submissions == before


def test_a_member_that_was_planned_anew_and_failed_is_run_again_by_its_retry() -> None:
    batch, said, changes = cleared_and_failed_anew()
    assert submitted(batch, member("split", said, **changes)).key == SPLIT_ANEW
    assert split_tasks(batch) == [SPLIT_ANEW]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_member_that_is_cleared_without_launch_runs_again(exit_code: int) -> None:
    """As when only what has failed is cleared, or a member alone: launch says what it said before."""
    batch, said, changes = cleared_and_planned_anew()
    assert submitted(batch, member("split", said, **changes)).key == SPLIT_ANEW
    batch.complete(SPLIT_ANEW, exit_code)
    again = {"max_tries": 2, "tries_before_clear": 2, "try_number": 3}
    found = submitted(batch, member("split", said, **again))
    assert batch.task(found.key)["state"] == "active"


def test_a_member_that_is_cleared_again_does_not_take_what_was_planned_before() -> None:
    batch, _, _ = cleared_and_planned_anew()
    batch.complete(SPLIT_ANEW)
    said = Process(batch).drive(launching((), replace(OPENING, max_tries=2)))
    found = submitted(batch, member("split", said, max_tries=2, tries_before_clear=2, try_number=3))
    assert found.key == attempt("split", max_tries=2, generation=2)


@pytest.mark.parametrize("has_launch", [False, True])
def test_a_cleared_member_ends_what_ran_before_the_clear_in_whatever_job_before_it_starts(
    has_launch: bool,
) -> None:
    """The kill that comes with a clear may be late, or never come."""
    batch, said = launched() if has_launch else (account(), None)
    old = submitted(batch, member("late", said))
    batch.run(old.key)
    found = submitted(batch, member("late", said, max_tries=1, tries_before_clear=1, try_number=2))
    assert found.key == attempt("late", max_tries=1, generation=1 if has_launch else 2)
    assert batch.task(old.key)["state"] == "completed"


@pytest.mark.parametrize("waits", [True, False])
def test_a_cleared_member_holds_back_its_planned_children_that_airflow_has_not_let_go(waits: bool) -> None:
    """Batch would run them on the result of before the clear as soon as their other parents have ended."""
    batch, said = launched([body("split"), body("other"), body("frame", "split", "other")])
    batch.complete(planned("split"))
    batch.run(planned("other"))
    waiting = frozenset({"frame"}) if waits else frozenset({"elsewhere"})
    cleared_ = member("split", said, max_tries=1, tries_before_clear=1, try_number=2, waiting_members=waiting)
    submitted(batch, cleared_)
    assert (planned("frame") in batch.live_tasks()) is not waits
    assert planned("other") in batch.live_tasks()


def test_a_child_that_waits_for_a_range_of_numbers_is_held_back_too() -> None:
    frame = {**body("frame"), "dependsOn": {"taskIdRanges": [{"start": 1, "end": 3}]}}
    batch, said = launched([{**body("split"), "id": "2"}, frame])
    said = replace(said, blocks={"split": [2, 1]})
    changes: Any = {"tries_before_clear": 1, "try_number": 2, "waiting_members": frozenset({"frame"})}
    submitted(batch, member("split", said, max_tries=1, **changes))
    assert planned("frame") not in batch.live_tasks()


def test_a_cleared_member_ends_no_member_whose_name_begins_like_its_own() -> None:
    batch, said = launched()
    other = submitted(batch, member("split-2", said))
    submitted(batch, member("split", said, max_tries=1, tries_before_clear=1, try_number=2))
    assert other.key in batch.live_tasks()


def test_a_member_cleared_after_the_end_runs_in_a_job_that_ends_with_it() -> None:
    batch, said, changes = cleared_after_the_end()
    found = submitted(batch, member("split", said, **changes))
    assert found.key == attempt("split", max_tries=1, generation=2)
    batch.complete(found.key)
    assert batch.active_jobs() == ["nightly"]


def test_a_member_without_a_launch_opens_a_job_that_ends_with_it() -> None:
    batch, said, _ = without_launch()
    found = submitted(batch, member("split", said))
    assert batch.jobs[found.key.batch_job_id]["onAllTasksComplete"] == "terminatejob"


@pytest.mark.parametrize("all_done", [False, True])
def test_a_planned_task_whose_parent_failed_is_taken_where_failure_satisfies(all_done: bool) -> None:
    batch, said, _ = planned_and_failed()
    found = submitted(batch, member("frame", said, failure_satisfies=all_done))
    assert found.key == (planned("frame") if all_done else attempt("frame"))
    assert len([key for key in batch.live_tasks() if "frame" in key.batch_task_id]) == 1


# --- a kill in the middle -------------------------------------------------------------------------


def killed(batch: FakeBatch, plan: MemberPlan) -> None:
    process = Process(batch)
    found = process.drive(find_member(plan))
    if found is not None:
        process.drive(terminate(found, "killed"))


@pytest.mark.parametrize("situation", [s for s in SITUATIONS if s is not refused_by_its_mirror])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_request_leaves_nothing_of_the_member_running(
    situation: Callable[[], Scene], when: str
) -> None:
    unharmed, said, changes = situation()
    before = len(unharmed.requests)
    submitted(unharmed, member("split", said, **changes))
    for point in range(len(unharmed.requests) - before):
        batch, said, changes = situation()
        batch.crash_at = (len(batch.requests) + point, when)
        with pytest.raises(Crash):
            submitted(batch, member("split", said, **changes))
        batch.crash_at = None
        killed(batch, member("split", said, **changes))
        assert split_tasks(batch) == []
        assert len(batch.live_tasks()) in (0, 2)


def test_a_kill_ends_no_task_of_another_member_and_no_job_of_launch() -> None:
    batch, said = launched()
    submitted(batch, member("late", said))
    killed(batch, member("late", said))
    assert batch.live_tasks() == [SPLIT, planned("frame"), planned("merge")]
    assert JOB in batch.active_jobs()


def test_a_kill_finds_the_newest_of_several_jobs() -> None:
    batch, said, changes = cleared_after_the_end()
    plan = member("split", said, **changes)
    found = submitted(batch, plan)
    assert found.key.batch_job_id == job(2)
    again = Process(batch).drive(find_member(plan))
    assert again.key == found.key
    assert again.shared_job


def test_a_kill_finds_nothing_where_nothing_is() -> None:
    assert Process(account()).drive(find_member(member("split", None))) is None


def test_no_answer_is_no_refusal() -> None:
    batch, said = launched()
    batch.fail("get_task", BatchUnavailableError("the connection broke off"))
    with pytest.raises(BatchUnavailableError):
        submitted(batch, member("split", said))
    assert split_tasks(batch) == [SPLIT]
