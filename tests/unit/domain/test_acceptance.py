"""A planned task is taken only when its parents in Batch are those that Airflow has let it go for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.acceptance import PARENT_PATIENCE, Judgement, Refused, accept, judge
from airflow_provider_batch.domain.collection import add_tasks
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.outcome import LOOK_SELECT
from airflow_provider_batch.domain.requests import TaskKey, list_tasks, reactivate_task
from airflow_provider_batch.exceptions import BatchUnavailableError
from tests.unit.domain.fake_batch import FakeBatch, Process, service_error
from tests.unit.domain.groups import JOB, PLAN, body, late, launched, planned

SAID = Launched("j", 1, "p1", "conn")
NUMBERED = Launched("j", 1, "p1", "conn", blocks={"part": [3, 4], "one": [7, 1]})


def task(state: str = "completed", result: str = "success", **info: Any) -> dict[str, Any]:
    return {"state": state, "executionInfo": {"result": result, **info}}


def judged(
    tasks: dict[str, dict[str, Any]],
    *parents: str,
    said: Launched = SAID,
    all_done: bool = False,
    started: str | None = None,
) -> Judgement:
    child = {"executionInfo": {"startTime": started}} if started else {}
    return judge(child, parents or ("a", "b"), tasks, said, failure_satisfies=all_done)


A, B = ids.member_task_id("a"), ids.member_task_id("b")
A_AGAIN = ids.member_attempt_id("a", -1, 0, 1)


# --- judging ------------------------------------------------------------------------------------------------


def test_parents_that_all_succeeded_speak_for_it() -> None:
    assert judged({"a": task(), "b": task()}) == Judgement()


@pytest.mark.parametrize("result", ["success", "Success"])
def test_capitals_of_the_service_mean_nothing(result: str) -> None:
    assert judged({"a": task("Completed", result), "b": task("completed")}) == Judgement()


def test_a_parent_that_was_run_again_speaks_against_it() -> None:
    tasks = {A: task(), B: task(), A_AGAIN: task()}
    assert f"{A} was run again" in judged(tasks, A, B).reason
    assert judged(tasks, B) == Judgement()


@pytest.mark.parametrize("state", ["active", "running", "completed"])
def test_a_later_attempt_counts_whatever_became_of_it(state: str) -> None:
    assert judged({A: task(), A_AGAIN: task(state)}, A).reason


def test_a_later_attempt_of_another_member_says_nothing() -> None:
    assert judged({A: task(), ids.member_attempt_id("c", -1, 2, 3): task()}, A) == Judgement()


def test_a_parent_that_is_not_there_speaks_against_it() -> None:
    assert "a is not in the job" in judged({"b": task()}).reason


def test_a_parent_that_failed_speaks_against_it_unless_a_failure_satisfies() -> None:
    tasks = {"a": task(result="failure"), "b": task()}
    assert "a failed" in judged(tasks).reason
    assert judged(tasks, all_done=True) == Judgement()


@pytest.mark.parametrize("state", ["active", "preparing", "running", "Running"])
def test_a_parent_that_has_not_ended_is_named(state: str) -> None:
    assert judged({"a": task(), "b": task(state, "")}) == Judgement(unfinished=("b",))
    assert judged({"a": task(state, ""), "b": task(state, "")}).unfinished == ("a", "b")


def test_what_speaks_against_it_counts_before_another_parent_has_ended() -> None:
    assert "b failed" in judged({"a": task("running"), "b": task(result="failure")}).reason


@pytest.mark.parametrize(
    ("started", "speaks_against"),
    [
        ("2026-01-01T00:10:00.0000000Z", False),
        ("2026-01-01T00:09:31.0000000Z", False),  # clocks of nodes differ
        ("2026-01-01T00:09:29.0000000Z", True),
        ("2026-01-01T00:09:29Z", True),
        (None, False),
    ],
)
@pytest.mark.parametrize("all_done", [False, True])
def test_a_task_that_ran_before_its_parent_ended_is_not_what_airflow_let_go(
    started: str | None, speaks_against: bool, all_done: bool
) -> None:
    tasks = {"a": task(endTime="2026-01-01T00:10:00.0000000Z"), "b": task()}
    verdict = judged(tasks, started=started, all_done=all_done)
    assert ("ran before its parent a" in verdict.reason) is speaks_against


@pytest.mark.parametrize(
    ("member_id", "map_index", "parents", "again"),
    [
        ("part", 0, ("3", "4"), "3"),
        ("part", 3, ("3", "6"), "6"),
        ("part", 3, ("3", "5"), None),
        ("part", 4, ("3", "6"), None),  # beyond the block: it has a name
        ("part", -1, ("3",), None),
        ("one", -1, ("7",), "7"),
        ("one", 0, ("7",), "7"),
        ("other", 3, ("3", "6"), None),
    ],
)
def test_a_later_attempt_of_a_parent_with_a_number_is_found_by_the_name_it_would_have_had(
    member_id: str, map_index: int, parents: tuple[str, ...], again: str | None
) -> None:
    tasks = {str(number): task() for number in range(3, 8)}
    tasks[ids.member_attempt_id(member_id, map_index, 1, 1)] = task()
    reason = judged(tasks, *parents, said=NUMBERED).reason
    assert reason == (f"its parent {again} was run again as another Batch task" if again else "")


# --- looking ------------------------------------------------------------------------------------------------


def looked(batch: FakeBatch, said: Launched, member_id: str, *, all_done: bool = False) -> Any:
    return Process(batch).drive(accept(said, member_id, -1, failure_satisfies=all_done))


def test_a_root_is_taken_with_few_requests() -> None:
    batch, said = launched()
    sent = len(batch.requests)
    answer = looked(batch, said, "split")
    assert answer.etag == batch.task(planned("split"))["eTag"]
    assert batch.operations()[sent:] == ["get_task", "get_job"]


def test_a_task_whose_parents_ended_is_taken_with_one_list_more() -> None:
    batch, said = launched()
    batch.complete(planned("split"))
    sent = len(batch.requests)
    assert not isinstance(looked(batch, said, "frame"), Refused)
    assert batch.operations()[sent:] == ["get_task", "get_job", "list_tasks"]


def test_what_launch_did_not_plan_is_not_taken() -> None:
    batch, said = launched()
    assert looked(batch, said, "late") == Refused("launch did not plan it")


def test_a_job_deleted_by_hand_planned_nothing() -> None:
    batch, said = launched()
    batch._begin_delete_job(batch.requests[-1], JOB)
    assert looked(batch, said, "split") == Refused("launch did not plan it")


@pytest.mark.parametrize("state", ["completed", "terminating", "deleting", "Completed"])
def test_nothing_is_taken_of_a_job_that_has_ended(state: str) -> None:
    batch, said = launched()
    batch.complete(planned("split"))
    batch.jobs[JOB]["state"] = state
    refused = looked(batch, said, "split")
    assert refused.retire == (planned("split"),)
    assert "has ended" in refused.reason


def parent_run_again(batch: FakeBatch) -> None:
    batch.complete(planned("split"))
    again = Process(batch).drive(submit_late(PLAN, late("split", max_tries=1), [planned("split")]))
    batch.complete(again.key)


def parent_deleted(batch: FakeBatch) -> None:
    del batch.tasks[batch._key(planned("split"))]


def parent_failed(batch: FakeBatch) -> None:
    batch.complete(planned("split"), 1)


def parent_ended_after_its_start(batch: FakeBatch) -> None:
    batch.complete(planned("split"))
    batch.run(planned("frame"))
    Process(batch).sleep(3600)
    batch.task(planned("split"))["executionInfo"]["endTime"] = "2026-01-01T01:00:00.0000000Z"


@pytest.mark.parametrize(
    "happens", [parent_run_again, parent_deleted, parent_failed, parent_ended_after_its_start]
)
def test_what_is_refused_is_to_be_ended_before_another_one_starts(
    happens: Callable[[FakeBatch], None],
) -> None:
    batch, said = launched()
    happens(batch)
    assert looked(batch, said, "frame").retire == (planned("frame"),)


def test_a_parent_that_failed_lets_a_task_go_that_airflow_lets_go_then() -> None:
    batch, said = launched()
    parent_failed(batch)
    assert not isinstance(looked(batch, said, "frame", all_done=True), Refused)


def list_stands_still(batch: FakeBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists show for ever what they show now."""
    shown = copy.deepcopy(batch._list_tasks(list_tasks(JOB, LOOK_SELECT), JOB))
    monkeypatch.setattr(batch, "_list_tasks", lambda request, job_id: shown)


def test_a_parent_of_which_a_list_knows_nothing_or_too_little_is_asked_for_by_its_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch, said = launched([body("a")])
    batch.complete(planned("a"), 1)
    process = Process(batch)
    list_stands_still(batch, monkeypatch)
    process.drive(add_tasks(JOB, [body("b"), body("c", "a", "b")]))
    batch.complete(planned("b"))
    process(reactivate_task(planned("a")))
    batch.complete(planned("a"))
    assert not isinstance(process.drive(accept(said, "c", -1)), Refused)
    assert not process.sleeps


def test_a_fan_in_asks_for_few_parents_after_each_list_and_for_all_before_it_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"p{number}" for number in range(25)]
    batch, said = launched([*map(body, names), body("z", *names)])
    list_stands_still(batch, monkeypatch)
    for name in names:
        batch.complete(planned(name))
    process = Process(batch)
    asked = len(batch.operations())
    assert not isinstance(process.drive(accept(said, "z", -1)), Refused)
    operations = batch.operations()[asked:]
    lists = operations.count("list_tasks")
    assert operations.count("get_task") <= 2 * lists + 10 * (lists - 1) + len(names)
    assert "terminate_task" not in operations


def test_a_parent_that_ends_within_patience_is_waited_for_and_the_task_is_looked_at_again() -> None:
    batch, said = launched()
    process = Process(batch)
    process.at(11, lambda: batch.complete(planned("split")))
    process.at(11, lambda: batch.run(planned("frame")))
    answer = process.drive(accept(said, "frame", -1))
    assert answer.json["state"] == "running"
    assert 11 <= sum(process.sleeps) < PARENT_PATIENCE
    assert "terminate_task" not in batch.operations()


def test_a_parent_that_airflow_holds_for_done_and_that_runs_on_is_ended() -> None:
    batch, said = launched([body("a"), body("b"), body("c", "a", "b")])
    batch.complete(planned("b"))
    batch.run(planned("a"))
    process = Process(batch)
    refused = process.drive(accept(said, "c", -1))
    assert refused == Refused(
        f"its parent {planned('a').batch_task_id} has not ended in Batch", (planned("c"),)
    )
    assert sum(process.sleeps) >= PARENT_PATIENCE
    assert batch.task(planned("a"))["executionInfo"]["failureInfo"]["code"] == "TaskEnded"
    assert batch.task(planned("b"))["executionInfo"]["result"] == "success"


@pytest.mark.parametrize("code", ["TaskCompleted", "TaskNotFound", "JobBeingTerminated"])
def test_a_parent_that_ends_just_before_it_is_ended_is_no_error(code: str) -> None:
    batch, said = launched()
    batch.fail("terminate_task", service_error(code))
    assert isinstance(looked(batch, said, "frame"), Refused)


def test_a_task_that_is_deleted_while_its_parents_are_waited_for_is_not_taken() -> None:
    batch, said = launched()
    process = Process(batch)
    process.at(3, lambda: batch.tasks.pop(batch._key(planned("frame"))) and None)
    assert process.drive(accept(said, "frame", -1)) == Refused("its planned task was deleted")


def test_ranges_of_numbers_are_parents_one_by_one() -> None:
    merge = {**body("merge"), "dependsOn": {"taskIds": ["9"], "taskIdRanges": [{"start": 1, "end": 3}]}}
    parts = [{**body("part"), "id": str(number)} for number in (1, 2, 3, 9)]
    batch, _ = launched([*parts, merge])
    said = Launched(JOB, 1, "p1", "conn", blocks={"part": [1, 3]})
    for number in ("1", "2", "9"):
        batch.complete(TaskKey(JOB, number))
    assert "parent 3 has not ended" in looked(batch, said, "merge").reason
    batch.tasks[JOB, "3"].update(task(endTime="2026-01-01T00:00:00.0000000Z"))
    assert not isinstance(looked(batch, said, "merge"), Refused)


def test_no_answer_is_no_refusal() -> None:
    batch, said = launched()
    batch.fail("list_tasks", BatchUnavailableError("the connection broke off"))
    with pytest.raises(BatchUnavailableError):
        looked(batch, said, "frame")
