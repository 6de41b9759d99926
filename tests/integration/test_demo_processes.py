"""The services of the demo end whatever they do, and whatever happens to the demo."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from demo.processes import ServiceDied, Services
from demo.waiting import wait_for

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 20

#: says its pid, then waits
WAITING = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITING
#: its child leaves the process group
WITH_CHILD = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAITING!r}], start_new_session=True)"
)


@pytest.fixture(autouse=True)
def connection() -> None:
    """No emulator is needed here."""


def pid_said_by(log_file: Path) -> int:
    return int(wait_for(log_file.read_text, "a process id", limit_seconds=LIMIT_SECONDS))


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    "program", [WAITING, DEAF, WITH_CHILD], ids=["obedient", "deaf", "child_of_its_own_session"]
)
def test_leaving_the_block_ends_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr("demo.processes.GRACE_SECONDS", 0.5)
    with Services(tmp_path) as services:
        service = services.start("service", [sys.executable, "-c", program])
        pid = pid_said_by(service.log_file)
        assert not gone(pid)
    assert gone(pid)
    assert gone(service.popen.pid)


def test_a_service_that_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Services(tmp_path) as services:
        service = services.start("service", [sys.executable, "-c", "raise SystemExit('no database')"])
        service.popen.wait(LIMIT_SECONDS)
        with pytest.raises(ServiceDied, match=r"service ended with exit code 1.*\n.*no database"):
            services.check()


@pytest.mark.parametrize("waiting", [WAITING, DEAF], ids=["obeys SIGTERM", "does not obey"])
def test_a_service_ends_when_its_parent_is_killed(tmp_path: Path, waiting: str) -> None:
    program = (
        "import signal, sys; from pathlib import Path; from demo.processes import Services\n"
        f"Services(Path({str(tmp_path)!r})).start('service', [sys.executable, '-c', {waiting!r}])\n"
        "signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT)
    log_file = tmp_path / "service.log"
    wait_for(log_file.exists, "the service to start", limit_seconds=LIMIT_SECONDS)
    pid = pid_said_by(log_file)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_for(lambda: gone(pid), "the service to end", limit_seconds=LIMIT_SECONDS)
