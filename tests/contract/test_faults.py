"""Faults that requests meet on demand, seen through the vendor SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from airflow_provider_batch.emulator.testing import ControlError
from tests.contract.clients import Batch, SyncBatch, code_of, new_id
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess

pytestmark = pytest.mark.emulator_only(reason="faults on request")


@pytest.fixture(autouse=True)
def _no_fault_is_left(emulator: EmulatorProcess) -> Iterator[None]:
    yield
    emulator.forget()


def test_request_is_refused_as_often_as_asked_for_and_then_answered(
    emulator: EmulatorProcess, batch: Batch, job_id: str
):
    fault = emulator.answer("get_job", status=429, times=2)
    for _ in range(2):
        with pytest.raises(HttpResponseError) as refused:
            batch.call("get_job", job_id)
        assert (refused.value.status_code, code_of(refused.value)) == (429, "TooManyRequests")
    assert batch.call("get_job", job_id).id == job_id
    assert emulator.met(fault) == 2


@pytest.mark.parametrize("retry_after", [None, "7"])
def test_retry_after_is_sent_only_when_asked_for(emulator: EmulatorProcess, retry_after: str | None):
    emulator.answer("list_pools", status=503, retry_after=retry_after)
    answer = send(emulator, "GET", "/pools")
    assert (answer.status, answer.code) == (503, "ServerBusy")
    assert answer.headers.get("retry-after") == retry_after


def test_fault_before_the_effect_leaves_nothing_and_one_after_it_has_done_its_work(
    emulator: EmulatorProcess, batch: Batch, job_id: str
):
    before, after = new_id("task"), new_id("task")
    for name, when in ((before, "before"), (after, "after")):
        emulator.answer("create_task", status=500, when=when)
        with pytest.raises(HttpResponseError) as failed:
            batch.call("create_task", job_id, {"id": name, "commandLine": "true"})
        assert (failed.value.status_code, code_of(failed.value)) == (500, "InternalError")
    assert [task.id for task in batch.call("list_tasks", job_id)] == [after]


@pytest.mark.parametrize("when", ["before", "after"])
def test_dropped_connection_is_no_answer(emulator: EmulatorProcess, batch: Batch, job_id: str, when: str):
    name = new_id("task")
    fault = emulator.drop("create_task", when=when)
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        batch.call("create_task", job_id, {"id": name, "commandLine": "true"})
    assert emulator.met(fault) == 1
    assert len(batch.call("list_tasks", job_id)) == (1 if when == "after" else 0)
    assert "Traceback" not in emulator.stderr


def test_only_the_nth_request_of_a_matching_path_meets_the_fault(
    emulator: EmulatorProcess, sync_batch: SyncBatch, job_id: str
):
    other = new_id("job")
    sync_batch.call("create_job", {"id": other, "poolInfo": {"poolId": "p"}})
    fault = emulator.answer("get_job", status=503, path=f"/jobs/{job_id}", skip=1)
    for name in (other, job_id, other):
        assert sync_batch.call("get_job", name).id == name
    with pytest.raises(HttpResponseError):
        sync_batch.call("get_job", job_id)
    assert emulator.met(fault) == 1


def test_sdk_repeats_what_was_throttled(emulator: EmulatorProcess, job_id: str):
    emulator.reset_request_counts()
    emulator.answer("get_job", status=429, retry_after="0", times=3)
    credential = AzureNamedKeyCredential(emulator.account_name, emulator.account_key)
    with BatchClient(emulator.url, credential) as client:
        assert client.get_job(job_id).id == job_id
    assert emulator.request_counts()["get_job"] == 4


def test_delayed_request_is_answered_all_the_same(emulator: EmulatorProcess, sync_batch: SyncBatch):
    fault = emulator.delay("list_pools", seconds=0.05)
    sync_batch.call("list_pools")
    assert emulator.met(fault) == 1


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        ({"operation": "nonsense"}, "InvalidPropertyValue", "operation"),
        ({"action": "explode"}, "InvalidPropertyValue", "action"),
        ({"status": 200}, "InvalidPropertyValue", "status"),
        ({"times": "many"}, "InvalidPropertyValue", "times"),
        ({"seconds": -1}, "InvalidPropertyValue", "seconds"),
        ({"code": "a\r\nb"}, "InvalidPropertyValue", "code"),
        ({"retryAfter": "1\nX: y"}, "InvalidPropertyValue", "retryAfter"),
        ({"bogus": 1}, "UnsupportedProperty", "bogus"),
        ([], "InvalidRequestBody", None),
    ],
)
def test_fault_that_makes_no_sense_is_refused(emulator: EmulatorProcess, body: object, code: str, named: str):
    with pytest.raises(ControlError) as refused:
        emulator.control("POST", "/_emulator/faults", body)
    answer = refused.value.body
    assert (refused.value.status, answer["code"]) == (400, code)
    assert named is None or {"key": "PropertyName", "value": named} in answer["values"]
    assert emulator.control("GET", "/_emulator/faults") == {"value": []}


@pytest.mark.parametrize(("method", "path"), [("POST", "/_emulator/faults"), ("DELETE", "/_emulator/faults")])
def test_faults_are_the_account_owners_only(emulator: EmulatorProcess, method: str, path: str):
    answer = send(emulator, method, path, b"{}", query="", signed=False)
    assert (answer.status, answer.code) == (403, "AuthenticationFailed")
