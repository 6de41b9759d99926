"""The example of a pool for one run, in a real Airflow: whatever becomes of the run, no pool is left."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ResourceNotFoundError

from demo.waiting import wait_for
from tests.system.conftest import Stack
from tests.system.test_examples import Example

pytestmark = pytest.mark.system


def pool_of(example: Example) -> str:
    return "run-" + example.run_id.replace(":", "").replace(".", "").replace("+", "")


def is_gone(stack: Stack, pool_id: str) -> bool:
    try:
        stack.batch.get_pool(pool_id)
    except ResourceNotFoundError:
        return True
    return False


def test_pool_is_made_used_and_deleted(stack: Stack) -> None:
    example = Example(stack, "ephemeral_pool")
    assert example.ended() == "success"
    tasks = example.tasks()
    assert {name: task.state for name, task in tasks.items()} == dict.fromkeys(tasks, "success")
    made = stack.rest.xcom(example.dag_id, example.run_id, tasks["create_pool"])
    assert (made["pool"], made["usable_nodes"]) == ("created", 2)
    deleted = stack.rest.xcom(example.dag_id, example.run_id, tasks["delete_pool"])
    assert (deleted["batch_pool_id"], deleted["deleted"]) == (pool_of(example), True)
    worked = stack.rest.xcom(example.dag_id, example.run_id, tasks["work"])
    assert 0 < worked["node_hours"] < deleted["node_hours"]
    assert is_gone(stack, pool_of(example))


def test_pool_is_deleted_when_the_work_fails(stack: Stack) -> None:
    example = Example(stack, "ephemeral_pool", {"command": "exit 3"})
    assert example.ended() == "failed"
    states = example.states()
    assert (states["work"], states["delete_pool"]) == ("failed", "success")
    assert is_gone(stack, pool_of(example))


def test_pool_is_deleted_when_its_start_task_fails(stack: Stack) -> None:
    example = Example(stack, "ephemeral_pool", {"start_task": "echo no such mount >&2; exit 7"})
    assert example.ended() == "failed"
    task = example.tasks()["create_pool"]
    assert task.state == "failed"
    log = "\n".join(stack.rest.log_page(example.dag_id, example.run_id, task)[0])
    assert "no such mount" in log
    wait_for(lambda: is_gone(stack, pool_of(example)), "the end of the pool", limit_seconds=30)


def test_pool_is_deleted_when_its_creation_is_killed(stack: Stack) -> None:
    example = Example(stack, "ephemeral_pool", {"start_task": "sleep 600"})

    def waits() -> bool:
        task = example.tasks().get("create_pool")
        if task is None or task.state != "deferred":
            return False
        # A kill of a task that no triggerer has taken yet is told to nobody.
        return "waitingforstarttask" in "".join(stack.rest.log_page(example.dag_id, example.run_id, task)[0])

    wait_for(waits, "create_pool to wait for its nodes", limit_seconds=90)
    stack.rest.set_state(example.dag_id, example.run_id, example.tasks()["create_pool"], "failed")
    assert example.ended() == "failed"
    wait_for(lambda: is_gone(stack, pool_of(example)), "the end of the pool", limit_seconds=60)


def has_running_work(stack: Stack, example: Example) -> bool:
    jobs = [job.id for job in stack.batch.list_jobs() if job.pool_info.pool_id == pool_of(example)]
    return any(task.state == "running" for job_id in jobs for task in stack.batch.list_tasks(job_id))


def test_pool_is_deleted_when_the_run_is_marked_failed(stack: Stack) -> None:
    example = Example(stack, "ephemeral_pool", {"command": "sleep 600"})
    wait_for(lambda: has_running_work(stack, example), "the work to run", limit_seconds=120)
    stack.rest.set_run_state(example.dag_id, example.run_id, "failed")
    wait_for(lambda: is_gone(stack, pool_of(example)), "the end of the pool", limit_seconds=90)


def test_pool_is_deleted_when_the_time_of_the_run_is_up(stack: Stack) -> None:
    example = Example(stack, "ephemeral_pool_short", {"command": "sleep 600"})
    assert example.ended() == "failed"
    # It is for this that the DAG has a callback: Airflow does not even run teardowns then.
    assert example.states()["delete_pool"] in (None, "skipped")
    wait_for(lambda: is_gone(stack, pool_of(example)), "the end of the pool", limit_seconds=90)
