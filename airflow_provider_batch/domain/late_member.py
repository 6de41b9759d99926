"""
How a member that Airflow starts by itself comes into its group's job.

It goes into the newest open generation. Where none is open, it opens the next one, which ends by itself when
its tasks have: nobody may come to end it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log
from airflow_provider_batch.domain.group_job import (
    Generation,
    GroupJobPlan,
    create_next,
    generations_of,
    give_life,
    is_usable,
    prepare_pool,
    too_many_rounds,
)
from airflow_provider_batch.domain.outcome import read_outcome
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import (
    JOB_ENDED,
    MAX_ROUNDS,
    JobClosedError,
    Submission,
    TaskPlan,
    newest_attempt,
    submit,
    task_that_may_end,
)
from airflow_provider_batch.domain.termination import await_end
from airflow_provider_batch.exceptions import BatchConflictError, BatchNotFoundError

__all__ = ["submit_late"]

#: seconds to wait for a task that was terminated to end, before another attempt at it starts
RETIRE_PATIENCE = 120.0


def submit_late(plan: GroupJobPlan, task: TaskPlan, retire: Sequence[TaskKey] = ()) -> Flow[Submission]:
    """
    Flow: bring a member's task into the group's job without dependencies: Airflow has already said go.

    Safe to repeat, as :func:`~airflow_provider_batch.domain.submission.submit` is; also when the job that an
    earlier try had used has ended since.

    :param plan: what the job is like.
    :param task: the member's task.
    :param retire: earlier tasks of this member, which must not run beside it: they are ended first.
    """
    yield from _retire(retire)
    for _ in range(MAX_ROUNDS):
        chosen = yield from _open_for_late(plan, task)
        if isinstance(chosen, Submission):
            return chosen
        generation, created = chosen
        try:
            submission = yield from submit(replace(task, batch_job_id=generation.batch_job_id))
        except BatchConflictError as error:
            if error.code not in JOB_ENDED:
                raise
            continue
        except JobClosedError:
            continue  # it ended between our look and our act
        if created:
            yield from _end_by_itself(plan, generation)
        return replace(submission, shared_job=True)
    raise too_many_rounds(plan)


def _open_for_late(plan: GroupJobPlan, task: TaskPlan) -> Flow[Submission | tuple[Generation, bool]]:
    """Find the job to submit to, and whether it is to end by itself; or the success that nobody took."""
    for _ in range(MAX_ROUNDS):
        found = yield from generations_of(plan.group)
        chosen = yield from _where_it_is(task, found)
        if isinstance(chosen, Submission):
            return chosen
        if chosen is not None and (yield from is_usable(chosen)):
            # Who created it for a late member may have died before it was told to end by itself.
            return chosen, chosen.launch is None
        if chosen is not None:
            continue
        yield from prepare_pool(plan)
        created = yield from create_next(plan, found, {})
        if created is not None:
            return created, True
    raise too_many_rounds(plan)


def _where_it_is(task: TaskPlan, found: Sequence[Generation]) -> Flow[Submission | Generation | None]:
    """
    Choose among the jobs that exist: where an earlier try has submitted this work, else the newest open one.

    Its task may have succeeded in a job that ended by itself since, or run on in one that is not the newest.
    """
    if len(found) == 1 and found[0].is_open:
        return found[0]
    for generation in reversed(found):
        _, key, attempt = yield from newest_attempt(task, generation.batch_job_id)
        if attempt is not None and generation.is_open:
            return generation
        if attempt is None or (attempt := (yield from task_that_may_end(key))) is None:
            continue
        outcome = read_outcome(key, attempt.json)
        if outcome is not None and outcome.succeeded:
            yield Log(f"Batch task {key} ended with success in an earlier try; its result is taken.")
            return Submission(key, task.batch_pool_id, attempt.etag, adopted=True, shared_job=True)
    return next((generation for generation in reversed(found) if generation.is_open), None)


def _end_by_itself(plan: GroupJobPlan, generation: Generation) -> Flow[None]:
    if generation.has_full_life:
        yield Log(f"Batch job {generation.batch_job_id} stays open until finish runs, or its time is up.")
        return
    try:
        yield from give_life(plan, generation, "terminatejob")
    except BatchConflictError as error:
        if error.code not in JOB_ENDED:
            raise


def _retire(keys: Sequence[TaskKey]) -> Flow[None]:
    """End tasks that are superseded; their nodes need a moment, and two attempts must never run at once."""
    ended = []
    for key in keys:
        try:
            yield requests.terminate_task(key)
        except (BatchConflictError, BatchNotFoundError) as error:
            if error.code in JOB_ENDED:
                yield from task_that_may_end(key)
            continue  # it ended, or was never there
        yield Log(f"Batch task {key} is superseded and was terminated.")
        ended.append(key)
    for key in ended:
        if not (yield from await_end(key, RETIRE_PATIENCE)):
            yield Log(f"Batch task {key} was terminated and still runs; going on without it.", "WARNING")
