"""``make demo``: what it prints, how it ends, and that nothing of it goes on running."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from demo.airflow_services import MAJOR
from demo.waiting import wait_for
from tests.system.conftest import PROJECT

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(MAJOR < 3, reason="the demo runs Airflow 3"),
]

MARKER = "DEMO_TEST_MARKER"
START_LIMIT_SECONDS = 120
RESULT_LIMIT_SECONDS = 200
END_LIMIT_SECONDS = 30


@dataclass
class Demo:
    """A demo that runs as a child process."""

    process: subprocess.Popen[bytes]
    output: Path
    marker: str
    folder: Path

    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, pattern: str, limit_seconds: float) -> re.Match[str]:
        def found() -> re.Match[str] | None:
            match = re.search(pattern, self.printed())
            assert match or self.process.poll() is None, self.printed()
            return match

        return wait_for(found, f"the demo to print {pattern}", limit_seconds=limit_seconds)

    def left_over(self) -> list[str]:
        """Processes of this demo: by its environment, and by the folder that they work in."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get(MARKER) == self.marker
                ours |= Path(process.cwd()).is_relative_to(self.folder)
                if ours and process.status() != psutil.STATUS_ZOMBIE and process.pid != self.process.pid:
                    found.append(f"{process.pid} {process.cmdline()}")
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def wait_until_nothing_is_left(self) -> None:
        wait_for(lambda: not self.left_over(), f"to end: {self.left_over()}", limit_seconds=END_LIMIT_SECONDS)


@contextmanager
def started_demo(tmp_path: Path, **environment: str) -> Iterator[Demo]:
    """Start a demo; whatever the test finds, nothing of it outlives the test."""
    marker = uuid.uuid4().hex
    output = tmp_path / "output.txt"
    folder = tmp_path / "tmp"
    folder.mkdir()
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.run"],
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": str(folder), MARKER: marker, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    demo = Demo(process, output, marker, folder)
    try:
        yield demo
    finally:
        process.kill()
        process.wait()
        demo.wait_until_nothing_is_left()


def taken(port: int) -> socket.socket:
    """Take a port, unless another program has it already."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        return listener
    listener.listen()
    return listener


def test_the_demo_shows_the_tasks_output_and_the_result_also_when_its_ports_are_taken(tmp_path: Path) -> None:
    with taken(8080), taken(10010), started_demo(tmp_path) as demo:
        status = demo.process.wait(RESULT_LIMIT_SECONDS)
        printed = demo.printed()
        assert status == 0, printed
        assert "(port 8080 is taken)" in printed
        assert "(port 10010 is taken)" in printed
        assert re.search(r"count\[2\] \|.*part 2, paragraph 1/", printed), printed
        assert re.search(r"result.*of\n.*the\n", printed, re.DOTALL), printed
        assert re.search(r"The UI was at http://127\.0\.0\.1:\d+", printed)
        assert not demo.left_over()
        assert not list(demo.folder.iterdir())


def test_a_demo_that_is_kept_ends_everything_at_ctrl_c(tmp_path: Path) -> None:
    with started_demo(tmp_path, KEEP="1") as demo:
        shown = demo.wait_for(r"UI: (\S+) +login: (\S+) +password: (\S+)", RESULT_LIMIT_SECONDS)
        login = httpx.post(f"{shown[1]}/auth/token", json={"username": shown[2], "password": shown[3]})
        assert login.status_code == httpx.codes.CREATED

        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(END_LIMIT_SECONDS) == 0, demo.printed()
        assert not demo.left_over()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_while_it_starts_ends_everything(
    tmp_path: Path, number: signal.Signals
) -> None:
    with started_demo(tmp_path) as demo:
        demo.wait_for("starting", START_LIMIT_SECONDS)
        wait_for(lambda: len(demo.left_over()) > 2, "services to run", limit_seconds=START_LIMIT_SECONDS)
        demo.process.send_signal(number)
        assert demo.process.wait(END_LIMIT_SECONDS) == 128 + number, demo.printed()
        assert not demo.left_over()


def test_services_end_by_themselves_when_the_demo_is_killed(tmp_path: Path) -> None:
    with started_demo(tmp_path) as demo:
        demo.wait_for("starting", START_LIMIT_SECONDS)
        wait_for(lambda: len(demo.left_over()) > 5, "services to run", limit_seconds=START_LIMIT_SECONDS)
        demo.process.kill()
        demo.process.wait()
        demo.wait_until_nothing_is_left()
