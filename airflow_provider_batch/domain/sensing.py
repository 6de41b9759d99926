"""
Whether work that somebody else submitted has come to its end: one look at a time.

Each flow reads, and decides from the resource itself, never from counts. What does not exist is waited for,
or is an error, as the caller says; what has failed is told apart from what has not ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, get_or_none, pages
from airflow_provider_batch.domain.outcome import TASK_SELECT, TaskOutcome, read_outcome
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import BatchNotFoundError

__all__ = ["Sensed", "sense_job", "sense_tasks"]

#: reasons with which the service itself, or a failed task, ends a job
_FAILED_JOB = frozenset({"taskfailed", "maxwallclocktimeexpiry"})
_SHOWN = 5


@dataclass(frozen=True)
class Sensed:
    """
    What one look has found.

    :param is_done: nothing more is to be waited for.
    :param why: what is waited for, or what has ended, as one sentence for people.
    :param failure: why what has ended is a failure; None when it is none.
    :param result: plain data for the task's XCom.
    """

    is_done: bool
    why: str
    failure: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


def sense_tasks(
    batch_job_id: str, batch_task_ids: Sequence[str] | None, *, must_exist: bool = False
) -> Flow[Sensed]:
    """
    Flow: look whether tasks are completed.

    :param batch_job_id: the job.
    :param batch_task_ids: the tasks; None for all that the job has, of which there must be one at least.
    :param must_exist: whether what does not exist is an error, rather than waited for.
    :raises BatchNotFoundError: the job or a task does not exist, and must.
    """
    if batch_task_ids is None:
        return (yield from _sense_all(batch_job_id, must_exist))
    ended: list[TaskOutcome] = []
    for batch_task_id in batch_task_ids:
        key = TaskKey(batch_job_id, batch_task_id)
        found = yield from _read(requests.get_task(key, TASK_SELECT), must_exist)
        if found is None:
            return Sensed(False, f"Batch task {key} does not exist yet.")
        outcome = read_outcome(key, found.json)
        if outcome is None:
            return Sensed(False, f"Batch task {key} is {lower(found.json.get('state')) or 'unknown'}.")
        ended.append(outcome)
    failed = [outcome for outcome in ended if outcome.result != "success"]
    names = [f"{outcome.batch_task_id} ({_cause(outcome)})" for outcome in failed]
    return _judged(batch_job_id, len(ended), names)


def _sense_all(batch_job_id: str, must_exist: bool) -> Flow[Sensed]:
    try:
        unfinished = yield from _ids(batch_job_id, "state ne 'completed'")
        if unfinished:
            waits = f"{len(unfinished)} tasks of Batch job {batch_job_id} are not completed"
            return Sensed(False, f"{waits}: {_some(unfinished)}.")
        ids = yield from _ids(batch_job_id, None)
        failed = yield from _ids(batch_job_id, "executionInfo/result eq 'failure'")
    except BatchNotFoundError:
        if must_exist:
            raise
        return Sensed(False, f"Batch job {batch_job_id} does not exist yet.")
    if not ids:
        return Sensed(False, f"Batch job {batch_job_id} has no tasks yet.")
    return _judged(batch_job_id, len(ids), failed)


def _ids(batch_job_id: str, filter_: str | None) -> Flow[list[str]]:
    found = yield from pages(requests.list_tasks(batch_job_id, ("id",), filter_))
    return [str(task["id"]) for task in found]


def _judged(batch_job_id: str, number: int, failed: Sequence[str]) -> Sensed:
    result = {"batch_job_id": batch_job_id, "tasks": number, "failed": len(failed)}
    if failed:
        why = f"{len(failed)} of {number} tasks of Batch job {batch_job_id} failed: {_some(failed)}."
        return Sensed(True, why, why, result)
    return Sensed(True, f"All {number} tasks of Batch job {batch_job_id} succeeded.", None, result)


def sense_job(batch_job_id: str, *, must_exist: bool = False) -> Flow[Sensed]:
    """
    Flow: look whether a job is completed.

    A job that its own wall clock, a failed task or an automatic pool has ended is a failure; one that
    somebody has ended, with whatever reason, is none.

    :param batch_job_id: the job.
    :param must_exist: whether a job that does not exist is an error, rather than waited for.
    :raises BatchNotFoundError: the job does not exist, and must.
    """
    request = requests.get_job(batch_job_id, ("id", "state", "executionInfo"))
    found = yield from _read(request, must_exist)
    if found is None:
        return Sensed(False, f"Batch job {batch_job_id} does not exist yet.")
    state = lower(found.json.get("state"))
    if state != "completed":
        return Sensed(False, f"Batch job {batch_job_id} is {state or 'in an unknown state'}.")
    info = found.json.get("executionInfo") or {}
    reason = str(info.get("terminateReason") or "")
    result = {"batch_job_id": batch_job_id, "terminate_reason": reason or None}
    error = info.get("schedulingError") or {}
    if error:
        why = f"Batch job {batch_job_id} could not be scheduled: {error.get('code')}: {error.get('message')}."
        return Sensed(True, why, why, result)
    why = f"Batch job {batch_job_id} is completed{f' ({reason})' if reason else ''}."
    return Sensed(True, why, why if reason.lower() in _FAILED_JOB else None, result)


def _read(request: Request, must_exist: bool) -> Flow[Answer | None]:
    if not must_exist:
        return (yield from get_or_none(request))
    answer: Answer = yield request
    return answer


def _cause(outcome: TaskOutcome) -> str:
    if outcome.exit_code is not None:
        return f"exit code {outcome.exit_code}"
    return outcome.failure.code if outcome.failure and outcome.failure.code else "no exit code"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
