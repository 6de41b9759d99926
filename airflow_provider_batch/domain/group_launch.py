"""
How launch opens a group's job and plans into it.

A try that follows a crash finds what the crashed one opened and completes it; a launch that was cleared opens
a job only for what is to run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_batch.domain import collection, requests
from airflow_provider_batch.domain.flow import Flow, pages
from airflow_provider_batch.domain.group_job import (
    Generation,
    GroupJobPlan,
    create_next,
    generations_of,
    give_life,
    is_usable,
    plan_metadata,
    terminate_generation,
    too_many_rounds,
)
from airflow_provider_batch.domain.submission import MAX_ROUNDS

__all__ = ["LaunchedJob", "Opening", "launch", "open_for_launch"]


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
    :param blocks: members whose tasks have numbers for ids: the first number and how many.
    :param start_over: everything is to run again, so what an earlier launch planned is of no use.
    :param is_idle: nothing is to run, as when launch alone was cleared; then no job is opened for it.
    """

    max_tries: int
    fingerprint: str
    blocks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    start_over: bool = False
    is_idle: bool = False

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
    said = plan_metadata(opening.max_tries, opening.fingerprint, opening.blocks)
    for _ in range(MAX_ROUNDS):
        found = yield from generations_of(plan.group)
        still_open = [generation for generation in reversed(found) if generation.is_open]
        chosen = next((generation for generation in still_open if opening.goes_on_with(generation)), None)
        if chosen is not None and opening.continues(chosen):
            if (yield from is_usable(chosen)):
                return chosen, True
            continue
        if chosen is not None:
            return chosen, False
        for generation in still_open:
            # What a late member opened goes on beside the plan, unless its work is planned too.
            if generation.launch is not None or opening.start_over:
                yield from terminate_generation(generation, "AirflowGroupStartsOver")
        if found and opening.is_idle:
            return found[-1], False
        created = yield from create_next(plan, found, said)
        if created is not None:
            return created, True
    raise too_many_rounds(plan)


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
        yield from give_life(plan, generation, "noaction")
    return LaunchedJob(generation, added.added, added.existed)
