"""Moves entities along the tables, and keeps each one's story for the day when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TypeVar

from airflow_provider_batch.emulator.machine import tables
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.schedules import JobSchedule
from airflow_provider_batch.emulator.model.states import JobScheduleState
from airflow_provider_batch.emulator.model.tasks import Task

#: lines of an entity's story that are kept
STORY_LENGTH = 50

_State = TypeVar("_State", bound=Enum)
_Passage = TypeVar("_Passage", bound=Enum)


class InvalidTransition(Exception):
    """
    The machine wanted a change of state that its tables do not list: a bug, never an answer to a user.

    :param entity: kind and id.
    :param state: the state that it is in.
    :param passage: what was to happen.
    :param story: what happened to it before, oldest first.
    """

    def __init__(self, entity: str, state: str, passage: str, story: list[str]) -> None:
        lines = "\n  ".join(story)
        super().__init__(f"{entity} is {state}: no passage '{passage}' from there. Its story:\n  {lines}")
        self.entity = entity
        self.state = state
        self.passage = passage
        self.story = tuple(story)


def tell(story: list[str], at: datetime, line: str) -> None:
    """Add a line to an entity's story."""
    if len(story) >= STORY_LENGTH:
        del story[0]
    story.append(f"{at.isoformat()} {line}")


def _next(
    table: Mapping[tuple[_State, _Passage], _State],
    entity: str,
    state: _State,
    passage: _Passage,
    story: list[str],
    at: datetime,
) -> _State:
    try:
        following = table[state, passage]
    except KeyError:
        raise InvalidTransition(entity, str(state.value), str(passage.value), story) from None
    tell(story, at, f"{state.value} --{passage.value}--> {following.value}")
    return following


def move_pool(pool: Pool, passage: tables.PoolPassage, at: datetime) -> None:
    """Change a pool's state."""
    pool.state = _next(tables.POOL, f"pool {pool.id}", pool.state, passage, pool.story, at)
    pool.state_transition_time = at


def move_allocation(pool: Pool, passage: tables.AllocationPassage, at: datetime) -> None:
    """Change a pool's allocation state."""
    pool.allocation_state = _next(
        tables.ALLOCATION, f"pool {pool.id}", pool.allocation_state, passage, pool.story, at
    )
    pool.allocation_state_transition_time = at


def move_node(node: Node, passage: tables.NodePassage, at: datetime) -> None:
    """Change a node's state."""
    node.state = _next(tables.NODE, f"node {node.id}", node.state, passage, node.story, at)
    node.state_transition_time = at


def move_job(world: World, job: Job, passage: tables.JobPassage) -> None:
    """Change a job's state; states that are only passed through are not remembered as previous."""
    before, since = job.state, job.state_transition_time
    job.state = _next(tables.JOB, f"job {job.id}", before, passage, job.story, world.now)
    job.state_transition_time = world.now
    if before not in tables.JOB_PASSING:
        job.previous_state, job.previous_state_transition_time = before, since
    world.moved_by_node(job)


def move_schedule(world: World, schedule: JobSchedule, passage: tables.SchedulePassage) -> None:
    """Change a job schedule's state; terminating is only passed through, and not remembered as previous."""
    before, since = schedule.state, schedule.state_transition_time
    entity = f"job schedule {schedule.id}"
    schedule.state = _next(tables.SCHEDULE, entity, before, passage, schedule.story, world.now)
    schedule.state_transition_time = world.now
    if before is not JobScheduleState.TERMINATING:
        schedule.previous_state, schedule.previous_state_transition_time = before, since


def move_task(world: World, task: Task, passage: tables.TaskPassage) -> None:
    """Change a task's state."""
    world.remember(task)
    before, since = task.state, task.state_transition_time
    entity = f"task {task.job_id}/{task.id}"
    task.state = _next(tables.TASK, entity, before, passage, task.story, world.now)
    task.state_transition_time = world.now
    task.previous_state, task.previous_state_transition_time = before, since
    world.moved_by_node(task)
