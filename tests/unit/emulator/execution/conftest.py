"""Fixtures for real processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.execution.executor import LocalExecutor
from airflow_provider_batch.emulator.execution.layout import Layout
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.machine.instructions import (
    KillProcess,
    PrepareNode,
    RunKind,
    RunProcess,
)
from airflow_provider_batch.emulator.model.commands import Command, EnvironmentSetting, OutputFile, Resource
from airflow_provider_batch.emulator.model.containers import (
    ContainerInfo,
    ContainerRegistry,
    ContainerSettings,
)
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.multi_instance import InstancePlace

WAIT_SECONDS = 20.0


@dataclass
class Heard:
    """What was reported of one run."""

    started: bool = False
    exit_code: int | None = None
    failure: FailureInfo | None = None
    over: bool = False
    coordinated: bool = False
    upload_failure: FailureInfo | None = None
    container: ContainerInfo | None = None


@dataclass
class Listener:
    """Hears the executor's reports, and waits for them."""

    runs: dict[int, Heard] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def started(self, run_id: int) -> None:
        with self.changed:
            self.runs[run_id].started = True
            self.changed.notify_all()

    def coordinated(self, run_id: int) -> None:
        with self.changed:
            self.runs[run_id].coordinated = True
            self.changed.notify_all()

    def exited(
        self,
        run_id: int,
        exit_code: int | None,
        upload_failure: FailureInfo | None = None,
        container: ContainerInfo | None = None,
    ) -> None:
        with self.changed:
            self.runs[run_id].exit_code = exit_code
            self.runs[run_id].upload_failure = upload_failure
            self.runs[run_id].container = container
            self.runs[run_id].over = True
            self.changed.notify_all()

    def not_started(self, run_id: int, failure: FailureInfo) -> None:
        with self.changed:
            self.runs[run_id].failure = failure
            self.runs[run_id].over = True
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, WAIT_SECONDS), f"waited in vain: {self.runs}"


class Node:
    """One node with an executor: runs commands and tells what became of them."""

    def __init__(self, root: Path, settings: ExecutionSettings) -> None:
        self.listener = Listener()
        self.append_output = False
        self.layout = Layout(root)
        account = ("devbatch", "http://127.0.0.1:10010")
        self.executor = LocalExecutor(self.layout, lambda: account, self.listener, settings)
        self.executor.prepare_node(PrepareNode("p", "n"))

    @property
    def directory(self) -> Path:
        """Directory of the task."""
        return self.layout.node("p", "n") / "workitems" / "j" / "job-1" / "t"

    def start(
        self,
        command_line: str,
        *,
        environment: dict[str, str] | None = None,
        resource_files: tuple[Resource, ...] = (),
        output_files: tuple[OutputFile, ...] = (),
        container: ContainerSettings | None = None,
        registries: tuple[ContainerRegistry, ...] | None = None,
        instance: InstancePlace | None = None,
    ) -> int:
        """Start a command as a task; return its run."""
        settings = tuple(EnvironmentSetting(name, value) for name, value in (environment or {}).items())
        run_id = len(self.listener.runs)
        self.listener.runs[run_id] = Heard()
        command = Command(command_line, settings, resource_files, output_files, container=container)
        directory = "workitems/j/job-1/t"
        kind = RunKind.SUBTASK if instance is not None and instance.number else RunKind.TASK
        self.executor.run(
            RunProcess(
                run_id,
                kind,
                "p",
                "n",
                True,
                directory,
                command,
                self.append_output,
                job_id="j",
                task_id="t",
                instance=instance,
                registries=registries,
            )
        )
        return run_id

    def run(self, command_line: str, **options: object) -> Heard:
        """Run a command as a task to its end."""
        run_id = self.start(command_line, **options)  # type: ignore[arg-type]
        self.listener.wait(lambda: self.listener.runs[run_id].over)
        return self.listener.runs[run_id]

    def end(self, run_id: int) -> Heard:
        """End a run, and wait for its end."""
        self.executor.kill(KillProcess(run_id))
        self.listener.wait(lambda: self.listener.runs[run_id].over)
        return self.listener.runs[run_id]

    def wait_for_output(self, text: str) -> None:
        """Wait until a running command has written something."""
        waiting = threading.Event()
        for _ in range(int(WAIT_SECONDS / 0.02)):
            if (self.directory / "stdout.txt").exists() and text in self.stdout:
                return
            waiting.wait(0.02)
        raise AssertionError(f"{text!r} is not in {self.stdout!r}")

    @property
    def stdout(self) -> str:
        """What the task has written so far."""
        return (self.directory / "stdout.txt").read_text()


@pytest.fixture
def settings() -> ExecutionSettings:
    """Settings of the executor; overridden where a test needs others."""
    return ExecutionSettings(kill_grace_seconds=20.0)


@pytest.fixture
def node(tmp_path: Path, settings: ExecutionSettings) -> Iterator[Node]:
    """A node, all of whose processes are ended with the test."""
    made = Node(tmp_path / "root", settings)
    yield made
    made.executor.close()


class _Blobs(BaseHTTPRequestHandler):
    """
    Answers ``/<status>`` with that status, ``/to-file`` with a redirection to a local file, ``/torn`` with
    less than it promises; ``/silent`` gets no answer, and ``/trickling`` one without an end, until
    ``enough`` is set.
    """

    def __init__(self, target: Path, enough: threading.Event, *arguments: object) -> None:
        self.target = target
        self.enough = enough
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        name = self.path.strip("/").split("?")[0]
        if name == "silent":
            self.enough.wait(WAIT_SECONDS)
        elif name == "trickling":
            self._trickle()
        elif name == "torn":
            self._answer(200, "100")
        else:
            self._answer_as_told(name)

    def _trickle(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(ConnectionError):
            while not self.enough.wait(0.02):
                self.wfile.write(b"x")

    def _answer(self, status: int, length: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(b"blob")

    def _answer_as_told(self, name: str) -> None:
        redirects = name == "to-file"
        self.send_response(302 if redirects else int(name))
        if redirects:
            self.send_header("Location", self.target.as_uri())
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"blob")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def blobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server of blobs."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    enough = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Blobs, secret, enough)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        enough.set()
        server.shutdown()
        thread.join()
