"""
Whether what somebody else has submitted has come to where it is waited for: one look at a time.

Each flow reads, and decides from the resource itself, never from counts. What does not exist is waited for,
or is an error, as the caller says; what has failed is told apart from what has not ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, Sleep, pages
from airflow_provider_batch.domain.outcome import TASK_SELECT, TaskOutcome, read_outcome
from airflow_provider_batch.domain.plurals import counted
from airflow_provider_batch.domain.pool_allocation import look_at_allocation
from airflow_provider_batch.domain.pool_readiness import Wanted
from airflow_provider_batch.domain.pool_watch import Look, PoolTarget, look_at_usable
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import BatchNotFoundError, BatchPoolLostError, SpecError

__all__ = ["AllocatedNodes", "Job", "Sensed", "Target", "Tasks", "UsableNodes", "read_target"]

#: reasons with which the service itself, or a failed task, ends a job
_FAILED_JOB: Final = frozenset({"taskfailed", "maxwallclocktimeexpiry"})
#: seconds until a pool that looks hopeless is looked at again: the pool and its nodes are two requests
_SECOND_LOOK: Final = 6.0
_SHOWN: Final = 5
#: what an id is made of; that of a job which a schedule has created has a colon, and may be longer than 64
_LEGAL: Final = re.compile(r"[A-Za-z0-9_:-]+")
_JOB_SELECT: Final = ("id", "state", "executionInfo", "onAllTasksComplete", "jobManagerTask")


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


class Target(Protocol):
    """What is waited for; plain data."""

    def look(self) -> Flow[Sensed]:
        """Flow: look once."""
        ...

    def as_json(self) -> dict[str, Any]:
        """Return what :func:`read_target` reads."""
        ...


@dataclass(frozen=True)
class Job:
    """
    A job that is to be completed.

    A job that its own wall clock, a failed task or an automatic pool has ended is a failure; one that
    somebody has ended, with whatever reason, is none.

    :param batch_job_id: the job.
    :param must_exist: whether a job that does not exist is an error, rather than waited for.
    """

    batch_job_id: str
    must_exist: bool = False

    def __post_init__(self) -> None:
        _check_id("batch_job_id", self.batch_job_id)

    def look(self) -> Flow[Sensed]:
        """
        Flow: look once.

        :raises BatchNotFoundError: the job does not exist, and must.
        """
        name = f"Batch job {self.batch_job_id}"
        try:
            found: Answer = yield requests.get_job(self.batch_job_id, _JOB_SELECT)
        except BatchNotFoundError as missing:
            return (yield from _absent(name, self.must_exist, missing))
        state = lower(found.json.get("state"))
        if state != "completed":
            waits = f"Waiting for the end of {name}, which is {state or 'in an unknown state'}"
            return Sensed(False, f"{waits}{_who_ends(found.json)}.")
        info = found.json.get("executionInfo") or {}
        reason = str(info.get("terminateReason") or "")
        result = {"batch_job_id": self.batch_job_id, "terminate_reason": reason or None}
        error = info.get("schedulingError") or {}
        if error:
            why = f"{name} could not be scheduled: {error.get('code')}: {error.get('message')}."
            return Sensed(True, why, why, result)
        why = f"{name} is completed{f' ({reason})' if reason else ''}."
        return Sensed(True, why, why if reason.lower() in _FAILED_JOB else None, result)

    def as_json(self) -> dict[str, Any]:
        """Return what :func:`read_target` reads."""
        return {"kind": "job", **asdict(self)}


@dataclass(frozen=True)
class Tasks:
    """
    Tasks that are to be completed.

    :param batch_job_id: the job.
    :param batch_task_ids: the tasks; None for all that the job has, of which there must be one at least.
    :param must_exist: whether what does not exist is an error, rather than waited for.
    """

    batch_job_id: str
    batch_task_ids: Sequence[str] | None = None
    must_exist: bool = False

    def __post_init__(self) -> None:
        _check_id("batch_job_id", self.batch_job_id)
        for batch_task_id in self.batch_task_ids or ():
            _check_id("batch_task_ids", batch_task_id)

    def look(self) -> Flow[Sensed]:
        """
        Flow: look once.

        :raises BatchNotFoundError: the job or a task does not exist, and must.
        """
        if self.batch_task_ids is None:
            return (yield from _look_at_all(self.batch_job_id, self.must_exist))
        if not self.batch_task_ids:
            why = f"batch_task_ids is empty: no task of Batch job {self.batch_job_id} is waited for."
            return Sensed(True, why, None, {"batch_job_id": self.batch_job_id, "tasks": 0, "failed": 0})
        ended: list[TaskOutcome] = []
        for batch_task_id in self.batch_task_ids:
            key = TaskKey(self.batch_job_id, batch_task_id)
            try:
                found: Answer = yield requests.get_task(key, TASK_SELECT)
            except BatchNotFoundError as missing:
                return (yield from _absent(f"Batch task {key}", self.must_exist, missing))
            outcome = read_outcome(key, found.json)
            if outcome is None:
                state = lower(found.json.get("state")) or "in an unknown state"
                return Sensed(False, f"Waiting for the end of Batch task {key}, which is {state}.")
            ended.append(outcome)
        failed = [outcome for outcome in ended if outcome.result != "success"]
        names = [f"{outcome.batch_task_id} ({_cause(outcome)})" for outcome in failed]
        return _judged(self.batch_job_id, len(ended), names, _some(self.batch_task_ids))

    def as_json(self) -> dict[str, Any]:
        """Return what :func:`read_target` reads."""
        return {"kind": "tasks", **asdict(self)}


@dataclass(frozen=True)
class UsableNodes:
    """
    A pool that is to have usable nodes; the rules are those of the operators for pools.

    :param batch_pool_id: the pool.
    :param nodes: number of nodes that must be usable; None to go by the share.
    :param share: part of the pool's targets that must be usable.
    :param must_exist: whether a pool that does not exist is an error, rather than waited for.
    """

    batch_pool_id: str
    nodes: int | None = None
    share: float = 1.0
    must_exist: bool = False

    def __post_init__(self) -> None:
        _check_id("batch_pool_id", self.batch_pool_id)

    def look(self) -> Flow[Sensed]:
        """
        Flow: look once, and a second time when it looks hopeless.

        :raises BatchNotFoundError: the pool does not exist, and must.
        """
        for is_last in (False, True):
            try:
                seen = yield from self._look_at_pool()
            except BatchNotFoundError as missing:
                return (yield from _absent(f"Pool {self.batch_pool_id}", self.must_exist, missing))
            except BatchPoolLostError as error:
                # Somebody may be about to make it anew.
                return Sensed(False, f"{error}")
            why = f"{seen.text[:1].upper()}{seen.text[1:]}."
            if seen.value is not None:
                return Sensed(True, why, None, seen.value)
            if seen.failure is None:
                return Sensed(False, why)
            if not is_last:
                yield Sleep(_SECOND_LOOK)
        return Sensed(True, why, why, {"batch_pool_id": self.batch_pool_id})

    def _look_at_pool(self) -> Flow[Look]:
        return look_at_usable(PoolTarget(self.batch_pool_id, Wanted(self.nodes, self.share)))

    def as_json(self) -> dict[str, Any]:
        """Return what :func:`read_target` reads."""
        return {"kind": "usable_nodes", **asdict(self)}


@dataclass(frozen=True)
class AllocatedNodes(UsableNodes):
    """
    A pool that is to have its machines, usable yet or not.

    Without ``nodes`` and with the whole share, the pool must be steady, too: its resize is over.
    """

    def _look_at_pool(self) -> Flow[Look]:
        is_whole = self.nodes is None and self.share == 1.0
        return look_at_allocation(
            PoolTarget(self.batch_pool_id, Wanted(self.nodes, self.share, steady=is_whole))
        )

    def as_json(self) -> dict[str, Any]:
        """Return what :func:`read_target` reads."""
        return {"kind": "allocated_nodes", **asdict(self)}


_KINDS: Final[Mapping[str, type[Job] | type[Tasks] | type[UsableNodes]]] = {
    "job": Job,
    "tasks": Tasks,
    "usable_nodes": UsableNodes,
    "allocated_nodes": AllocatedNodes,
}


def read_target(said: Mapping[str, Any]) -> Target:
    """
    Return what is waited for.

    :param said: what ``as_json`` gave.
    """
    return _KINDS[said["kind"]](**{name: value for name, value in said.items() if name != "kind"})


def _look_at_all(batch_job_id: str, must_exist: bool) -> Flow[Sensed]:
    try:
        unfinished = yield from _ids(batch_job_id, "state ne 'completed'")
        if unfinished:
            waits = f"Waiting for the end of {counted(len(unfinished), 'task')} of Batch job {batch_job_id}"
            return Sensed(False, f"{waits}: {_some(unfinished)}.")
        ids = yield from _ids(batch_job_id, None)
        failed = yield from _ids(batch_job_id, "executionInfo/result eq 'failure'")
    except BatchNotFoundError as missing:
        return (yield from _absent(f"Batch job {batch_job_id}", must_exist, missing))
    if not ids:
        return Sensed(False, f"Batch job {batch_job_id} has no tasks yet.")
    return _judged(batch_job_id, len(ids), failed)


def _ids(batch_job_id: str, filter_: str | None) -> Flow[list[str]]:
    found = yield from pages(requests.list_tasks(batch_job_id, ("id",), filter_))
    return [str(task["id"]) for task in found]


def _judged(batch_job_id: str, number: int, failed: Sequence[str], named: str | None = None) -> Sensed:
    result = {"batch_job_id": batch_job_id, "tasks": number, "failed": len(failed)}
    if failed:
        why = (
            f"{len(failed)} of {counted(number, 'task')} of Batch job {batch_job_id} failed: {_some(failed)}."
        )
        return Sensed(True, why, why, result)
    names = "" if named is None else f": {named}"
    every = "All " if named is None and number > 1 else ""
    return Sensed(
        True, f"{every}{counted(number, 'task')} of Batch job {batch_job_id} succeeded{names}.", None, result
    )


def _check_id(name: str, value: Any) -> None:
    """What can be no id would be waited for without an end: nothing of that name can ever exist."""
    if not isinstance(value, str) or not _LEGAL.fullmatch(value):
        hint = "; a template gives a list only in a DAG with render_template_as_native_obj=True"
        is_list = isinstance(value, str) and value.startswith("[")
        raise SpecError(
            name, f"{value!r} is no id: letters, digits, hyphens and underscores{hint if is_list else ''}"
        )


def _absent(name: str, must_exist: bool, error: BatchNotFoundError) -> Flow[Sensed]:
    if must_exist:
        # The service's own words do not say what it is that does not exist.
        yield Log(f"{name} does not exist, and must (must_exist).", "ERROR")
        raise error
    return Sensed(False, f"{name} does not exist yet.")


def _cause(outcome: TaskOutcome) -> str:
    if outcome.exit_code is not None:
        return f"exit code {outcome.exit_code}"
    return outcome.failure.code if outcome.failure and outcome.failure.code else "no exit code"


def _who_ends(job: Mapping[str, Any]) -> str:
    """Say of a job that does not end with its tasks that somebody must end it: many wait in vain for that."""
    ends_with_tasks = lower(job.get("onAllTasksComplete")) == "terminatejob" or job.get("jobManagerTask")
    if ends_with_tasks or lower(job.get("state")) != "active":
        return ""
    return "; somebody has to end it, since it does not end with its tasks (onAllTasksComplete)"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
