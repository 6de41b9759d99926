"""The example DAG in a real Airflow: what a person sees in the UI, read through the REST API behind it."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.batch.models import BatchTaskState

from demo.airflow_rest import TaskInstance
from demo.live_log import LiveLog
from tests.system.conftest import DAGS, Stack

pytestmark = pytest.mark.system

DAG_ID = "word_count"
RUN_LIMIT_SECONDS = 200
COUNTS = [f"count[{part}]" for part in range(4)]


@dataclass
class Run:
    """
    A finished run.

    :param lines: by task instance, what its log had.
    :param live: task instances whose output stood in the log while their Batch task was still running.
    """

    state: str
    tasks: dict[str, TaskInstance]
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    live: set[str] = field(default_factory=set)
    batch_tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def run(stack: Stack) -> Run:
    stack.airflow.wait_for_dag(DAG_ID)
    stack.rest.unpause(DAG_ID)
    run_id = stack.rest.trigger(DAG_ID, {"files_url": stack.files_url})
    log = LiveLog(stack.rest, DAG_ID, run_id)
    found = Run("queued", {})
    deadline = time.monotonic() + RUN_LIMIT_SECONDS
    while found.state not in ("success", "failed"):
        stack.services.check()
        assert time.monotonic() < deadline, f"the run is still {found.state}: {found.lines}"
        found.state = stack.rest.run_state(DAG_ID, run_id)
        for task, line in log.new_lines():
            found.lines[task.name].append(line)
            if printed_by_program(line) and task.name not in found.live:
                # Asked after the line was read: if it runs now, the line was there while it ran.
                ids = stack.rest.xcom(DAG_ID, run_id, task, key="batch_task")
                if (
                    stack.batch.get_task(ids["batch_job_id"], ids["batch_task_id"]).state
                    == BatchTaskState.RUNNING
                ):
                    found.live.add(task.name)
        time.sleep(0.3)
    found.tasks = {task.name: task for task in stack.rest.task_instances(DAG_ID, run_id)}
    for name, task in found.tasks.items():
        if task.state == "success":
            found.batch_tasks[name] = stack.rest.xcom(DAG_ID, run_id, task, key="batch_task")
            found.results[name] = stack.rest.xcom(DAG_ID, run_id, task)
    return found


def printed_by_program(line: str) -> bool:
    return re.search(r"part \d(, paragraph \d+/\d+)?: \d+|merged part \d|  [a-z']+$", line) is not None


def test_every_task_instance_of_the_example_succeeds(run: Run) -> None:
    states = {name: task.state for name, task in run.tasks.items()}
    assert states == dict.fromkeys(["split", *COUNTS, "merge"], "success"), run.lines
    assert run.state == "success"


def test_merge_prints_the_most_frequent_words_of_the_whole_text(run: Run) -> None:
    text = (DAGS / DAG_ID / "declaration.txt").read_text(encoding="utf-8")
    words = Counter(re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower()))
    expected = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:10]

    rows = [re.search(r"(\d+)  ([a-z']+)$", line) for line in run.lines["merge"]]
    assert [(row[2], int(row[1])) for row in rows if row] == expected


@pytest.mark.parametrize("part", range(4))
def test_each_log_has_every_line_of_its_own_batch_task_once_and_in_order(run: Run, part: int) -> None:
    lines = run.lines[f"count[{part}]"]
    paragraphs = [m for line in lines if (m := re.search(r"part (\d), paragraph (\d+)/(\d+): ", line))]
    assert {int(paragraph[1]) for paragraph in paragraphs} == {part}
    count = int(paragraphs[0][3])
    assert [int(paragraph[2]) for paragraph in paragraphs] == list(range(1, count + 1))


def test_output_stands_in_the_log_while_the_batch_task_is_still_running(run: Run) -> None:
    assert run.live & set(COUNTS), run.lines


def test_each_task_instance_returns_the_result_of_a_batch_task_of_its_own(run: Run) -> None:
    assert {name: result["exit_code"] for name, result in run.results.items()} == dict.fromkeys(run.tasks, 0)
    keys = {(ids["batch_job_id"], ids["batch_task_id"]) for ids in run.batch_tasks.values()}
    assert len(keys) == len(run.tasks)


def test_no_job_of_the_run_is_left_active(run: Run, stack: Stack) -> None:
    states = {
        ids["batch_job_id"]: stack.batch.get_job(ids["batch_job_id"]).state
        for ids in run.batch_tasks.values()
    }
    assert set(states.values()) <= {"terminating", "completed"}, states
