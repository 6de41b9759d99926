"""One piece of work is one Batch task, whatever crashes and however often it is submitted."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import (
    Submission,
    TaskPlan,
    find_submitted,
    submit,
)
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchOwnershipError,
    BatchQuotaError,
    BatchServiceError,
    BatchUnavailableError,
)
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, service_error
from tests.unit.domain.plans import POOL_BODY, WORK, account, given, own

PLANS = pytest.mark.parametrize("plan", [own(), given()], ids=["own job", "given job"])
UNAVAILABLE = BatchUnavailableError("the connection broke off")


def go(batch: FakeBatch, plan: TaskPlan) -> Submission:
    submission: Submission = Process(batch).drive(submit(plan))
    return submission


def failed_once(plan: TaskPlan, exit_code: int = 1) -> tuple[FakeBatch, Submission]:
    batch = account()
    first = go(batch, plan)
    batch.complete(first.key, exit_code)
    return batch, first


def test_a_deleted_generation_is_not_made_again_beside_a_later_one() -> None:
    batch, first = failed_once(own())
    second = go(batch, own())
    batch.run(second.key)
    del batch.jobs[first.key.batch_job_id]
    assert go(batch, own()).key == second.key
    assert batch.live_tasks() == [second.key]


# --- crashes ----------------------------------------------------------------------------------------


def fresh(plan: TaskPlan) -> FakeBatch:
    return account()


def after_failure(plan: TaskPlan) -> FakeBatch:
    return failed_once(plan)[0]


def after_two_failures(plan: TaskPlan) -> FakeBatch:
    batch, _ = failed_once(plan)
    batch.complete(go(batch, plan).key, 1)
    return batch


def after_success(plan: TaskPlan) -> FakeBatch:
    return failed_once(plan, 0)[0]


def while_running(plan: TaskPlan) -> FakeBatch:
    batch = account()
    batch.run(go(batch, plan).key)
    return batch


SITUATIONS = [fresh, after_failure, after_two_failures, after_success, while_running]


@PLANS
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_request_and_a_second_try_run_the_task_as_often_as_one_try(
    plan: TaskPlan, situation: Any, when: str
) -> None:
    unharmed = situation(plan)
    before = len(unharmed.requests)
    wanted = go(unharmed, plan).key
    length = len(unharmed.requests) - before
    assert length > 0
    for point in range(length):
        batch = situation(plan)
        batch.crash_at = (len(batch.requests) + point, when)
        with pytest.raises(Crash):
            go(batch, plan)
        batch.crash_at = None

        submission = go(batch, plan)

        assert submission.key == wanted
        assert batch.submissions == unharmed.submissions
        assert batch.live_tasks() == unharmed.live_tasks()
        assert batch.active_jobs() == unharmed.active_jobs()


@PLANS
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_request_without_an_answer_and_a_second_try_run_the_task_as_often_as_one_try(
    plan: TaskPlan, situation: Any
) -> None:
    unharmed = situation(plan)
    before = len(unharmed.requests)
    go(unharmed, plan)
    operations = unharmed.operations()[before:]
    for operation in dict.fromkeys(operations):
        for when in ("before", "after"):
            batch = situation(plan)
            batch.fail(operation, UNAVAILABLE, when=when)
            try:
                go(batch, plan)
            except BatchUnavailableError:
                go(batch, plan)
            assert batch.submissions == unharmed.submissions, (operation, when)


class Tries(RuleBasedStateMachine):
    """Tries of one piece of work, one after the other, with whatever happens between and during them."""

    plan: TaskPlan

    @initialize(in_given_job=st.booleans())
    def start(self, in_given_job: bool) -> None:
        self.plan = given() if in_given_job else own()
        self.batch = account()
        self.tries = 0
        self.successes = 0

    @rule(point=st.integers(0, 12), when=st.sampled_from(["before", "after"]))
    def a_try_whose_worker_dies(self, point: int, when: str) -> None:
        self.tries += 1
        self.batch.crash_at = (len(self.batch.requests) + point, when)
        with contextlib.suppress(Crash):
            go(self.batch, self.plan)
        self.batch.crash_at = None

    @rule()
    def a_try_that_gets_through(self) -> None:
        self.tries += 1
        submission = go(self.batch, self.plan)
        outcome = self.batch.task(submission.key)
        assert submission.key in self.batch.live_tasks() or outcome["executionInfo"]["result"] == "success"

    @rule(command_line=st.sampled_from(["/bin/true", "/bin/false"]))
    def the_definition_changes(self, command_line: str) -> None:
        self.plan = replace(self.plan, task={"commandLine": command_line})

    @rule(exit_code=st.sampled_from([0, 1, 1, 1]))
    def the_task_ends(self, exit_code: int) -> None:
        for key in self.batch.live_tasks():
            self.batch.complete(key, exit_code)
            self.successes += exit_code == 0

    @rule()
    def a_node_takes_the_task(self) -> None:
        for key in self.batch.live_tasks():
            self.batch.run(key)

    @rule()
    def somebody_ends_our_own_job(self) -> None:
        for job_id in self.batch.active_jobs():
            if job_id != "nightly":
                self.batch.end_job(job_id)

    @invariant()
    def at_most_one_task_lives(self) -> None:
        assert len(self.batch.live_tasks()) <= 1

    @invariant()
    def success_comes_once(self) -> None:
        assert self.successes <= 1

    @invariant()
    def no_try_submits_twice(self) -> None:
        assert sum(self.batch.submissions.values()) <= self.tries


Tries.TestCase.settings = settings(max_examples=150, stateful_step_count=15, deadline=None)
TestTries = Tries.TestCase


# --- what is found decides ----------------------------------------------------------------------------


def test_a_new_job_of_its_own_ends_with_its_task_and_not_before_it_is_there() -> None:
    batch = account()
    submission = go(batch, own())
    created = next(r for r in batch.requests if r.operation == "create_job")
    assert created.json["onAllTasksComplete"] == "noaction"
    job = batch.jobs[submission.key.batch_job_id]
    assert job["onAllTasksComplete"] == "terminatejob"
    assert job["constraints"] == {"maxWallClockTime": "P30D"}
    batch.complete(submission.key)
    assert job["state"] == "completed"


def test_the_users_constraints_replace_the_short_wall_clock_of_the_submission() -> None:
    batch = account()
    plan = own(job={"constraints": {"maxWallClockTime": "PT3H", "maxTaskRetryCount": 2}, "priority": 7})
    job = batch.jobs[go(batch, plan).key.batch_job_id]
    assert job["constraints"] == {"maxWallClockTime": "PT3H", "maxTaskRetryCount": 2}
    assert job["priority"] == 7
    created = next(r for r in batch.requests if r.operation == "create_job")
    assert created.json["constraints"] == {"maxWallClockTime": "PT1H", "maxTaskRetryCount": 2}


def test_a_job_of_its_own_with_dependencies_says_so_when_it_is_created() -> None:
    batch = account()
    plan = own(task={"commandLine": "x", "dependsOn": {"taskIds": ["a"]}})
    assert batch.jobs[go(batch, plan).key.batch_job_id]["usesTaskDependencies"] is True


@PLANS
def test_a_task_that_runs_is_adopted_and_its_etag_moves(plan: TaskPlan) -> None:
    batch = while_running(plan)
    old = batch.task(batch.keys()[0])["eTag"]
    submission = go(batch, plan)
    assert submission.adopted
    assert submission.etag == batch.task(submission.key)["eTag"] != old


@PLANS
def test_adoption_keeps_the_constraints_of_the_task(plan: TaskPlan) -> None:
    plan = replace(plan, task={**plan.task, "constraints": {"maxTaskRetryCount": 3}})
    batch = while_running(plan)
    assert batch.task(go(batch, plan).key)["constraints"] == {"maxTaskRetryCount": 3}


@PLANS
def test_a_success_that_nobody_took_is_taken(plan: TaskPlan) -> None:
    batch = after_success(plan)
    writes = [r for r in batch.requests if r.method != "GET"]
    submission = go(batch, plan)
    assert submission.adopted
    assert submission.stale_end is None
    assert [r for r in batch.requests if r.method != "GET"] == writes


def test_a_success_in_a_given_job_that_ended_with_it_is_taken() -> None:
    batch, first = failed_once(given(), 0)
    batch.end_job("nightly", "AllTasksComplete")
    assert go(batch, given()).key == first.key


def test_a_failed_task_in_a_given_job_is_reactivated_and_its_old_end_does_not_count() -> None:
    batch, first = failed_once(given())
    end = batch.task(first.key)["executionInfo"]["endTime"]
    submission = go(batch, given())
    assert submission.key == first.key
    assert submission.stale_end == end
    assert submission.etag == batch.task(first.key)["eTag"]
    assert batch.task(first.key)["state"] == "active"
    assert next(r for r in batch.requests if r.operation == "reactivate_task").headers["If-Match"]


def test_a_failed_task_whose_definition_changed_gets_a_new_attempt() -> None:
    batch, first = failed_once(given())
    changed = given(task={"commandLine": "/bin/false"})
    submission = go(batch, changed)
    assert submission.key != first.key
    assert batch.task(submission.key)["commandLine"] == "/bin/false"
    batch.complete(submission.key, 1)
    assert go(batch, changed).key == submission.key


def test_a_task_that_failed_after_exit_code_0_gets_a_new_attempt_as_it_cannot_be_reactivated() -> None:
    batch = account()
    first = go(batch, given())
    batch.complete(first.key, 0, {"category": "UserError", "code": "FileUploadAccessDenied", "message": ""})
    submission = go(batch, given())
    assert submission.key != first.key
    assert batch.live_tasks() == [submission.key]


def test_a_write_between_the_look_and_the_reactivation_does_not_leave_the_failure_in_place() -> None:
    batch, first = failed_once(given())

    def somebody_writes(b: FakeBatch) -> None:
        b.task(first.key)["eTag"] = "0xMOVED"

    batch.before("reactivate_task", somebody_writes)
    submission = go(batch, given())
    assert batch.live_tasks() == [submission.key]
    assert submission.etag == batch.task(submission.key)["eTag"]


def test_a_reactivation_whose_answer_was_lost_is_recognised() -> None:
    batch, first = failed_once(given())
    end = batch.task(first.key)["executionInfo"]["endTime"]

    def arrived_before(b: FakeBatch) -> None:
        b._reactivate_task(b.requests[-1], *b._key(first.key))

    batch.before("reactivate_task", arrived_before)
    submission = go(batch, given())
    assert submission.stale_end == end
    assert batch.submissions[batch._key(first.key)] == 2
    assert submission.etag == batch.task(first.key)["eTag"]


def test_a_failed_task_of_its_own_job_runs_in_the_next_generation() -> None:
    batch, first = failed_once(own())
    submission = go(batch, own())
    assert submission.key.batch_job_id == ids.job_id(WORK, 2)
    assert submission.key.batch_task_id == first.key.batch_task_id


def test_a_job_of_its_own_that_somebody_ended_is_followed_by_the_next_generation() -> None:
    batch = account()
    first = go(batch, own())
    batch.end_job(first.key.batch_job_id)
    assert go(batch, own()).key.batch_job_id == ids.job_id(WORK, 2)


def test_a_failed_task_whose_job_stayed_open_does_not_leave_the_job_behind() -> None:
    batch = account()
    batch.fail("update_job", service_error("InvalidPropertyValue"))
    first = go(batch, own())
    batch.complete(first.key, 1)
    go(batch, own())
    assert batch.jobs[first.key.batch_job_id]["state"] == "completed"


def test_a_job_that_ends_between_the_look_and_the_task_is_followed_by_the_next_generation() -> None:
    batch = account()
    batch.before("create_task", lambda b: b.end_job(ids.job_id(WORK)))
    submission = go(batch, own())
    assert submission.key.batch_job_id == ids.job_id(WORK, 2)
    assert batch.live_tasks() == [submission.key]


def test_a_job_that_still_ends_a_running_task_is_waited_for() -> None:
    batch = while_running(own())
    key = batch.keys()[0]
    batch.jobs[key.batch_job_id]["state"] = "terminating"
    process = Process(batch)
    process.at(7, lambda: batch.end_job(key.batch_job_id))
    submission = process.drive(submit(own()))
    assert sum(process.sleeps) >= 7
    assert batch.live_tasks() == [submission.key]


def test_a_task_that_ends_with_success_while_its_job_ends_is_taken() -> None:
    batch = while_running(own())
    key = batch.keys()[0]
    batch.jobs[key.batch_job_id]["state"] = "terminating"
    process = Process(batch)
    process.at(2, lambda: batch.complete(key, 0))
    assert process.drive(submit(own())).key == key


def test_two_submissions_at_the_same_time_make_one_task() -> None:
    for plan in (own(), given()):
        for operation in ("get_job", "get_task", "get_pool", "create_job", "create_task", "update_job"):
            batch = account()
            batch.before(operation, partial(go, plan=plan))
            submission = go(batch, plan)
            assert sum(batch.submissions.values()) == 1
            if operation != "update_job":  # there, the other one took the task over last
                assert submission.etag == batch.task(submission.key)["eTag"]


# --- refusals -----------------------------------------------------------------------------------------


def test_a_job_of_somebody_else_is_left_alone() -> None:
    batch = account()
    job_id = ids.job_id(WORK)
    batch.jobs[job_id] = {"id": job_id, "state": "active", "eTag": "0xA", "poolInfo": {"poolId": "p1"}}
    with pytest.raises(BatchOwnershipError, match=job_id):
        go(batch, own())
    assert {r.method for r in batch.requests} == {"GET"}


def test_a_job_of_somebody_else_that_appears_during_the_submission_is_left_alone() -> None:
    batch = account()
    job_id = ids.job_id(WORK)
    theirs = {"id": job_id, "state": "active", "eTag": "0xA", "poolInfo": {"poolId": "p1"}}
    batch.before("create_job", lambda b: b.jobs.update({job_id: theirs}))
    with pytest.raises(BatchOwnershipError):
        go(batch, own())
    assert batch.jobs[job_id]["state"] == "active"
    assert not batch.tasks


def test_a_task_of_somebody_else_is_left_alone() -> None:
    batch = account()
    key = TaskKey("nightly", ids.task_id(WORK))
    batch.tasks[batch._key(key)] = {"id": key.batch_task_id, "state": "active", "eTag": "0xA"}
    with pytest.raises(BatchOwnershipError, match=key.batch_task_id):
        go(batch, given())
    assert {r.method for r in batch.requests} == {"GET"}


def test_the_same_names_in_a_run_that_was_created_again_are_other_work() -> None:
    batch = after_success(given())
    again = replace(WORK, run_started="2026-01-02T00:00:00.000000+00:00")
    submission = go(batch, given(work=again))
    assert not submission.adopted
    assert submission.key in batch.live_tasks()


def test_a_clear_makes_new_work() -> None:
    batch = after_success(own())
    submission = go(batch, own(work=replace(WORK, max_tries=WORK.max_tries + 1)))
    assert not submission.adopted
    assert submission.key in batch.live_tasks()


def test_a_quota_that_stays_used_up_passes_through_as_it_is() -> None:
    batch = account()
    batch.fail("create_job", service_error("ActiveJobAndScheduleQuotaReached"), times=1000)
    with pytest.raises(BatchQuotaError) as caught:
        go(batch, own())
    assert caught.value.code == "ActiveJobAndScheduleQuotaReached"
    assert not batch.tasks


def test_a_job_schedule_with_the_id_is_not_taken_for_our_job() -> None:
    batch = account()
    batch.fail("create_job", service_error("JobScheduleWithSameIdExists"))
    with pytest.raises(BatchConflictError):
        go(batch, own())


def test_a_given_job_that_is_missing_is_named() -> None:
    batch = account()
    del batch.jobs["nightly"]
    with pytest.raises(AzureBatchConfigurationError, match=r"batch_job_id.*'nightly'"):
        go(batch, given())


@pytest.mark.parametrize("state", ["completed", "terminating", "Completed"])
def test_a_given_job_that_has_ended_is_refused(state: str) -> None:
    batch = account()
    batch.jobs["nightly"]["state"] = state
    with pytest.raises(AzureBatchConfigurationError, match="takes no task any more"):
        go(batch, given())
    assert {r.method for r in batch.requests} == {"GET"}


def test_a_failed_task_in_a_given_job_that_has_ended_is_refused() -> None:
    batch, _ = failed_once(given())
    batch.end_job("nightly")
    with pytest.raises(AzureBatchConfigurationError, match="takes no task any more"):
        go(batch, given())


def test_dependencies_in_a_job_without_them_are_refused_before_anything_is_created() -> None:
    batch = account()
    plan = given(task={"commandLine": "x", "dependsOn": {"taskIds": ["a"]}})
    with pytest.raises(AzureBatchConfigurationError, match="usesTaskDependencies"):
        go(batch, plan)
    assert not batch.tasks
    batch.jobs["nightly"]["usesTaskDependencies"] = True
    go(batch, plan)


def test_a_disabled_given_job_takes_the_task_with_a_warning() -> None:
    batch = account()
    batch.jobs["nightly"]["state"] = "disabled"
    process = Process(batch)
    process.drive(submit(given()))
    assert ("WARNING", "Batch job nightly is disabled: the task waits until it is enabled.") in process.logs


@pytest.mark.parametrize("code", ["InvalidPropertyValue", "TooManyRequests", "TaskIdSameAsJobReleaseTask"])
def test_a_refused_task_does_not_leave_its_own_job_behind(code: str) -> None:
    batch = account()
    batch.fail("create_task", service_error(code))
    with pytest.raises(BatchServiceError) as caught:
        go(batch, own())
    assert caught.value.code == code
    assert batch.active_jobs() == ["nightly"]


def test_the_refusal_of_the_task_is_raised_even_when_its_job_cannot_be_ended() -> None:
    batch = account()
    batch.fail("create_task", service_error("InvalidPropertyValue"))
    batch.fail("begin_terminate_job", UNAVAILABLE)
    process = Process(batch)
    with pytest.raises(BatchServiceError, match="InvalidPropertyValue"):
        process.drive(submit(own()))
    assert any(level == "ERROR" for level, _ in process.logs)


@pytest.mark.parametrize("error", [service_error("InvalidPropertyValue"), service_error("TooManyRequests")])
def test_a_job_that_cannot_be_told_to_end_with_its_task_is_ended_by_us(error: BatchServiceError) -> None:
    batch = account()
    batch.fail("update_job", error, times=10)
    submission = go(batch, own())
    assert submission.end_job
    assert submission.key in batch.live_tasks()


def test_a_passing_failure_to_set_the_end_of_the_job_is_tried_again() -> None:
    batch = account()
    batch.fail("update_job", UNAVAILABLE, times=2)
    submission = go(batch, own())
    assert not submission.end_job
    assert batch.jobs[submission.key.batch_job_id]["onAllTasksComplete"] == "terminatejob"


def test_variables_of_the_user_do_not_hide_whose_task_it_is() -> None:
    theirs = [{"name": "AIRFLOW_CTX_DAG_ID", "value": "x"}, {"name": ids.OWNER, "value": "me"}]
    plan = given(task={"commandLine": "x", "environmentSettings": theirs})
    batch = account()
    go(batch, plan)
    names = [pair["name"] for pair in batch.task(batch.keys()[0])["environmentSettings"]]
    assert len(names) == len(set(names))
    assert go(batch, plan).adopted


# --- pools --------------------------------------------------------------------------------------------


def test_a_missing_pool_is_named_before_anything_is_created() -> None:
    batch = FakeBatch()
    with pytest.raises(AzureBatchConfigurationError, match=r"batch_pool_id.*'p1' does not exist"):
        go(batch, own())
    assert {r.method for r in batch.requests} == {"GET"}


def test_a_pool_that_is_being_deleted_is_refused() -> None:
    batch = account()
    batch.pools["p1"]["state"] = "deleting"
    with pytest.raises(AzureBatchConfigurationError, match="is being deleted"):
        go(batch, own())


def test_a_described_pool_is_created_before_the_job() -> None:
    batch = FakeBatch()
    go(batch, own(pool=POOL_BODY))
    assert batch.pools["p1"]["vmSize"] == POOL_BODY["vmSize"]
    operations = batch.operations()
    assert operations.index("create_pool") < operations.index("create_job")


def test_a_pool_that_fits_is_adopted() -> None:
    batch = account()
    go(batch, own(pool=POOL_BODY))
    assert "create_pool" not in batch.operations()


def test_a_pool_that_differs_is_refused_with_the_difference_and_not_changed() -> None:
    batch = account()
    batch.pools["p1"]["vmSize"] = "standard_a1_v2"
    before = dict(batch.pools["p1"])
    with pytest.raises(BatchOwnershipError, match="vmSize"):
        go(batch, own(pool=POOL_BODY))
    assert batch.pools["p1"] == before
    assert list(batch.jobs) == ["nightly"]


def test_a_used_up_pool_quota_passes_through() -> None:
    batch = FakeBatch()
    batch.fail("create_pool", service_error("PoolQuotaReached"))
    with pytest.raises(BatchQuotaError):
        go(batch, own(pool=POOL_BODY))
    assert not batch.jobs


# --- a kill during the submission -----------------------------------------------------------------------


@PLANS
def test_a_kill_finds_the_task_that_was_submitted(plan: TaskPlan) -> None:
    batch = account()
    submission = go(batch, plan)
    found = Process(batch).drive(find_submitted(plan))
    assert found is not None
    assert (found.key, found.etag) == (submission.key, submission.etag)


@PLANS
def test_a_kill_finds_nothing_of_work_that_has_ended_or_never_was(plan: TaskPlan) -> None:
    assert Process(account()).drive(find_submitted(plan)) is None
    assert Process(after_failure(plan)).drive(find_submitted(plan)) is None


def test_a_kill_finds_the_task_behind_a_generation_that_has_no_task() -> None:
    batch = account()
    batch.fail("create_task", service_error("InvalidPropertyValue"))
    with pytest.raises(BatchServiceError):
        go(batch, own())
    submission = go(batch, own())
    found = Process(batch).drive(find_submitted(own()))
    assert found is not None
    assert found.key == submission.key


def test_a_kill_does_not_find_the_task_of_somebody_else() -> None:
    batch = account()
    key = TaskKey("nightly", ids.task_id(WORK))
    batch.tasks[batch._key(key)] = {"id": key.batch_task_id, "state": "active", "eTag": "0xA"}
    assert Process(batch).drive(find_submitted(given())) is None
