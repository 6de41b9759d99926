"""Tasks: what the user asked for (:class:`TaskSpec`) and what became of it (:class:`Task`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.containers import ContainerInfo
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies
from airflow_provider_batch.emulator.model.exits import ExitConditions
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.multi_instance import MultiInstanceSettings, Subtask
from airflow_provider_batch.emulator.model.states import TaskResult, TaskState


@dataclass(frozen=True)
class TaskConstraints:
    """
    Limits of a task.

    :param max_wall_clock_time: of each run, from its start; None for no limit.
    :param retention_time: how long the files stay after completion; None for ever.
    :param max_task_retry_count: runs after the first one, for exit codes other than 0; -1 for no limit.
    """

    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = timedelta(days=7)
    max_task_retry_count: int = 0


@dataclass(frozen=True)
class TaskSpec:
    """
    A task as the user wants it.

    :param definition: the REST JSON that GET echoes, defaults filled in, without what the service computes.
    :param affinity_id: a node that is preferred when it has room.
    :param multi_instance: None for a task on one node.
    """

    id: str
    definition: Mapping[str, Any]
    command: Command
    constraints: TaskConstraints = field(default_factory=TaskConstraints)
    required_slots: int = 1
    depends_on: TaskDependencies = field(default_factory=TaskDependencies)
    exit_conditions: ExitConditions = field(default_factory=ExitConditions)
    affinity_id: str | None = None
    multi_instance: MultiInstanceSettings | None = None


@dataclass(frozen=True)
class TaskExecutionInfo:
    """
    The task's present or last run, and how often it was run again.

    :param start_time: None until the process runs; a task that was ended before has none.
    :param container_info: None for a task that runs on the node itself.
    """

    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    result: TaskResult | None = None
    failure_info: FailureInfo | None = None
    container_info: ContainerInfo | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None
    requeue_count: int = 0
    last_requeue_time: datetime | None = None


@dataclass(frozen=True)
class TaskNode:
    """
    Where a task runs or ran.

    :param directory: task directory relative to the node's root, with ``/``.
    """

    pool_id: str
    node_id: str
    directory: str


class TaskFiles(Enum):
    """What became of a task's files; they can be read while they are kept and their node exists."""

    NONE = "the task never reached a node"
    KEPT = "on the node"
    LOST = "gone with the node's disk"
    CLEANED_UP = "removed, since their retention time is over"


@dataclass
class Task:
    """
    One task.

    :param serial: tells this task from an earlier one of the same id; grows in order of creation.
    :param node: where it runs or ran last; None while active. A completed task without one has ``nodeInfo:
        {}``.
    :param files_at: where its files are; outlives ``node`` when the task waits for its next run.
    :param run_id: process that runs now, of several instances the primary's; None without.
    :param subtasks: the other instances of the present or last run; empty for a task on one node.
    :param clock_started: when it first ran since it was added or reactivated; None before.
    :param satisfied: the tasks that depend on it may start.
    :param last_modified: moved by what users do, never by what nodes do.
    """

    spec: TaskSpec
    job_id: str
    serial: int
    creation_time: datetime
    last_modified: datetime
    state: TaskState
    state_transition_time: datetime
    previous_state: TaskState | None = None
    previous_state_transition_time: datetime | None = None
    execution_info: TaskExecutionInfo = TaskExecutionInfo()
    node: TaskNode | None = None
    files: TaskFiles = TaskFiles.NONE
    files_at: TaskNode | None = None
    run_id: int | None = None
    subtasks: list[Subtask] = field(default_factory=list)
    clock_started: datetime | None = None
    satisfied: bool = False
    story: list[str] = field(default_factory=list, repr=False)

    @property
    def id(self) -> str:
        """Id as the user wrote it."""
        return self.spec.id

    @property
    def directories(self) -> list[TaskNode]:
        """Every place where the task has left files, the primary's first."""
        here = [] if self.files_at is None else [self.files_at]
        return here + [TaskNode(part.pool_id, part.node_id, part.directory) for part in self.subtasks]


@dataclass
class Tally:
    """Numbers of tasks, or of their slots, by state; ``running`` includes preparing."""

    active: int = 0
    running: int = 0
    completed: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.active + self.running + self.completed


@dataclass
class TaskCounts:
    """The answer to "get task counts": numbers of tasks and of slots."""

    tasks: Tally = field(default_factory=Tally)
    slots: Tally = field(default_factory=Tally)
