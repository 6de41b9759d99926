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
