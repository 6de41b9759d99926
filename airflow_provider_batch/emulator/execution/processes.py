"""One task's processes: started in a session of their own, ended together."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_batch.emulator.execution.guard import Guard
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed
from airflow_provider_batch.emulator.model import failures


def split(command_line: str) -> list[str]:
    """
    Split a command line into words, without a shell, as the service does.

    :raises PreparationFailed: there is no word, or a quotation does not end.
    """
    try:
        words = shlex.split(command_line)
    except ValueError as error:
        raise PreparationFailed(failures.command_launch_failed(str(error))) from None
    if not words:
        raise PreparationFailed(failures.command_launch_failed("The command line is empty."))
    return words


class ProcessGroup:
    """
    A started command with all its children.

    :param words: program and arguments.
    :param directory: of the task; gets stdout.txt and stderr.txt, and its ``wd`` is the working directory.
    :param append: continue the output files instead of starting them again.
    :raises PreparationFailed: the program is missing or cannot be started.
    """

    def __init__(
        self,
        words: list[str],
        directory: Path,
        variables: Mapping[str, str],
        guard: Guard,
        *,
        append: bool,
    ) -> None:
        self._guard = guard
        self._lock = threading.Lock()
        self._gone = False
        self._killer: threading.Timer | None = None
        self._process = _spawn(words, directory, variables, append=append)
        guard.add(self._process.pid)

    def outcome(self) -> int:
        """
        Wait for the command's end and return its exit code; its children live on until :meth:`close`.

        :return: 128 + n when signal n ended it, as a shell reports it.
        """
        # WNOWAIT keeps the number of the process taken, so that the group's number cannot mean another group
        # yet.
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        if ended is None:
            raise AssertionError("waitid returned without the end of the process")
        return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status

    def close(self) -> None:
        """End the command, if it runs, and its children; nothing happens the second time."""
        with self._lock:
            if self._gone:
                return
            self._gone = True
            self._signal(signal.SIGKILL)
            if self._killer is not None:
                self._killer.cancel()
            self._process.wait()
        self._guard.remove(self._process.pid)

    def freeze(self, *, frozen: bool) -> None:
        """Stop the processes where they are, or let them go on."""
        with self._lock:
            if not self._gone:
                self._signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def end(self, grace_seconds: float) -> None:
        """
        Ask the processes to end, and kill them after a while.

        :param grace_seconds: between SIGTERM and SIGKILL; 0 to kill at once.
        """
        with self._lock:
            if self._gone:
                return
            if grace_seconds <= 0:
                self._signal(signal.SIGKILL)
                return
            self._signal(signal.SIGTERM)
            # One that is frozen hears of it only when it goes on.
            self._signal(signal.SIGCONT)
            if self._killer is None:
                self._killer = threading.Timer(grace_seconds, self.end, (0.0,))
                self._killer.daemon = True
                self._killer.start()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            # macOS answers so for a group of zombies; on Linux a set-user-id child is beyond our reach.
            return


def _spawn(
    words: list[str], directory: Path, variables: Mapping[str, str], *, append: bool
) -> subprocess.Popen[bytes]:
    mode = "ab" if append else "wb"
    try:
        with (directory / "stdout.txt").open(mode) as out, (directory / "stderr.txt").open(mode) as err:
            return subprocess.Popen(
                words,
                cwd=directory / "wd",
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
    except FileNotFoundError as error:
        if (directory / "wd").is_dir() and error.filename == words[0]:
            raise PreparationFailed(failures.command_program_not_found(words[0])) from None
        raise PreparationFailed(failures.command_launch_failed(str(error.strerror))) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PreparationFailed(failures.command_launch_failed(reason)) from None
