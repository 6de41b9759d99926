"""The program itself: what it says when it starts, what it refuses, how it ends."""

from __future__ import annotations

import base64
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_batch.emulator import DEFAULT_ACCOUNT_KEY, DEFAULT_ACCOUNT_NAME
from tests.contract.clients import SyncBatch, completed, pool_body, wait_for
from tests.contract.raw import send
from tests.emulator_process import ACCOUNT_KEY, ACCOUNT_NAME, EmulatorProcess

ANY_ADDRESS = "0.0.0.0"  # noqa: S104

pytestmark = pytest.mark.emulator_only(reason="the program is the emulator's own")


def refused(*arguments: str) -> str:
    """Run the program, which must end by itself with a usage error; returns what it wrote on stderr."""
    command = [sys.executable, "-m", "airflow_provider_batch.emulator", "serve", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    return result.stderr


def test_default_account_is_the_documented_one():
    assert (DEFAULT_ACCOUNT_NAME, DEFAULT_ACCOUNT_KEY) == (ACCOUNT_NAME, ACCOUNT_KEY)
    assert b"not a secret" in base64.b64decode(DEFAULT_ACCOUNT_KEY)


def test_taken_port_is_named_with_the_remedy(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = refused("--port", str(port), "--root", str(tmp_path))
    assert f"port {port}" in text
    assert "--port" in text


@pytest.mark.parametrize("host", [ANY_ADDRESS, "::"])
def test_address_that_others_reach_needs_its_flag(host: str):
    assert "--allow-non-loopback" in refused("--host", host, "--port", "0")


def test_flag_permits_an_address_that_others_reach_but_not_their_host_names(tmp_path: Path):
    flags = ("--host", ANY_ADDRESS, "--allow-non-loopback", "--allowed-host", "emulator")
    with EmulatorProcess.start(tmp_path / "root", arguments=flags) as emulator:
        assert send(emulator, "GET", "/_emulator/health", headers={"Host": "emulator:10010"}).status == 200
        assert send(emulator, "GET", "/_emulator/health", headers={"Host": "other:10010"}).status == 421


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--account-key", "not base64"), "--account-key"),
        (("--account-name", "No Name"), "--account-name"),
        (("--port", "70000"), "--port"),
        (("--port", "many"), "--port"),
        (("--host", "no.such.host.invalid"), "--host"),
        (("--root", "/proc/nowhere"), "--root"),
        (("--node-start-seconds", "-1"), "--node-start-seconds"),
        (("--subscription-id", "mine"), "--subscription-id"),
        (("--resource-group", "a/b"), "--resource-group"),
        (("--location", "West Europe"), "--location"),
        (("--auto-storage", "AccountName=a"), "--auto-storage"),
        (("--bearer-token", "é"), "--bearer-token"),
    ],
)
def test_bad_option_is_named(arguments: tuple[str, ...], named: str):
    assert named in refused(*(() if "--port" in arguments else ("--port", "0")), *arguments)


def test_random_key_is_said_on_stderr_and_holds(tmp_path: Path):
    with EmulatorProcess.start(tmp_path / "root", account_key="random") as emulator:
        line = wait_for(lambda: emulator.stderr.strip())
        emulator.account_key = line.rpartition(" ")[2]
        assert emulator.account_key != DEFAULT_ACCOUNT_KEY
        assert send(emulator, "GET", "/pools").status == 200
        emulator.account_key = DEFAULT_ACCOUNT_KEY
        assert send(emulator, "GET", "/pools").status == 403


def test_root_folder_is_for_its_owner_only(tmp_path: Path):
    with EmulatorProcess.start(tmp_path / "new" / "root") as emulator:
        assert emulator.root.stat().st_mode & 0o777 == 0o700


def test_folder_that_holds_something_else_is_neither_used_nor_changed(tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    (folder / "letter.txt").touch()
    assert "--root" in refused("--port", "0", "--root", str(folder))
    assert folder.stat().st_mode & 0o777 == 0o755


def test_folder_of_another_emulator_is_refused(tmp_path: Path):
    with EmulatorProcess.start(tmp_path / "root"):
        text = refused("--port", "0", "--root", str(tmp_path / "root"))
    assert "another emulator uses the directory" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_emulator_and_every_process_of_its_tasks(tmp_path: Path, number: signal.Signals):
    with EmulatorProcess.start(tmp_path / "root") as emulator:
        batch = SyncBatch(emulator)
        batch.call("create_pool", pool_body("p", targetDedicatedNodes=1))
        batch.call("create_job", {"id": "j", "poolInfo": {"poolId": "p"}})
        script = f"sleep 100 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/parent; wait"
        batch.call("create_task", "j", {"id": "t", "commandLine": f"/bin/sh -c '{script}'"})
        pids = [int(wait_for(partial(text_of, tmp_path / name))) for name in ("child", "parent")]
        batch.close()
        emulator.process.send_signal(number)
        assert emulator.process.wait(20) == 0
        for pid in pids:
            wait_for(partial(ended, pid))
        assert "Traceback" not in emulator.stderr


def test_default_log_is_quiet(tmp_path: Path):
    with EmulatorProcess.start(tmp_path / "root") as emulator:
        send(emulator, "GET", "/pools")
        send(emulator, "GET", "/nonsense")
        emulator.stop()
        assert emulator.stderr == ""


def test_two_emulators_do_not_disturb_each_other(tmp_path: Path):
    with EmulatorProcess.start(tmp_path / "a") as one, EmulatorProcess.start(tmp_path / "b") as other:
        first, second = SyncBatch(one), SyncBatch(other)
        first.call("create_pool", pool_body("p", targetDedicatedNodes=1))
        assert second.call("list_pools") == []
        first.call("create_job", {"id": "j", "poolInfo": {"poolId": "p"}})
        first.call("create_task", "j", {"id": "t", "commandLine": "true"})
        assert completed(first, "j", "t").execution_info.exit_code == 0
        first.close()
        second.close()


def text_of(path: Path) -> str:
    """What is in a file, nothing while there is none."""
    return path.read_text() if path.exists() else ""


def ended(pid: int) -> bool:
    """Whether a process runs no longer (a zombie does not run)."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return True
