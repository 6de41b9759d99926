"""
How a worker brings the Batch task of a group's member about.

A worker has what a mirror lacks: rendered values. It takes the planned task too, when launch planned one for
this work and its parents agree; otherwise it adds a new attempt without dependencies to the group's job.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from airflow_provider_batch.domain import ids, requests
from airflow_provider_batch.domain.acceptance import Refused, accept, depends_on
from airflow_provider_batch.domain.flow import Flow, Log, get_or_none, pages, utc
from airflow_provider_batch.domain.group_job import GroupJobPlan, generations_of
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.outcome import TaskOutcome, read_outcome
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.states import TASK_COMPLETED, lower
from airflow_provider_batch.domain.submission import (
    Submission,
    TaskPlan,
    adopt,
    find_submitted,
    reactivate,
)
from airflow_provider_batch.exceptions import BatchConflictError, BatchNotFoundError

#: the two times of a task that nobody has written to may differ by a few ticks
_AT_CREATION = timedelta(milliseconds=100)

__all__ = ["MemberPlan", "find_member", "submit_member"]


@dataclass(frozen=True)
class MemberPlan:
    """
    What a worker knows of its member.

    :param job: what the group's job is like.
    :param task: the member's task.
    :param launched: what launch said; None when it has not run, or failed.
    :param try_number: the try.
    :param tries_before_clear: tries that the task instance had before it was cleared last; 0 when it was not.
    :param refused: what its mirror refused; None when the task started on the worker.
    :param failure_satisfies: a parent that failed lets the planned task go.
    :param waiting_members: members that Airflow has not let go; read when the planned task may be superseded.
    """

    job: GroupJobPlan
    task: TaskPlan
    launched: Launched | None = None
    try_number: int = 1
    tries_before_clear: int = 0
    refused: Refused | None = None
    failure_satisfies: bool = False
    waiting_members: frozenset[str] = frozenset()

    @property
    def planned(self) -> TaskKey | None:
        """Where launch put the member's task, if it planned one."""
        if self.launched is None:
            return None
        return self.launched.planned_key(self.task.work.task_id, self.task.work.map_index)

    @property
    def is_cleared(self) -> bool:
        """Whether the task instance was cleared."""
        return self.tries_before_clear > 0

    @property
    def is_first_try(self) -> bool:
        """Whether this is the first try of its work."""
        return self.try_number <= self.tries_before_clear + 1

    @property
    def may_take_planned(self) -> bool:
        """
        Whether what launch has planned is for this work.

        A clear of a member mostly clears launch too. While the job is open launch leaves it as it is, and
        what is planned there had its turn before the clear.
        """
        return self.launched is not None and (not self.is_cleared or self.launched.plans_anew)


def submit_member(plan: MemberPlan) -> Flow[Submission]:
    """
    Flow: bring the member's task into the group's job, or take the planned one; once.

    :param plan: the member.
    :return: the task to watch.
    """
    refused = plan.refused
    if refused is None and plan.launched is not None and plan.may_take_planned:
        taken = yield from _take_planned(plan, plan.launched)
        if isinstance(taken, Submission):
            return taken
        refused = taken
    if refused is not None:
        yield Log(f"A Batch task of its own is submitted: {refused.reason}.")
    to_retire = yield from _to_retire(plan, refused)
    if plan.planned is not None and plan.waiting_members:
        yield from _hold_back_children(plan.planned, plan.waiting_members)
    return (yield from submit_late(plan.job, plan.task, to_retire))


def _hold_back_children(planned: TaskKey, waiting_members: Collection[str]) -> Flow[None]:
    """
    End planned tasks that wait for a task which is superseded: Batch would run them on its old result.

    They are the children that Airflow has not let go; their mirrors will find another attempt of this parent,
    and have a worker submit them. What waits for the children stays blocked by their end.
    """
    select = ("id", "state", "dependsOn", "environmentSettings")
    for task in (yield from pages(requests.list_tasks(planned.batch_job_id, select, "state eq 'active'"))):
        member_id = ids.named_value(task.get("environmentSettings"), ids.MEMBER)
        if member_id not in waiting_members or not depends_on(task, planned.batch_task_id):
            continue
        try:
            yield requests.terminate_task(TaskKey(planned.batch_job_id, str(task["id"])))
        except (BatchConflictError, BatchNotFoundError):
            continue  # it has ended
        yield Log(f"Batch task {task['id']} was ended: it waited for one that is superseded.")


def _to_retire(plan: MemberPlan, refused: Refused | None) -> Flow[Sequence[TaskKey]]:
    keys = list(refused.retire) if refused is not None else []
    # Its mirror may have refused what an earlier launch had planned, and launch has planned anew since.
    may_be_planned = plan.is_cleared or plan.refused is not None
    if may_be_planned and plan.planned is not None:
        keys.append(plan.planned)
    if plan.is_cleared:
        # What ran before the clear is killed, but nobody says when.
        keys += yield from _still_open(plan)
    keys = list(dict.fromkeys(keys))
    # What this very work had submitted is taken up by its submission.
    own = ids.member_attempt_id(plan.task.work.task_id, plan.task.work.map_index, plan.task.work.max_tries, 1)
    return [key for key in keys if not key.batch_task_id.startswith(own[:-1])]


def _still_open(plan: MemberPlan) -> Flow[list[TaskKey]]:
    """Find all tasks of this member that have not ended, in all open jobs of the group."""
    work = plan.task.work
    first = ids.member_task_id(work.task_id, work.map_index)
    filter_ = f"startswith(id,{requests.odata_string(first)})"
    found = []
    for generation in (yield from generations_of(plan.job.group)):
        if generation.is_open:
            tasks = yield from pages(requests.list_tasks(generation.batch_job_id, ("id", "state"), filter_))
            found += [
                TaskKey(generation.batch_job_id, str(task["id"]))
                for task in tasks
                if lower(task.get("state")) != TASK_COMPLETED
            ]
    return found


def _take_planned(plan: MemberPlan, launched: Launched) -> Flow[Submission | Refused]:
    work = plan.task.work
    if not plan.is_first_try:
        own = TaskKey(launched.batch_job_id, plan.task.batch_task_id())
        if (yield from get_or_none(requests.get_task(own, ("id",)))) is not None:
            # The planned one was refused then; to run it again now would be to run the work twice.
            planned_key = launched.planned_key(work.task_id, work.map_index)
            return Refused("an earlier try has submitted one", (planned_key,))
    planned = yield from accept(
        launched, work.task_id, work.map_index, failure_satisfies=plan.failure_satisfies
    )
    if isinstance(planned, Refused):
        return planned
    key = launched.planned_key(work.task_id, work.map_index)
    outcome = read_outcome(key, planned.json)
    if outcome is None:
        return replace((yield from adopt(key, planned, launched.batch_pool_id, "launch")), shared_job=True)
    had_its_turn = plan.is_first_try and _had_its_turn(plan, planned)
    if outcome.succeeded and had_its_turn:
        return Refused(f"Batch task {key} ended with success before the clear", (key,))
    if outcome.succeeded or (plan.is_first_try and not had_its_turn):
        return Submission(key, launched.batch_pool_id, planned.etag, adopted=True, shared_job=True)
    return (yield from _run_again(plan, key, planned, outcome))


def _had_its_turn(plan: MemberPlan, planned: Answer) -> bool:
    """
    Tell whether a planned task that has ended had been taken before the clear.

    Who clears only what failed, or from Airflow 3.1 on a member alone, does not clear launch, so what that
    says is older than the clear. To take a task is to write to it
    (:func:`~airflow_provider_batch.domain.submission.adopt`), as are a retry and a kill; what nodes do is no
    writing. Of a task that ended before it was taken, it cannot be told.
    """
    if not plan.is_cleared:
        return False
    created, written = planned.json["creationTime"], planned.json["lastModified"]
    return utc(written) - utc(created) > _AT_CREATION


def _run_again(
    plan: MemberPlan, key: TaskKey, planned: Answer, outcome: TaskOutcome
) -> Flow[Submission | Refused]:
    if ids.named_value(planned.json.get("environmentSettings"), ids.PLAN) != plan.task.fingerprint:
        return Refused("it failed in an earlier try and its definition has changed since", (key,))
    try:
        submission = yield from reactivate(key, planned, outcome, _pool_of(plan))
    except (BatchConflictError, BatchNotFoundError) as error:
        return Refused(f"Batch task {key} cannot be run again ({error.code})", (key,))
    if submission is None:
        return Refused(f"Batch task {key} cannot be run again: its process ended well", (key,))
    return replace(submission, shared_job=True)


def find_member(plan: MemberPlan) -> Flow[Submission | None]:
    """
    Flow: find what is submitted of this member's work and has not ended; for a kill in the middle.

    :param plan: the member.
    """
    for generation in reversed((yield from generations_of(plan.job.group))):
        if not generation.is_open:
            continue
        found = yield from find_submitted(replace(plan.task, batch_job_id=generation.batch_job_id))
        if found is not None:
            return replace(found, shared_job=True)
    if plan.planned is None or not plan.may_take_planned:
        return None
    try:
        answer: Answer = yield requests.get_task(plan.planned)
    except BatchNotFoundError:
        return None
    return Submission(plan.planned, _pool_of(plan), answer.etag, shared_job=True)


def _pool_of(plan: MemberPlan) -> str | None:
    return plan.launched.batch_pool_id if plan.launched is not None else plan.job.batch_pool_id
