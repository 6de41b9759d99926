"""An emulator that ends, or is killed, and begins again on the same root directory: nothing is lost."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError

from tests.contract.clients import SyncBatch, completed, pool_body, wait_for
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess

JSON = {"content-type": "application/json; odata=minimalmetadata"}

pytestmark = pytest.mark.emulator_only(reason="its own state")


def settled(batch: SyncBatch, pool_id: str) -> Any:
    """A pool that has what it wants."""
    return wait_for(lambda: batch.call("get_pool", pool_id), lambda pool: pool.allocation_state == "steady")


# --- one thing after another --------------------------------------------------------------------------


def end_kindly(emulator: EmulatorProcess) -> None:
    assert emulator.stop() == 0


def kill(emulator: EmulatorProcess) -> None:
    emulator.kill()


@pytest.mark.parametrize("end", [end_kindly, kill])
@pytest.mark.parametrize("executor", ["local", "simulated"])
def test_account_goes_on_where_it_was(tmp_path: Path, end: Callable[[EmulatorProcess], None], executor: str):
    arguments = ("--executor", executor, "--simulated-seconds", "0.3")
    with EmulatorProcess.start(tmp_path / "root", arguments=arguments) as emulator:
        batch = SyncBatch(emulator)
        batch.call("create_pool", pool_body("p", targetDedicatedNodes=1, taskSlotsPerNode=2))
        batch.call("create_job", {"id": "j", "poolInfo": {"poolId": "p"}})
        batch.call("create_task", "j", {"id": "done", "commandLine": "/bin/echo hello"})
        before = completed(batch, "j", "done").as_dict()
        batch.call("create_task", "j", {"id": "running", "commandLine": "/bin/sleep 0.3"})
        batch.close()
        end(emulator)
        port = emulator.port
    with EmulatorProcess.start(tmp_path / "root", arguments=arguments, port=port) as emulator:
        batch = SyncBatch(emulator)
        assert batch.call("get_task", "j", "done").as_dict() == before
        after = completed(batch, "j", "running")
        assert after.execution_info.exit_code == 0
        assert after.execution_info.requeue_count == 0
        if executor == "local":
            assert batch.call("download_task_file", "j", "done", "stdout.txt") == b"hello\n"
        with pytest.raises(ResourceExistsError):
            batch.call("create_job", {"id": "j", "poolInfo": {"poolId": "p"}})
        batch.close()
        assert emulator.stderr == ""


def test_time_and_answers_go_on_and_the_command_line_goes_before_them(tmp_path: Path):
    with EmulatorProcess.start(tmp_path / "root") as emulator:
        emulator.assume("wall_clock", "total")
        emulator.assume("task_order", "creation")
        emulator.advance(3 * 86_400)
        batch = SyncBatch(emulator)
        batch.call("create_job", {"id": "j", "poolInfo": {"poolId": "p"}})
        created = batch.call("get_job", "j").creation_time
        batch.close()
        emulator.kill()
    with EmulatorProcess.start(tmp_path / "root", arguments=("--assume", "task_order=id")) as emulator:
        listed = emulator.control("GET", "/_emulator/assumptions")
        answers = {fact["name"]: fact["value"] for fact in listed["assumptions"]}
        assert (answers["wall_clock"], answers["task_order"]) == ("total", "id")
        assert emulator.now() >= created.strftime("%Y-%m-%dT%H:%M:%S")


# --- at any moment ------------------------------------------------------------------------------------


@dataclass
class Load:
    """
    A user who never rests.

    :ivar tasks: answered with success.
    :ivar asked: asked for, answered or not.
    :ivar ended: seen completed, with the time of their end.
    :ivar targets: of the second pool: the last that was answered, and all that were asked for since.
    """

    locks: Path
    tasks: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    ended: dict[str, Any] = field(default_factory=dict)
    targets: list[int] = field(default_factory=lambda: [0])
    wrong: list[BaseException] = field(default_factory=list)

    def run(self, emulator: EmulatorProcess) -> None:
        """Work until the emulator is gone."""
        batch = SyncBatch(emulator)
        try:
            while True:
                self._submit(batch)
                self._resize(emulator)
                for task in batch.call("list_tasks", "j"):
                    if task.state == "completed":
                        self.ended.setdefault(task.id, task.execution_info.end_time)
        except (AzureError, OSError, HTTPException) as error:
            if isinstance(error, HttpResponseError) and error.status_code is not None:
                self.wrong.append(error)
            # Else it is gone.
        finally:
            batch.close()

    def _submit(self, batch: SyncBatch) -> None:
        ids = [f"t{len(self.asked) + number}" for number in range(3)]
        self.asked.update(ids)
        # Fails when two of it run at once, those of an earlier life included.
        tasks = [
            {"id": i, "commandLine": f"/usr/bin/flock -n -E 9 {self.locks}/{i} sh -c 'echo {i}; sleep 0.2'"}
            for i in ids
        ]
        batch.call("create_task", "j", tasks[0])
        self.tasks.add(ids[0])
        batch.call("create_task_collection", "j", {"value": tasks[1:]})
        self.tasks.update(ids[1:])

    def _resize(self, emulator: EmulatorProcess) -> None:
        target = (self.targets[-1] + 1) % 4
        self.targets.append(target)
        answer = send(emulator, "POST", "/pools/q/resize", {"targetDedicatedNodes": target}, headers=JSON)
        if answer.status == 202:
            self.targets = [target]
        else:
            assert answer.code == "PoolBeingResized"
            del self.targets[-1]


def test_kill_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path):
    moments = random.Random(20300101)  # noqa: S311 - no secret: it is to be the same again
    load = Load(tmp_path)
    for life in range(5):
        with EmulatorProcess.start(tmp_path / "root") as emulator:
            batch = SyncBatch(emulator)
            if not life:
                batch.call("create_pool", pool_body("p", targetDedicatedNodes=2, taskSlotsPerNode=4))
                batch.call("create_pool", pool_body("q", targetDedicatedNodes=0))
                batch.call("create_job", {"id": "j", "poolInfo": {"poolId": "p"}})
            check(batch, load)
            batch.close()
            worker = threading.Thread(target=load.run, args=(emulator,))
            worker.start()
            # The moment must not depend on what the emulator does: that is the point.
            time.sleep(moments.uniform(0.3, 4.0))
            emulator.kill()
            worker.join(30)
            assert not worker.is_alive()
            assert load.wrong == []
            assert "Traceback" not in emulator.stderr
    with EmulatorProcess.start(tmp_path / "root") as emulator:
        batch = SyncBatch(emulator)
        check(batch, load)
        tasks = wait_for(
            lambda: batch.call("list_tasks", "j"),
            lambda tasks: all(task.state == "completed" for task in tasks),
            limit_seconds=120,
        )
        for task in tasks:
            info = task.execution_info
            assert (info.exit_code, info.retry_count, info.requeue_count) == (0, 0, 0), task.id
            text = batch.call("download_task_file", "j", task.id, "stdout.txt")
            assert text == f"{task.id}\n".encode()
        assert len(load.ended) > 0
        nodes = len(batch.call("list_nodes", "q"))
        assert nodes == settled(batch, "q").current_dedicated_nodes
        batch.close()


def check(batch: SyncBatch, load: Load) -> None:
    """Compare what is there with what was answered."""
    tasks = {task.id: task for task in batch.call("list_tasks", "j")}
    assert load.tasks <= tasks.keys() <= load.asked
    for task_id, end_time in load.ended.items():
        assert tasks[task_id].state == "completed"
        assert tasks[task_id].execution_info.end_time == end_time
    assert settled(batch, "q").target_dedicated_nodes in load.targets
    load.targets = [batch.call("get_pool", "q").target_dedicated_nodes]
    load.tasks = set(tasks)


# --- files that are none ------------------------------------------------------------------------------


def refused(root: Path, *arguments: str) -> str:
    """Start an emulator that must refuse; return what it says."""
    command = [sys.executable, "-m", "airflow_provider_batch.emulator", "serve", "--port", "0"]
    result = subprocess.run(
        [*command, "--root", str(root), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root directory that was used."""
    folder = tmp_path / "root"
    with EmulatorProcess.start(folder) as emulator:
        batch = SyncBatch(emulator)
        batch.call("create_job", {"id": "j", "poolInfo": {"poolId": "p"}})
        batch.close()
        emulator.kill()
    return folder


def test_root_of_another_account_is_refused(root: Path):
    assert "--account-name devbatch" in refused(root, "--account-name", "other")


def test_root_of_a_newer_version_is_refused(root: Path):
    with closing(sqlite3.connect(root / "state.db", isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 1000")
    assert "newer emulator" in refused(root)


def test_damaged_state_is_refused_by_name(root: Path):
    (root / "state.db").write_bytes(b"no database" * 1000)
    text = refused(root)
    assert str(root / "state.db") in text
    assert "remove" in text


def test_half_written_log_opens_with_what_is_whole(root: Path):
    log = root / "state.db-wal"
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 100)
    with EmulatorProcess.start(root) as emulator:
        batch = SyncBatch(emulator)
        assert len(batch.call("list_jobs")) <= 1
        batch.close()
