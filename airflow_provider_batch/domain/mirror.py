"""
What a mirror does before it watches: find the Batch task of its try.

A *mirror* is the trigger of an eager member. Its Airflow task never needs a worker in the common case: launch
has planned its Batch task, the mirror takes it, watches it and ends the Airflow task. A mirror renders no
template and so submits nothing. It takes what was planned, or lets Batch run again what failed; whatever else
is to be done goes to a worker.

It remembers by a *claim*, an XCom of its own task instance, which task a try has taken. Airflow clears it
when the task starts on a worker, not when it starts in the triggerer:

==================  ================================================================================
claim               what is done
==================  ================================================================================
none                the planned task is taken, when its parents agree; after the first try, one that
                    failed runs again, since an earlier try may have been killed before it claimed it
of this try         the triggerer was restarted: the watch goes on
of an earlier try   that try failed, or was cleared, marked or killed: the work runs again
==================  ================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from airflow_provider_batch.domain import ids, requests
from airflow_provider_batch.domain.acceptance import PLANNED_SELECT, Refused, ask_parents, find_planned
from airflow_provider_batch.domain.claim import Claim
from airflow_provider_batch.domain.flow import (
    Flow,
    Log,
    Now,
    Recall,
    Save,
    Snapshot,
    TasksById,
    get_or_none,
    utc,
)
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.outcome import TaskOutcome, read_outcome
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.submission import MAX_ROUNDS, Submission, adopt, reactivate
from airflow_provider_batch.domain.termination import await_end
from airflow_provider_batch.exceptions import (
    BatchConflictError,
    BatchNotFoundError,
    BatchPreconditionError,
    BatchTaskLostError,
)

__all__ = ["OUTPUT_SAVED_AFTER", "MirrorPlan", "find_task"]

#: seconds from the start of a watch to the first time that its place in the output is saved
OUTPUT_SAVED_AFTER = 30.0
#: seconds to wait for the task of an earlier try to end after it was terminated
_END_PATIENCE = 60.0


@dataclass(frozen=True)
class MirrorPlan:
    """
    What a mirror knows of its member.

    :param launched: what launch said.
    :param member_id: the Airflow task.
    :param map_index: its map index.
    :param try_number: the try.
    :param definition: stands for what the DAG's author wrote of it.
    :param failure_satisfies: a parent that failed lets it go.
    :param result_is_kept: a success leaves a result in Airflow, which says as much as a claim.
    :param may_have_parents: its planned task may depend on others.
    """

    launched: Launched
    member_id: str
    map_index: int
    try_number: int
    definition: str
    failure_satisfies: bool = False
    result_is_kept: bool = False
    may_have_parents: bool = True


def find_task(
    plan: MirrorPlan, claim: Claim | None, *, is_unread: bool = False
) -> Flow[Submission | Refused]:
    """
    Flow: find the Batch task that this try watches.

    Safe to run again at any point, as a triggerer that restarts does.

    :param plan: the member.
    :param claim: what the task instance's XCom says.
    :param is_unread: this is the first try, and the XCom was not read. It can only say something of use when
        the planned task has run for a while; reading it costs Airflow more than anything else here.
    :return: the task, or why a worker has to submit one.
    """
    pool = plan.launched.batch_pool_id
    if claim is not None and claim.try_number == plan.try_number:
        return (yield from _go_on(claim, pool))
    if claim is not None and claim.batch_job_id == plan.launched.batch_job_id:
        if plan.try_number > claim.try_number + 1 and (yield from _has_later_attempt(plan)):
            return _superseded(plan)
        return (yield from _run_again(plan, claim))
    # A claim in another job is older than what launch planned since: the run, or the group, was cleared.
    key = plan.launched.planned_key(plan.member_id, plan.map_index)
    planned = yield from find_planned(key, is_untouched=is_unread and not plan.may_have_parents)
    if is_unread and (yield from _may_be_claimed(planned)):
        claim = Claim.read((yield Recall()))
        if claim is not None and claim.try_number == plan.try_number:
            return (yield from _go_on(claim, pool))
    if isinstance(planned, Refused):
        return planned
    planned = yield from ask_parents(key, planned, plan.launched, failure_satisfies=plan.failure_satisfies)
    if isinstance(planned, Refused):
        return planned
    outcome = read_outcome(key, planned.json)
    taken = Claim(plan.try_number, key.batch_job_id, key.batch_task_id, planned.etag)
    if claim is None and plan.try_number > 1:
        return (yield from _take_after_another(plan, taken, planned, outcome))
    if outcome is None or not outcome.succeeded or not plan.result_is_kept:
        yield Save(taken.as_json())
    return taken.submission(pool)


def _may_be_claimed(planned: Answer | Refused) -> Flow[bool]:
    """Tell whether a life of this watch before a restart may have left something that matters."""
    if isinstance(planned, Refused):
        return True
    info = planned.json.get("executionInfo") or {}
    if not info.get("startTime"):
        return False
    now: datetime = yield Now()
    end = utc(info["endTime"]) if info.get("endTime") else now
    return (end - utc(info["startTime"])).total_seconds() > OUTPUT_SAVED_AFTER


def _take_after_another(
    plan: MirrorPlan, taken: Claim, planned: Answer, outcome: TaskOutcome | None
) -> Flow[Submission | Refused]:
    """Take a planned task that an earlier try may have had, which was killed before it claimed any."""
    if (yield from _has_later_attempt(plan)):
        return _superseded(plan)
    if outcome is not None and not outcome.succeeded:
        return (yield from _run_failed_again(plan, taken.key, planned, outcome))
    yield Save(taken.as_json())
    if outcome is None:
        # The kill of that try may be on its way still: now it carries an old ETag, or sees our claim.
        adopted = yield from adopt(taken.key, planned, plan.launched.batch_pool_id)
        taken = replace(taken, etag=adopted.etag)
        yield Save(taken.as_json())
    return taken.submission(plan.launched.batch_pool_id)


def _has_later_attempt(plan: MirrorPlan) -> Flow[bool]:
    tasks: TasksById = yield Snapshot(plan.launched.batch_job_id)
    return ids.member_task_id(plan.member_id, plan.map_index) in tasks.with_later_attempts


def _superseded(plan: MirrorPlan) -> Refused:
    planned = plan.launched.planned_key(plan.member_id, plan.map_index)
    return Refused("the worker of an earlier try has submitted one", (planned,))


def _go_on(claim: Claim, pool: str | None) -> Flow[Submission | Refused]:
    """Go on with the task of this try; it may have been claimed and not yet been reactivated."""
    if claim.stale_end is None:
        return claim.submission(pool)
    task = yield from get_or_none(requests.get_task(claim.key, PLANNED_SELECT))
    outcome = read_outcome(claim.key, task.json) if task is not None else None
    if task is None:
        return claim.submission(pool)
    if outcome is None or outcome.end_time != claim.stale_end:
        # It was reactivated, and we may have died before we noted its new ETag.
        return replace(claim, etag=task.etag).submission(pool)
    return (yield from _reactivate(claim, task, outcome, pool))


def _run_again(plan: MirrorPlan, claim: Claim) -> Flow[Submission | Refused]:
    """Let Batch run the task of an earlier try again; what it cannot run again goes to a worker."""
    key = claim.key
    yield Log(f"Try {claim.try_number} had Batch task {key.batch_task_id}; it runs again.")
    task = yield from _ended(claim)
    if task is None:
        return Refused(f"Batch task {key} of an earlier try is gone or still runs", (key,))
    outcome = read_outcome(key, task.json)
    if outcome is None or outcome.succeeded:
        return Refused(f"Batch task {key} ended with success in an earlier try", (key,))
    return (yield from _run_failed_again(plan, key, task, outcome))


def _run_failed_again(
    plan: MirrorPlan, key: TaskKey, task: Answer, outcome: TaskOutcome
) -> Flow[Submission | Refused]:
    if ids.named_value(task.json.get("environmentSettings"), ids.DEFINITION) != plan.definition:
        return Refused("its definition has changed since", (key,))
    again = Claim(plan.try_number, key.batch_job_id, key.batch_task_id, task.etag, outcome.end_time)
    # Before it is reactivated: after a crash the old failure must not count for this try.
    yield Save(again.as_json())
    return (yield from _reactivate(again, task, outcome, plan.launched.batch_pool_id))


def _reactivate(
    claim: Claim, task: Answer, outcome: TaskOutcome, pool: str | None
) -> Flow[Submission | Refused]:
    try:
        submission = yield from reactivate(claim.key, task, outcome, pool)
    except (BatchConflictError, BatchNotFoundError) as error:
        return Refused(f"Batch task {claim.key} cannot be run again ({error.code})", (claim.key,))
    except BatchTaskLostError:
        return Refused(f"Batch task {claim.key} was deleted")
    if submission is None:
        return Refused(f"Batch task {claim.key} cannot be run again: its process ended well", (claim.key,))
    now = Claim(
        claim.try_number, claim.batch_job_id, claim.batch_task_id, submission.etag, submission.stale_end
    )
    yield Save(now.as_json())
    return now.submission(pool)


def _ended(claim: Claim) -> Flow[Answer | None]:
    """Return the task of an earlier try when it has ended; one that runs is ended, as nobody watches it."""
    for _ in range(MAX_ROUNDS):
        task = yield from get_or_none(requests.get_task(claim.key, PLANNED_SELECT))
        if task is None or read_outcome(claim.key, task.json) is not None:
            return task
        try:
            yield requests.terminate_task(claim.key, task.etag)
        except BatchPreconditionError:
            continue  # written since our look, for example by the kill of that try
        except (BatchConflictError, BatchNotFoundError) as error:
            yield Log(f"Batch task {claim.key} needs no termination ({error.code}).")
        break
    if not (yield from await_end(claim.key, _END_PATIENCE)):
        return None
    return (yield from get_or_none(requests.get_task(claim.key, PLANNED_SELECT)))
