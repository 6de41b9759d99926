"""Performs the machine's instructions on this computer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from airflow_provider_batch.emulator.execution.downloads import Downloads, PreparationFailed
from airflow_provider_batch.emulator.execution.environment import environment
from airflow_provider_batch.emulator.execution.guard import Guard
from airflow_provider_batch.emulator.execution.layout import (
    NODE_DIRECTORIES,
    WORKING_DIRECTORY,
    Layout,
)
from airflow_provider_batch.emulator.execution.processes import ProcessGroup, split
from airflow_provider_batch.emulator.execution.removals import Removals
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.machine.instructions import (
    DeleteDirectory,
    KillProcess,
    PrepareNode,
    RunProcess,
)
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.failures import FailureInfo

_log = logging.getLogger(__name__)

#: after SIGKILL a process is gone in milliseconds, unless the computer is in trouble
_CLOSE_SECONDS = 10.0


class Reports(Protocol):
    """Who is told what became of a run; called from the runs' threads."""

    def started(self, run_id: int) -> None:
        """The process runs."""
        ...

    def exited(self, run_id: int, exit_code: int | None) -> None:
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
    """

    def __init__(
        self,
        layout: Layout,
        account: Callable[[], tuple[str, str]],
        reports: Reports,
        settings: ExecutionSettings,
    ) -> None:
        self._layout = layout
        self._account = account
        self._reports = reports
        self._settings = settings
        self._guard = Guard(layout.root)
        self._removals = Removals(layout.removed)
        self._lock = threading.Lock()
        self._runs: dict[int, _Run] = {}

    def prepare_node(self, instruction: PrepareNode) -> None:
        """Make a node's directories."""
        root = self._layout.node(instruction.pool_id, instruction.node_id)
        for name in NODE_DIRECTORIES:
            (root / name).mkdir(parents=True, exist_ok=True)

    def run(self, instruction: RunProcess) -> None:
        """
        Start a command.

        Its directories are made before this returns: a deletion that follows must find them.
        """
        self._guard.start()
        account_name, account_url = self._account()
        variables = environment(instruction, self._layout, account_name=account_name, account_url=account_url)
        directory = self._layout.inside_node(instruction.pool_id, instruction.node_id, instruction.directory)
        run = _Run(instruction, directory, variables, self._guard, self._settings)
        run.make_directories()
        with self._lock:
            self._runs[instruction.run_id] = run
        name = f"batch-run-{instruction.run_id}"
        run.thread = threading.Thread(target=self._watch, args=(run,), name=name, daemon=True)
        run.thread.start()

    def kill(self, instruction: KillProcess) -> None:
        """End a command, unless it has ended."""
        with self._lock:
            run = self._runs.get(instruction.run_id)
        if run is not None:
            run.end(self._settings.kill_grace_seconds)

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
            runs = list(self._runs.values())
        for run in runs:
            run.end(0.0)
        deadline = time.monotonic() + _CLOSE_SECONDS
        for run in runs:
            run.thread.join(max(0.0, deadline - time.monotonic()))
            if run.thread.is_alive():
                _log.warning("Run %s did not end in time.", run.instruction.run_id)
        self._guard.close()
        self._removals.close()

    def _watch(self, run: _Run) -> None:
        run_id = run.instruction.run_id
        try:
            started = run.start()
        except PreparationFailed as error:
            self._forget(run_id)
            self._reports.not_started(run_id, error.failure)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the machine must hear of it
            _log.exception("Run %s could not be started.", run_id)
            self._forget(run_id)
            self._reports.not_started(run_id, failures.node_failed(repr(error)))
            return
        exit_code = None
        if started:
            self._reports.started(run_id)
            exit_code = run.wait()
        self._forget(run_id)
        self._reports.exited(run_id, exit_code)

    def _forget(self, run_id: int) -> None:
        with self._lock:
            del self._runs[run_id]


class _Run:
    """One instruction to run a command, from its preparation to its end."""

    thread: threading.Thread

    def __init__(
        self,
        instruction: RunProcess,
        directory: Path,
        variables: dict[str, str],
        guard: Guard,
        settings: ExecutionSettings,
    ) -> None:
        self.instruction = instruction
        self._directory = directory
        self._variables = variables
        self._guard = guard
        self._settings = settings
        self._lock = threading.Lock()
        self._unwanted = False
        self._group: ProcessGroup | None = None
        self._downloads = Downloads(
            instruction.command.resource_files,
            directory / WORKING_DIRECTORY,
            settings.download_timeout_seconds,
        )
        self._trouble: OSError | None = None

    def make_directories(self) -> None:
        """Make the directories; trouble is kept for :meth:`start`, whose failure is reported."""
        try:
            (self._directory / WORKING_DIRECTORY).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._trouble = error

    def start(self) -> bool:
        """
        Fetch the resource files and start the command; whether it was started, or else not wanted any more.

        :raises PreparationFailed: why it cannot be started.
        """
        if self._trouble is not None:
            raise PreparationFailed(failures.node_failed(self._trouble.strerror or "no directory"))
        if not self._downloads.fetch():
            return False
        words = split(self.instruction.command.command_line)
        with self._lock:
            if self._unwanted:
                return False
            append = self.instruction.append_output
            self._group = ProcessGroup(words, self._directory, self._variables, self._guard, append=append)
        return True

    def wait(self) -> int:
        """Wait for the end of a started command; return its exit code."""
        if self._group is None:
            raise RuntimeError("the command was not started")
        return self._group.wait()

    def end(self, grace_seconds: float) -> None:
        """End the command, or keep it from starting."""
        with self._lock:
            self._unwanted = True
            group = self._group
        self._downloads.cancel()
        if group is not None:
            group.end(grace_seconds)
