"""The examples of job groups in a real Airflow: what their docstrings say is what happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from demo.airflow_rest import TaskInstance
from demo.waiting import wait_for
from tests.system.conftest import Stack

pytestmark = pytest.mark.system

LIMIT_SECONDS = 150.0


class Example:
    """
    One run of an example.

    :param dag_id: of the example.
    :param conf: its params.
    """

    def __init__(self, stack: Stack, dag_id: str, conf: Mapping[str, Any] | None = None) -> None:
        self.stack = stack
        self.dag_id = dag_id
        stack.airflow.wait_for_dag(dag_id)
        stack.rest.unpause(dag_id)
        self.run_id = stack.rest.trigger(dag_id, conf or {})

    def ended(self) -> str:
        """State of the run when it has ended."""

        def state() -> str | None:
            self.stack.services.check()
            found = self.stack.rest.run_state(self.dag_id, self.run_id)
            return found if found in ("success", "failed") else None

        return wait_for(state, f"the end of {self.dag_id}", limit_seconds=LIMIT_SECONDS)

    def tasks(self) -> dict[str, TaskInstance]:
        """The task instances by name."""
        return {task.name: task for task in self.stack.rest.task_instances(self.dag_id, self.run_id)}

    def states(self) -> dict[str, str | None]:
        """State of every task instance."""
        return {name: task.state for name, task in self.tasks().items()}

    def output(self, name: str) -> list[str]:
        """Lines that a member's program printed, as its log in Airflow has them."""
        task = self.tasks()[name]

        def printed() -> list[str]:
            lines, _ = self.stack.rest.log_page(self.dag_id, self.run_id, task)
            return [line.partition("stdout | ")[2] for line in lines if "stdout | " in line]

        return wait_for(printed, f"the output of {name}", limit_seconds=20)


def test_diamond_runs_as_one_job(stack: Stack) -> None:
    example = Example(stack, "diamond")
    assert example.ended() == "success"
    assert set(example.states().values()) == {"success"}
    smallest, largest = example.output("report.report")[0].removeprefix("from ").split(" to ")
    assert 1 <= int(smallest) < int(largest) <= 1000


def test_map_reduce_brings_the_results_of_every_index_together(stack: Stack) -> None:
    example = Example(stack, "map_reduce")
    assert example.ended() == "success"
    assert set(example.states().values()) == {"success"}
    counts = [example.output(f"search.count[{index}]")[0] for index in range(4)]
    assert counts == ["bird 2", "cat 1", "dog 2", "the 4"]
    assert example.output("search.add_up") == ["9"]


@pytest.mark.parametrize(("full", "taken", "left"), [(False, "quick", "full"), (True, "full", "quick")])
def test_late_members_run_when_airflow_says(stack: Stack, full: bool, taken: str, left: str) -> None:
    example = Example(stack, "late_members", {"full": full})
    assert example.ended() == "success"
    run, skipped = ["prepare", taken, "merge", "publish"], [left, "clean_up", "look_for_news", "announce"]
    members = {name.removeprefix("nightly."): state for name, state in example.states().items()}
    for own in ("choose", "launch", "finish"):
        assert members.pop(own) == "success"
    assert members == dict.fromkeys(run, "success") | dict.fromkeys(skipped, "skipped")
    assert "has the result" in example.output("nightly.publish")[0]


def test_repair_retries_what_failed_in_its_own_job(stack: Stack) -> None:
    example = Example(stack, "repair")
    assert example.ended() == "success"
    assert example.tasks()["conversion.convert"].try_number == 2


def test_repair_by_a_clear_runs_only_again_what_failed(stack: Stack) -> None:
    example = Example(stack, "repair", {"accident": True})
    assert example.ended() == "failed"
    states = example.states()
    assert (states["conversion.check"], states["conversion.publish"]) == ("failed", "upstream_failed")
    stack.rest.clear(example.dag_id, example.run_id, ["conversion.check"], only_failed=True)
    assert example.ended() == "success"
    assert example.output("conversion.publish") == ["fetched"], "fetch ran once"
