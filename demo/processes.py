"""
Services as child processes: each in a process group of its own with a log file, and all of them ended.

They end when the ``with`` block is left, on whatever way: normally, by an exception, by Ctrl-C, by SIGTERM
(:func:`exit_on_sigterm`). When this process is killed so hard that it can do nothing any more, the kernel
sends SIGTERM to the services (``PR_SET_PDEATHSIG``), and they end their own children; :mod:`demo.guard` ends
what does not obey.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn

import psutil

#: how long a service may take to end by itself, seconds
GRACE_SECONDS = 10.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ServiceDied(RuntimeError):
    """A service ended although it should run; the message has the end of its log."""


class Service:
    """
    One running service.

    :param name: for messages, and the name of its log file.
    :param popen: the process, leader of its own group.
    :param log_file: stdout and stderr of the service.
    """

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log_file: Path) -> None:
        self.name = name
        self.popen = popen
        self.log_file = log_file

    def check(self) -> None:
        """
        Return when the service runs.

        :raises ServiceDied: when it ended.
        """
        code = self.popen.poll()
        if code is not None:
            raise ServiceDied(
                f"{self.name} ended with exit code {code}; the end of its log:\n{self.log_tail()}"
            )

    def log_text(self) -> str:
        """Everything that the service printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def log_tail(self, lines: int = 40) -> str:
        """Last lines of the log, indented."""
        return "\n".join("    " + line for line in self.log_text().splitlines()[-lines:])


class Services:
    """
    The services of one demo or test; a context manager that ends them in reverse order of their start.

    Start them from the main thread: the kernel's notice of death is tied to the thread that started them.

    :param log_folder: gets one log file per service.
    """

    def __init__(self, log_folder: Path) -> None:
        self.log_folder = log_folder
        self._running: list[Service] = []
        self._guard: subprocess.Popen[str] | None = None

    def __enter__(self) -> Services:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
    ) -> Service:
        """
        Start a service.

        :param name: unique among these services.
        :param command: argument list; no shell.
        :param environment: the whole environment; None for this process' own.
        :param folder: working directory.
        :param user: name of the user that it runs as; None for this process' own.
        """
        self.log_folder.mkdir(parents=True, exist_ok=True)
        log_file = self.log_folder / f"{name}.log"
        with log_file.open("ab") as log:
            popen = subprocess.Popen(
                list(command),
                env=dict(environment) if environment is not None else None,
                cwd=folder,
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._watch_over(popen.pid)
        service = Service(name, popen, log_file)
        self._running.append(service)
        return service

    def _watch_over(self, pid: int) -> None:
        """Tell the guard of a service; see :mod:`demo.guard`."""
        if self._guard is None:
            # A session of its own: Ctrl-C is for this process, which ends the services itself.
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "demo.guard"],
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        print(pid, file=self._guard.stdin, flush=True)

    def crash(self, service: Service) -> None:
        """
        Kill a service as a crash would: SIGKILL, and nothing else ends in its place.

        :param service: one of these services; another may be started under its name afterwards.
        """
        descendants = _descendants(service)
        _signal_group(service, signal.SIGKILL)
        service.popen.wait()
        for child in descendants:
            _kill(child)
        self._running.remove(service)

    def check(self) -> None:
        """
        Return when all services run.

        :raises ServiceDied: for the first that ended.
        """
        for service in self._running:
            service.check()

    def stop(self) -> None:
        """End all services and what they started: SIGTERM, then SIGKILL; safe to repeat."""
        with _undisturbed():
            self._stop()

    def _stop(self) -> None:
        services, self._running = self._running[::-1], []
        descendants = [child for service in services for child in _descendants(service)]
        for service in services:
            _signal_group(service, signal.SIGTERM)
        leaders = [psutil.Process(s.popen.pid) for s in services if s.popen.poll() is None]
        psutil.wait_procs(leaders, timeout=GRACE_SECONDS)
        for service in services:
            _signal_group(service, signal.SIGKILL)
            service.popen.wait()
        # What left its service's group, as the workers of some Airflow versions do.
        strays = psutil.wait_procs(descendants, timeout=0)[1]
        for stray in strays:
            _kill(stray)
        psutil.wait_procs(strays, timeout=GRACE_SECONDS)
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.communicate()


def exit_on_sigterm() -> None:
    """Let SIGTERM leave the program as an exception does, so that ``with`` blocks end what they started."""

    def leave(signum: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, leave)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let an impatient second Ctrl-C not interrupt the ending: it would leave processes behind."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _end_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _descendants(service: Service) -> list[psutil.Process]:
    try:
        return psutil.Process(service.popen.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal_group(service: Service, number: signal.Signals) -> None:
    # The group outlives its leader while it has members; ProcessLookupError says that it has none.
    try:
        os.killpg(service.popen.pid, number)
    except ProcessLookupError:
        return


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
