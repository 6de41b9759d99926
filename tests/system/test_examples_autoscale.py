"""The examples of pools that size themselves, in a real Airflow, while the account's time is moved on."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.batch.models import BatchPool

from airflow_provider_batch.emulator.testing import EmulatorControl
from demo.waiting import wait_for
from tests.system.conftest import Stack
from tests.system.test_examples import Example

pytestmark = pytest.mark.system

LIMIT_SECONDS = 60.0


def until(marker: Path) -> str:
    """A command that runs until there is a file."""
    return f"until test -e {marker}; do sleep 0.1; done"


def in_state(stack: Stack, pool_id: str, state: str) -> int:
    """How many tasks of all jobs on a pool are in a state."""
    jobs = [job for job in stack.batch.list_jobs() if job.pool_info.pool_id == pool_id]
    return sum(task.state == state for job in jobs for task in stack.batch.list_tasks(job.id))


def wait_for_tasks(stack: Stack, pool_id: str, state: str, number: int) -> None:
    what = f"{number} tasks on {pool_id} to be {state}"
    wait_for(lambda: in_state(stack, pool_id, state) == number, what, limit_seconds=LIMIT_SECONDS)


def steady(stack: Stack, pool_id: str) -> BatchPool:
    """The pool when its resize has ended."""

    def look() -> BatchPool | None:
        pool = stack.batch.get_pool(pool_id)
        return pool if pool.allocation_state == "steady" else None

    return wait_for(look, f"{pool_id} to be steady", limit_seconds=LIMIT_SECONDS)


def size(pool: BatchPool) -> tuple[int, int]:
    """Dedicated and spot nodes that a pool wants."""
    return (pool.target_dedicated_nodes or 0, pool.target_low_priority_nodes or 0)


def evaluated(stack: Stack, time: EmulatorControl, pool_id: str) -> tuple[int, int]:
    """Size of a pool after its next evaluation."""
    interval = stack.batch.get_pool(pool_id).auto_scale_evaluation_interval
    assert interval is not None
    time.advance(interval.total_seconds())
    return size(steady(stack, pool_id))


def wait_for_logs(run: Example, text: str) -> None:
    """Wait until the log of each mapped task says something."""

    def all_say_it() -> bool:
        tasks = [task for task in run.tasks().values() if task.map_index >= 0]
        logs = ("\n".join(run.stack.rest.log_page(run.dag_id, run.run_id, task)[0]) for task in tasks)
        return all(text in log for log in logs)

    wait_for(all_say_it, f"{text!r} in the logs of {run.dag_id}", limit_seconds=LIMIT_SECONDS)


def test_runs_share_a_pool_that_follows_their_tasks_and_goes_down_to_nothing(
    stack: Stack, moved_time: EmulatorControl, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    runs = [Example(stack, "shared_autoscaled_pool", {"command": until(go)}) for _ in range(2)]
    wait_for_tasks(stack, "shared", "active", 6)
    assert size(stack.batch.get_pool("shared")) == (0, 0), "nobody pays before there are tasks"

    assert evaluated(stack, moved_time, "shared") == (2, 0), "two nodes more at a time"
    wait_for_tasks(stack, "shared", "running", 4)
    assert evaluated(stack, moved_time, "shared") == (3, 0), "6 tasks, 2 on a node"
    wait_for_tasks(stack, "shared", "running", 6)

    go.touch()
    assert [run.ended() for run in runs] == ["success", "success"]
    pools = [stack.rest.xcom(run.dag_id, run.run_id, run.tasks()["pool"])["pool"] for run in runs]
    assert sorted(pools) == ["adopted", "created"]

    sizes = [evaluated(stack, moved_time, "shared")[0] for _ in range(5)]
    assert (sizes[0], sizes[-1]) == (3, 0), "within the grace time, and after it"
    assert 1 in sizes, "two nodes fewer at a time"


def test_preempted_tasks_run_again_on_dedicated_nodes(
    stack: Stack, moved_time: EmulatorControl, tmp_path: Path
) -> None:
    go, pool_id = tmp_path / "go", "spot-with-fallback"
    run = Example(stack, "spot_with_fallback", {"command": until(go)})
    wait_for_tasks(stack, pool_id, "active", 2)
    assert evaluated(stack, moved_time, pool_id) == (0, 2)
    wait_for_tasks(stack, pool_id, "running", 2)

    wait_for_logs(run, "is running on node")
    for node in list(stack.batch.list_nodes(pool_id)):
        moved_time.preempt_node(pool_id, node.id, seconds=86400)
    wait_for_tasks(stack, pool_id, "active", 2)
    wait_for_logs(run, "preempted")
    assert evaluated(stack, moved_time, pool_id) == (1, 1), "one in place of what is missing, one more try"
    wait_for_tasks(stack, pool_id, "running", 1)

    go.touch()
    assert run.ended() == "success"
    tasks = [task for name, task in run.tasks().items() if name.startswith("simulate")]
    assert [(task.state, task.try_number) for task in tasks] == [("success", 1)] * 2, "no retry of Airflow's"
    results = [stack.rest.xcom(run.dag_id, run.run_id, task) for task in tasks]
    (dedicated,) = (node.id for node in stack.batch.list_nodes(pool_id) if node.is_dedicated)
    assert {result["node_id"] for result in results} == {dedicated}
