"""Ending one Batch task early: exactly the one that is ours, and only while it is."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_batch.domain import polling, requests
from airflow_provider_batch.domain.flow import Flow, Log, Now, Sleep, StillOurs
from airflow_provider_batch.domain.outcome import TASK_SELECT
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.states import TASK_COMPLETED, lower
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchConflictError,
    BatchNotFoundError,
    BatchPreconditionError,
)

__all__ = ["await_end", "end_job_of", "terminate"]

#: tries to terminate a task, when the service does not answer or the task is written meanwhile
TERMINATE_TRIES = 4


def terminate(submission: Submission, why: str) -> Flow[bool]:
    """
    Flow: end exactly this Batch task, unless it ended or somebody took it over since.

    Safe to repeat. The request carries the ETag of our own last write. Where that is an old one, the task was
    written since: run again or taken over by a later try, and then it is not ours any more and is left alone;
    or the service moves the ETag with every change of state, and then it is read anew. A job that is to end
    with its task is ended with it.

    :param submission: the task; without an ETag it is looked at first.
    :param why: for the log.
    :return: whether it was terminated by this call.
    """
    terminated = yield from _terminate(submission, why)
    if terminated is None:
        return False
    if submission.end_job:
        yield from end_job_of(submission)
    return terminated


def _terminate(submission: Submission, why: str) -> Flow[bool | None]:
    """Terminate the task; None when it is not ours."""
    key, etag = submission.key, submission.etag
    trouble: AzureBatchError | None = None
    for _ in range(TERMINATE_TRIES):
        try:
            if etag is None:
                seen: Answer = yield requests.get_task(key, TASK_SELECT)
                if lower(seen.json.get("state")) == TASK_COMPLETED:
                    return False
                if not (yield StillOurs(key, seen)):
                    yield Log(f"Batch task {key} was taken over or run again since; left alone.")
                    return None
                etag = seen.etag
            yield requests.terminate_task(key, etag)
        except BatchPreconditionError as error:
            # Perhaps by our own request, whose answer was lost.
            trouble, etag = error, None
        except (BatchConflictError, BatchNotFoundError) as error:
            yield Log(f"Batch task {key} needs no termination ({error.code}).")
            return False
        except AzureBatchError as error:
            trouble = error
            if not polling.is_transient(error):
                break
            yield Sleep(polling.QUICK)
        else:
            yield Log(f"Batch task {key} was terminated: {why}.")
            return True
    yield Log(f"Batch task {key} could not be terminated and may run on: {trouble}", "ERROR")
    return False


def await_end(key: TaskKey, patience: float) -> Flow[bool]:
    """
    Flow: wait until a task that was terminated has ended; its node needs a moment for that.

    A try that begins meanwhile would take it for a task that runs, and adopt a task that is dying.

    :param key: the task.
    :param patience: greatest number of seconds to wait.
    :return: whether it ended.
    """
    started: datetime = yield Now()
    while not (yield from _has_ended(key)):
        if ((yield Now()) - started).total_seconds() >= patience:
            return False
        yield Sleep(polling.QUICK)
    return True


def _has_ended(key: TaskKey) -> Flow[bool]:
    try:
        answer: Answer = yield requests.get_task(key, ("id", "state"))
    except AzureBatchError:
        # Unseen is not ended.
        return False
    return lower(answer.json.get("state")) == TASK_COMPLETED


def end_job_of(submission: Submission) -> Flow[None]:
    """
    Flow: end the job that is there for one task; that it has ended is what we want.

    :param submission: the task.
    """
    try:
        yield requests.terminate_job(submission.key.batch_job_id, "AirflowTaskEnded")
    except (BatchConflictError, BatchNotFoundError):
        return
    except AzureBatchError as error:
        yield Log(f"Batch job {submission.key.batch_job_id} stays active: {error}", "WARNING")
