"""Jobs: what the user asked for (:class:`JobSpec`) and what became of it (:class:`Job`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.emulator.model.auto_pools import AutoPoolSpec
from airflow_provider_batch.emulator.model.commands import EnvironmentSetting
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.special_tasks import (
    JobManagerTask,
    JobNode,
    JobPreparationTask,
    JobReleaseTask,
)
from airflow_provider_batch.emulator.model.states import (
    JobState,
    OnAllTasksComplete,
    OnTaskFailure,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskCounts


@dataclass(frozen=True)
class JobConstraints:
    """
    Limits of a job.

    :param max_wall_clock_time: counted from the job's creation; None for no limit.
    :param max_task_retry_count: for tasks that bring none of their own (the service layer fills it in); -1
        for no limit.
    """

    max_wall_clock_time: timedelta | None = None
    max_task_retry_count: int = 0


@dataclass(frozen=True)
class JobSpec:
    """
    A job as the user wants it.

    :param definition: the REST JSON that GET echoes, defaults filled in, without what the service computes.
    :param pool_id: a pool that need not exist: the job waits for one of that id.
    :param auto_pool: the pool that the job brings with it; ``pool_id`` is then made by the service.
    :param max_parallel_tasks: -1 for no limit.
    :param allow_task_preemption: running tasks make room for those of jobs with a higher priority.
    :param release: only together with ``preparation``.
    """

    id: str
    definition: Mapping[str, Any]
    pool_id: str
    priority: int = 0
    max_parallel_tasks: int = -1
    constraints: JobConstraints = field(default_factory=JobConstraints)
    uses_task_dependencies: bool = False
    on_all_tasks_complete: OnAllTasksComplete = OnAllTasksComplete.NO_ACTION
    on_task_failure: OnTaskFailure = OnTaskFailure.NO_ACTION
    common_environment_settings: tuple[EnvironmentSetting, ...] = ()
    allow_task_preemption: bool = False
    manager: JobManagerTask | None = None
    preparation: JobPreparationTask | None = None
    release: JobReleaseTask | None = None
    auto_pool: AutoPoolSpec | None = None


@dataclass
class Job:
    """
    A job and its tasks.

    :param serial: tells this job from an earlier one of the same id.
    :param previous_state: the last state that was no passage (disabling, enabling and terminating never show
        here).
    :param tasks: by key of the task id (``ids.id_key``), in order of creation.
    :param counts: kept in step with ``tasks``.
    :param runs: ids of the runs of tasks, those of deleted tasks that still end included.
    :param special_runs: ids of the runs of the preparation and the release task.
    :param nodes: by keys of pool and node: where the preparation task was begun.
    :param failed_nodes: those of ``nodes`` on which the preparation task has failed.
    :param manager_serial: of the manager's task; None without.
    :param release_begun: the job is ending, and its release tasks were begun where they are due.
    :param scheduling_error: why the job's own pool could not be created.
    :param auto_pool_id: the pool that was created for this job alone.
    :param last_modified: moved by what users do and when the job starts to terminate, never by what nodes do.
    """

    spec: JobSpec
    serial: int
    creation_time: datetime
    last_modified: datetime
    state: JobState
    state_transition_time: datetime
    start_time: datetime
    end_time: datetime | None = None
    terminate_reason: str | None = None
    scheduling_error: FailureInfo | None = None
    auto_pool_id: str | None = None
    previous_state: JobState | None = None
    previous_state_transition_time: datetime | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    counts: TaskCounts = field(default_factory=TaskCounts)
    runs: set[int] = field(default_factory=set)
    special_runs: set[int] = field(default_factory=set)
    nodes: dict[tuple[str, str], JobNode] = field(default_factory=dict)
    failed_nodes: set[tuple[str, str]] = field(default_factory=set)
    manager_serial: int | None = None
    release_begun: bool = False
    story: list[str] = field(default_factory=list, repr=False)

    @property
    def id(self) -> str:
        """Id as the user wrote it."""
        return self.spec.id

    @property
    def schedule_id(self) -> str | None:
        """Id of the job schedule that created the job; no other job has a colon in its id."""
        schedule_id, colon, _ = self.id.rpartition(":")
        return schedule_id if colon else None

    @property
    def root_directory(self) -> str:
        """All that the job has on a node, relative to the node's root; a schedule's jobs share a parent."""
        return "workitems/" + self.id.replace(":", "/")

    @property
    def directory(self) -> str:
        """Parent of the task directories, relative to the node's root."""
        return self.root_directory if ":" in self.id else f"{self.root_directory}/job-1"
