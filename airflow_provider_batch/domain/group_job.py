"""
The job of a task group: one Batch job for each run of the group, and its next generations.

A job that has ended takes no task any more. Work of the group that comes later (a clear, a late member whose
launch never ran) gets the next *generation* of the job, under an id that follows from the first one's. So
the id says nothing about who came first: whoever needs an open job looks for the newest generation and
creates the next one when that has ended.

Two kinds of generations are told apart by their metadata. What *launch* opened stays open until *finish* ends
it, since tasks may come at any time. What a late member opened, because nothing was open, ends by itself when
its tasks have: nobody may come to end it.

A job is created with a short life, and gets its full one when everything is in it, so that an Airflow that
dies leaves nothing behind. Nothing documented says that an active job may be changed so. Where the service
refuses it, the job is ended while it is empty, and the next generation has its full life from the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from airflow_provider_batch.domain import collection, ids, polling, requests
from airflow_provider_batch.domain.auto_pools import (
    await_auto_pool,
    pool_goes_with,
    pool_info,
    pool_of,
)
from airflow_provider_batch.domain.flow import Flow, Log, Sleep, get_or_none, pages
from airflow_provider_batch.domain.ids import GroupIdentity
from airflow_provider_batch.domain.job_creation import create_job
from airflow_provider_batch.domain.labels import pool_labels, with_ours
from airflow_provider_batch.domain.outcome import read_outcome
from airflow_provider_batch.domain.pools import ensure_pool
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.states import JOB_CLOSED, lower
from airflow_provider_batch.domain.submission import (
    JOB_ENDED,
    MAX_ROUNDS,
    SUBMISSION_WALL_CLOCK,
    UPDATE_TRIES,
    JobClosedError,
    Submission,
    TaskPlan,
    newest_attempt,
    submit,
    task_that_may_end,
)
from airflow_provider_batch.domain.termination import await_end
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchConflictError,
    BatchNotFoundError,
    BatchOwnershipError,
    BatchServiceError,
)
from airflow_provider_batch.specs.pool_info import brings_pool

__all__ = [
    "Generation",
    "GroupJobPlan",
    "Launched",
    "LaunchedJob",
    "Opening",
    "end_jobs",
    "generations_of",
    "launch",
    "open_for_launch",
    "prepare_pool",
    "submit_late",
]

#: generations that are looked for when the first one is not there
LOOK_AHEAD = 10
#: seconds to wait for a task that was terminated to end, before another attempt at it starts
RETIRE_PATIENCE = 120.0

#: what is read of a generation
_GENERATION_SELECT = ("id", "state", "metadata", "poolInfo", "executionInfo")
_LAUNCH = "airflow_launch"
_FINGERPRINT = "airflow_graph"
_BLOCKS = "airflow_blocks"
_FULL_LIFE = "airflow_full_life"
#: what a job that the service would not change says of its end
_UNCHANGEABLE = "AirflowJobCannotBeChanged"


@dataclass(frozen=True)
class GroupJobPlan:
    """
    What a group's job is like.

    :param group: whose job.
    :param batch_pool_id: its pool; None when the job brings it.
    :param job: body of the job without id (REST JSON); with ``poolInfo`` only when it brings its pool.
    :param pool: body of the pool to create or adopt; None for a pool that exists.
    :param wall_clock: greatest life of the job, as an ISO 8601 duration.
    :param labels: further metadata of the job, for people.
    """

    group: GroupIdentity
    batch_pool_id: str | None
    job: Mapping[str, Any] = field(default_factory=dict)
    pool: Mapping[str, Any] | None = None
    wall_clock: str = "P30D"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Launched:
    """
    What launch tells the members, through its XCom; nothing in it belongs to a single member.

    :param batch_job_id: the job that it planned into, or the open one.
    :param generation: its generation.
    :param batch_pool_id: its pool; None when the service has not said which one it made for the job.
    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param account: ARM id of the account, for links; None when the connection does not tell.
    :param blocks: members whose tasks have numbers for ids: the first number and how many.
    """

    batch_job_id: str
    generation: int
    batch_pool_id: str | None
    azure_batch_conn_id: str
    account: str | None = None
    blocks: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def planned_key(self, member_id: str, map_index: int) -> TaskKey:
        """
        Return job and id of the task that launch planned for a member, if it planned one.

        :param member_id: the Airflow task.
        :param map_index: its map index.
        """
        offset = max(map_index, 0)
        if (block := self.blocks.get(member_id)) and offset < block[1]:
            return TaskKey(self.batch_job_id, str(block[0] + offset))
        return TaskKey(self.batch_job_id, ids.member_task_id(member_id, map_index))

    def as_json(self) -> dict[str, Any]:
        """Return what goes into the XCom."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Launched:
        """Read what :meth:`as_json` wrote."""
        return cls(**data)


@dataclass(frozen=True)
class Generation:
    """
    One job of a group's run.

    :param number: 1 for the first.
    :param batch_job_id: its id.
    :param is_open: whether it takes tasks.
    :param launch: ``max_tries`` of the launch that opened it; None when a late member did.
    :param fingerprint: structure of the graph that was planned into it.
    :param blocks: as :class:`Launched` has them.
    :param has_full_life: it was created with its full life, since the service would not change it later.
    :param is_unchangeable: it was ended, since the service would not change it.
    :param batch_pool_id: its pool, where it is known.
    :param pool_goes_with_it: the service deletes that pool when the job ends.
    """

    number: int
    batch_job_id: str
    is_open: bool
    launch: int | None = None
    fingerprint: str | None = None
    blocks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    has_full_life: bool = False
    is_unchangeable: bool = False
    batch_pool_id: str | None = None
    pool_goes_with_it: bool = False


def generations_of(group: GroupIdentity) -> Flow[list[Generation]]:
    """
    Flow: find the jobs of a group's run that exist, oldest first.

    :param group: whose jobs.
    :raises BatchOwnershipError: a job of that id belongs to somebody else.
    """
    found: list[Generation] = []
    number = 1
    while True:
        batch_job_id = ids.group_job_id(group, number)
        job = yield from get_or_none(requests.get_job(batch_job_id, _GENERATION_SELECT))
        if job is not None:
            found.append(_generation(group, number, job))
        elif number == 1:
            # Somebody tidied up: a later one may be there.
            return (yield from _later_generations(group))
        else:
            return found
        number += 1


def _later_generations(group: GroupIdentity) -> Flow[list[Generation]]:
    later = {ids.group_job_id(group, n): n for n in range(2, 2 + LOOK_AHEAD)}
    filter_ = " or ".join(f"id eq {requests.odata_string(batch_job_id)}" for batch_job_id in later)
    jobs = yield from pages(requests.list_jobs(_GENERATION_SELECT, filter_))
    found = [
        _generation(group, later[str(job["id"])], Answer(json=job)) for job in jobs if job.get("id") in later
    ]
    return sorted(found, key=lambda generation: generation.number)


def _generation(group: GroupIdentity, number: int, job: Answer) -> Generation:
    metadata = job.json.get("metadata")
    batch_job_id = ids.group_job_id(group, number)
    owner = ids.named_value(metadata, ids.OWNER)
    if owner != group.owner:
        raise BatchOwnershipError(
            f"Batch job {batch_job_id} exists and was not made by this group (its owner is "
            f"{owner or 'not given'}, ours is {group.owner}); it is left alone. Delete it, or rename the DAG "
            "or the group."
        )
    launch_ = ids.named_value(metadata, _LAUNCH)
    return Generation(
        number=number,
        batch_job_id=batch_job_id,
        is_open=lower(job.json.get("state")) not in JOB_CLOSED,
        launch=int(launch_) if launch_ is not None else None,
        fingerprint=ids.named_value(metadata, _FINGERPRINT),
        blocks=json.loads(ids.named_value(metadata, _BLOCKS) or "{}"),
        has_full_life=ids.named_value(metadata, _FULL_LIFE) is not None,
        is_unchangeable=(job.json.get("executionInfo") or {}).get("terminateReason") == _UNCHANGEABLE,
        batch_pool_id=pool_of(job.json),
        pool_goes_with_it=pool_goes_with(job.json),
    )


def _create_next(
    plan: GroupJobPlan, found: Sequence[Generation], own: Mapping[str, str]
) -> Flow[Generation | None]:
    """Create the next generation; None when it is to be looked again what exists."""
    number = found[-1].number + 1 if found else 1
    if any(generation.is_unchangeable for generation in found):
        return (yield from _create(plan, number, {**own, _FULL_LIFE: "yes"}, _full_life(plan)))
    short = {**(plan.job.get("constraints") or {}), "maxWallClockTime": SUBMISSION_WALL_CLOCK}
    created = yield from _create(plan, number, own, short)
    if created is None or (yield from _can_be_changed(created)):
        return created
    return None


def _full_life(plan: GroupJobPlan) -> dict[str, Any]:
    return {"maxWallClockTime": plan.wall_clock, **(plan.job.get("constraints") or {})}


def _is_usable(generation: Generation) -> Flow[bool]:
    """Tell whether a job that we find can be used; who created it may have died before that was asked."""
    if generation.has_full_life:
        return True
    tasks: Answer = yield requests.list_tasks(generation.batch_job_id, ("id",), maxresults=1)
    return bool(tasks.json.get("value")) or (yield from _can_be_changed(generation))


def _can_be_changed(generation: Generation) -> Flow[bool]:
    """Tell whether the service changes an empty job; one that it does not is ended."""
    try:
        yield from _patch(generation.batch_job_id, {"onAllTasksComplete": "noaction"})
    except BatchConflictError as error:
        if error.code in JOB_ENDED:
            return True  # who uses it finds that out
        yield Log(
            f"The service does not change Batch job {generation.batch_job_id} ({error.code}); the next "
            "generation gets its full life from the start.",
            "WARNING",
        )
    except BatchServiceError as error:
        if error.code != "InvalidPropertyValue":
            raise
        return True  # somebody has told it meanwhile to end by itself
    else:
        return True
    yield from _terminate(generation, _UNCHANGEABLE)
    return False


def _create(
    plan: GroupJobPlan, number: int, own: Mapping[str, str], constraints: Mapping[str, Any]
) -> Flow[Generation | None]:
    """Create one generation; None when somebody else was quicker, or ours was made by a request repeated."""
    batch_job_id = ids.group_job_id(plan.group, number)
    metadata = ids.group_job_metadata(plan.group, number)
    metadata += [{"name": name, "value": value} for name, value in {**plan.labels, **own}.items()]
    body = {
        **plan.job,
        "id": batch_job_id,
        "poolInfo": pool_info(plan.job, plan.batch_pool_id, pool_labels(plan.group)),
        "metadata": with_ours(plan.job.get("metadata"), metadata),
        "usesTaskDependencies": True,
        "onAllTasksComplete": "noaction",
        "constraints": constraints,
    }
    try:
        yield from create_job(body)
    except BatchConflictError as error:
        if error.code != "JobExists":
            raise
        return None
    pool = plan.batch_pool_id
    if brings_pool(plan.job):
        pool = yield from await_auto_pool(batch_job_id)
    yield Log(f"Created Batch job {batch_job_id} on pool {pool}.")
    created = _generation(plan.group, number, Answer(json={"state": "active", "metadata": metadata}))
    return replace(created, batch_pool_id=pool)


def _update(plan: GroupJobPlan, generation: Generation, on_all_tasks_complete: str) -> Flow[None]:
    """Give the job its full life; until now it had the short one of a submission."""
    body = {"onAllTasksComplete": on_all_tasks_complete, "constraints": _full_life(plan)}
    yield from _patch(generation.batch_job_id, body)


def _patch(batch_job_id: str, body: Mapping[str, Any]) -> Flow[None]:
    for last in (*[False] * (UPDATE_TRIES - 1), True):
        try:
            yield requests.update_job(batch_job_id, body)
        except AzureBatchError as error:
            if last or not polling.is_transient(error):
                raise
            yield Sleep(polling.QUICK)
        else:
            return


# --- launch --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LaunchedJob:
    """
    What launch did.

    :param generation: the job.
    :param added: tasks that this try added.
    :param existed: tasks that an earlier try had added.
    """

    generation: Generation
    added: int = 0
    existed: int = 0


@dataclass(frozen=True)
class Opening:
    """
    What launch is about to plan.

    :param max_tries: ``max_tries`` of launch's task instance, which a clear raises.
    :param fingerprint: structure of the graph.
    :param blocks: members whose tasks have numbers for ids, as :class:`Launched` has them.
    :param start_over: everything is to run again, so what an earlier launch planned is of no use.
    :param is_idle: nothing is to run, as when launch alone was cleared; then no job is opened for it.
    """

    max_tries: int
    fingerprint: str
    blocks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    start_over: bool = False
    is_idle: bool = False

    def metadata(self) -> dict[str, str]:
        """Return what the job says of its plan."""
        said = {_LAUNCH: str(self.max_tries), _FINGERPRINT: self.fingerprint}
        return {**said, _BLOCKS: json.dumps(self.blocks)} if self.blocks else said

    def continues(self, generation: Generation) -> bool:
        """
        Tell whether an earlier try of this launch opened a job, and what it planned can be completed.

        :param generation: a job that launch opened.
        """
        # Numbers mean nothing in another structure; other ids mean the same in each.
        return generation.launch == self.max_tries and generation.blocks == self.blocks

    def goes_on_with(self, generation: Generation) -> bool:
        """
        Tell whether a job stays the group's: what launch planned is completed, or members repair themselves.

        :param generation: an open job.
        """
        if generation.launch is None:
            return False
        leaves_open = generation.launch != self.max_tries and not self.start_over
        return leaves_open or self.continues(generation)


def open_for_launch(plan: GroupJobPlan, opening: Opening) -> Flow[tuple[Generation, bool]]:
    """
    Flow: find the job to plan into, or create it.

    A try that follows a crash finds what the crashed one opened. A launch that was cleared while its job is
    open plans nothing, unless everything was cleared with it: cleared members repair themselves. Safe to
    repeat at any point.

    :param plan: what the job is like.
    :param opening: what is to be planned.
    :return: the job, and whether tasks are to be planned into it.
    """
    for _ in range(MAX_ROUNDS):
        found = yield from generations_of(plan.group)
        still_open = [generation for generation in reversed(found) if generation.is_open]
        chosen = next((generation for generation in still_open if opening.goes_on_with(generation)), None)
        if chosen is not None and opening.continues(chosen):
            if (yield from _is_usable(chosen)):
                return chosen, True
            continue
        if chosen is not None:
            return chosen, False
        for generation in still_open:
            # What a late member opened goes on beside the plan, unless its work is planned too.
            if generation.launch is not None or opening.start_over:
                yield from _terminate(generation, "AirflowGroupStartsOver")
        if found and opening.is_idle:
            return found[-1], False
        created = yield from _create_next(plan, found, opening.metadata())
        if created is not None:
            return created, True
    raise _too_many(plan)


def launch(
    plan: GroupJobPlan, generation: Generation, bodies: Sequence[Mapping[str, Any]], *, is_new: bool
) -> Flow[LaunchedJob]:
    """
    Flow: add the planned tasks to launch's job, once, and give the job its full life.

    :param plan: what the job is like.
    :param generation: the job that :func:`open_for_launch` found.
    :param bodies: the tasks, parents before children; empty when nothing is to be planned.
    :param is_new: no earlier try of launch can have added a task.
    """
    known: frozenset[str] = frozenset()
    if bodies and not is_new:
        listed = yield from pages(requests.list_tasks(generation.batch_job_id, ("id",)))
        known = frozenset(str(task["id"]) for task in listed)
    added = yield from collection.add_tasks(generation.batch_job_id, bodies, known)
    # What a late member opened is to end by itself.
    if generation.launch is not None and not generation.has_full_life:
        yield from _update(plan, generation, "noaction")
    return LaunchedJob(generation, added.added, added.existed)


def prepare_pool(plan: GroupJobPlan) -> Flow[None]:
    """
    Flow: check that the pool exists, or create or adopt the one that is described.

    :param plan: what the job is like; a pool that it brings is made with it.
    """
    if not brings_pool(plan.job):
        yield from ensure_pool(plan.batch_pool_id, plan.pool, pool_labels(plan.group))


# --- late members --------------------------------------------------------------------------------


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
    raise _too_many(plan)


def _open_for_late(plan: GroupJobPlan, task: TaskPlan) -> Flow[Submission | tuple[Generation, bool]]:
    """Find the job to submit to, and whether it is to end by itself; or the success that nobody took."""
    for _ in range(MAX_ROUNDS):
        found = yield from generations_of(plan.group)
        chosen = yield from _where_it_is(task, found)
        if isinstance(chosen, Submission):
            return chosen
        if chosen is not None and (yield from _is_usable(chosen)):
            # Who created it for a late member may have died before it was told to end by itself.
            return chosen, chosen.launch is None
        if chosen is not None:
            continue
        yield from prepare_pool(plan)
        created = yield from _create_next(plan, found, {})
        if created is not None:
            return created, True
    raise _too_many(plan)


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
        yield from _update(plan, generation, "terminatejob")
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


def _too_many(plan: GroupJobPlan) -> BatchConflictError:
    return BatchConflictError(
        code="JobExists",
        message=f"The jobs of {ids.group_job_id(plan.group)} ended or appeared {MAX_ROUNDS} times in a row.",
        status=409,
        operation="create_job",
    )


# --- the end -------------------------------------------------------------------------------------


def end_jobs(group: GroupIdentity, reason: str) -> Flow[list[Generation]]:
    """
    Flow: terminate every open job of a group's run; those that ended are left as they are.

    :param group: whose jobs.
    :param reason: what the job says of its end.
    :return: all jobs of the run, oldest first, as they were before.
    """
    found = yield from generations_of(group)
    for generation in found:
        if generation.is_open:
            yield from _terminate(generation, reason)
    return found


def _terminate(generation: Generation, reason: str) -> Flow[None]:
    try:
        yield requests.terminate_job(generation.batch_job_id, reason)
    except (BatchConflictError, BatchNotFoundError) as error:
        if isinstance(error, BatchConflictError) and error.code not in JOB_ENDED:
            raise
        yield Log(f"Batch job {generation.batch_job_id} needs no termination ({error.code}).")
    else:
        yield Log(f"Batch job {generation.batch_job_id} was terminated.")
