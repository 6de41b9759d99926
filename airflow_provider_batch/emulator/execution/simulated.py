"""
An executor without processes: commands take the time, and end with the exit code, that they are told to.

What a command line says is not read. Its environment says how it goes: ``BATCH_SIMULATED_SECONDS`` is a
number or a range (``2..10``), and ``BATCH_SIMULATED_EXIT_CODE`` a number, or one for each run of the task
(``1,1,0``; the last holds for all that follow). Where a range leaves a choice, the ids of job and task make
it, so that the same work takes the same time again.

There are no files and nothing is downloaded or uploaded. Time is the account's: scaled or moved, simulated
commands go with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from airflow_provider_batch.emulator.execution.executor import Reports
from airflow_provider_batch.emulator.machine.instructions import (
    DeleteDirectory,
    FreezeProcess,
    KillProcess,
    PrepareNode,
    ProceedRun,
    RunKind,
    RunProcess,
)
from airflow_provider_batch.emulator.model import failures

SECONDS = "BATCH_SIMULATED_SECONDS"
EXIT_CODE = "BATCH_SIMULATED_EXIT_CODE"

Later = Callable[[float, Callable[[], None]], None]
"""Calls a function after so many seconds of the account's time, never before it returns."""


_MAX_SECONDS = 10.0**9


@dataclass
class _Run:
    seconds: float
    exit_code: int
    is_instance: bool
    frozen: bool = False
    is_due: bool = False


class SimulatedExecutor:
    """
    Lets commands take time.

    All calls, and all that ``later`` calls, come under the engine's lock.

    :param reports: who is told.
    :param later: the account's alarm clock.
    :param seconds: of a command that does not say.
    """

    def __init__(self, reports: Reports, later: Later, seconds: str = "1") -> None:
        self._reports = reports
        self._later = later
        self._seconds = seconds
        self._runs: dict[int, _Run] = {}
        self._started: Counter[tuple[str, str]] = Counter()

    def prepare_node(self, instruction: PrepareNode) -> None:
        """Do nothing: there are no directories."""

    def delete(self, instruction: DeleteDirectory) -> None:
        """Do nothing: there are no directories."""

    def close(self) -> None:
        """Forget everything."""
        self._runs.clear()

    def run(self, instruction: RunProcess) -> None:
        """Begin a command."""
        run_id = instruction.run_id
        try:
            self._runs[run_id] = self._plan(instruction)
        except ValueError as error:
            failure = failures.command_launch_failed(str(error))
            self._later(0, partial(self._reports.not_started, run_id, failure))
            return
        self._later(0, partial(self._begin, run_id))

    def proceed(self, instruction: ProceedRun) -> None:
        """Let the primary's own command begin."""
        run = self._runs.get(instruction.run_id)
        if run is not None:
            self._later(run.seconds, partial(self._due, instruction.run_id))

    def freeze(self, instruction: FreezeProcess) -> None:
        """Hold a command's end back, or let it come."""
        run = self._runs.get(instruction.run_id)
        if run is not None:
            run.frozen = instruction.frozen
            if run.is_due:
                self._later(0, partial(self._due, instruction.run_id))

    def kill(self, instruction: KillProcess) -> None:
        """End a command."""
        run = self._runs.pop(instruction.run_id, None)
        if run is not None:
            # An instance of several waits for this once it is coordinated.
            exit_code = 0 if run.is_instance else None
            self._later(0, partial(self._reports.exited, instruction.run_id, exit_code))

    def _begin(self, run_id: int) -> None:
        run = self._runs.get(run_id)
        if run is None:
            return
        self._reports.started(run_id)
        if run.is_instance:
            self._reports.coordinated(run_id)
        else:
            self._later(run.seconds, partial(self._due, run_id))

    def _due(self, run_id: int) -> None:
        run = self._runs.get(run_id)
        if run is None:
            return
        run.is_due = True
        if not run.frozen:
            del self._runs[run_id]
            self._reports.exited(run_id, run.exit_code)

    def _plan(self, instruction: RunProcess) -> _Run:
        settings = {setting.name: setting.value for setting in instruction.command.environment_settings}
        whose = (instruction.job_id or "", instruction.task_id or instruction.node_id)
        number = self._started[whose]
        self._started[whose] += 1
        if instruction.kind is RunKind.PACKAGES:
            return _Run(0.0, 0, is_instance=False)
        return _Run(
            parse_seconds(settings.get(SECONDS, self._seconds), f"{whose[0]}/{whose[1]}/{number}"),
            _exit_code(settings.get(EXIT_CODE, "0"), number),
            is_instance=instruction.instance is not None,
        )


def parse_seconds(text: str, seed: str) -> float:
    """
    Read a number or a range of seconds.

    :param seed: chooses within a range.
    :raises ValueError: it is neither.
    """
    low, dots, high = text.partition("..")
    try:
        least = float(low)
        most = float(high) if dots else least
    except ValueError:
        least = most = math.nan
    if not 0 <= least <= most <= _MAX_SECONDS:
        raise ValueError(f"a number of seconds is expected, or a range such as 2..10, not {text!r}")
    return least + (most - least) * (int.from_bytes(sha256(seed.encode()).digest()[:8], "big") / 2**64)


def _exit_code(text: str, run: int) -> int:
    try:
        codes = [int(code) for code in text.split(",")]
    except ValueError:
        raise ValueError(f"an exit code is expected, or several such as 1,1,0, not {text!r}") from None
    return codes[min(run, len(codes) - 1)]
