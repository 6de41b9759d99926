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
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_batch.domain import ids, polling, requests
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
from airflow_provider_batch.domain.pools import ensure_pool
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.states import JOB_CLOSED, lower
from airflow_provider_batch.domain.submission import (
    JOB_ENDED,
    MAX_ROUNDS,
    SUBMISSION_WALL_CLOCK,
    UPDATE_TRIES,
)
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
    "create_next",
    "end_jobs",
    "generations_of",
    "give_life",
    "is_usable",
    "plan_metadata",
    "prepare_pool",
    "terminate_generation",
    "too_many_rounds",
]

#: generations that are looked for when the first one is not there
LOOK_AHEAD = 10

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
class Generation:
    """
    One job of a group's run.

    :param number: 1 for the first.
    :param batch_job_id: its id.
    :param is_open: whether it takes tasks.
    :param launch: ``max_tries`` of the launch that opened it; None when a late member did.
    :param fingerprint: structure of the graph that was planned into it.
    :param blocks: as :class:`~airflow_provider_batch.domain.launched.Launched` has them.
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


def plan_metadata(max_tries: int, fingerprint: str, blocks: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """
    Return what a job that launch opens says of the plan in it; :class:`Generation` has it read.

    :param max_tries: ``max_tries`` of launch's task instance.
    :param fingerprint: structure of the graph.
    :param blocks: as :class:`~airflow_provider_batch.domain.launched.Launched` has them.
    """
    said = {_LAUNCH: str(max_tries), _FINGERPRINT: fingerprint}
    return {**said, _BLOCKS: json.dumps(blocks)} if blocks else said


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


def create_next(
    plan: GroupJobPlan, found: Sequence[Generation], own: Mapping[str, str]
) -> Flow[Generation | None]:
    """
    Flow: create the next generation.

    :param plan: what the job is like.
    :param found: the generations that exist.
    :param own: metadata that make it what it is; see :func:`plan_metadata`.
    :return: the job; None when it is to be looked again what exists.
    """
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


def is_usable(generation: Generation) -> Flow[bool]:
    """
    Flow: tell whether a job that we find can be used; who created it may have died before that was asked.

    :param generation: an open job.
    """
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
    yield from terminate_generation(generation, _UNCHANGEABLE)
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


def give_life(plan: GroupJobPlan, generation: Generation, on_all_tasks_complete: str) -> Flow[None]:
    """
    Flow: give the job its full life; until now it had the short one of a submission.

    :param plan: what the job is like.
    :param generation: the job.
    :param on_all_tasks_complete: what it does when all its tasks have ended.
    """
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


def prepare_pool(plan: GroupJobPlan) -> Flow[None]:
    """
    Flow: check that the pool exists, or create or adopt the one that is described.

    :param plan: what the job is like; a pool that it brings is made with it.
    """
    if not brings_pool(plan.job):
        yield from ensure_pool(plan.batch_pool_id, plan.pool, pool_labels(plan.group))


def too_many_rounds(plan: GroupJobPlan) -> BatchConflictError:
    """
    Return the error of somebody who found another set of open jobs each time that it looked.

    :param plan: what the job is like.
    """
    return BatchConflictError(
        code="JobExists",
        message=f"The jobs of {ids.group_job_id(plan.group)} ended or appeared {MAX_ROUNDS} times in a row.",
        status=409,
        operation="create_job",
    )


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
            yield from terminate_generation(generation, reason)
    return found


def terminate_generation(generation: Generation, reason: str) -> Flow[None]:
    """
    Flow: terminate one job; that it has ended already is no error.

    :param generation: the job.
    :param reason: what it says of its end.
    """
    try:
        yield requests.terminate_job(generation.batch_job_id, reason)
    except (BatchConflictError, BatchNotFoundError) as error:
        if isinstance(error, BatchConflictError) and error.code not in JOB_ENDED:
            raise
        yield Log(f"Batch job {generation.batch_job_id} needs no termination ({error.code}).")
    else:
        yield Log(f"Batch job {generation.batch_job_id} was terminated.")
