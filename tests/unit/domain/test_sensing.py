"""What a sensor says of what it waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_batch.domain.flow import Effect, Log, drive
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.sensing import Job, Target, Tasks, UsableNodes
from airflow_provider_batch.exceptions import BatchNotFoundError, SpecError
from tests.unit.domain.fake_batch import service_error

ENDED = {"exitCode": 0, "result": "success", "startTime": "2026-01-01T00:00:00Z"}


def said_of_job(**job: Any) -> str:
    return drive(Job("film").look(), lambda _: Answer({"id": "film", **job})).why


@pytest.mark.parametrize(
    ("job", "ends_by_itself"),
    [
        ({"onAllTasksComplete": "noaction"}, False),
        ({}, False),
        ({"onAllTasksComplete": "terminateJob"}, True),
        ({"onAllTasksComplete": "noaction", "jobManagerTask": {"id": "manager"}}, True),
        ({"state": "terminating"}, True),
    ],
)
def test_job_that_does_not_end_with_its_tasks_is_said_to_need_somebody(
    job: dict[str, Any], ends_by_itself: bool
) -> None:
    said = said_of_job(**{"state": "active", **job})
    assert said.startswith("Waiting for the end of Batch job film, which is ")
    assert ("somebody has to end it" in said) is not ends_by_itself


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["split"], "1 task of Batch job film succeeded: split."),
        (["split", "merge"], "2 tasks of Batch job film succeeded: split, merge."),
    ],
)
def test_named_tasks_are_not_all_tasks_of_their_job(ids: list[str], said: str) -> None:
    task = Answer({"id": "split", "state": "completed", "executionInfo": ENDED})
    named = Answer({**task.json, "id": "merge"})
    answers = iter([task, named])
    assert drive(Tasks("film", ids).look(), lambda _: next(answers)).why == said


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (Job("film", must_exist=True), "Batch job film"),
        (Tasks("film", must_exist=True), "Batch job film"),
        (Tasks("film", ["split"], must_exist=True), "Batch task film/split"),
        (UsableNodes("render", must_exist=True), "Pool render"),
    ],
)
def test_what_must_exist_and_does_not_is_named(target: Target, name: str) -> None:
    said: list[str] = []

    def perform(effect: Effect) -> None:
        if isinstance(effect, Log):
            said.append(effect.text)
            return
        raise service_error("JobNotFound")

    with pytest.raises(BatchNotFoundError):
        drive(target.look(), perform)
    assert said == [f"{name} does not exist, and must (must_exist)."]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Job("film 1"), "batch_job_id: 'film 1' is no id"),
        (lambda: Job(""), "batch_job_id: '' is no id"),
        (lambda: Tasks("film/1"), "batch_job_id: 'film/1' is no id"),
        (lambda: Tasks("film", ["a", "b c"]), "batch_task_ids: 'b c' is no id"),
        (lambda: Tasks("film", ["['a', 'b']"]), "batch_task_ids: .* render_template_as_native_obj=True"),
        (lambda: UsableNodes("render!"), "batch_pool_id: 'render!' is no id"),
    ],
)
def test_what_can_be_no_id_is_an_error_and_not_waited_for(make: Callable[[], Target], named: str) -> None:
    with pytest.raises(SpecError, match=named):
        make()


def test_job_of_a_schedule_is_waited_for() -> None:
    assert Job(f"{'nightly' * 9}:job-1").batch_job_id.endswith(":job-1")


def test_no_named_task_is_nothing_to_wait_for_and_is_said() -> None:
    seen = drive(Tasks("film", []).look(), lambda _: Answer({}))
    assert (seen.is_done, seen.failure, seen.result["tasks"]) == (True, None, 0)
    assert seen.why.startswith("batch_task_ids is empty")
