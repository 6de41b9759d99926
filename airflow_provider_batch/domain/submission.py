"""
Submitting one task: create what is missing, adopt what is ours, refuse what is not.

Submitting the same work again, after a crash at any point, ends in the same Batch task: ids are
deterministic, "it exists" is a question that the state and the owner of what exists answer. What it does:

=====================================  ================================================================
what is found                          what is done
=====================================  ================================================================
nothing                                create it
our task, not ended, in an open job    adopt it: an earlier try submitted it and its worker died
our task, ended with success           adopt it: nobody took the result
our task, ended with a failure         run it again: that try was used up (see below)
our job, ended, without a result       the next generation of the job
the id, owned by somebody else         :class:`~airflow_provider_batch.exceptions.BatchOwnershipError`
=====================================  ================================================================

A failed task in a job that is given is reactivated when its definition is unchanged, else a new attempt is
added under a new id; the newest attempt decides. Our own job ends together with its task, so there the next
generation is created. A job that is being ended may still run its task: the next generation waits for that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_batch.domain import ids, polling, requests
from airflow_provider_batch.domain.auto_pools import await_auto_pool, pool_info, pool_of
from airflow_provider_batch.domain.flow import Flow, Log, Now, Sleep, get_or_none, pages
from airflow_provider_batch.domain.ids import GroupIdentity, WorkIdentity
from airflow_provider_batch.domain.job_creation import create_job
from airflow_provider_batch.domain.labels import pool_labels, with_ours
from airflow_provider_batch.domain.outcome import TaskOutcome, read_outcome
from airflow_provider_batch.domain.pools import ensure_pool
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.states import JOB_CLOSED, lower
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    AzureBatchError,
    BatchConflictError,
    BatchNotFoundError,
    BatchOwnershipError,
    BatchPreconditionError,
    BatchServiceError,
    BatchTaskLostError,
)
from airflow_provider_batch.specs.pool_info import brings_pool

#: life of a job between its creation and the end of its submission: an Airflow that dies in between leaves
#: nothing behind that lives longer
SUBMISSION_WALL_CLOCK = "PT1H"
#: life of our own job when the user sets no limit
DEFAULT_WALL_CLOCK = "P30D"
#: generations or attempts that one piece of work may have
MAX_GENERATIONS = 1000
#: generations that are looked for when the first one is not there
LOOK_AHEAD = 10
#: rounds in which something else changed the task between our look and our act
MAX_ROUNDS = 10
#: seconds to wait for a job that is being ended to end its running task, and between two looks
ENDING_PATIENCE = 120.0
ENDING_POLL = 1.0
#: tries to tell a job to end with its task, when the service does not answer
UPDATE_TRIES = 4

#: what the service answers to a write when the job has ended or is ending
JOB_ENDED = frozenset({"JobCompleted", "JobBeingTerminated", "JobBeingDeleted"})


class JobClosedError(AzureBatchConfigurationError):
    """A job that was named has ended, or does not exist, and takes no task."""


@dataclass(frozen=True)
class TaskPlan:
    """
    What one Airflow task wants of Batch; REST JSON, rendered and checked.

    :param work: whose work it is.
    :param task: body of the task without its id.
    :param batch_job_id: the job to add it to; None for a job of its own.
    :param job: body of its own job, without id; with ``poolInfo`` only when the job brings its pool.
    :param batch_pool_id: pool of its own job; None when the job brings it.
    :param pool: body of a pool to create or adopt; None for a pool that exists.
    :param group: the group that the work is a member of; ``batch_job_id`` is then the group's job.
    :param definition: stands for what the DAG's author wrote, before templates are rendered; groups only.
    """

    work: WorkIdentity
    task: Mapping[str, Any]
    batch_job_id: str | None = None
    job: Mapping[str, Any] = field(default_factory=dict)
    batch_pool_id: str | None = None
    pool: Mapping[str, Any] | None = None
    group: GroupIdentity | None = None
    definition: str | None = None

    @property
    def fingerprint(self) -> str:
        """Stands for the task as it is submitted; a task is not run again as it was when that changed."""
        return task_fingerprint(self.task) if self.group else self.work.digest("plan", _canonical(self.task))

    @property
    def owner(self) -> str:
        """Who the Batch task belongs to."""
        return self.group.owner if self.group else self.work.owner

    def batch_task_id(self, attempt: int = 1) -> str:
        """
        Return the id of the Batch task.

        :param attempt: 1 for the first one.
        """
        if self.group is None:
            return ids.task_id(self.work, attempt)
        return ids.member_attempt_id(self.work.task_id, self.work.map_index, self.work.max_tries, attempt)

    def environment(self) -> list[dict[str, str]]:
        """Return the environment settings by which the Batch task is known as this work's."""
        own = ids.task_environment(
            self.group or self.work, self.work.task_id, self.work.map_index, self.fingerprint
        )
        if self.definition is not None:
            own.append({"name": ids.DEFINITION, "value": self.definition})
        return own


@dataclass(frozen=True)
class Submission:
    """
    A Batch task that runs, will run or ran for us.

    :param key: its job and id.
    :param batch_pool_id: pool of its job.
    :param etag: ETag of our last write to the task; a later write by somebody else changes it.
    :param adopted: an earlier try had submitted it.
    :param stale_end: end time of a failure that an earlier try has answered for; only a later end counts.
    :param own_job: the job is there for this task only.
    :param shared_job: the job is a group's: many tasks of it are watched at once.
    :param end_job: the job could not be told to end with its task, so we end it.
    """

    key: TaskKey
    batch_pool_id: str | None
    etag: str | None = None
    adopted: bool = False
    stale_end: str | None = None
    own_job: bool = False
    shared_job: bool = False
    end_job: bool = False


def task_fingerprint(task: Mapping[str, Any]) -> str:
    """
    Return what stands for the rendered task of a group's member.

    :param task: body of the task without its id, its dependencies and our own environment settings.
    """
    return hashlib.sha256(_canonical(task).encode()).hexdigest()[:12]


def submit(plan: TaskPlan) -> Flow[Submission]:
    """
    Flow: bring the task of ``plan`` into Batch, once.

    :param plan: what is wanted.
    :return: the task to watch.
    """
    if plan.batch_job_id is not None:
        return (yield from _submit_to_given_job(plan, plan.batch_job_id))
    return (yield from _submit_with_own_job(plan))


# --- in a job of its own -------------------------------------------------------------------------


def _submit_with_own_job(plan: TaskPlan) -> Flow[Submission]:
    generation, rounds = 1, 0
    while generation <= MAX_GENERATIONS and rounds < MAX_ROUNDS:
        key = TaskKey(ids.job_id(plan.work, generation), ids.task_id(plan.work))
        job = yield from get_or_none(requests.get_job(key.batch_job_id))
        if job is None and generation == 1 and (later := (yield from _newest_generation(plan))) > 1:
            # Somebody tidied up: what was deleted had ended, and must not be made again beside a later one.
            generation = later
            continue
        try:
            if job is None:
                return (yield from _create_own_job(plan, key, generation))
            submission = yield from _take_up_own_job(plan, key, job)
        except BatchConflictError as error:
            if error.code not in JOB_ENDED:
                raise
            # It ended between our look and our act: look again, its task may have ended with success.
            rounds += 1
            continue
        if submission is not None:
            return submission
        generation += 1
    raise BatchConflictError(
        code="JobExists",
        message=f"{generation} generations of job {ids.job_id(plan.work)} exist; delete old ones.",
        status=409,
        operation="create_job",
    )


def _newest_generation(plan: TaskPlan) -> Flow[int]:
    """Flow: find the newest of the next generations of our job; 0 when there is none."""
    later = {ids.job_id(plan.work, n): n for n in range(2, 2 + LOOK_AHEAD)}
    filter_ = " or ".join(f"id eq {requests.odata_string(batch_job_id)}" for batch_job_id in later)
    jobs = yield from pages(requests.list_jobs(("id",), filter_))
    return max((later.get(str(job.get("id")), 0) for job in jobs), default=0)


def _take_up_own_job(plan: TaskPlan, key: TaskKey, job: Answer) -> Flow[Submission | None]:
    """Take what an earlier try left in this generation of the job; None when the next one has to follow."""
    _check_job_owner(plan, key.batch_job_id, job)
    closed = lower(job.json.get("state")) in JOB_CLOSED
    task = yield from (task_that_may_end(key) if closed else get_or_none(requests.get_task(key)))
    outcome = read_outcome(key, task.json) if task else None
    if outcome is not None and outcome.succeeded:
        yield Log(f"Batch task {key} ended with success in an earlier try; its result is taken.")
        etag = task.etag if task else None
        end_job = _is_ended_by_airflow(plan)
        return Submission(key, pool_of(job.json), etag, adopted=True, own_job=True, end_job=end_job)
    if not closed and outcome is None:
        return (yield from _complete_own_job(plan, key, task, pool_of(job.json)))
    yield from _end_leftover(job, key.batch_job_id, closed)
    yield Log(_why_next_generation(key.batch_job_id, outcome))
    return None


def task_that_may_end(key: TaskKey) -> Flow[Answer | None]:
    """
    Flow: read the task of a job that ends, when it does not run any more: two must never run.

    :param key: the task.
    :return: the task; None when there is none.
    :raises AzureBatchError: it still runs after :data:`ENDING_PATIENCE`.
    """
    started = yield Now()
    while True:
        task = yield from get_or_none(requests.get_task(key))
        if task is None or lower(task.json.get("state")) not in ("running", "preparing"):
            return task
        if ((yield Now()) - started).total_seconds() > ENDING_PATIENCE:
            raise AzureBatchError(
                f"Batch job {key.batch_job_id} is being ended and its task {key.batch_task_id} still runs "
                f"after {ENDING_PATIENCE:.0f} s; it is not run a second time meanwhile."
            )
        yield Sleep(ENDING_POLL)


def _why_next_generation(batch_job_id: str, outcome: TaskOutcome | None) -> str:
    if outcome is None:
        return f"Batch job {batch_job_id} ended before its task did; the next generation of the job follows."
    return (
        f"In Batch job {batch_job_id} the task failed in an earlier try "
        f"(exit code {outcome.exit_code}); it runs again in the next generation of the job."
    )


def _end_leftover(job: Answer, batch_job_id: str, closed: bool) -> Flow[None]:
    """End a job of an earlier try that would otherwise stay active and count against the quota."""
    if closed:
        return
    try:
        yield requests.terminate_job(batch_job_id, "AirflowNextGeneration", job.etag)
    except (BatchConflictError, BatchPreconditionError, BatchNotFoundError) as error:
        yield Log(f"Batch job {batch_job_id} was not terminated: {error}", "WARNING")


def _create_own_job(plan: TaskPlan, key: TaskKey, generation: int) -> Flow[Submission]:
    labels = pool_labels(plan.work)
    if not brings_pool(plan.job):
        yield from ensure_pool(plan.batch_pool_id, plan.pool, labels)
    metadata = with_ours(plan.job.get("metadata"), ids.job_metadata(plan.work, generation))
    body = {
        **plan.job,
        "id": key.batch_job_id,
        "poolInfo": pool_info(plan.job, plan.batch_pool_id, labels),
        "metadata": metadata,
        "onAllTasksComplete": "noaction",
        "constraints": {**(plan.job.get("constraints") or {}), "maxWallClockTime": SUBMISSION_WALL_CLOCK},
    }
    if plan.task.get("dependsOn"):
        body["usesTaskDependencies"] = True
    try:
        yield from create_job(body)
    except BatchConflictError as error:
        # Our own request, repeated after an answer that was lost; anything else of that id is not ours.
        if error.code != "JobExists":
            raise
        job = yield requests.get_job(key.batch_job_id, select=("id", "metadata"))
        _check_job_owner(plan, key.batch_job_id, job)
    pool = plan.batch_pool_id
    if brings_pool(plan.job):
        pool = yield from await_auto_pool(key.batch_job_id)
    yield Log(f"Created Batch job {key.batch_job_id} on pool {pool}.")
    try:
        return (yield from _complete_own_job(plan, key, None, pool))
    except BatchServiceError as error:
        if error.code not in JOB_ENDED:
            yield from _end_refused(key.batch_job_id)
        raise


def _end_refused(batch_job_id: str) -> Flow[None]:
    """
    End a job whose task the service refused: it would stay active for nothing.

    (Without an answer the job stays, since the task may be in it; the next try completes it, or its wall
    clock ends it.)
    """
    try:
        yield requests.terminate_job(batch_job_id, "AirflowTaskRefused")
    except AzureBatchError as error:
        yield Log(
            f"The task was refused; Batch job {batch_job_id} could not be terminated and stays for "
            f"{SUBMISSION_WALL_CLOCK}: {error}",
            "ERROR",
        )
    else:
        yield Log(f"The task was refused; Batch job {batch_job_id} was terminated.", "ERROR")


def _complete_own_job(
    plan: TaskPlan, key: TaskKey, task: Answer | None, pool: str | None
) -> Flow[Submission]:
    """Add the task unless it is there, then let the job end with it."""
    if task is None:
        submission = yield from _add_task(plan, key, pool)
    else:
        submission = yield from adopt(key, task, pool)
    constraints = {"maxWallClockTime": DEFAULT_WALL_CLOCK, **(plan.job.get("constraints") or {})}
    end_job = _is_ended_by_airflow(plan)
    submission = replace(submission, own_job=True, end_job=end_job)
    at_the_end = "noaction" if end_job else plan.job.get("onAllTasksComplete") or "terminatejob"
    wanted = {"onAllTasksComplete": at_the_end}
    for last in (*[False] * (UPDATE_TRIES - 1), True):
        try:
            yield requests.update_job(key.batch_job_id, {**wanted, "constraints": constraints})
        except AzureBatchError as error:
            if getattr(error, "code", None) in JOB_ENDED:
                return submission  # the task was quick, or an earlier try had got this far
            if polling.is_transient(error) and not last:
                yield Sleep(polling.QUICK)
                continue
            yield Log(
                f"Batch job {key.batch_job_id} will be ended by Airflow and keeps its time limit of "
                f"{SUBMISSION_WALL_CLOCK}: {error}",
                "WARNING",
            )
            return replace(submission, end_job=True)
        return submission
    raise AssertionError("the last round returns")


def _is_ended_by_airflow(plan: TaskPlan) -> bool:
    """Tell whether its own job ends when we say so: nodes that go with it take the last output with them."""
    return brings_pool(plan.job) and "onAllTasksComplete" not in plan.job


# --- in a job that exists ------------------------------------------------------------------------


def _submit_to_given_job(plan: TaskPlan, batch_job_id: str) -> Flow[Submission]:
    job = yield from _given_job(plan, batch_job_id)
    pool = pool_of(job.json)
    attempt, key, task = yield from newest_attempt(plan, batch_job_id)
    outcome = read_outcome(key, task.json) if task is not None else None
    if task is not None and outcome is None:
        return (yield from adopt(key, task, pool))
    if task is not None and outcome is not None and outcome.succeeded:
        yield Log(f"Batch task {key} ended with success in an earlier try; its result is taken.")
        return Submission(key, pool, task.etag, adopted=True)
    yield from _check_takes_tasks(batch_job_id, job)
    if task is None or outcome is None:
        return (yield from _add_task(plan, key, pool))
    if ids.named_value(task.json.get("environmentSettings"), ids.PLAN) == plan.fingerprint:
        submission = yield from reactivate(key, task, outcome, pool)
        if submission is not None:
            return submission
        yield Log(f"Batch task {key} cannot be run again, as its process ended well; a new attempt follows.")
    else:
        yield Log(f"Batch task {key} failed and its definition has changed since; a new attempt follows.")
    key = TaskKey(batch_job_id, plan.batch_task_id(attempt + 1))
    return (yield from _add_task(plan, key, pool))


def newest_attempt(plan: TaskPlan, batch_job_id: str) -> Flow[tuple[int, TaskKey, Answer | None]]:
    """
    Flow: find the newest attempt at this work in a job; the first one, without a task, when there is none.

    :param plan: the work.
    :param batch_job_id: the job.
    :return: number of the attempt, its job and id, and the task as it is.
    """
    newest: Answer | None = None
    for attempt in range(1, MAX_GENERATIONS + 1):
        key = TaskKey(batch_job_id, plan.batch_task_id(attempt))
        task = yield from get_or_none(requests.get_task(key))
        if task is None:
            last = max(attempt - 1, 1)
            return last, TaskKey(batch_job_id, plan.batch_task_id(last)), newest
        _check_task_owner(plan, key, task)
        newest = task
    raise BatchConflictError(
        code="TaskExists",
        message=f"{MAX_GENERATIONS} attempts of task {plan.batch_task_id()} exist in job {batch_job_id}.",
        status=409,
        operation="create_task",
    )


def _given_job(plan: TaskPlan, batch_job_id: str) -> Flow[Answer]:
    select = ("id", "state", "usesTaskDependencies", "poolInfo", "executionInfo")
    job = yield from get_or_none(requests.get_job(batch_job_id, select))
    if job is None:
        raise JobClosedError(
            f"batch_job_id: there is no Batch job {batch_job_id!r} in this account. "
            "Create it first, or leave batch_job_id out to get a job of its own."
        )
    if plan.task.get("dependsOn") and not job.json.get("usesTaskDependencies"):
        raise AzureBatchConfigurationError(
            f"task.dependsOn: job {batch_job_id!r} was created without usesTaskDependencies, which cannot be "
            "changed later. Create the job with it, or leave the dependencies out."
        )
    return job


def _check_takes_tasks(batch_job_id: str, job: Answer) -> Flow[None]:
    state = lower(job.json.get("state"))
    if state in JOB_CLOSED:
        raise JobClosedError(
            f"batch_job_id: job {batch_job_id!r} is {state} and takes no task any more. "
            "Name a job that is active, or leave batch_job_id out to get a job of its own."
        )
    if state != "active":
        yield Log(f"Batch job {batch_job_id} is {state}: the task waits until it is enabled.", "WARNING")


def reactivate(key: TaskKey, task: Answer, outcome: TaskOutcome, pool: str | None) -> Flow[Submission | None]:
    """
    Flow: run a failed task again; None when the service never will, since its process ended with exit code 0.

    :param key: the task.
    :param task: how it was found.
    :param outcome: its failure, which does not count from now on.
    :param pool: pool of its job.
    """
    yield Log(
        f"Batch task {key} failed in an earlier try (exit code {outcome.exit_code}); "
        "it is run again (reactivated)."
    )
    for _ in range(MAX_ROUNDS):
        try:
            answer = yield requests.reactivate_task(key, task.etag)
        except (BatchPreconditionError, BatchConflictError) as error:
            if error.code == "TaskSucceeded":
                return None
            if isinstance(error, BatchConflictError) and error.code != "TaskNotCompleted":
                raise
            # Written since our look: by our own request, whose answer was lost, or by somebody else.
            task = yield from _get_or_lost(key)
            now = read_outcome(key, task.json)
            if now is None:
                return replace((yield from adopt(key, task, pool)), stale_end=outcome.end_time)
            if now.end_time != outcome.end_time:
                return Submission(key, pool, task.etag, adopted=True, stale_end=outcome.end_time)
        else:
            etag = answer.etag or (yield from _get_or_lost(key)).etag
            return Submission(key, pool, etag, stale_end=outcome.end_time)
    raise BatchConflictError(
        code="ConditionNotMet",
        message=f"Batch task {key} was written by somebody else {MAX_ROUNDS} times in a row.",
        status=412,
        operation="reactivate_task",
    )


# --- common --------------------------------------------------------------------------------------


def _add_task(plan: TaskPlan, key: TaskKey, pool: str | None) -> Flow[Submission]:
    environment = with_ours(plan.task.get("environmentSettings"), plan.environment())
    body = {**plan.task, "id": key.batch_task_id, "environmentSettings": environment}
    try:
        answer = yield requests.create_task(key.batch_job_id, body)
    except BatchConflictError as error:
        if error.code != "TaskExists":
            raise
        # Our own request, whose answer was lost, or another worker that was quicker.
        task = yield from _get_or_lost(key)
        _check_task_owner(plan, key, task)
        return (yield from adopt(key, task, pool))
    yield Log(f"Added Batch task {key.batch_task_id} to job {key.batch_job_id}.")
    return Submission(key, pool, answer.etag)


def adopt(key: TaskKey, task: Answer, pool: str | None, by: str = "an earlier try") -> Flow[Submission]:
    """
    Flow: take over a task that is there and has not ended.

    Writing its constraints as they are changes nothing but its ETag. So a late kill of the earlier try, whose
    worker may still be alive somewhere, carries an old ETag and cannot end the task that we now watch.

    :param key: the task.
    :param task: how it was found, with its constraints.
    :param pool: pool of its job.
    :param by: who submitted it, for the log.
    """
    state = lower(task.json.get("state"))
    yield Log(f"Batch task {key} was submitted by {by} and is {state}: reattached to it.")
    try:
        answer = yield requests.replace_task(
            key, {"constraints": task.json.get("constraints") or {}}, task.etag
        )
    except (BatchConflictError, BatchPreconditionError) as error:
        yield Log(f"Batch task {key} was not marked as taken over ({error.code}).", "DEBUG")
        task = yield from _get_or_lost(key)
        return Submission(key, pool, task.etag, adopted=True)
    etag = answer.etag or (yield from _get_or_lost(key)).etag
    return Submission(key, pool, etag, adopted=True)


def _get_or_lost(key: TaskKey) -> Flow[Answer]:
    task = yield from get_or_none(requests.get_task(key))
    if task is None:
        raise BatchTaskLostError(f"Batch task {key} was deleted while this try took it over.")
    return task


def _check_job_owner(plan: TaskPlan, batch_job_id: str, job: Answer) -> None:
    _check_owner(plan, f"Batch job {batch_job_id}", ids.named_value(job.json.get("metadata"), ids.OWNER))


def _check_task_owner(plan: TaskPlan, key: TaskKey, task: Answer) -> None:
    owner = ids.named_value(task.json.get("environmentSettings"), ids.OWNER)
    _check_owner(plan, f"Batch task {key}", owner)


def _check_owner(plan: TaskPlan, what: str, owner: str | None) -> None:
    if owner != plan.owner:
        raise BatchOwnershipError(
            f"{what} exists and was not made by this work (its owner is {owner or 'not given'}, ours is "
            f"{plan.owner}); it is left alone. Delete it, or rename the DAG or the task."
        )


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


# --- a kill in the middle of a submission ----------------------------------------------------------


def find_submitted(plan: TaskPlan) -> Flow[Submission | None]:
    """
    Flow: find what is submitted of this work and has not ended; None when there is nothing.

    For a kill or an error in the middle of a submission: what it had created must not run on. In a job of its
    own that is the job too, even when its task is not there yet: the request that adds it may be on its way.

    :param plan: what was being submitted.
    """
    if plan.batch_job_id is not None:
        return (yield from _find_in_given_job(plan, plan.batch_job_id))
    newest: Submission | None = None
    for generation in range(1, MAX_GENERATIONS + 1):
        key = TaskKey(ids.job_id(plan.work, generation), ids.task_id(plan.work))
        job = yield from get_or_none(requests.get_job(key.batch_job_id, ("id", "state", "metadata")))
        if job is None:
            break
        ours = ids.named_value(job.json.get("metadata"), ids.OWNER) == plan.work.owner
        newest = None
        if ours and lower(job.json.get("state")) not in JOB_CLOSED:
            task = yield from get_or_none(requests.get_task(key))
            etag = task.etag if task else None
            newest = Submission(key, plan.batch_pool_id, etag, own_job=True, end_job=True)
    return newest


def _find_in_given_job(plan: TaskPlan, batch_job_id: str) -> Flow[Submission | None]:
    newest: Submission | None = None
    for attempt in range(1, MAX_GENERATIONS + 1):
        key = TaskKey(batch_job_id, plan.batch_task_id(attempt))
        task = yield from get_or_none(requests.get_task(key))
        if task is None:
            break
        owner = ids.named_value(task.json.get("environmentSettings"), ids.OWNER)
        ours = owner == plan.owner and read_outcome(key, task.json) is None
        newest = Submission(key, plan.batch_pool_id, task.etag) if ours else None
    return newest
