"""The hooks against the emulator: what is asked for arrives, and what fails is explained."""

from __future__ import annotations

import asyncio
import json

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey
from airflow_provider_batch.exceptions import BatchAuthenticationError, BatchConflictError, BatchNotFoundError
from airflow_provider_batch.hooks.batch import AzureBatchAsyncHook, AzureBatchHook
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import CONN_ID, connection_json


async def _send(kind: str, request: Request, conn_id: str = CONN_ID) -> Answer:
    if kind == "async":
        async with AzureBatchAsyncHook(conn_id) as asynchronous:
            return await asynchronous.send(request)
    with AzureBatchHook(conn_id) as hook:
        return await asyncio.to_thread(hook.send, request)


async def _test_connection(kind: str, conn_id: str) -> tuple[bool, str]:
    if kind == "async":
        return await AzureBatchAsyncHook(conn_id).test_connection()
    return await asyncio.to_thread(AzureBatchHook(conn_id).test_connection)


pytestmark = pytest.mark.parametrize("kind", ["sync", "async"])


async def test_connection_test_succeeds(kind: str) -> None:
    works, text = await _test_connection(kind, CONN_ID)
    assert works, text


async def test_wrong_key_is_explained(
    kind: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_KEY", connection_json(emulator, password="d3Jvbmcta2V5"))
    with pytest.raises(BatchAuthenticationError) as caught:
        await _send(kind, requests.get_job("j"), "wrong_key")
    assert caught.value.code == "AuthenticationFailed"
    works, text = await _test_connection(kind, "wrong_key")
    assert not works
    assert "check account name and key" in text


async def test_official_connection_reaches_the_account(
    kind: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = json.loads(connection_json(emulator, conn_type="azure_batch"))
    fields["extra"] = {"extra__azure_batch__account_url": emulator.url + "/"}
    monkeypatch.setenv("AIRFLOW_CONN_OFFICIAL", json.dumps(fields))
    works, text = await _test_connection(kind, "official")
    assert works, text


async def test_missing_job_is_known_by_its_code(kind: str) -> None:
    with pytest.raises(BatchNotFoundError) as caught:
        await _send(kind, requests.get_job("no-such-job"))
    assert caught.value.code == "JobNotFound"
    assert caught.value.request_id


async def test_job_lives_through_every_verb(kind: str, pool: str) -> None:
    job = f"verbs-{kind}"
    body = {"id": job, "poolInfo": {"poolId": pool}}
    await _send(kind, requests.create_job(body))
    with pytest.raises(BatchConflictError) as caught:
        await _send(kind, requests.create_job(body))
    assert caught.value.code == "JobExists"
    read = await _send(kind, requests.get_job(job, ("id", "state")))
    assert read.json["state"] == "active"
    assert read.etag
    await _send(kind, requests.update_job(job, {"priority": 5}, read.etag))
    await _send(kind, requests.terminate_job(job, "done"))
    await _send(kind, requests.delete_job(job))


async def test_signature_is_accepted_for_a_path_with_any_characters(kind: str) -> None:
    # aiohttp rewrites parts of a path; what is signed must be what is sent.
    file = requests.get_task_file(TaskKey("no-such-job", "t"), "wd/a (1):é+!%41.txt", 0, 10)
    with pytest.raises(BatchNotFoundError):
        await _send(kind, file)


async def test_list_is_read_to_its_end_by_pages(kind: str) -> None:
    request = Request("list_supported_images", "GET", "/supportedimages", {"maxresults": "1"})
    first = await _send(kind, request)
    whole = await _send(kind, requests.list_supported_images())
    read = list(first.json["value"])
    following = requests.next_page(request, first)
    while following is not None:
        answer = await _send(kind, following)
        read += answer.json["value"]
        following = requests.next_page(request, answer)
    assert len(whole.json["value"]) > 1
    assert read == whole.json["value"]
