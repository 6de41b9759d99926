"""Many tasks are added in few requests, each once, and every entry of every answer is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.collection import MAX_BYTES, MAX_TASKS, TRIES, Added, add_tasks
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchOwnershipError,
    BatchServiceError,
    BatchTaskLostError,
    BatchUnavailableError,
)
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, entry, service_error
from tests.unit.domain.plans import account

JOB = "nightly"
UNAVAILABLE = BatchUnavailableError("the connection broke off")
Entry = dict[str, Any]
Edit = Callable[[Entry], "Entry | None"]


class CollectingBatch(FakeBatch):
    """The fake account with collections; single entries of the next answers can be spoilt."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 1_000_000
        #: a task id to what becomes of its next entries, in order
        self.spoil: dict[str, list[Edit]] = {}
        #: a task id to entries that stand for not adding it, in order
        self.refuse: dict[str, list[Entry]] = {}

    def _create_task_collection(self, request: Request, job_id: str) -> Answer:
        text = request.content or ""
        if len(text) > self.limit:
            raise BatchServiceError(
                code="RequestBodyTooLarge", message="too large", status=413, operation=request.operation
            )
        assert len(json.loads(text)["value"]) <= MAX_TASKS
        return super()._create_task_collection(request, job_id)

    def _entry(self, job_id: str, body: Mapping[str, Any]) -> Entry | None:
        if self.refuse.get(body["id"]):
            return self._spoilt(body["id"], self.refuse[body["id"]].pop(0))
        return self._spoilt(body["id"], super()._entry(job_id, body) or {})

    def _spoilt(self, task_id: str, made: Entry) -> Entry | None:
        edits = self.spoil.get(task_id)
        return edits.pop(0)(made) if edits else made


def body(task_id: str, owner: str = "us", size: int = 0) -> dict[str, Any]:
    return {
        "id": task_id,
        "commandLine": "x" * size,
        "environmentSettings": [{"name": ids.OWNER, "value": owner}],
    }


def bodies(count: int, **more: Any) -> list[dict[str, Any]]:
    return [body(str(number), **more) for number in range(1, count + 1)]


@pytest.fixture
def batch() -> CollectingBatch:
    return new_batch()


def new_batch() -> CollectingBatch:
    batch = CollectingBatch()
    vars(batch).update(jobs=account().jobs)
    return batch


def add(batch: FakeBatch, wanted: list[dict[str, Any]], known: tuple[str, ...] = ()) -> Added:
    added: Added = Process(batch).drive(add_tasks(JOB, wanted, known))
    return added


def sent(batch: FakeBatch) -> list[list[str]]:
    """The ids of each collection request."""
    return [
        [task["id"] for task in json.loads(request.content or "")["value"]]
        for request in batch.requests
        if request.operation == "create_task_collection"
    ]


def ids_in_job(batch: FakeBatch) -> list[str]:
    return [task_id for _, task_id in batch.tasks]


# --- requests ---------------------------------------------------------------------------------------


def test_tasks_are_added_in_order_and_in_as_few_requests_as_the_service_permits(
    batch: CollectingBatch,
) -> None:
    assert add(batch, bodies(250)) == Added(added=250, existed=0, requests=3)
    assert ids_in_job(batch) == [str(number) for number in range(1, 251)]
    assert batch.operations() == ["create_task_collection"] * 3


def test_no_task_needs_no_request(batch: CollectingBatch) -> None:
    assert add(batch, []) == Added(0, 0, 0)
    assert batch.requests == []


def test_known_tasks_are_left_out_whatever_their_case(batch: CollectingBatch) -> None:
    assert add(batch, [body("a"), body("B"), body("c")], known=("A", "b")) == Added(1, 2, 1)
    assert sent(batch) == [["c"]]


@given(sizes=st.lists(st.one_of(st.integers(0, 50), st.integers(0, MAX_BYTES - 200)), max_size=30))
def test_no_request_exceeds_the_limit_and_none_could_have_taken_the_next_task(sizes: list[int]) -> None:
    batch = new_batch()
    wanted = [body(str(number), size=size) for number, size in enumerate(sizes)]
    add(batch, wanted)
    lengths = [len(request.content or "") for request in batch.requests]
    assert all(length <= MAX_BYTES for length in lengths)
    assert [task_id for chunk in sent(batch) for task_id in chunk] == [task["id"] for task in wanted]
    firsts = [json.loads(request.content or "")["value"][0] for request in batch.requests[1:]]
    for length, first in zip(lengths, firsts, strict=False):
        assert length + 1 + len(json.dumps(first, separators=(",", ":"))) > MAX_BYTES


@pytest.mark.parametrize(("too_many", "requests"), [(0, 1), (1, 2)])
def test_request_is_filled_to_its_last_byte(batch: CollectingBatch, too_many: int, requests: int) -> None:
    frame = len('{"value":[,,]}') + sum(len(json.dumps(body(name), separators=(",", ":"))) for name in "abc")
    wanted = [body("a"), body("b"), body("c", size=MAX_BYTES - frame + too_many)]
    assert add(batch, wanted).requests == requests
    assert too_many or len(batch.requests[0].content or "") == MAX_BYTES


def test_task_may_fill_a_request_alone(batch: CollectingBatch) -> None:
    frame = len('{"value":[]}') + len(json.dumps(body("a"), separators=(",", ":")))
    assert add(batch, [body("a", size=MAX_BYTES - frame)]).added == 1
    with pytest.raises(AzureBatchConfigurationError, match="'b'"):
        add(batch, [body("b", size=MAX_BYTES - frame + 1)])


def test_size_counts_characters_as_they_are_sent(batch: CollectingBatch) -> None:
    wanted = [{**body(name), "commandLine": "é" * 70_000} for name in "abc"]  # six bytes each when sent
    add(batch, wanted)
    assert sent(batch) == [["a", "b"], ["c"]]


def test_dependencies_arrive_whether_tasks_share_them_or_not(batch: CollectingBatch) -> None:
    shared = {"taskIds": ["a", "b"]}
    given_to = [None, shared, shared, {}, {"taskIdRanges": [{"start": 1, "end": 9}]}, shared, dict(shared)]
    wanted = [{**task, "dependsOn": depends} for task, depends in zip(bodies(7), given_to, strict=True)]
    add(batch, [body("alone"), *wanted])
    arrived = [task.get("dependsOn") for _, task in batch.tasks.items()]
    assert arrived == [None] + [depends or None for depends in given_to]


def test_shared_dependencies_count_for_each_task(batch: CollectingBatch) -> None:
    shared = {"taskIds": ["x" * 60_000]}
    add(batch, [{**task, "dependsOn": shared} for task in bodies(20)])
    assert [len(chunk) for chunk in sent(batch)] == [14, 6]


def test_task_that_fits_into_no_request_is_named_before_anything_is_added(batch: CollectingBatch) -> None:
    with pytest.raises(AzureBatchConfigurationError, match=r"'big' .* shrink its commandLine, .* 900,002 "):
        add(batch, [body("small"), body("big", size=MAX_BYTES)])
    assert batch.requests == []


def test_one_id_for_two_tasks_is_refused_before_anything_is_added(batch: CollectingBatch) -> None:
    with pytest.raises(AzureBatchConfigurationError, match="'A'"):
        add(batch, [body("a"), body("A")])
    assert batch.requests == []


def test_requests_become_smaller_when_the_service_takes_less(batch: CollectingBatch) -> None:
    batch.limit = 1_000
    wanted = bodies(40)
    assert add(batch, wanted).added == 40
    assert ids_in_job(batch) == [task["id"] for task in wanted]
    refused = sum(len(request.content or "") > batch.limit for request in batch.requests)
    assert refused == 2  # 3,900 and 1,950 bytes; what follows keeps to the size that was taken


def test_task_that_the_service_finds_too_large_is_named(batch: CollectingBatch) -> None:
    batch.limit = 500
    with pytest.raises(AzureBatchConfigurationError, match="'big'"):
        add(batch, [body("a"), body("big", size=600), body("c")])


def test_413_of_something_in_front_of_the_service_halves_too(batch: CollectingBatch) -> None:
    batch.fail(
        "create_task_collection",
        BatchServiceError(code=None, message="", status=413, operation="create_task_collection"),
    )
    assert add(batch, bodies(4)).added == 4


# --- entries ----------------------------------------------------------------------------------------


def test_server_error_is_tried_again_after_a_pause_and_before_later_tasks(batch: CollectingBatch) -> None:
    batch.refuse = {"7": [entry("7", "ServerError", "InternalError")] * 2}
    process = Process(batch)
    assert process.drive(add_tasks(JOB, bodies(101))) == Added(101, 0, 4)
    assert sent(batch)[1:] == [["7"], ["7"], ["101"]]
    assert process.sleeps == [1.0, 2.0]
    assert "InternalError" in process.text


def test_server_errors_without_end_give_up_and_say_how_many_are_missing(batch: CollectingBatch) -> None:
    batch.refuse = {"7": [entry("7", "servererror")] * 100}
    with pytest.raises(BatchUnavailableError, match=r"^1 tasks .*\(7\).* 6 are missing"):
        add(batch, bodies(105))
    assert len(batch.requests) == TRIES


def test_task_without_an_entry_is_sent_again(batch: CollectingBatch) -> None:
    batch.refuse = {"2": [entry("other", "success")]}
    assert add(batch, bodies(3)) == Added(3, 0, 2)
    assert set(ids_in_job(batch)) == {"1", "2", "3"}


def test_task_that_was_added_and_lost_its_entry_exists(batch: CollectingBatch) -> None:
    batch.spoil = {"2": [lambda made: None]}
    assert add(batch, bodies(3)) == Added(2, 1, 2)


@pytest.mark.parametrize(
    "spoilt", [{"status": "Success"}, {"status": "SUCCESS", "error": None, "taskId": "A"}]
)
def test_success_is_read_in_any_case(batch: CollectingBatch, spoilt: Entry) -> None:
    batch.spoil = {"a": [lambda made: {**made, **spoilt}]}
    assert add(batch, [body("a")]) == Added(1, 0, 1)


@pytest.mark.parametrize("status", ["clienterror", "ClientError", "success"])
def test_refused_task_is_named_with_the_class_of_its_code(batch: CollectingBatch, status: str) -> None:
    batch.refuse = {name: [entry(name, status, "TaskIdSameAsJobReleaseTask")] for name in ("5", "9")}
    with pytest.raises(BatchConflictError) as caught:
        add(batch, bodies(120))
    assert caught.value.code == "TaskIdSameAsJobReleaseTask"
    assert "task '5'" in str(caught.value)
    assert "2 of the 100 tasks of this request were refused; the others: 9" in str(caught.value)
    assert "RequestId" not in str(caught.value)
    assert len(batch.requests) == 1


def test_unknown_refusal_is_a_service_error(batch: CollectingBatch) -> None:
    batch.refuse = {"1": [entry("1", "clienterror", "SomethingNew")]}
    with pytest.raises(BatchServiceError) as caught:
        add(batch, bodies(1))
    assert type(caught.value) is BatchServiceError


def test_secret_in_a_refusal_is_masked(batch: CollectingBatch) -> None:
    refused = entry("1", "clienterror", "InvalidPropertyValue")
    refused["error"]["values"] = [{"key": "PropertyValue", "value": "https://a.blob/?sig=" + "A" * 44}]
    batch.refuse = {"1": [refused]}
    with pytest.raises(BatchServiceError) as caught:
        add(batch, bodies(1))
    assert "A" * 44 not in str(caught.value)


def test_throttled_task_is_sent_again(batch: CollectingBatch) -> None:
    batch.refuse = {"1": [entry("1", "clienterror", "TooManyRequests")]}
    assert add(batch, bodies(1)) == Added(1, 0, 2)


def test_status_that_nobody_knows_is_no_success(batch: CollectingBatch) -> None:
    batch.refuse = {"1": [entry("1", "deferred")]}
    assert add(batch, bodies(1)) == Added(1, 0, 2)


# --- refusals of the request --------------------------------------------------------------------------


def test_ended_job_propagates(batch: CollectingBatch) -> None:
    batch.end_job(JOB)
    with pytest.raises(BatchConflictError) as caught:
        add(batch, bodies(3))
    assert caught.value.code == "JobCompleted"
    assert len(batch.requests) == 1


def test_answer_that_was_lost_leaves_each_task_once(batch: CollectingBatch) -> None:
    batch.fail("create_task_collection", UNAVAILABLE, when="after")
    assert add(batch, bodies(3)) == Added(added=0, existed=3, requests=2)
    assert set(batch.submissions.values()) == {1}


def test_throttled_request_waits_as_long_as_it_was_asked_to(batch: CollectingBatch) -> None:
    batch.fail("create_task_collection", service_error("TooManyRequests", retry_after=45.0))
    process = Process(batch)
    assert process.drive(add_tasks(JOB, bodies(1))).added == 1
    assert process.sleeps == [45.0]


def test_service_that_does_not_answer_is_asked_a_limited_number_of_times(batch: CollectingBatch) -> None:
    batch.fail("create_task_collection", UNAVAILABLE, times=100)
    with pytest.raises(BatchUnavailableError, match=r"100 tasks .* 150 are missing") as caught:
        add(batch, bodies(150))
    assert len(batch.requests) == TRIES
    assert caught.value.__cause__ is UNAVAILABLE


def test_failures_count_anew_after_a_request_that_added_everything(batch: CollectingBatch) -> None:
    batch.refuse = {name: [entry(name, "servererror")] * (TRIES - 1) for name in ("1", "101")}
    assert add(batch, bodies(150)).added == 150


# --- tasks that exist ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["TaskExists", "taskexists"])
def test_existing_task_of_ours_counts_as_existing(batch: CollectingBatch, code: str) -> None:
    add(batch, [body("a")])
    batch.requests.clear()
    batch.spoil = {"a": [lambda made: entry("a", "clienterror", code)]}
    assert add(batch, [body("a"), body("b")]) == Added(1, 1, 1)
    assert batch.operations() == ["create_task_collection", "get_task"]


def test_many_existing_tasks_are_decided_from_one_list(batch: CollectingBatch) -> None:
    add(batch, bodies(150))
    batch.requests.clear()
    assert add(batch, bodies(200)) == Added(50, 150, 2)
    assert batch.operations() == ["create_task_collection"] * 2 + ["list_tasks"]


def test_existing_task_that_the_list_does_not_show_yet_is_read_by_itself(
    batch: CollectingBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(batch, bodies(10))
    batch.requests.clear()
    monkeypatch.setattr(batch, "_list_tasks", lambda request, job_id: Answer(json={"value": []}))
    assert add(batch, bodies(10)) == Added(0, 10, 1)
    assert batch.operations() == ["create_task_collection", "list_tasks"] + ["get_task"] * 10


@pytest.mark.parametrize("count", [1, 10])
def test_existing_task_of_somebody_else_is_refused(batch: CollectingBatch, count: int) -> None:
    add(batch, bodies(count, owner="them"))
    with pytest.raises(BatchOwnershipError, match=f"{count} tasks"):
        add(batch, bodies(count))
    with pytest.raises(BatchOwnershipError):
        add(batch, [{**task, "environmentSettings": []} for task in bodies(count)])


def test_existing_task_that_is_gone_at_the_end_is_lost(batch: CollectingBatch) -> None:
    add(batch, [body("a")])
    batch.before("get_task", lambda account: account.tasks.clear())
    with pytest.raises(BatchTaskLostError, match=f"{JOB}/a"):
        add(batch, [body("a")])


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(3))
def test_crash_at_any_request_leaves_each_task_once_when_it_is_repeated(
    batch: CollectingBatch, number: int, moment: str
) -> None:
    batch.crash_at = (number, moment)
    with pytest.raises(Crash):
        add(batch, bodies(250))
    there = len(ids_in_job(batch))
    assert add(batch, bodies(250)) == Added(250 - there, there, 3)
    assert sorted(ids_in_job(batch)) == sorted(task["id"] for task in bodies(250))
    assert set(batch.submissions.values()) == {1}


EDITS: list[Edit] = [
    lambda made: None,
    lambda made: {**made, "status": "servererror"},
    lambda made: {**made, "status": made["status"].upper()},
    lambda made: {**made, "status": "unheard of"},
]
REFUSALS = [entry("x", "success"), entry("x", "ServerError", "OperationTimedOut")]


@given(data=st.data(), count=st.integers(1, 250))
def test_whatever_is_said_of_single_tasks_each_is_added_once(data: st.DataObject, count: int) -> None:
    batch = new_batch()
    some = st.integers(1, count).map(str)
    batch.spoil = data.draw(st.dictionaries(some, st.lists(st.sampled_from(EDITS), max_size=2), max_size=8))
    batch.refuse = data.draw(
        st.dictionaries(some, st.lists(st.sampled_from(REFUSALS), max_size=2), max_size=8)
    )
    for _ in range(data.draw(st.integers(0, 1))):
        batch.fail(
            "create_task_collection", UNAVAILABLE, when=data.draw(st.sampled_from(["before", "after"]))
        )
    result = add(batch, bodies(count))
    assert result.added + result.existed == count
    assert sorted(ids_in_job(batch)) == sorted(task["id"] for task in bodies(count))
    assert set(batch.submissions.values()) == {1}
