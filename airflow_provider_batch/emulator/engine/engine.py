"""The thread-safe face of the emulator's heart."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.clock import MovableClock, ScaledClock
from airflow_provider_batch.emulator.engine import restart_directories
from airflow_provider_batch.emulator.engine.reports import MakeEvent, RunReports
from airflow_provider_batch.emulator.engine.restart import Account as KeptAccount
from airflow_provider_batch.emulator.engine.restart import open_account
from airflow_provider_batch.emulator.engine.root import Root
from airflow_provider_batch.emulator.engine.timers import TimerQueue
from airflow_provider_batch.emulator.engine.usage import UsageMeter
from airflow_provider_batch.emulator.execution.executor import Executor, LocalExecutor, Reports
from airflow_provider_batch.emulator.execution.layout import Layout
from airflow_provider_batch.emulator.execution.packages import PackageBlob
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.machine import autoscale_events, events, restart_events
from airflow_provider_batch.emulator.machine.history import JobHistory
from airflow_provider_batch.emulator.machine.instructions import (
    FreezeProcess,
    Instruction,
    KillProcess,
    MeasureUsage,
    PrepareNode,
    ProceedRun,
    RunProcess,
    SetTimer,
)
from airflow_provider_batch.emulator.machine.machine import Machine
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.machine.tables import refusal_of_node
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.account import Account
from airflow_provider_batch.emulator.model.assumptions import Assumptions
from airflow_provider_batch.emulator.model.commands import PackageReference
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job, JobSpec
from airflow_provider_batch.emulator.model.pools import PoolResize, PoolSpec
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    NodeDeallocationOption,
    TerminateReason,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskCounts, TaskFiles, TaskSpec
from airflow_provider_batch.emulator.storage.auto_storage import AutoStorage
from airflow_provider_batch.emulator.storage.trees import FileTree

_log = logging.getLogger(__name__)

NO_CONDITIONS = Conditions()

MakeExecutor = Callable[[Reports, Callable[[float, Callable[[], None]], None]], Executor]
"""Makes an executor: who is told what became of a run, and what calls a function after some seconds."""

_PACKAGE_LIFETIME = timedelta(hours=4)


class Engine:
    """
    The account: every call is one step under one lock, and waits for no process.

    Each verb raises :class:`ServiceError` and changes nothing when the service would refuse it;
    ``conditions`` are checked in the same step (``ConditionNotMet``, 412). Verbs return the resource's new
    ``last_modified``, from which the wire makes ETag and Last-Modified, or None where the service sends
    neither.

    :param root: directory for the nodes and the account's state, made with mode 0700 when missing; what was
        there goes on, see :mod:`.journal`. None for a temporary one, removed on close.
    :param account_name: for the tasks' environment; a root belongs to the account that made it.
    :param account_url: likewise; may be set later (``engine.account_url = ...``) when the port is known.
    :param clock: the system's by default.
    :param auto_storage: the storage account that is linked with the account; None without.
    :param executor: makes another executor than real processes, given who is told and the alarm clock.
    :param machine_settings: of a new account; one that goes on has its own until :meth:`reconfigure`.
    :param run_timers: False for tests with a manual clock, which call :meth:`fire_due_timers`.
    :raises StateFileError: the state in the root directory cannot be read, or is of another account.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        account_name: str = "devbatch",
        account_url: str = "http://127.0.0.1:10010",
        machine_settings: MachineSettings | None = None,
        execution_settings: ExecutionSettings | None = None,
        auto_storage: AutoStorage | None = None,
        clock: MovableClock | None = None,
        executor: MakeExecutor | None = None,
        run_timers: bool = True,
    ) -> None:
        self.account_name = account_name
        self.account_url = account_url
        self.auto_storage = auto_storage
        self._clock = clock or ScaledClock()
        settings = machine_settings or MachineSettings()
        settings = replace(settings, seed=settings.seed or uuid.uuid4().hex)
        self._root = Root(root)
        self._kept = None if root is None else self._open_account(settings)
        self._machine = Machine(settings) if self._kept is None else self._kept.machine
        self._timers = TimerQueue() if self._kept is None else self._kept.timers
        self._layout = Layout(self._root.path)
        self._usage = UsageMeter(self._root.path)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._closed = False
        reports = RunReports(self._hear)
        local = execution_settings or ExecutionSettings()
        self._executor = executor(reports, self._later) if executor else self._local(reports, local)
        self._timer_thread = threading.Thread(target=self._run_timers, name="batch-timers", daemon=True)
        if self.is_restored:
            self._go_on()
        if run_timers:
            self._timer_thread.start()

    # --- the account before and after ----------------------------------------------------------------

    def _open_account(self, settings: MachineSettings) -> KeptAccount:
        try:
            return open_account(self._root.path, self.account_name, settings)
        except BaseException:
            self._root.close()
            raise

    @property
    def is_restored(self) -> bool:
        """Whether the account was there before this engine."""
        return self._kept is not None and not self._kept.is_new

    def _go_on(self) -> None:
        """Take up the work where it was left: all processes are gone, files are there."""
        with self._lock:
            state = self._machine.state
            # Its time never goes back, whatever the computer's clock says now.
            behind = (self._machine.world.now - self.now()).total_seconds()
            self._clock.advance(max(behind, 0.0))
            restart_directories.finish_removals(self._layout)
            for deletion in list(restart_directories.leftovers(self._layout, state)):
                self._executor.delete(deletion)
            lost = [self._prepare_node(node) for node in restart_directories.wanted(state)]
            for event in (restart_events.EmulatorRestarted(self.now()), *filter(None, lost)):
                self.feed(event)

    def reconfigure(self, settings: MachineSettings, assumptions: Assumptions) -> None:
        """
        Let an account that goes on have other settings and assumptions; equal ones change nothing.

        :param settings: of which seed and assumptions are not read.
        """
        with self._lock:
            own = self.machine_settings
            settings = replace(settings, seed=own.seed, assumptions=own.assumptions)
            if settings != own:
                self.feed(restart_events.ChangeSettings(self.now(), settings))
            if assumptions != self.assumptions:
                self.feed(events.Assume(self.now(), assumptions))

    def _local(self, reports: Reports, settings: ExecutionSettings) -> Executor:
        def account() -> tuple[str, str]:
            return self.account_name, self.account_url

        return LocalExecutor(
            self._layout, account, reports, settings, self._locate_package, self.auto_storage
        )

    def _locate_package(self, reference: PackageReference) -> PackageBlob | None:
        with self._lock:
            application = self._machine.state.applications.get(id_key(reference.application_id))
            package = None if application is None else application.active_package(reference.version)
        if application is None or package is None or self.auto_storage is None:
            return None
        # The storage account goes by the real time, whatever the time of the Batch account.
        now = datetime.now(timezone.utc)
        url = self.auto_storage.signed_blob_url(package.container, package.blob, "r", now, _PACKAGE_LIFETIME)
        return PackageBlob(application.id, package.version, url)

    def close(self) -> None:
        """End every process and thread of this engine; safe to repeat. Later verbs raise RuntimeError."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        if self._timer_thread.is_alive():
            self._timer_thread.join()
        # Without the lock: the runs' threads report their end, which is heard no more.
        self._executor.close()
        if self._kept is not None:
            self._kept.machine.close()
        self._root.close()

    @contextmanager
    def reading(self) -> Iterator[State]:
        """
        Hold the lock and give the state to read; copy what is needed and leave soon.

        Verbs may be called inside (the lock is re-entrant), so that a look and a deed are one step.
        """
        with self._lock:
            yield self._machine.state

    @property
    def root(self) -> Path:
        """Root directory of the nodes."""
        return self._root.path

    def now(self) -> datetime:
        """Return the engine's time."""
        return self._clock.now()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call a function under the lock after some seconds of the account's time."""
        with self._changed:
            self._timers.put(self.now() + timedelta(seconds=seconds), call)
            self._changed.notify_all()

    # --- time ----------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Move the time on; what is due meanwhile happens at its own moment, in order."""
        with self._lock:
            end = self.now() + timedelta(seconds=seconds)
            while (due := self._timers.next_due()) is not None and due <= end:
                self._clock.advance(max((due - self.now()).total_seconds(), 0.0))
                self.fire_due_timers()
            self._clock.advance(max((end - self.now()).total_seconds(), 0.0))
            self.clock_changed()

    def clock_changed(self) -> None:
        """Look again how long it is until the next timer."""
        with self._changed:
            self._changed.notify_all()

    @property
    def account(self) -> Account:
        """What users have set about the account. Its parts are replaced whole: read them without the lock."""
        return self._machine.state.account

    @property
    def machine_settings(self) -> MachineSettings:
        """The present settings of the machine."""
        return self._machine.world.settings

    # --- assumptions ---------------------------------------------------------------------------------

    @property
    def assumptions(self) -> Assumptions:
        """The present answers to open questions about the service."""
        with self._lock:
            return self._machine.world.assumptions

    def assume(self, name: str, text: str) -> None:
        """
        Answer an open question otherwise from now on.

        :raises KeyError: there is no such question.
        :raises ValueError: no such answer.
        """
        with self._lock:
            self.feed(events.Assume(self.now(), self.assumptions.changed(name, text)))

    # --- pools ---------------------------------------------------------------------------------------

    def create_pool(self, spec: PoolSpec) -> datetime:
        """Create a pool. Refusals: ``PoolExists``, ``PoolBeingDeleted``, ``PoolQuotaReached``."""
        with self._lock:
            self.feed(events.CreatePool(self.now(), spec))
            return self._machine.state.pool(spec.id).last_modified

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
        with self._lock:
            pool = self._machine.state.pool(pool_id)
            spec = change(pool.spec)
            self.feed(events.UpdatePool(self.now(), pool_id, spec, conditions=conditions))
            return pool.last_modified

    def resize_pool(
        self, pool_id: str, resize: PoolResize, conditions: Conditions = NO_CONDITIONS
    ) -> datetime:
        """Set new targets. Refusals: ``PoolNotFound``, ``PoolBeingDeleted``, ``PoolBeingResized``."""
        with self._lock:
            self.feed(events.ResizePool(self.now(), pool_id, resize, conditions=conditions))
            return self._machine.state.pool(pool_id).last_modified

    def stop_pool_resize(self, pool_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """
        Stop a resize; ``last_modified`` does not move.

        Refusals: ``PoolNotFound``, ``PoolBeingDeleted``; ``OperationInvalidForCurrentState`` when steady.
        """
        with self._lock:
            self.feed(events.StopPoolResize(self.now(), pool_id, conditions=conditions))
            return self._machine.state.pool(pool_id).last_modified

    def remove_nodes(
        self,
        pool_id: str,
        node_ids: Sequence[str],
        option: NodeDeallocationOption = NodeDeallocationOption.REQUEUE,
        conditions: Conditions = NO_CONDITIONS,
    ) -> datetime:
        """Take nodes out and lower the targets. Refusals as in :meth:`resize_pool`, and ``NodeNotFound``."""
        with self._lock:
            self.feed(events.RemoveNodes(self.now(), pool_id, tuple(node_ids), option, conditions=conditions))
            return self._machine.state.pool(pool_id).last_modified

    def delete_pool(self, pool_id: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Delete a pool; its running tasks are requeued. Refusals: ``PoolNotFound``, ``PoolBeingDeleted``."""
        self.feed(events.DeletePool(self.now(), pool_id, conditions=conditions))

    # --- jobs ----------------------------------------------------------------------------------------

    def create_job(self, spec: JobSpec) -> datetime:
        """
        Create a job.

        Refusals: ``JobExists``, ``JobBeingDeleted``, ``ActiveJobAndScheduleQuotaReached``.
        """
        with self._lock:
            self.feed(events.CreateJob(self.now(), spec))
            return self._machine.state.job(spec.id).last_modified

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
        with self._lock:
            job = self._machine.state.job(job_id)
            spec = change(job.spec)
            self.feed(events.UpdateJob(self.now(), job_id, spec, conditions=conditions))
            return job.last_modified

    def disable_job(
        self, job_id: str, disable_tasks: DisableTasks, conditions: Conditions = NO_CONDITIONS
    ) -> datetime:
        """
        Start no more tasks.

        Refusals: ``JobNotFound``, ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted``.
        """
        with self._lock:
            self.feed(events.DisableJob(self.now(), job_id, disable_tasks, conditions=conditions))
            return self._machine.state.job(job_id).last_modified

    def enable_job(self, job_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """Start tasks again; nothing happens to an active job. Refusals as in :meth:`disable_job`."""
        with self._lock:
            self.feed(events.EnableJob(self.now(), job_id, conditions=conditions))
            return self._machine.state.job(job_id).last_modified

    def terminate_job(
        self,
        job_id: str,
        reason: str = TerminateReason.USER_TERMINATE.value,
        conditions: Conditions = NO_CONDITIONS,
    ) -> datetime:
        """End a job and its running tasks; active tasks stay active. Refusals as in :meth:`disable_job`."""
        with self._lock:
            self.feed(events.TerminateJob(self.now(), job_id, reason, conditions=conditions))
            return self._machine.state.job(job_id).last_modified

    def delete_job(self, job_id: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Delete a job, its tasks and their files. Refusals: ``JobNotFound``, ``JobBeingDeleted``."""
        self.feed(events.DeleteJob(self.now(), job_id, conditions=conditions))

    # --- tasks ---------------------------------------------------------------------------------------

    def add_task(self, job_id: str, spec: TaskSpec, together: Collection[str] = ()) -> datetime:
        """
        Add a task.

        :param together: ids of all the tasks of the same request.

        Refusals: ``JobNotFound``, ``JobCompleted``, ``JobBeingTerminated``, ``JobBeingDeleted``,
        ``TaskExists``; dependencies in a job that does not use them (``UnsupportedProperty`` or
        ``TaskDependenciesNotSpecifiedOnJob``, a setting); ``InvalidPropertyValue`` for parents that do not
        exist, if that is assumed.
        """
        with self._lock:
            self.feed(events.AddTask(self.now(), job_id, spec, frozenset(map(id_key, together))))
            return self._machine.state.task(job_id, spec.id).last_modified

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
        with self._lock:
            task = self._machine.state.task(job_id, task_id)
            spec = change(task.spec)
            self.feed(events.UpdateTask(self.now(), job_id, task_id, spec, conditions=conditions))
            return task.last_modified

    def terminate_task(self, job_id: str, task_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """
        End a task: at once when active; when running, it completes as soon as its processes have ended.

        Refusals: ``JobNotFound``, ``TaskNotFound``, ``TaskCompleted``.
        """
        with self._lock:
            self.feed(events.TerminateTask(self.now(), job_id, task_id, conditions=conditions))
            return self._machine.state.task(job_id, task_id).last_modified

    def reactivate_task(self, job_id: str, task_id: str, conditions: Conditions = NO_CONDITIONS) -> datetime:
        """
        Run a failed task again.

        Refusals: ``JobNotFound``, ``TaskNotFound``, ``TaskNotCompleted``, ``TaskSucceeded``, and those of the
        job's state.
        """
        with self._lock:
            self.feed(events.ReactivateTask(self.now(), job_id, task_id, conditions=conditions))
            return self._machine.state.task(job_id, task_id).last_modified

    def delete_task(self, job_id: str, task_id: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Delete a task and its files, ending its processes. Refusals: ``JobNotFound``, ``TaskNotFound``."""
        self.feed(events.DeleteTask(self.now(), job_id, task_id, conditions=conditions))

    def tasks_as_listed(self, job_id: str) -> list[Task]:
        """
        Return a job's tasks as lists show them: changes may show late, see :class:`Assumptions`.

        Refusals: ``JobNotFound``.
        """
        with self._lock:
            job, lag = self._machine.state.job(job_id), self.assumptions.list_lag
            if not lag:
                return list(job.tasks.values())
            return list(self._history(job).tasks_at(job, self.now() - timedelta(seconds=lag)))

    def task_counts(self, job_id: str) -> TaskCounts:
        """Return a job's counts, which may be late, see :class:`Assumptions`. Refusals: ``JobNotFound``."""
        with self._lock:
            job, lag = self._machine.state.job(job_id), self.assumptions.stale_counts
            past = self._history(job).counts.at(self.now() - timedelta(seconds=lag)) if lag else None
            return past or job.counts

    def _history(self, job: Job) -> JobHistory:
        return self._machine.world.jobs[job.serial].history

    # --- files ---------------------------------------------------------------------------------------

    def task_files(self, job_id: str, task_id: str) -> FileTree:
        """
        Return the files of a task, whose root is the task directory; read without the lock.

        Refusals: ``JobNotFound``, ``TaskNotFound``, ``TaskFilesUnavailable``, ``TaskFilesCleanedup``.
        """
        with self._lock:
            state = self._machine.state
            task = state.task(job_id, task_id)
            if task.files is TaskFiles.CLEANED_UP:
                raise errors.task_files_cleaned_up()
            place = task.files_at
            pool = None if place is None else state.pools.get(id_key(place.pool_id))
            node = None if pool is None or place is None else pool.nodes.get(id_key(place.node_id))
            if place is None or node is None or not node.is_reachable:
                raise errors.task_files_unavailable()
            return FileTree(self._layout.inside_node(place.pool_id, place.node_id, place.directory))

    def node_files(self, pool_id: str, node_id: str) -> FileTree:
        """
        Return the files of a node.

        Refusals: ``PoolNotFound``, ``NodeNotFound``; ``NodeStateUnusable`` and ``OperationNotValidOnNode``
        when it is out of reach.
        """
        with self._lock:
            node = self._machine.state.node(pool_id, node_id)
            if not node.is_reachable:
                raise refusal_of_node(node.state)
            return FileTree(self._layout.node(node.pool_id, node.id))

    # --- tests ---------------------------------------------------------------------------------------

    def fire_due_timers(self) -> None:
        """
        Feed the timers that are due by the clock to the machine.

        A thread does so by itself when time passes; tests with a manual clock call this.
        """
        with self._lock:
            while (timer := self._timers.take_due(self.now())) is not None:
                if callable(timer):
                    timer()
                else:
                    self.feed(events.TimerDue(self.now(), timer))

    # --- events and instructions ---------------------------------------------------------------------

    def _hear(self, make_event: MakeEvent) -> None:
        """Take a report of the executor; after the close nobody wants it."""
        with self._lock:
            if not self._closed:
                self.feed(make_event(self.now()))

    def feed(self, event: events.Event) -> None:
        """
        Give the machine an event, and do what it says; what fails at once is an event again.

        :raises ServiceError: a user's event was refused; nothing has changed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the engine is closed")
            waiting = deque([event])
            while waiting:
                for instruction in self._machine.handle(waiting.popleft()):
                    failed = self._perform(instruction)
                    if failed is not None:
                        waiting.append(failed)

    def _perform(self, instruction: Instruction) -> events.Event | None:
        """Perform an instruction; return what the machine hears of it at once, if anything."""
        if isinstance(instruction, SetTimer):
            self._timers.put(instruction.due, instruction.timer)
            self._changed.notify_all()
        elif isinstance(instruction, PrepareNode):
            return self._prepare_node(instruction)
        elif isinstance(instruction, RunProcess):
            return self._run(instruction)
        elif isinstance(instruction, KillProcess):
            self._executor.kill(instruction)
        elif isinstance(instruction, ProceedRun):
            self._executor.proceed(instruction)
        elif isinstance(instruction, FreezeProcess):
            self._executor.freeze(instruction)
        elif isinstance(instruction, MeasureUsage):
            pool = (instruction.pool_key, instruction.pool_serial)
            return autoscale_events.UsageMeasured(self.now(), *pool, self._usage.measure(pool))
        else:
            self._executor.delete(instruction)
        return None

    def _prepare_node(self, instruction: PrepareNode) -> events.Event | None:
        try:
            self._executor.prepare_node(instruction)
        except OSError:
            _log.exception("Node %s of pool %s has no directory.", instruction.node_id, instruction.pool_id)
            return events.NodeLost(self.now(), instruction.pool_id, instruction.node_id)
        return None

    def _run(self, instruction: RunProcess) -> events.Event | None:
        try:
            self._executor.run(instruction)
        except OSError as error:
            _log.exception("Run %s could not be started.", instruction.run_id)
            failure = failures.node_failed(error.strerror or "unknown")
            return events.ProcessNotStarted(self.now(), instruction.run_id, failure)
        return None

    def _run_timers(self) -> None:
        with self._changed:
            while not self._closed:
                self.fire_due_timers()
                due = self._timers.next_due()
                seconds = None if due is None else self._clock.seconds_until(due)
                # A day is as good as the moment itself, and no platform refuses to wait that long.
                self._changed.wait(None if seconds is None else min(seconds, 86_400.0))
