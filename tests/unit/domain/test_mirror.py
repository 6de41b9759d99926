"""A mirror finds the Batch task of its try: once, whatever restarts, and never the end of an earlier try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_batch.domain import group_job, ids
from airflow_provider_batch.domain.acceptance import Refused
from airflow_provider_batch.domain.claim import Claim
from airflow_provider_batch.domain.flow import Save, drive
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.mirror import find_task
from airflow_provider_batch.domain.requests import Request
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.termination import terminate
from airflow_provider_batch.domain.watch import WatchOptions, watch
from airflow_provider_batch.exceptions import BatchUnavailableError
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, service_error
from tests.unit.domain.groups import GROUP, JOB, PLAN, body, job, late, launched, mirror, planned


class Member:
    """A member's task instance: its claim outlives its mirrors, which may be killed at any effect."""

    def __init__(self, name: str = "split", batch: FakeBatch | None = None) -> None:
        self.name = name
        self.batch, self.said = launched(batch=batch)
        self.claim: Claim | None = None
        self.claims: list[Claim] = []
        self.try_number = 1
        self.key = planned(name)
        self.process = Process(self.batch)

    def find(self, *, dies_at: int | None = None, when: str = "before", **changes: Any) -> Any:
        """Start a mirror; it may die at an effect that is seen outside: a request, or its claim."""
        plan = mirror(self.name, self.said, self.try_number, **changes)
        seen = 0

        def perform(effect: Any) -> Any:
            nonlocal seen
            counts = isinstance(effect, (Request, Save)) or type(effect).__name__ in ("Shared", "Snapshot")
            number, seen = seen, seen + counts
            if counts and (number, when) == (dies_at, "before"):
                raise Crash
            try:
                if isinstance(effect, Save):
                    claim = Claim.read(effect.state)
                    assert claim is not None
                    self.claim = claim
                    self.claims.append(claim)
                return self.process(effect)
            finally:
                if counts and (number, when) == (dies_at, "after"):
                    raise Crash

        found = drive(find_task(plan, self.claim), perform)
        self.effects = seen
        return found

    def next_try(self) -> None:
        self.try_number += 1

    def watch(self, found: Submission) -> Any:
        return self.process.drive(watch(found, WatchOptions(may_be_blocked=False)))


def failed_once(batch: FakeBatch | None = None) -> Member:
    member = Member(batch=batch)
    member.find()
    member.batch.complete(member.key, 1)
    member.process.sleep(5)
    member.next_try()
    return member


def cleared_while_running() -> Member:
    member = Member()
    member.find()
    member.batch.run(member.key)
    member.next_try()
    return member


def killed_before_its_claim() -> Member:
    member = Member()
    member.batch._terminate_task(Request("terminate_task", "POST", ""), *member.batch._key(member.key))
    member.process.sleep(5)
    member.next_try()
    return member


def failed_twice() -> Member:
    member = failed_once()
    member.find()
    member.batch.complete(member.key, 1)
    member.process.sleep(5)
    member.next_try()
    return member


SITUATIONS = [Member, failed_once, failed_twice, cleared_while_running, killed_before_its_claim]


# --- restarts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_mirror_restarted_at_any_effect_of_its_try_has_the_same_task_and_runs_it_once(
    situation: Callable[[], Member], when: str
) -> None:
    unharmed = situation()
    wanted = unharmed.find()
    assert isinstance(wanted, Submission)
    for point in range(unharmed.effects):
        member = situation()
        with pytest.raises(Crash):
            member.find(dies_at=point, when=when)

        found = member.find()

        assert found.key == wanted.key
        assert found.stale_end == wanted.stale_end
        assert found.etag == member.batch.task(found.key)["eTag"]
        assert member.batch.submissions == unharmed.batch.submissions
        assert member.batch.live_tasks() == unharmed.batch.live_tasks()
        member.process.sleep(1)
        member.batch.complete(found.key, 0)
        assert member.watch(found).succeeded


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_task_of_a_try_may_end_while_its_mirror_is_down(situation: Callable[[], Member]) -> None:
    member = situation()
    found = member.find()
    member.process.sleep(1)
    member.batch.complete(found.key, 3)
    again = member.find()
    assert again.key == found.key
    assert member.watch(again).exit_code == 3
    assert member.batch.submissions[member.batch._key(found.key)] <= 3


# --- the first try --------------------------------------------------------------------------------


def test_the_planned_task_is_claimed_before_it_is_watched() -> None:
    member = Member()
    found = member.find()
    assert found.shared_job
    assert member.claim == Claim(1, JOB, planned("split").batch_task_id, found.etag)


@pytest.mark.parametrize(("is_kept", "claims"), [(True, 0), (False, 1)])
def test_a_success_that_leaves_a_result_needs_no_claim(is_kept: bool, claims: int) -> None:
    member = Member()
    member.batch.complete(member.key)
    member.find(result_is_kept=is_kept)
    assert len(member.claims) == claims


@pytest.mark.parametrize("exit_code", [None, 1])
def test_what_has_not_succeeded_is_claimed_whatever_is_kept(exit_code: int | None) -> None:
    member = Member()
    if exit_code is not None:
        member.batch.complete(member.key, exit_code)
    member.find(result_is_kept=True)
    assert len(member.claims) == 1


def asked_for_itself(member: Member, *, may_have_parents: bool) -> list[Any]:
    """What a mirror asks the service for beyond the looks that all mirrors of its job share."""
    asked: list[Any] = []

    def perform(effect: Any) -> Any:
        if isinstance(effect, Request):
            asked.append(effect.operation)
        return member.process(effect)

    plan = mirror(member.name, member.said, member.try_number, may_have_parents=may_have_parents)
    drive(find_task(plan, member.claim, is_unread=True), perform)
    return asked


def test_a_first_try_without_parents_asks_for_nothing_that_the_shared_poll_shows() -> None:
    assert asked_for_itself(Member("split"), may_have_parents=False) == []


def test_a_task_with_parents_is_judged_by_how_it_is_now() -> None:
    member = Member("frame")
    member.batch.complete(planned("split"))
    assert asked_for_itself(member, may_have_parents=True) == ["get_task"]


def test_a_look_tells_the_etag_that_a_kill_needs() -> None:
    member = Member("split")
    plan = mirror("split", member.said, 1, may_have_parents=False)
    found = drive(find_task(plan, None, is_unread=True), member.process)
    assert isinstance(found, Submission)
    assert found.etag == member.batch._existing(Request("", "GET", ""), *member.batch._key(found.key))["eTag"]


def test_a_failure_of_the_first_try_is_its_end() -> None:
    member = Member()
    member.batch.complete(member.key, 4)
    found = member.find()
    assert found.stale_end is None
    assert member.watch(found).exit_code == 4


def test_what_is_refused_is_not_claimed() -> None:
    member = Member("unplanned")
    assert isinstance(member.find(), Refused)
    assert member.claims == []


# --- retries --------------------------------------------------------------------------------------


def test_a_retry_runs_the_same_task_again_and_the_old_failure_does_not_count() -> None:
    member = failed_once()
    end = member.batch.task(member.key)["executionInfo"]["endTime"]
    found = member.find()
    assert (found.key, found.stale_end) == (member.key, end)
    assert found.etag == member.batch.task(member.key)["eTag"]
    assert member.batch.submissions[member.batch._key(member.key)] == 2
    member.process.at(60, lambda: member.batch.complete(member.key, 0))
    assert member.watch(found).succeeded


def test_a_list_that_still_shows_the_old_failure_does_not_end_the_retry() -> None:
    member = failed_once()
    old = dict(
        member.batch.task(member.key), executionInfo=dict(member.batch.task(member.key)["executionInfo"])
    )
    found = member.find()
    new = member.batch.tasks[member.batch._key(member.key)]
    member.batch.tasks[member.batch._key(member.key)] = old
    member.process.at(20, lambda: member.batch.tasks.update({member.batch._key(member.key): new}))
    member.process.at(21, lambda: member.batch.complete(member.key, 0))
    assert member.watch(found).succeeded


def test_the_claim_is_kept_before_the_task_runs_again() -> None:
    member = failed_once()
    order: list[str] = []
    member.batch.before("reactivate_task", lambda b: order.append(f"after {len(member.claims)} claims"))
    before = len(member.claims)
    member.find()
    assert order == [f"after {before + 1} claims"]
    assert member.claims[-2].stale_end == member.claims[-1].stale_end is not None


def test_a_task_whose_definition_changed_is_not_run_again() -> None:
    member = failed_once()
    refused = member.find(definition="changed")
    assert "definition has changed" in refused.reason
    assert refused.retire == (member.key,)
    assert member.batch.submissions[member.batch._key(member.key)] == 1


def test_a_success_of_an_earlier_try_goes_to_a_worker() -> None:
    member = Member()
    member.batch.complete(member.key)
    member.find()
    member.next_try()
    refused = member.find()
    assert "ended with success in an earlier try" in refused.reason


def test_a_failure_after_exit_code_0_goes_to_a_worker() -> None:
    member = Member()
    member.find()
    upload = {"category": "UserError", "code": "FileUploadAccessDenied", "message": ""}
    member.batch.complete(member.key, 0, upload)
    member.next_try()
    assert "its process ended well" in member.find().reason


@pytest.mark.parametrize("happens", ["deleted", "job deleted"])
def test_a_task_of_an_earlier_try_that_is_gone_goes_to_a_worker(happens: str) -> None:
    member = failed_once()
    if happens == "deleted":
        del member.batch.tasks[member.batch._key(member.key)]
    else:
        member.batch._begin_delete_job(member.batch.requests[-1], JOB)
    assert isinstance(member.find(), Refused)


@pytest.mark.parametrize("code", ["JobCompleted", "JobBeingTerminated", "TaskNotFound"])
def test_what_cannot_be_run_again_goes_to_a_worker_and_does_so_after_a_restart(code: str) -> None:
    member = failed_once()
    member.batch.fail("reactivate_task", service_error(code), times=2)
    assert code in member.find().reason
    assert isinstance(member.find(), Refused)


def test_a_task_deleted_while_it_is_taken_over_goes_to_a_worker() -> None:
    member = failed_once()

    def gone(batch: FakeBatch) -> None:
        del batch.tasks[batch._key(member.key)]

    member.batch.fail("reactivate_task", service_error("ConditionNotMet"))
    member.batch.before("reactivate_task", gone)
    assert isinstance(member.find(), Refused)


def test_a_retry_after_the_job_ended_goes_to_a_worker_that_opens_the_next_generation() -> None:
    member = failed_once()
    member.process.drive(group_job.end_jobs(GROUP, "test"))
    refused = member.find()
    assert isinstance(refused, Refused)
    submission = member.process.drive(submit_late(PLAN, late("split"), refused.retire))
    assert submission.key.batch_job_id == job(2)


def test_a_claim_in_the_job_of_a_launch_before_is_older_than_the_plan() -> None:
    member = failed_once()
    member.claim = replace(member.claim or Claim(1, "", ""), batch_job_id="before")
    member.batch, member.said = launched()
    member.process = Process(member.batch)
    found = member.find()
    assert found.key == member.key
    assert found.stale_end is None
    assert member.claim.try_number == 2


# --- a try before that left no claim --------------------------------------------------------------


def test_a_planned_task_ended_by_the_kill_of_a_try_without_a_claim_runs_again() -> None:
    member = killed_before_its_claim()
    found = member.find()
    assert found.stale_end is not None
    assert member.batch.live_tasks()[0] == member.key


def test_a_success_that_no_try_claimed_is_taken_by_a_later_one() -> None:
    member = Member()
    member.batch.complete(member.key)
    member.next_try()
    assert member.find().key == member.key


def test_a_planned_task_beside_an_attempt_of_a_worker_is_not_taken() -> None:
    """The worker of the first try died after it had submitted, and before it could leave a claim."""
    member = Member()
    running = member.process.drive(submit_late(PLAN, late("split"), [member.key]))
    member.next_try()
    refused = member.find()
    assert refused.retire == (member.key,)
    assert member.batch.live_tasks().count(running.key) == 1
    assert member.batch.submissions[member.batch._key(member.key)] == 1


def test_a_retry_knows_of_a_worker_that_died_in_a_try_between() -> None:
    """A claim stays while a refused try goes on as a worker: it may have submitted before it died."""
    member = cleared_while_running()
    member.batch.fail("terminate_task", service_error("OperationInvalidForCurrentState"))
    refused = member.find()
    running = member.process.drive(submit_late(PLAN, late("split"), refused.retire))
    member.next_try()
    assert isinstance(member.find(), Refused)
    assert [key for key in member.batch.live_tasks() if "split" in key.batch_task_id] == [running.key]


# --- kills ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", [failed_once, cleared_while_running])
def test_a_late_kill_of_the_try_before_never_ends_what_the_new_try_runs(
    situation: Callable[[], Member],
) -> None:
    member = situation()
    old = member.claim
    assert old is not None
    found = member.find()
    assert not member.process.drive(terminate(old.submission("p1"), "late"))
    assert member.batch.live_tasks()[0] == found.key


def test_a_kill_of_the_try_before_in_the_middle_of_a_restart_is_no_error() -> None:
    member = cleared_while_running()
    old = member.claim
    assert old is not None
    member.batch.before("terminate_task", lambda b: b._terminate_task(b.requests[-1], *b._key(member.key)))
    found = member.find()
    assert isinstance(found, Submission)
    assert member.batch.submissions[member.batch._key(member.key)] == 2


def test_a_task_that_runs_from_an_earlier_try_is_ended_first_even_when_nodes_move_its_etag() -> None:
    member = cleared_while_running()
    member.batch.before("terminate_task", lambda b: b.task(member.key).update(eTag="0xMOVED"))
    found = member.find()
    assert isinstance(found, Submission)
    assert member.batch.submissions[member.batch._key(member.key)] == 2


def test_a_task_of_an_earlier_try_that_does_not_end_goes_to_a_worker() -> None:
    member = cleared_while_running()
    member.batch.fail("terminate_task", service_error("OperationInvalidForCurrentState"))
    refused = member.find()
    assert "still runs" in refused.reason
    assert refused.retire == (member.key,)


def test_a_mirror_that_restarts_after_the_reactivation_can_end_its_task() -> None:
    member = failed_once()
    unharmed = failed_once()
    unharmed.find()
    with pytest.raises(Crash):  # reactivated, and the new ETag not noted
        member.find(dies_at=unharmed.effects - 1)
    found = member.find()
    assert member.process.drive(terminate(found, "kill"))
    assert member.batch.live_tasks() == unharmed.batch.live_tasks()[1:]


# --- claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claim",
    [Claim(2, "j", "t", "0x1", "2026-01-01T00:00:00Z"), Claim(1, "j", "t"), Claim(1, "j", "t", "0x1")],
)
def test_a_claim_survives_the_xcom(claim: Claim) -> None:
    assert Claim.read({**claim.as_json(), "run": "node/1", "stdout": 7}) == claim


@pytest.mark.parametrize("data", [None, "x", [], {}, {"try_number": 1, "batch_job_id": "j"}])
def test_what_is_no_claim_is_none(data: Any) -> None:
    assert Claim.read(data) is None


def test_no_answer_is_no_refusal() -> None:
    member = Member()
    member.batch.fail("get_task", BatchUnavailableError("the connection broke off"))
    with pytest.raises(BatchUnavailableError):
        member.find()
    assert isinstance(member.find(), Submission)


def test_a_task_with_a_number_is_found_by_its_number() -> None:
    member = Member()
    number = {**body("part"), "id": "4"}
    member.batch, _ = launched([number])
    member.process = Process(member.batch)
    member.said = Launched(JOB, 1, "p1", "conn", blocks={"split": [4, 1]})
    assert member.find().key.batch_task_id == "4"
    assert ids.planned_id_of("4") is None
