"""
What a person wants to see of the account: pools with their nodes, jobs, tasks with their output.

Copies, made under the engine's lock, so that a page can be written without it. No value of an environment
variable, no address with a signature and no password is in them.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.dependencies import TaskIdRange
from airflow_provider_batch.emulator.model.ids import id_key, numeric_id
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.schedules import JobSchedule
from airflow_provider_batch.emulator.model.states import JobState, TaskResult, TaskState
from airflow_provider_batch.emulator.model.tasks import Tally, Task
from airflow_provider_batch.emulator.storage.trees import FileTree

OUTPUTS = ("stdout.txt", "stderr.txt")
"""The files that are shown of a task."""

PAGE_LENGTH = 200
"""Most jobs or tasks on one page."""

DRAWN_TASKS = 150
"""Most tasks of a job whose dependencies are drawn."""

_OUTPUT_BYTES = 64 * 1024


@dataclass(frozen=True)
class NodeView:
    """One node of the heat map."""

    id: str
    state: str
    is_dedicated: bool
    is_scheduled: bool
    running_tasks: int
    used_slots: int
    slots: int
    total_run: int
    errors: tuple[str, ...]


@dataclass(frozen=True)
class PoolView:
    """One pool."""

    id: str
    state: str
    allocation_state: str
    vm_size: str
    slots: int
    dedicated: tuple[int, int]
    low_priority: tuple[int, int]
    formula: str | None
    resize_errors: tuple[str, ...]
    nodes: tuple[NodeView, ...]


@dataclass(frozen=True)
class JobView:
    """One job, without its tasks."""

    id: str
    state: str
    pool_id: str
    priority: int
    created: datetime
    ended: datetime | None
    terminate_reason: str | None
    counts: Tally


@dataclass(frozen=True)
class ScheduleView:
    """One job schedule."""

    id: str
    state: str
    next_run: datetime | None
    recent_job_id: str | None


@dataclass(frozen=True)
class TaskView:
    """One task; ``look`` is its state as people mean it: waiting, ready, running, succeeded, failed."""

    id: str
    look: str
    state: str
    exit_code: int | None
    retries: int
    requeues: int
    node_id: str | None
    started: datetime | None
    ended: datetime | None
    parents: str
    failure: str | None
    command_line: str


@dataclass(frozen=True)
class AccountView:
    """Everything at a glance."""

    now: datetime
    pools: tuple[PoolView, ...]
    jobs: tuple[JobView, ...]
    job_number: int
    schedules: tuple[ScheduleView, ...]


@dataclass(frozen=True)
class JobPage:
    """A job with one page of its tasks, and the edges between those when there are few enough to draw."""

    now: datetime
    job: JobView
    tasks: tuple[TaskView, ...]
    task_number: int
    edges: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TaskPage:
    """A task with the ends of its output files; None for a file that cannot be read."""

    now: datetime
    job_id: str
    task: TaskView
    outputs: tuple[tuple[str, str | None], ...]
    story: tuple[str, ...]


class Overview:
    """Reads the account for people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def account(self) -> AccountView:
        """Pools, the newest jobs, and schedules."""
        with self._engine.reading() as state:
            jobs = list(state.jobs.values())
            newest = sorted(jobs, key=lambda job: (job.state is JobState.COMPLETED, -job.serial))
            return AccountView(
                self._engine.now(),
                tuple(_pool(pool) for pool in state.pools.values()),
                tuple(_job(job) for job in newest[:PAGE_LENGTH]),
                len(jobs),
                tuple(_schedule(schedule) for schedule in state.schedules.values()),
            )

    def pool(self, pool_id: str) -> PoolView:
        """
        Return a pool.

        :raises ServiceError: ``PoolNotFound``.
        """
        with self._engine.reading() as state:
            return _pool(state.pool(pool_id))

    def job(self, job_id: str, look: str = "", page: int = 1) -> JobPage:
        """
        Return a job with one page of its tasks.

        :param look: only tasks that look so; empty for all.
        :raises ServiceError: ``JobNotFound``.
        """
        with self._engine.reading() as state:
            job = state.job(job_id)
            looks = _Looks(job)
            tasks = [task for task in job.tasks.values() if not look or looks.of(task) == look]
            tasks.sort(key=_position)
            start = (max(page, 1) - 1) * PAGE_LENGTH
            drawn = list(job.tasks.values()) if len(job.tasks) <= DRAWN_TASKS else []
            return JobPage(
                self._engine.now(),
                _job(job),
                tuple(_task(task, looks) for task in tasks[start : start + PAGE_LENGTH]),
                len(tasks),
                tuple(_edges(drawn)),
            )

    def task(self, job_id: str, task_id: str) -> TaskPage:
        """
        Return a task with its output.

        :raises ServiceError: ``JobNotFound``, ``TaskNotFound``.
        """
        with self._engine.reading() as state:
            job, task = state.job(job_id), state.task(job_id, task_id)
            view, story, now = _task(task, _Looks(job)), tuple(task.story), self._engine.now()
            try:
                tree = self._engine.task_files(job_id, task_id)
            except errors.ServiceError:
                # It never ran, or its node is gone: nothing to show, which is no failure of the page.
                tree = None
        outputs = tuple((name, None if tree is None else _end_of(tree, name)) for name in OUTPUTS)
        return TaskPage(now, job.id, view, outputs, story)


class _Looks:
    """How a person would call the states of a job's tasks."""

    def __init__(self, job: Job) -> None:
        self._tasks = job.tasks
        numbers = {numeric_id(key) for key, task in job.tasks.items() if task.satisfied}
        self._satisfied = sorted(number for number in numbers if number is not None)

    def of(self, task: Task) -> str:
        """Return waiting, ready, running, succeeded or failed."""
        if task.state is TaskState.COMPLETED:
            return "succeeded" if task.execution_info.result is TaskResult.SUCCESS else "failed"
        if task.state is not TaskState.ACTIVE:
            return "running"
        depends_on = task.spec.depends_on
        parents = (self._tasks.get(id_key(parent)) for parent in depends_on.task_ids)
        free = all(parent is not None and parent.satisfied for parent in parents)
        return "ready" if free and all(map(self._is_whole, depends_on.task_id_ranges)) else "waiting"

    def _is_whole(self, ids: TaskIdRange) -> bool:
        found = bisect_right(self._satisfied, ids.end) - bisect_left(self._satisfied, ids.start)
        return found == ids.end - ids.start + 1


def _position(task: Task) -> tuple[float, str]:
    """Numbers in their order, then names."""
    number = numeric_id(id_key(task.id))
    return (math.inf if number is None else number, id_key(task.id))


def _edges(tasks: list[Task]) -> Iterable[tuple[str, str]]:
    by_key = {id_key(task.id): task.id for task in tasks}
    by_number = {number: task.id for task in tasks if (number := numeric_id(id_key(task.id))) is not None}
    for task in tasks:
        for parent in task.spec.depends_on.task_ids:
            if id_key(parent) in by_key:
                yield by_key[id_key(parent)], task.id
        for ids in task.spec.depends_on.task_id_ranges:
            for number, parent in by_number.items():
                if ids.start <= number <= ids.end:
                    yield parent, task.id


def _pool(pool: Pool) -> PoolView:
    return PoolView(
        pool.id,
        pool.state.value,
        pool.allocation_state.value,
        pool.spec.vm_size,
        pool.spec.task_slots_per_node,
        (pool.current_dedicated_nodes, pool.target_dedicated_nodes),
        (pool.current_low_priority_nodes, pool.target_low_priority_nodes),
        pool.auto_scale.settings.formula if pool.auto_scale else None,
        tuple(f"{error.code}: {error.message}" for error in pool.resize_errors),
        tuple(_node(pool, node) for node in pool.nodes.values()),
    )


def _node(pool: Pool, node: Node) -> NodeView:
    return NodeView(
        node.id,
        node.state.value,
        node.is_dedicated,
        node.scheduling_state.value == "enabled",
        node.running_tasks_count,
        node.used_slots,
        pool.spec.task_slots_per_node,
        node.total_tasks_run,
        tuple(f"{error.code}: {error.message}" for error in node.errors),
    )


def _job(job: Job) -> JobView:
    tasks = job.counts.tasks
    counts = Tally(tasks.active, tasks.running, tasks.completed, tasks.succeeded, tasks.failed)
    return JobView(
        job.id,
        job.state.value,
        job.spec.pool_id,
        job.spec.priority,
        job.creation_time,
        job.end_time,
        job.terminate_reason,
        counts,
    )


def _schedule(schedule: JobSchedule) -> ScheduleView:
    return ScheduleView(schedule.id, schedule.state.value, schedule.next_run_time, schedule.recent_job_id)


def _task(task: Task, looks: _Looks) -> TaskView:
    info, failure = task.execution_info, task.execution_info.failure_info
    ranges = [f"{ids.start} to {ids.end}" for ids in task.spec.depends_on.task_id_ranges]
    return TaskView(
        task.id,
        looks.of(task),
        task.state.value,
        info.exit_code,
        info.retry_count,
        info.requeue_count,
        task.node.node_id if task.node else None,
        info.start_time,
        info.end_time,
        ", ".join([*task.spec.depends_on.task_ids, *ranges]),
        f"{failure.code}: {failure.message}" if failure else None,
        task.spec.command.command_line,
    )


def _end_of(tree: FileTree, name: str) -> str | None:
    try:
        size = tree.stat(name).size_bytes
        with closing(tree.read(name, max(0, size - _OUTPUT_BYTES))) as chunks:
            return b"".join(chunks).decode("utf-8", "replace")
    except errors.ServiceError:
        # It went between the look and the read.
        return None
