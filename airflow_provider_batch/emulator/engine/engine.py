"""The thread-safe face of the emulator's heart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from airflow_provider_batch.emulator.clock import Clock
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolResize, PoolSpec
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    NodeDeallocationOption,
    TerminateReason,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskSpec
from airflow_provider_batch.emulator.storage.trees import FileTree

NO_CONDITIONS = Conditions()


class Engine:
    """
    The account: every call is one step under one lock, and waits for no process.

    Each verb raises :class:`ServiceError` and changes nothing when the service would refuse it;
    ``conditions`` are checked in the same step (``ConditionNotMet``, 412). Verbs return the resource's new
    ``last_modified``, from which the wire makes ETag and Last-Modified, or None where the service sends
    neither.

    :param root: directory for the nodes, made with mode 0700 when missing; None for a temporary one, removed
        on close.
    :param account_name: for the tasks' environment.
    :param account_url: likewise; may be set later (``engine.account_url = ...``) when the port is known.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        account_name: str = "devbatch",
        account_url: str = "http://127.0.0.1:10010",
        machine_settings: MachineSettings | None = None,
        execution_settings: ExecutionSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.account_name = account_name
        self.account_url = account_url
        raise NotImplementedError

    def close(self) -> None:
        """End every process and thread of this engine; safe to repeat. Later verbs raise RuntimeError."""
        raise NotImplementedError

    @contextmanager
    def reading(self) -> Iterator[State]:
        """
        Hold the lock and give the state to read; copy what is needed and leave soon.

        Verbs may be called inside (the lock is re-entrant), so that a look and a deed are one step.
        """
        raise NotImplementedError
        yield

    def now(self) -> datetime:
        """Return the engine's time."""
        raise NotImplementedError

    # --- pools ---------------------------------------------------------------------------------------

    def create_pool(self, spec: PoolSpec) -> datetime:
        """Create a pool. Refusals: ``PoolExists``, ``PoolBeingDeleted``, ``PoolQuotaReached``."""
        raise NotImplementedError

    def update_pool(
        self,
        pool_id: str,
        change: Callable[[PoolSpec], PoolSpec],
        conditions: Conditions = NO_CONDITIONS,
    ) -> datetime:
        """
        Replace the spec by ``change(spec)``, which may raise a ServiceError of its own.

        Targets in the new spec are not read. Refusals: ``PoolNotFound``, ``PoolBeingDeleted``.
        """
        raise NotImplementedError

    def resize_pool(
        self, pool_id: str, resize: PoolResize, conditions: Conditions = NO_CONDITIONS
    ) -> datetime:
        """Set new targets. Refusals: ``PoolNotFound``, ``PoolBeingDeleted``, ``PoolBeingResized``."""
        raise NotImplementedError

    def stop_pool_resize(self, pool_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """
        Stop a resize; ``last_modified`` does not move.

        Refusals: ``PoolNotFound``, ``PoolBeingDeleted``; ``OperationInvalidForCurrentState`` when steady.
        """
        raise NotImplementedError

    def remove_nodes(
        self,
        pool_id: str,
        node_ids: Sequence[str],
        option: NodeDeallocationOption = NodeDeallocationOption.REQUEUE,
        conditions: Conditions = NO_CONDITIONS,
    ) -> datetime:
        """Take nodes out and lower the targets. Refusals as in :meth:`resize_pool`, and ``NodeNotFound``."""
        raise NotImplementedError

    def delete_pool(self, pool_id: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Delete a pool; its running tasks are requeued. Refusals: ``PoolNotFound``, ``PoolBeingDeleted``."""
        raise NotImplementedError

    # --- jobs ----------------------------------------------------------------------------------------

    def create_job(self, spec: JobSpec) -> datetime:
        """
        Create a job.

        Refusals: ``JobExists``, ``JobBeingDeleted``, ``ActiveJobAndScheduleQuotaReached``.
        """
        raise NotImplementedError

    def update_job(
        self,
        job_id: str,
        change: Callable[[JobSpec], JobSpec],
        conditions: Conditions = NO_CONDITIONS,
    ) -> datetime:
        """
        Replace the spec by ``change(spec)`` (PATCH and PUT), which may raise a ServiceError of its own.

        Refusals: ``JobNotFound``, ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted``;
        ``InvalidPropertyValue`` for another pool while the job is not disabled, and for
        ``onAllTasksComplete`` back to ``noaction``.
        """
        raise NotImplementedError

    def disable_job(
        self, job_id: str, disable_tasks: DisableTasks, conditions: Conditions = NO_CONDITIONS
    ) -> datetime:
        """
        Start no more tasks.

        Refusals: ``JobNotFound``, ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted``.
        """
        raise NotImplementedError

    def enable_job(self, job_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """Start tasks again; nothing happens to an active job. Refusals as in :meth:`disable_job`."""
        raise NotImplementedError

    def terminate_job(
        self,
        job_id: str,
        reason: str = TerminateReason.USER_TERMINATE.value,
        conditions: Conditions = NO_CONDITIONS,
    ) -> datetime:
        """End a job and its running tasks; active tasks stay active. Refusals as in :meth:`disable_job`."""
        raise NotImplementedError

    def delete_job(self, job_id: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Delete a job, its tasks and their files. Refusals: ``JobNotFound``, ``JobBeingDeleted``."""
        raise NotImplementedError

    # --- tasks ---------------------------------------------------------------------------------------

    def add_task(self, job_id: str, spec: TaskSpec) -> datetime:
        """
        Add a task.

        Refusals: ``JobNotFound``, ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted``,
        ``TaskExists``; dependencies in a job that does not use them (``UnsupportedProperty`` or
        ``TaskDependenciesNotSpecifiedOnJob``, a setting).
        """
        raise NotImplementedError

    def update_task(
        self,
        job_id: str,
        task_id: str,
        change: Callable[[TaskSpec], TaskSpec],
        conditions: Conditions = NO_CONDITIONS,
    ) -> datetime:
        """
        Replace the spec by ``change(spec)``, of which only constraints and definition are taken (PUT).

        Refusals: ``JobNotFound``, ``TaskNotFound``, ``TaskCompleted``, and those of the job's state.
        """
        raise NotImplementedError

    def terminate_task(self, job_id: str, task_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """
        End a task: at once when active; when running, it completes as soon as its processes have ended.

        Refusals: ``JobNotFound``, ``TaskNotFound``, ``TaskCompleted``.
        """
        raise NotImplementedError

    def reactivate_task(self, job_id: str, task_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """
        Run a failed task again.

        Refusals: ``JobNotFound``, ``TaskNotFound``, ``TaskNotCompleted``, ``TaskSucceeded``, and those of the
        job's state.
        """
        raise NotImplementedError

    def delete_task(self, job_id: str, task_id: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Delete a task and its files, ending its processes. Refusals: ``JobNotFound``, ``TaskNotFound``."""
        raise NotImplementedError

    # --- files ---------------------------------------------------------------------------------------

    def task_files(self, job_id: str, task_id: str) -> FileTree:
        """
        Return the files of a task, whose root is the task directory; read without the lock.

        Refusals: ``JobNotFound``, ``TaskNotFound``, ``TaskFilesUnavailable``, ``TaskFilesCleanedup``.
        """
        raise NotImplementedError

    def node_files(self, pool_id: str, node_id: str) -> FileTree:
        """Return the files of a node. Refusals: ``PoolNotFound``, ``NodeNotFound``."""
        raise NotImplementedError

    # --- tests ---------------------------------------------------------------------------------------

    def fire_due_timers(self) -> None:
        """
        Feed the timers that are due by the clock to the machine.

        A thread does so by itself when time passes; tests with a manual clock call this.
        """
        raise NotImplementedError


__all__ = ["NO_CONDITIONS", "Engine", "Task"]
