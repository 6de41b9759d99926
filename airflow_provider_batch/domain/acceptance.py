"""
Whether a Batch task that launch planned is what Airflow has just let go.

Batch starts a planned task when the tasks that it depends on are satisfied; Airflow lets a member go when its
upstream tasks are. The two agree unless somebody interfered: a parent was marked success, cleared, run again,
or its Batch task died. So before a member takes the result of its planned task, it looks at the parents *in
Batch*: each must be the newest attempt at its work, over, and over before the planned task started. If not,
Airflow's word counts: the planned task is ended, and a new attempt without dependencies starts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from airflow_provider_batch.domain import ids, requests
from airflow_provider_batch.domain.flow import (
    Flow,
    Log,
    Look,
    Now,
    Shared,
    Sleep,
    Snapshot,
    TasksById,
    get_or_none,
    utc,
)
from airflow_provider_batch.domain.job_tasks import JobTasks
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.outcome import TASK_SELECT
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.states import JOB_CLOSED, TASK_COMPLETED, lower
from airflow_provider_batch.domain.watch import JOB_SELECT
from airflow_provider_batch.exceptions import BatchConflictError, BatchNotFoundError

__all__ = ["PLANNED_SELECT", "Refused", "accept", "ask_parents", "depends_on", "find_planned", "judge"]

#: what is read of a planned task before it is accepted
PLANNED_SELECT = (
    *TASK_SELECT,
    "creationTime",
    "lastModified",
    "dependsOn",
    "environmentSettings",
    "constraints",
)

#: seconds that a parent may look unfinished in Batch after Airflow let its child go: lists lag, kills
#: take time
PARENT_PATIENCE = 30.0
PARENT_POLL = 2.0
#: parents that are asked for by id after each list; a service whose lists lag shows the others a little later
_ASKED_BY_ID = 10
#: greatest age of what is known of the job's state, in seconds
_JOB_AGE = 60.0
#: clocks of two nodes may differ by this much
_CLOCK_SKEW = timedelta(seconds=30)


@dataclass(frozen=True)
class Refused:
    """
    A planned task is not taken; a worker submits a new attempt.

    :param reason: for the log.
    :param retire: Batch tasks of this member that must not run beside the new attempt.
    """

    reason: str
    retire: Sequence[TaskKey] = field(default=())


def accept(
    launched: Launched, member_id: str, map_index: int, *, failure_satisfies: bool = False
) -> Flow[Answer | Refused]:
    """
    Flow: decide whether a member's planned task is taken; Airflow has let the member go.

    :param launched: what launch said.
    :param member_id: the Airflow task.
    :param map_index: its map index.
    :param failure_satisfies: a parent that failed lets the planned task go (``all_done``).
    :return: the planned task as it is, or why it is not taken.
    """
    key = launched.planned_key(member_id, map_index)
    planned = yield from find_planned(key)
    if isinstance(planned, Refused):
        return planned
    return (yield from ask_parents(key, planned, launched, failure_satisfies=failure_satisfies))


def find_planned(key: TaskKey, *, is_untouched: bool = False) -> Flow[Answer | Refused]:
    """
    Flow: read a planned task of a job that is open.

    :param key: where launch put it, if it planned one.
    :param is_untouched: no try before this one has had it, and no parents of it are to be judged. Then what
        the last poll showed is enough: only its state may be old, and the watch follows that.
    :return: the task, or why it is not to be taken.
    """
    planned = (yield from _look(key)) if is_untouched else None
    if planned is None:
        planned = yield from get_or_none(requests.get_task(key, PLANNED_SELECT))
    if planned is None:
        return Refused("launch did not plan it")
    # The same request as a watch's, so that one answer serves both.
    job = yield Shared(requests.get_job(key.batch_job_id, JOB_SELECT), _JOB_AGE)
    if lower(job.json.get("state")) in JOB_CLOSED:
        return Refused(f"Batch job {key.batch_job_id} has ended", (key,))
    return planned


def _look(key: TaskKey) -> Flow[Answer | None]:
    try:
        answer: Answer = yield Look(key)
    except BatchNotFoundError:
        return None
    return answer


def ask_parents(
    key: TaskKey, planned: Answer, launched: Launched, *, failure_satisfies: bool
) -> Flow[Answer | Refused]:
    """
    Flow: let the parents of a planned task decide; some may be about to end.

    :param key: job and task.
    :param planned: the task.
    :param launched: what launch said.
    :param failure_satisfies: a parent that failed lets the planned task go.
    :return: the task as it is then, or why it is not to be taken.
    """
    parents = list(_parents(planned.json.get("dependsOn")))
    if not parents:
        return planned
    first: Any = yield Now()
    now: Answer | None = planned
    while now is not None:
        tasks: TasksById = yield Snapshot(key.batch_job_id)
        is_last = ((yield Now()) - first).total_seconds() >= PARENT_PATIENCE
        say = partial(judge, now.json, parents, tasks, launched, failure_satisfies=failure_satisfies)
        verdict = yield from _judge_exactly(key.batch_job_id, say, len(parents) if is_last else _ASKED_BY_ID)
        if verdict.reason:
            return Refused(verdict.reason, (key,))
        if not verdict.unfinished:
            return now
        if is_last:
            yield from _end_strays(key.batch_job_id, verdict.unfinished)
            return Refused(f"its parent {verdict.unfinished[0]} has not ended in Batch", (key,))
        yield Sleep(PARENT_POLL)
        # It may have started meanwhile.
        now = yield from get_or_none(requests.get_task(key, PLANNED_SELECT))
    return Refused("its planned task was deleted")


def _judge_exactly(
    batch_job_id: str, say: Callable[[Mapping[str, Mapping[str, Any] | None]], Judgement], most: int
) -> Flow[Judgement]:
    """
    Judge, and ask by id for each parent that a list speaks against: Airflow holds it for done, and lists lag.

    :param batch_job_id: the job.
    :param say: judges with what was asked for by id.
    :param most: parents to ask for; the others count as unfinished.
    """
    by_id: dict[str, Mapping[str, Any] | None] = {}
    while True:
        verdict = say(by_id)
        doubtful = [parent for parent in verdict.doubtful if parent not in by_id][: most - len(by_id)]
        if not verdict.doubtful or by_id.keys() >= set(verdict.doubtful):
            return verdict
        if not doubtful:
            return Judgement(unfinished=verdict.doubtful)
        for parent in doubtful:
            answer = yield from get_or_none(requests.get_task(TaskKey(batch_job_id, parent), TASK_SELECT))
            by_id[parent] = answer.json if answer is not None else None


@dataclass(frozen=True)
class Judgement:
    """
    What the parents of a planned task say of it.

    :param reason: why it is not to be taken; empty when nothing speaks against it.
    :param unfinished: parents that have not ended; it can be judged when they have.
    :param speaks: the parent that speaks against it.
    """

    reason: str = ""
    unfinished: tuple[str, ...] = ()
    speaks: str | None = None

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Parents of which a list that lags may say what is not so any more."""
        return (self.speaks,) if self.speaks is not None else self.unfinished


def judge(
    planned: Mapping[str, Any],
    parents: Collection[str],
    tasks: Mapping[str, Mapping[str, Any]],
    launched: Launched,
    by_id: Mapping[str, Mapping[str, Any] | None] | None = None,
    *,
    failure_satisfies: bool,
) -> Judgement:
    """
    Judge a planned task by its parents; pure.

    :param planned: the planned task.
    :param parents: ids that it depends on.
    :param tasks: all tasks of its job.
    :param launched: what launch said.
    :param by_id: parents that were asked for by id, which is exact; None for one that does not exist.
    :param failure_satisfies: a parent that failed lets it go.
    """
    again = _run_again(parents, JobTasks.of(tasks), launched)
    if again is not None:
        return Judgement(f"its parent {again} was run again as another Batch task")
    unfinished = []
    for parent_id in parents:
        parent = by_id[parent_id] if by_id and parent_id in by_id else tasks.get(parent_id)
        if parent is None:
            return Judgement(f"its parent {parent_id} is not in the job", speaks=parent_id)
        if lower(parent.get("state")) != TASK_COMPLETED:
            unfinished.append(parent_id)
        elif reason := _speaks_against(planned, parent_id, parent, failure_satisfies):
            return Judgement(reason, speaks=parent_id)
    return Judgement(unfinished=tuple(unfinished))


def _speaks_against(
    planned: Mapping[str, Any], parent_id: str, parent: Mapping[str, Any], failure_satisfies: bool
) -> str:
    info = parent.get("executionInfo") or {}
    failed = lower(info.get("result")) == "failure"
    if failed and not failure_satisfies:
        return f"its parent {parent_id} failed in Batch"
    ended, started = info.get("endTime"), (planned.get("executionInfo") or {}).get("startTime")
    if ended and started and utc(started) + _CLOCK_SKEW < utc(ended):
        return f"it ran before its parent {parent_id} ended"
    return ""


def _run_again(parents: Collection[str], tasks: JobTasks, launched: Launched) -> str | None:
    """Find a parent with a later attempt than the one that was planned."""
    later = tasks.with_later_attempts
    if not later:
        return None
    return next((p for p in parents if not later.isdisjoint(_first_ids(p, launched))), None)


def _first_ids(parent: str, launched: Launched) -> tuple[str, ...]:
    """A task with a number for its id has later attempts under the id that it would have had."""
    if not parent.isdecimal():
        return (parent,)
    number = int(parent)
    for member_id, (base, width) in launched.blocks.items():
        if base <= number < base + width:
            mapped = ids.member_task_id(member_id, number - base)
            return (mapped, ids.member_task_id(member_id)) if width == 1 else (mapped,)
    return (parent,)


def depends_on(task: Mapping[str, Any], batch_task_id: str) -> bool:
    """
    Tell whether a task depends on another one of its job.

    :param task: the task as the service sent it.
    :param batch_task_id: the other one.
    """
    said = task.get("dependsOn") or {}
    if batch_task_id in (said.get("taskIds") or ()):
        return True
    if not batch_task_id.isdecimal():
        return False
    spans = said.get("taskIdRanges") or ()
    return any(int(span["start"]) <= int(batch_task_id) <= int(span["end"]) for span in spans)


def _parents(depends_on: Any) -> Iterator[str]:
    depends_on = depends_on or {}
    yield from (str(task_id) for task_id in depends_on.get("taskIds") or ())
    for span in depends_on.get("taskIdRanges") or ():
        yield from (str(number) for number in range(int(span["start"]), int(span["end"]) + 1))


def _end_strays(batch_job_id: str, task_ids: Sequence[str]) -> Flow[None]:
    """End tasks that Airflow holds for done (marked success, or skipped) and that nobody watches any more."""
    for task_id in task_ids:
        try:
            yield requests.terminate_task(TaskKey(batch_job_id, task_id))
        except (BatchConflictError, BatchNotFoundError):
            continue  # it has ended
        yield Log(f"Batch task {task_id} was terminated: Airflow holds its task for done.", "WARNING")
