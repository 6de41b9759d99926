"""
What people and accidents do to a group of tasks, in a real Airflow: the outcome is that of plain Airflow.

Each test drives one run of a DAG in ``dags/group_life.py`` through files in a folder of its own, and counts
how often every member ran. After each, no job of the run is left active.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from azure.batch.models import BatchJob, BatchTask

from airflow_provider_batch.version_compat import MIRRORS_SUPPORTED
from demo.airflow_rest import TaskInstance
from demo.emulator_service import CONNECTION_ID
from demo.waiting import wait_for
from tests.system.conftest import Stack
from tests.system.gate import Gate, gate_to

pytestmark = pytest.mark.system

LIMIT_SECONDS = 120.0
ONCE = {"a": 1, "b": 1, "c": 1, "d": 1}


class GroupLife:
    """
    One run of one of the DAGs.

    :param name: of the DAG, without its prefix.
    :param folder: through which the test tells the members what to do.
    """

    def __init__(self, stack: Stack, name: str, folder: Path) -> None:
        self.stack = stack
        self.dag_id = f"group_life_{name}"
        self.folder = folder
        self.run_id = ""

    # --- what the members are told -------------------------------------------------------------------

    def hold(self, *names: str) -> None:
        """Let these members run until :meth:`release`."""
        for name in names:
            (self.folder / f"{name}.hold").touch()

    def release(self, *names: str) -> None:
        """Let these members end."""
        for name in names:
            (self.folder / f"{name}.hold").unlink()

    def fail(self, name: str, times: int) -> None:
        """Let the member's first runs fail."""
        (self.folder / f"{name}.failures").write_text(str(times))

    def runs(self) -> dict[str, int]:
        """How often each member ran, by what the members noted themselves."""
        return {file.stem: file.read_text().count("run") for file in sorted(self.folder.glob("*.runs"))}

    # --- the run --------------------------------------------------------------------------------------

    def start(self, run_id: str | None = None) -> GroupLife:
        self.stack.airflow.wait_for_dag(self.dag_id)
        self.stack.rest.unpause(self.dag_id)
        self.run_id = self.stack.rest.trigger(self.dag_id, {"folder": str(self.folder)}, run_id)
        return self

    def wait(self, condition: Callable[[], object], what: str) -> None:
        def checked() -> bool:
            self.stack.services.check()
            return bool(condition())

        try:
            wait_for(checked, what, limit_seconds=LIMIT_SECONDS)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {self.dag_id}: {self.states()}, runs {self.runs()}") from error

    def wait_until_begun(self, *names: str, runs: int = 1) -> None:
        """Wait until these members run (for the n-th time) and Airflow watches them."""
        self.wait(lambda: all(self.runs().get(n, 0) >= runs for n in names), f"{names} to begin run {runs}")
        self.wait(
            lambda: all("is running on node" in self.log(name) for name in names), f"Airflow to watch {names}"
        )

    def ended(self) -> str:
        """Wait for the end of the run; its state."""
        self.wait(lambda: self.state in ("success", "failed"), "the run to end")
        return self.state

    @property
    def state(self) -> str:
        return self.stack.rest.run_state(self.dag_id, self.run_id)

    def tasks(self) -> dict[str, TaskInstance]:
        """The task instances, by name without the group."""
        found = self.stack.rest.task_instances(self.dag_id, self.run_id)
        return {task.name.removeprefix("g."): task for task in found}

    def task(self, name: str) -> TaskInstance:
        return self.tasks()[name]

    def states(self) -> Mapping[str, str | None]:
        """States of the members."""
        return {name: task.state for name, task in self.tasks().items() if name not in ("launch", "finish")}

    def log(self, name: str) -> str:
        """Log of a member's current try; Batch may have started the member before Airflow did."""
        task = self.task(name)
        if not task.try_number:
            return ""
        return "\n".join(self.stack.rest.log_page(self.dag_id, self.run_id, task)[0])

    def clear(self, *names: str, only_failed: bool = False) -> None:
        """Clear tasks and what comes after them."""
        ids = [f"g.{name}" for name in names]
        self.stack.rest.clear(self.dag_id, self.run_id, ids, only_failed=only_failed)

    # --- Batch ----------------------------------------------------------------------------------------

    def jobs(self) -> list[BatchJob]:
        """Every job of this DAG and run id, oldest first."""
        found = []
        for job in self.stack.batch.list_jobs():
            owners = {item.name: item.value for item in job.metadata or ()}
            if (owners.get("airflow_dag_id"), owners.get("airflow_run_id")) == (self.dag_id, self.run_id):
                found.append(job)
        return sorted(found, key=lambda job: job.creation_time)

    def batch_tasks(self) -> list[BatchTask]:
        """Every Batch task of this run, over all its jobs, oldest first."""
        found = [
            self.stack.batch.get_task(job.id, task.id)
            for job in self.jobs()
            for task in self.stack.batch.list_tasks(job.id)
        ]
        return sorted(found, key=lambda task: task.creation_time)

    def wait_until_nothing_is_left(self) -> None:
        self.wait(
            lambda: all(job.state in ("completed", "terminating", "deleting") for job in self.jobs()),
            "no job to be left active",
        )
        self.wait(
            lambda: all(task.state != "running" for task in self.batch_tasks()), "no task to be left running"
        )


@pytest.fixture
def live(stack: Stack, tmp_path: Path) -> Iterator[Callable[[str], GroupLife]]:
    made = []

    def make(name: str) -> GroupLife:
        made.append(GroupLife(stack, name, tmp_path))
        return made[-1]

    yield make
    for life in made:
        life.wait_until_nothing_is_left()


Live = Callable[[str], GroupLife]


# --- retries --------------------------------------------------------------------------------------------


def test_member_that_fails_is_retried_in_its_own_batch_task_and_its_children_run(live: Live) -> None:
    life = live("retried")
    life.fail("b", 2)
    life.start()
    assert life.ended() == "success"
    assert life.runs() == ONCE | {"b": 3}
    assert life.task("b").try_number == 3
    assert len(life.batch_tasks()) == len(ONCE), "a retry reactivates its Batch task"


def test_member_without_retries_left_fails_and_its_children_do_not_run(live: Live) -> None:
    life = live("diamond")
    life.fail("b", 1)
    life.start()
    assert life.ended() == "failed"
    assert life.states() == {"a": "success", "b": "failed", "c": "success", "d": "upstream_failed"}
    assert life.runs() == {"a": 1, "b": 1, "c": 1}


def test_late_member_runs_after_the_failure_that_it_waits_for(live: Live) -> None:
    life = live("late")
    life.fail("b", 1)
    life.start()
    assert life.ended() == "success"
    assert life.runs() == {"a": 1, "b": 1, "z": 1}


# --- clears ---------------------------------------------------------------------------------------------

#: what is cleared: how often each member has run in the end
CLEARED = {
    "d": {"d": 2},
    "b": {"b": 2, "d": 2},
    "a b c d": {"a": 2, "b": 2, "c": 2, "d": 2},
}


@pytest.mark.parametrize("names", CLEARED)
def test_clear_after_the_run_runs_again_what_airflow_says(live: Live, names: str) -> None:
    life = live("diamond").start()
    assert life.ended() == "success"
    life.wait_until_nothing_is_left()
    life.clear(*names.split())
    assert life.ended() == "success"
    assert life.runs() == ONCE | CLEARED[names]
    assert set(life.states().values()) == {"success"}


def test_clear_runs_members_that_start_on_workers_once(live: Live) -> None:
    life = live("on_workers").start()
    assert life.ended() == "success"
    life.wait_until_nothing_is_left()
    life.clear("b")
    assert life.ended() == "success"
    assert life.runs() == ONCE | {"b": 2, "d": 2}
    assert life.task("b").try_number == 2


def test_clear_of_a_run_that_has_ended_runs_all_of_it_again(live: Live) -> None:
    life = live("diamond").start()
    assert life.ended() == "success"
    life.wait_until_nothing_is_left()
    life.stack.rest.clear_run(life.dag_id, life.run_id)
    life.wait(lambda: life.runs() == dict.fromkeys(ONCE, 2), "every member to run again")
    assert life.ended() == "success"
    assert life.runs() == dict.fromkeys(ONCE, 2)


def test_clear_of_a_member_while_another_runs_does_not_disturb_that(live: Live) -> None:
    life = live("diamond")
    life.hold("c")
    life.start()
    life.wait_until_begun("c")
    life.wait(lambda: life.task("b").state == "success", "b to succeed")
    life.clear("b")
    life.wait(lambda: life.runs()["b"] == 2, "b to run again")
    life.release("c")
    assert life.ended() == "success"
    assert life.runs() == ONCE | {"b": 2}


def test_clear_of_a_member_that_runs_ends_its_batch_task_and_runs_it_again(live: Live) -> None:
    life = live("diamond")
    life.hold("b")
    life.start()
    life.wait_until_begun("b")
    life.clear("b")
    life.wait(lambda: life.runs()["b"] == 2, "b to run again")
    life.wait(
        lambda: len([task for task in life.batch_tasks() if task.state == "running"]) == 1,
        "the first run of b to be ended",
    )
    life.release("b")
    assert life.ended() == "success"
    assert life.runs() == ONCE | {"b": 2}


def test_clear_of_a_branch_while_its_end_runs_runs_both_again(live: Live) -> None:
    life = live("diamond")
    life.hold("d")
    life.start()
    life.wait_until_begun("d")
    life.clear("b")
    life.wait_until_begun("d", runs=2)
    life.release("d")
    assert life.ended() == "success"
    assert life.runs() == ONCE | {"b": 2, "d": 2}


def test_clear_of_the_group_while_it_runs_runs_all_of_it_again(live: Live) -> None:
    life = live("diamond")
    life.hold("d")
    life.start()
    life.wait_until_begun("d")
    life.clear("a", "b", "c", "d")
    life.wait_until_begun("d", runs=2)
    life.release("d")
    assert life.ended() == "success"
    assert life.runs() == dict.fromkeys(ONCE, 2)


def test_clear_of_what_failed_runs_that_and_its_children_only(live: Live) -> None:
    life = live("diamond")
    life.fail("b", 1)
    life.start()
    assert life.ended() == "failed"
    life.wait_until_nothing_is_left()
    life.clear("b", "d", only_failed=True)
    assert life.ended() == "success"
    assert life.runs() == ONCE | {"b": 2}


def test_clear_of_a_mapped_member_runs_every_index_again(live: Live) -> None:
    life = live("mapped").start()
    assert life.ended() == "success"
    life.wait_until_nothing_is_left()
    life.clear("m")
    assert life.ended() == "success"
    assert life.runs() == {"a": 1, "m0": 2, "m1": 2, "m2": 2, "z": 2}


# --- marks ----------------------------------------------------------------------------------------------


def test_member_marked_success_is_ended_in_batch_and_its_children_run(live: Live) -> None:
    life = live("diamond")
    life.hold("b")
    life.start()
    life.wait_until_begun("b")
    life.stack.rest.set_state(life.dag_id, life.run_id, life.task("b"), "success")
    assert life.ended() == "success"
    assert life.runs() == ONCE
    assert life.states() == dict.fromkeys(ONCE, "success")


def test_member_marked_failed_is_ended_in_batch_and_its_children_do_not_run(live: Live) -> None:
    life = live("diamond")
    life.hold("b")
    life.start()
    life.wait_until_begun("b")
    life.stack.rest.set_state(life.dag_id, life.run_id, life.task("b"), "failed")
    assert life.ended() == "failed"
    assert life.states() == {"a": "success", "b": "failed", "c": "success", "d": "upstream_failed"}
    assert life.runs() == {"a": 1, "b": 1, "c": 1}


def test_run_marked_failed_ends_everything_in_batch(live: Live) -> None:
    life = live("diamond")
    life.hold("b", "c")
    life.start()
    life.wait_until_begun("b", "c")
    life.stack.rest.set_run_state(life.dag_id, life.run_id, "failed")
    life.wait_until_nothing_is_left()
    # Not the state of the run: where a teardown is to run yet, Airflow leaves it to the run's last tasks.
    life.ended()
    assert life.states() == {"a": "success", "b": "failed", "c": "failed", "d": "skipped"}
    assert life.runs() == {"a": 1, "b": 1, "c": 1}


# --- accidents ------------------------------------------------------------------------------------------


def test_members_survive_a_triggerer_that_is_killed(live: Live) -> None:
    life = live("diamond")
    life.hold("b", "c")
    life.start()
    life.wait_until_begun("b", "c")
    life.stack.airflow.crash("triggerer")
    life.release("b", "c")
    life.stack.airflow.start_component("triggerer")
    assert life.ended() == "success"
    assert life.runs() == ONCE
    assert {name: task.try_number for name, task in life.tasks().items() if name in ONCE} == ONCE


@pytest.fixture(scope="module")
def gate(stack: Stack) -> Iterator[Gate]:
    connection = json.loads(stack.airflow.environment[f"AIRFLOW_CONN_{CONNECTION_ID.upper()}"])
    with gate_to(connection["extra"]["account_url"]) as gate:
        stack.rest.create_connection("gated", connection | {"extra": {"account_url": gate.url}})
        yield gate


@pytest.mark.parametrize(
    ("method", "path", "answered"),
    [
        pytest.param("POST", "^/jobs", False, id="before the job is created"),
        pytest.param("POST", "^/jobs", True, id="after the job was created"),
        pytest.param("POST", "/addtaskcollection", False, id="before tasks are added"),
        pytest.param("POST", "/addtaskcollection", True, id="after tasks were added"),
        pytest.param("PATCH", "/jobs/", False, id="before its last request"),
    ],
)
def test_launch_that_was_killed_is_completed_by_its_retry(
    live: Live, gate: Gate, method: str, path: str, answered: bool
) -> None:
    life = live("gated")
    gate.close(method, path, answered=answered)
    life.start()
    gate.wait_until_reached()
    os.kill(worker_of(life, "g.launch"), signal.SIGKILL)
    gate.cut()
    assert life.ended() == "success"
    assert life.task("launch").try_number == 2
    assert life.runs() == ONCE
    assert len(life.jobs()) == 1
    assert len(life.batch_tasks()) == len(ONCE)


# --- whose work it is -----------------------------------------------------------------------------------


def test_run_that_was_deleted_and_created_again_does_its_work_again(live: Live) -> None:
    life = live("diamond").start(run_id="again")
    assert life.ended() == "success"
    life.stack.rest.delete_run(life.dag_id, life.run_id)
    life.start(run_id="again")
    assert life.ended() == "success"
    assert life.runs() == dict.fromkeys(ONCE, 2)
    assert len(life.jobs()) == 2


def test_job_says_which_dag_run_group_and_generation_it_belongs_to(live: Live) -> None:
    life = live("diamond").start()
    assert life.ended() == "success"
    (job,) = life.jobs()
    said = {item.name: item.value for item in job.metadata or ()}
    assert said["airflow_dag_id"] == life.dag_id
    assert said["airflow_run_id"] == life.run_id
    assert said["airflow_group_id"] == "g"
    assert said["airflow_generation"] == "1"


@pytest.mark.skipif(not MIRRORS_SUPPORTED, reason="Airflow 3.0 to 3.2 start no task in the triggerer")
def test_eager_members_need_no_worker(live: Live) -> None:
    life = live("diamond").start()
    assert life.ended() == "success"
    assert Counter(workers_of(life).values())[True] == 2
    assert [name for name, worker in workers_of(life).items() if worker] == ["g.finish", "g.launch"]


def test_hours_of_members_add_up_to_those_of_their_run(live: Live) -> None:
    life = live("diamond").start()
    assert life.ended() == "success"
    tasks = life.tasks()
    results = {name: life.stack.rest.xcom(life.dag_id, life.run_id, tasks[name]) for name in life.states()}
    run = life.stack.rest.xcom(life.dag_id, life.run_id, tasks["finish"])
    hours = [result["node_hours"] for result in results.values()]
    assert all(held > 0 for held in hours)
    assert sum(hours) == pytest.approx(run["node_hours"], abs=1e-8)


def workers_of(life: GroupLife) -> dict[str, bool]:
    """Whether a worker ran the task, by what Airflow wrote into its database."""
    return {name: pid is not None for name, pid in _pids(life).items()}


def worker_of(life: GroupLife, task_id: str) -> int:
    """The process that runs a task's code."""
    pid = _pids(life)[task_id]
    assert pid is not None
    assert psutil.pid_exists(pid)
    return pid


def _pids(life: GroupLife) -> dict[str, int | None]:
    database = life.stack.airflow.home / "airflow.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "select task_id, pid from task_instance where dag_id = ? and run_id = ? order by task_id",
            (life.dag_id, life.run_id),
        ).fetchall()
    connection.close()
    return dict(rows)
