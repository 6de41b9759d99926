"""What can happen to a task, made to happen in a real Airflow, and looked at in Airflow and in Batch."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from azure.batch.models import BatchTask

from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS
from demo.airflow_rest import TaskInstance
from demo.waiting import wait_for
from tests.system.conftest import Stack

pytestmark = pytest.mark.system

LIMIT_SECONDS = 120.0
FINISHED = {"success", "failed", "skipped"}


class Life:
    """One run of one of the DAGs in ``dags/task_life.py``."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self.dag_id = f"life_{name}"
        stack.airflow.wait_for_dag(self.dag_id)
        stack.rest.unpause(self.dag_id)
        self.run_id = stack.rest.trigger(self.dag_id, {})

    @property
    def task(self) -> TaskInstance:
        (task,) = self.stack.rest.task_instances(self.dag_id, self.run_id)
        return task

    def wait(self, condition: Callable[[], object], what: str) -> None:
        wait_for(lambda: bool(condition()), f"{self.dag_id}: {what}", limit_seconds=LIMIT_SECONDS)

    def wait_for_state(self, *states: str) -> TaskInstance:
        self.wait(lambda: self.task.state in states, " or ".join(states))
        return self.task

    def finished(self) -> TaskInstance:
        return self.wait_for_state(*FINISHED)

    def wait_for_run(self) -> str:
        self.wait(lambda: self.state in ("success", "failed"), "end of the run")
        return self.state

    @property
    def state(self) -> str:
        return self.stack.rest.run_state(self.dag_id, self.run_id)

    def log(self) -> str:
        return "\n".join(self.stack.rest.log_page(self.dag_id, self.run_id, self.task)[0])

    def batch_tasks(self) -> list[BatchTask]:
        """Every Batch task of this run, over all jobs, oldest first."""
        found = []
        for job in self.stack.batch.list_jobs():
            owners = {item.name: item.value for item in job.metadata or ()}
            if owners.get("airflow_dag_id") == self.dag_id and owners["airflow_run_id"] == self.run_id:
                found += [
                    self.stack.batch.get_task(job.id, t.id) for t in self.stack.batch.list_tasks(job.id)
                ]
        return sorted(found, key=lambda task: task.creation_time)

    def running(self) -> BatchTask:
        """Wait until the Batch task runs and Airflow has let it into the state that the mode is for."""
        self.wait(lambda: [t for t in self.batch_tasks() if t.state == "running"], "its Batch task to run")
        return self.batch_tasks()[-1]

    def shared_file(self, name: str) -> Path:
        """A file in the shared folder of the pool's only node."""
        (folder,) = self.stack.batch_root.glob("**/task-life/*/shared")
        return folder / f"{name}-{self.dag_id}"


@pytest.fixture
def live(stack: Stack) -> Callable[[str], Life]:
    return lambda name: Life(stack, name)


def test_success_that_needs_a_callback_ends_on_a_worker(live: Callable[[str], Life]) -> None:
    life = live("succeeds_with_callback")
    assert life.finished().state == "success"
    life.wait(lambda: "stdout | fine" in life.log(), "its output in the log")


def test_failure_is_explained_in_the_log_of_its_task(live: Callable[[str], Life]) -> None:
    life = live("fails")
    assert life.finished().state == "failed"
    log = life.log()
    assert "reason: FailureExitCode" in log
    assert "no input" in log
    assert life.wait_for_run() == "failed"


def test_exit_code_skips(live: Callable[[str], Life]) -> None:
    life = live("skips")
    assert life.finished().state == "skipped"
    assert life.wait_for_run() == "success"


def test_exit_code_fails_without_using_the_retries(live: Callable[[str], Life]) -> None:
    life = live("fails_for_good")
    task = life.finished()
    assert (task.state, task.try_number) == ("failed", 1)
    assert len(life.batch_tasks()) == 1


def test_failed_task_that_is_retried_runs_again(live: Callable[[str], Life]) -> None:
    life = live("fails_once")
    task = life.finished()
    assert (task.state, task.try_number) == ("success", 2)
    codes = [task.execution_info.exit_code for task in life.batch_tasks() if task.execution_info]
    assert codes == [3, 0]
    assert "second run" in life.log()


@pytest.mark.parametrize("name", ["killed", "killed_on_worker"])
def test_task_marked_failed_ends_exactly_its_batch_task(live: Callable[[str], Life], name: str) -> None:
    life = live(name)
    life.running()
    life.wait_for_state("deferred" if name == "killed" else "running")
    life.wait(lambda: "is running on node" in life.log(), "the watch to begin")
    life.stack.rest.set_state(life.dag_id, life.run_id, life.task, "failed")
    life.wait(lambda: life.batch_tasks()[-1].state == "completed", "its Batch task to be terminated")
    assert failure_code(life.batch_tasks()[-1]) == "TaskEnded"
    assert life.task.state == "failed"


def test_cleared_task_runs_again(live: Callable[[str], Life]) -> None:
    life = live("cleared")
    assert life.finished().state == "success"
    assert life.wait_for_run() == "success"
    life.stack.rest.clear(life.dag_id, life.run_id, ["work"])
    life.wait(lambda: life.task.try_number == 2 and life.task.state == "success", "the second success")
    assert len(life.batch_tasks()) == 2
    assert life.shared_file("runs").read_text() == "run\nrun\n"


def test_execution_timeout_terminates_the_batch_task(live: Callable[[str], Life]) -> None:
    life = live("times_out")
    assert life.finished().state == "failed"
    assert "time ran out" in life.log()
    assert failure_code(life.batch_tasks()[-1]) == "TaskEnded"


@pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="Airflow 3 knows its own deferral")
def test_batch_task_outlives_the_process_that_deferred_it_when_airflow_ends_that(
    live: Callable[[str], Life],
) -> None:
    life = live("slow_to_exit")
    life.running()
    life.wait(lambda: "externally set to deferred. Terminating instance" in life.log(), "the signal")
    life.wait(lambda: "terminated with exit code" in life.log(), "the end of the process")
    life.shared_file("go").touch()
    assert life.finished().state == "success"
    assert life.task.try_number == 1
    assert life.shared_file("runs").read_text() == "run\n"


def test_task_survives_a_triggerer_that_is_killed(live: Callable[[str], Life]) -> None:
    life = live("survives_triggerer")
    life.running()
    life.wait(lambda: "stdout | begun" in life.log(), "the first line of output")
    life.stack.airflow.crash("triggerer")
    life.shared_file("go").touch()
    life.stack.airflow.start_component("triggerer")
    assert life.finished().state == "success"
    assert "stdout | ended" in life.log()
    assert life.shared_file("runs").read_text() == "run\n"


def test_retry_reattaches_to_the_task_of_a_worker_that_was_killed(live: Callable[[str], Life]) -> None:
    life = live("survives_worker")
    life.running()
    life.wait(lambda: "stdout | begun" in life.log(), "the first line of output")
    os.kill(worker_of(life), signal.SIGKILL)
    life.wait(lambda: life.task.try_number == 2, "the second try")
    life.wait(lambda: "reattached" in life.log(), "the retry to reattach")
    life.shared_file("go").touch()
    assert life.finished().state == "success"
    assert life.shared_file("runs").read_text() == "run\n"


def failure_code(task: BatchTask) -> str | None:
    info = task.execution_info and task.execution_info.failure_info
    return info.code if info else None


def worker_of(life: Life) -> int:
    """The process that runs the task's code, as Airflow wrote it into its database."""
    database = life.stack.airflow.home / "airflow.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        (pid,) = connection.execute(
            "select pid from task_instance where dag_id = ? and run_id = ?", (life.dag_id, life.run_id)
        ).fetchone()
    connection.close()
    assert psutil.pid_exists(pid)
    return int(pid)
