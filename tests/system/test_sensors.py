"""Sensors in a real Airflow, for work that the vendor's SDK submits: every mode, and what the log says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from azure.batch import models

from demo.waiting import wait_for
from tests.system.conftest import Stack
from tests.system.test_examples import Example

pytestmark = pytest.mark.system

LIMIT_SECONDS = 60.0


class OtherWork:
    """
    A pool, and a job of two tasks on it, that nobody in Airflow knows of.

    :param name: id of the pool and of the job.
    :param go: file that ends the tasks when it is there.
    """

    def __init__(self, stack: Stack, name: str, go: Path) -> None:
        self.batch, self.name, self.go = stack.batch, name, go

    def make_pool(self) -> None:
        """Make the pool, of one node."""
        self.batch.create_pool(
            models.BatchPoolCreateOptions(
                id=self.name,
                vm_size="standard_d2s_v5",
                virtual_machine_configuration=models.VirtualMachineConfiguration(
                    image_reference=models.BatchVmImageReference(
                        publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts"
                    ),
                    node_agent_sku_id="batch.node.ubuntu 22.04",
                ),
                target_dedicated_nodes=1,
                task_slots_per_node=2,
            )
        )

    def submit(self, split_ends_with: int = 0) -> None:
        """Create the job; its tasks end when they may."""
        pool = models.BatchPoolInfo(pool_id=self.name)
        self.batch.create_job(models.BatchJobCreateOptions(id=self.name, pool_info=pool))
        for name, code in (("merge", 0), ("split", split_ends_with)):
            command = f"/bin/sh -c 'until test -e {self.go}; do sleep 0.1; done; exit {code}'"
            self.batch.create_task(self.name, models.BatchTaskCreateOptions(id=name, command_line=command))
        self.batch.update_job(self.name, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))


def log_of(run: Example, task: str) -> list[str]:
    """Lines of the log of a task's current try, the newest attempt of it."""
    found = run.tasks().get(task)
    if found is None or not found.try_number:
        return []
    return run.stack.rest.log_page(run.dag_id, run.run_id, found)[0]


def wait_until_said(run: Example, said: Mapping[str, str]) -> None:
    """Wait until the log of each task says what it is to say."""
    for task, text in said.items():
        wait_for(
            lambda task=task, text=text: text in "\n".join(log_of(run, task)),  # type: ignore[misc]
            f"{text!r} in the log of {run.dag_id}.{task}",
            limit_seconds=LIMIT_SECONDS,
        )


def sensors(stack: Stack, mode: str, name: str) -> Example:
    return Example(stack, f"sensors_{mode}", {"name": name})


def nothing_exists(name: str) -> dict[str, str]:
    return {
        "nodes": f"Pool {name} does not exist yet.",
        "job": f"Batch job {name} does not exist yet.",
        "tasks": f"Batch task {name}/split does not exist yet.",
        "all_tasks": f"Batch job {name} does not exist yet.",
    }


def tasks_run(name: str) -> dict[str, str]:
    return {
        "job": f"Waiting for the end of Batch job {name}, which is active.",
        "tasks": f"Waiting for the end of Batch task {name}/split, which is running.",
        "all_tasks": f"Waiting for the end of 2 tasks of Batch job {name}: merge, split.",
    }


def check_results(run: Example, name: str) -> None:
    found = {task: run.stack.rest.xcom(run.dag_id, run.run_id, one) for task, one in run.tasks().items()}
    assert found["nodes"]["usable_nodes"] == 1
    assert found["job"] == {"batch_job_id": name, "terminate_reason": "AllTasksComplete"}
    assert found["tasks"] == {"batch_job_id": name, "tasks": 1, "failed": 0}
    assert found["all_tasks"] == {"batch_job_id": name, "tasks": 2, "failed": 0}


def test_sensors_that_hold_no_worker_say_what_they_wait_for(stack: Stack, tmp_path: Path) -> None:
    work = OtherWork(stack, "films", tmp_path / "go")
    deferrable = sensors(stack, "deferrable", work.name)
    wait_until_said(deferrable, nothing_exists(work.name))
    work.make_pool()
    work.submit()
    # Each of its looks is a process: they begin late, to be few.
    reschedule, idle = sensors(stack, "reschedule", work.name), sensors(stack, "idle", work.name)
    wait_until_said(deferrable, tasks_run(work.name))
    wait_until_said(reschedule, tasks_run(work.name))
    wait_until_said(idle, {"idle": f"is not idle: job {work.name} has tasks that wait or run"})
    work.go.touch()
    assert [run.ended() for run in (deferrable, reschedule, idle)] == ["success"] * 3
    check_results(deferrable, work.name)
    check_results(reschedule, work.name)
    assert stack.rest.xcom(idle.dag_id, idle.run_id, idle.tasks()["idle"])["nodes"] == 1


def test_sensors_that_poke_say_what_they_wait_for(stack: Stack, tmp_path: Path) -> None:
    work = OtherWork(stack, "films-poke", tmp_path / "go")
    run = sensors(stack, "poke", work.name)
    wait_until_said(run, nothing_exists(work.name))
    work.make_pool()
    work.submit()
    wait_until_said(run, tasks_run(work.name))
    work.go.touch()
    assert run.ended() == "success"
    check_results(run, work.name)


def test_example_goes_on_when_the_work_of_others_is_done(stack: Stack, tmp_path: Path) -> None:
    work = OtherWork(stack, "films-example", tmp_path / "go")
    work.make_pool()
    work.submit()
    run = Example(stack, "wait_for_other_work", {"batch_pool_id": work.name, "batch_job_id": work.name})
    wait_until_said(run, {"frames_are_split": f"Batch task {work.name}/split, which is running."})
    work.go.touch()
    assert run.ended() == "success"
    assert stack.rest.xcom(run.dag_id, run.run_id, run.tasks()["publish"]) == f"published {work.name}"


def test_example_fails_with_the_reason_when_the_work_of_others_fails(stack: Stack, tmp_path: Path) -> None:
    work = OtherWork(stack, "films-failed", tmp_path / "go")
    work.make_pool()
    work.submit(split_ends_with=3)
    work.go.touch()
    run = Example(stack, "wait_for_other_work", {"batch_pool_id": work.name, "batch_job_id": work.name})
    assert run.ended() == "failed"
    log = "\n".join(log_of(run, "frames_are_split"))
    assert f"1 of 1 task of Batch job {work.name} failed: split (exit code 3)." in log
    assert run.states()["publish"] == "upstream_failed"
