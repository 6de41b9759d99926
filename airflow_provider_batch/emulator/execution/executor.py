"""Performs the machine's instructions on this computer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from airflow_provider_batch.emulator.execution.environment import environment
from airflow_provider_batch.emulator.execution.guard import Guard
from airflow_provider_batch.emulator.execution.layout import NODE_DIRECTORIES, Layout
from airflow_provider_batch.emulator.execution.packages import Locate, Packages, no_packages
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed
from airflow_provider_batch.emulator.execution.removals import Removals
from airflow_provider_batch.emulator.execution.runs import Means, Work, work_of
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.execution.storage_access import StorageAccess
from airflow_provider_batch.emulator.machine.instructions import (
    DeleteDirectory,
    FreezeProcess,
    KillProcess,
    PrepareNode,
    ProceedRun,
    RunProcess,
)
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.containers import ContainerInfo
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.storage.auto_storage import AutoStorage

_log = logging.getLogger(__name__)

#: after SIGKILL a process is gone in milliseconds, unless the computer is in trouble
_CLOSE_SECONDS = 10.0


class Reports(Protocol):
    """Who is told what became of a run; called from the runs' threads."""

    def started(self, run_id: int) -> None:
        """The process runs."""
        ...

    def coordinated(self, run_id: int) -> None:
        """The coordination command of an instance has succeeded."""
        ...

    def exited(
        self,
        run_id: int,
        exit_code: int | None,
        upload_failure: FailureInfo | None = None,
        container: ContainerInfo | None = None,
    ) -> None:
        """The processes are gone; no exit code when there never was one."""
        ...

    def not_started(self, run_id: int, failure: FailureInfo) -> None:
        """The process could not be started."""
        ...


class Executor(Protocol):
    """Who performs instructions, other than timers; each call returns at once."""

    def prepare_node(self, instruction: PrepareNode) -> None:
        """Make a node's directories."""
        ...

    def run(self, instruction: RunProcess) -> None:
        """Start a command; its fate is reported."""
        ...

    def proceed(self, instruction: ProceedRun) -> None:
        """Let the primary of several instances run the task's own command."""
        ...

    def freeze(self, instruction: FreezeProcess) -> None:
        """Stop a command where it is, or let it go on."""
        ...

    def kill(self, instruction: KillProcess) -> None:
        """End a command; its end is reported."""
        ...

    def delete(self, instruction: DeleteDirectory) -> None:
        """Delete a directory."""
        ...

    def close(self) -> None:
        """End everything, and report it."""
        ...


class LocalExecutor:
    """
    Runs commands as processes of this computer, each watched by a thread.

    :param layout: where the nodes' directories are.
    :param account: returns name and URL of the account, for the tasks' environment.
    :param reports: who is told.
    :param locate: finds application packages; called without any lock.
    :param auto_storage: the storage account that is linked with the account.
    """

    def __init__(
        self,
        layout: Layout,
        account: Callable[[], tuple[str, str]],
        reports: Reports,
        settings: ExecutionSettings,
        locate: Locate = no_packages,
        auto_storage: AutoStorage | None = None,
    ) -> None:
        self._layout = layout
        self._account = account
        self._reports = reports
        self._settings = settings
        self._guard = Guard(layout.root)
        packages = Packages(locate, settings.download_timeout_seconds)
        self._means = Means(layout, self._guard, StorageAccess(auto_storage), packages, settings)
        self._removals = Removals(layout.removed)
        self._lock = threading.Lock()
        self._runs: dict[int, Work] = {}
        self._threads: dict[int, threading.Thread] = {}

    def prepare_node(self, instruction: PrepareNode) -> None:
        """Make a node's directories."""
        root = self._layout.node(instruction.pool_id, instruction.node_id)
        mounts = (f"fsmounts/{mount}" for mount in instruction.mounts)
        for name in (*NODE_DIRECTORIES, *mounts):
            (root / name).mkdir(parents=True, exist_ok=True)

    def run(self, instruction: RunProcess) -> None:
        """
        Start a command.

        Its directories are made before this returns: a deletion that follows must find them.
        """
        self._guard.start()
        account_name, account_url = self._account()
        variables = environment(instruction, self._layout, account_name=account_name, account_url=account_url)
        work = work_of(instruction, variables, self._means)
        work.make_directories()
        run_id = instruction.run_id
        thread = threading.Thread(
            target=self._watch, args=(run_id, work), name=f"batch-run-{run_id}", daemon=True
        )
        with self._lock:
            self._runs[run_id], self._threads[run_id] = work, thread
        thread.start()

    def proceed(self, instruction: ProceedRun) -> None:
        """Let the primary of several instances run the task's own command."""
        work = self._find(instruction.run_id)
        if work is not None:
            work.proceed()

    def freeze(self, instruction: FreezeProcess) -> None:
        """Stop a command where it is, or let it go on, unless it has ended."""
        work = self._find(instruction.run_id)
        if work is not None:
            work.freeze(frozen=instruction.frozen)

    def kill(self, instruction: KillProcess) -> None:
        """End a command, unless it has ended."""
        work = self._find(instruction.run_id)
        if work is not None:
            work.end(self._settings.kill_grace_seconds)

    def _find(self, run_id: int) -> Work | None:
        with self._lock:
            return self._runs.get(run_id)

    def delete(self, instruction: DeleteDirectory) -> None:
        """Delete a directory."""
        if instruction.node_id is None:
            directory = self._layout.pool(instruction.pool_id)
        else:
            directory = self._layout.inside_node(
                instruction.pool_id, instruction.node_id, instruction.directory
            )
        self._removals.remove(directory)

    def close(self) -> None:
        """Kill everything, at once."""
        with self._lock:
            runs, threads = list(self._runs.values()), dict(self._threads)
        for work in runs:
            work.end(0.0)
        deadline = time.monotonic() + _CLOSE_SECONDS
        for run_id, thread in threads.items():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                _log.warning("Run %s did not end in time.", run_id)
        self._guard.close()
        self._removals.close()

    def _watch(self, run_id: int, work: Work) -> None:
        """Perform a run, and report what became of it as the last thing."""
        try:
            report = self._perform(run_id, work)
        except PreparationFailed as error:
            report = partial(self._reports.not_started, run_id, error.failure)
        except Exception as error:  # noqa: BLE001 - whatever it is, the machine must hear of it
            _log.exception("Run %s could not be started.", run_id)
            report = partial(self._reports.not_started, run_id, failures.node_failed(repr(error)))
        finally:
            work.close()
        with self._lock:
            del self._runs[run_id], self._threads[run_id]
        report()

    def _perform(self, run_id: int, work: Work) -> Callable[[], None]:
        if work.start():
            self._reports.started(run_id)
        end = work.finish(partial(self._reports.coordinated, run_id))
        return partial(self._reports.exited, run_id, end.exit_code, end.upload_failure, end.container)
