"""Whether a task was ended by the end of its job, and why that ended."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Shared, utc
from airflow_provider_batch.domain.outcome import TaskOutcome
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.states import JOB_CLOSED, lower
from airflow_provider_batch.exceptions import AzureBatchError

__all__ = ["why_ended"]

_SELECT = ("id", "state", "executionInfo", "constraints")
#: many tasks end with one job
_MAX_AGE = 5.0
#: a job that ends later than this after its task did not end it: its tasks are ended at once
_AT_ONCE = timedelta(seconds=60)
#: next step by ``terminateReason``; others are the words of whoever ended the job
_HINTS = {
    "MaxWallClockTimeExpiry": "the job's time was up: raise constraints.maxWallClockTime of the job",
    "TaskFailed": "another task of the job failed, and its exit conditions end the job (jobAction)",
    "JMComplete": "the job manager task ended, and the job with it",
}


def why_ended(outcome: TaskOutcome) -> Flow[str | None]:
    """
    Flow: say that the end of its job has ended a task, and why; None when it has not, or nobody can tell.

    :param outcome: the end of a task.

    .. seealso:: ``terminateReason`` of Jobs - Get Job, Azure Batch REST API 2025-06-01.
    """
    if outcome.failure is None or outcome.failure.code != "TaskEnded":
        return None
    batch_job_id = outcome.key.batch_job_id
    try:
        job: Answer = yield Shared(requests.get_job(batch_job_id, _SELECT), _MAX_AGE)
    except AzureBatchError:
        return None  # an explanation is best effort; without it the report says what may be
    info = job.json.get("executionInfo") or {}
    reason = info.get("terminateReason")
    # A job that ends since all its tasks have ended has ended none of them.
    if lower(job.json.get("state")) not in JOB_CLOSED or not reason or reason == "AllTasksComplete":
        return None
    # A task whose own time was up may have ended the job by its failure.
    if reason == "TaskFailed" and outcome.failure.category == "servererror":
        return None
    if info.get("endTime") and outcome.end_time and utc(info["endTime"]) - utc(outcome.end_time) > _AT_ONCE:
        return None
    hint = _HINTS.get(reason)
    return f"Batch job {batch_job_id} was ended ({reason})" + (f": {hint}." if hint else ".")
