from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from airflow_provider_batch.client import retries
from airflow_provider_batch.client.account import AccountSettings, ClientSecret, SharedKey
from airflow_provider_batch.client.async_session import AsyncBatchSession
from airflow_provider_batch.client.ports import AsyncBatchPort, BatchPort
from airflow_provider_batch.client.session import BatchSession
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey
from airflow_provider_batch.exceptions import (
    BatchAuthenticationError,
    BatchConflictError,
    BatchNotFoundError,
    BatchServiceError,
    BatchThrottledError,
    BatchUnavailableError,
)
from tests.scripted_server import Reply, ScriptedServer, error
from tests.unit.client.conftest import ACCOUNT, KEY

TASK = TaskKey("j", "t")


class Either:
    """A session of either kind, driven alike, so that each rule is tested for both."""

    def __init__(self, settings: AccountSettings, kind: type[BatchSession] | type[AsyncBatchSession]) -> None:
        self._session = kind(settings)

    async def send(self, request: Request) -> Answer:
        if isinstance(self._session, AsyncBatchSession):
            return await self._session.send(request)
        return await asyncio.to_thread(self._session.send, request)

    async def close(self) -> None:
        if isinstance(self._session, AsyncBatchSession):
            await self._session.close()
        else:
            self._session.close()


@pytest.fixture(params=[BatchSession, AsyncBatchSession], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> type[BatchSession] | type[AsyncBatchSession]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def either(
    settings: AccountSettings, kind: type[BatchSession] | type[AsyncBatchSession]
) -> AsyncIterator[Either]:
    session = Either(settings, kind)
    yield session
    await session.close()


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.001)


def test_sessions_implement_the_ports(session: BatchSession, settings: AccountSettings) -> None:
    assert isinstance(session, BatchPort)
    assert issubclass(AsyncBatchSession, AsyncBatchPort)


async def test_answer_carries_json_and_lower_case_headers(server: ScriptedServer, either: Either) -> None:
    server.script = [Reply(body={"id": "j", "state": "active"}, headers={"ETag": "0x8D"})]
    answer = await either.send(requests.get_job("j"))
    assert (answer.json["state"], answer.etag) == ("active", "0x8D")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_write_without_a_body_in_its_answer_succeeds(
    server: ScriptedServer, either: Either, status: int
) -> None:
    server.script = [Reply(status, headers={"ETag": "0x8D"})]
    assert (await either.send(requests.create_job({"id": "j"}))).etag == "0x8D"


async def test_download_stops_at_the_bytes_that_were_asked_for(
    server: ScriptedServer, either: Either
) -> None:
    server.script = [Reply(body=b"x" * 10_000_000)]
    answer = await either.send(requests.get_task_file(TASK, "stdout.txt", 5, 100))
    assert answer.content == b"x" * 100
    assert server.received[0].headers["ocp-range"] == "bytes=5-104"


async def test_download_error_carries_the_services_code(
    server: ScriptedServer, either: Either, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = [error(404, "FileNotFound", request_id="r-1")]
    with caplog.at_level(logging.WARNING), pytest.raises(BatchNotFoundError) as caught:
        await either.send(requests.get_task_file(TASK, "stdout.txt", 0, 100))
    assert (caught.value.code, caught.value.request_id) == ("FileNotFound", "r-1")
    assert not caplog.records


async def test_conflict_carries_code_and_message_without_trailer(
    server: ScriptedServer, either: Either
) -> None:
    server.script = [error(409, "TaskExists", "The specified task already exists.")]
    with pytest.raises(BatchConflictError) as caught:
        await either.send(requests.create_task("j", {"id": "t"}))
    assert caught.value.code == "TaskExists"
    assert caught.value.message == "The specified task already exists."


async def test_traceback_of_a_refusal_has_nothing_beneath_it(server: ScriptedServer, either: Either) -> None:
    server.script = [error(409, "TaskExists")]
    with pytest.raises(BatchConflictError) as refused:
        await either.send(requests.create_task("j", {"id": "t"}))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_error_with_an_empty_body_is_still_a_service_error(
    server: ScriptedServer, either: Either
) -> None:
    server.script = [Reply(404)]
    with pytest.raises(BatchServiceError, match="not an answer of Azure Batch") as caught:
        await either.send(requests.get_job("j"))
    assert type(caught.value) is BatchServiceError
    assert caught.value.code is None


async def test_page_of_another_host_is_not_taken_for_an_answer(
    server: ScriptedServer, either: Either
) -> None:
    server.script = [Reply(body=b"<html>sign in</html>", headers={"Content-Type": "text/html"})]
    with pytest.raises(BatchUnavailableError, match=r"text/html.*account URL"):
        await either.send(requests.get_job("j"))


async def test_broken_json_is_not_taken_for_an_answer(server: ScriptedServer, either: Either) -> None:
    server.script = [Reply(body=b'{"id": "j', headers={"Content-Type": "application/json"})]
    with pytest.raises(BatchUnavailableError, match="not an answer of Azure Batch"):
        await either.send(requests.get_job("j"))


async def test_redirect_is_not_followed(server: ScriptedServer, either: Either) -> None:
    server.script = [Reply(302, headers={"Location": "https://login.example/?sig=" + "A" * 44})]
    with pytest.raises(BatchServiceError, match=r"points to https://login\.example/\?sig=\*\*\*"):
        await either.send(requests.get_job("j"))
    assert len(server.received) == 1


# --- retries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_read_is_repeated_after_a_passing_failure(
    server: ScriptedServer, either: Either, status: int
) -> None:
    server.script = [error(status, "InternalError"), Reply(body={"id": "j"})]
    assert (await either.send(requests.get_job("j"))).json == {"id": "j"}


async def test_read_is_repeated_after_a_lost_connection(server: ScriptedServer, either: Either) -> None:
    server.script = [Reply(drop=True), Reply(body={"id": "j"})]
    assert (await either.send(requests.get_job("j"))).json == {"id": "j"}


async def test_retries_end_after_a_few_tries(server: ScriptedServer, either: Either) -> None:
    server.default = error(500, "InternalError")
    with pytest.raises(BatchUnavailableError, match="InternalError"):
        await either.send(requests.get_job("j"))
    assert len(server.received) == 1 + retries.RETRIES


@pytest.mark.parametrize(
    "lost", [Reply(drop=True), error(500, "InternalError")], ids=["dropped", "server error"]
)
@pytest.mark.parametrize(
    "request_",
    [
        requests.create_task("j", {"id": "t"}),
        requests.terminate_task(TASK),
        requests.reactivate_task(TASK, "0x8D"),
    ],
    ids=lambda request: request.operation,
)
async def test_post_is_repeated_when_its_repetition_cannot_act_twice(
    server: ScriptedServer, either: Either, request_: Request, lost: Reply
) -> None:
    server.script = [lost, Reply(204)]
    await either.send(request_)
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "lost", [Reply(drop=True), error(500, "InternalError")], ids=["dropped", "server error"]
)
async def test_post_is_sent_once_when_its_repetition_could_act_twice(
    server: ScriptedServer, either: Either, lost: Reply
) -> None:
    server.script = [lost]
    with pytest.raises(BatchUnavailableError):
        await either.send(requests.reactivate_task(TASK))
    assert len(server.received) == 1


async def test_throttled_post_is_repeated_after_the_wait_that_was_asked_for(
    server: ScriptedServer, either: Either
) -> None:
    server.script = [error(429, "TooManyRequests", Retry_After="0"), Reply(204)]
    await either.send(requests.reactivate_task(TASK))
    assert len(server.received) == 2


async def test_long_retry_after_is_left_to_the_caller(server: ScriptedServer, either: Either) -> None:
    server.script = [error(429, "TooManyRequests", Retry_After="600")]
    with pytest.raises(BatchThrottledError) as caught:
        await either.send(requests.get_job("j"))
    assert caught.value.retry_after == 600
    assert len(server.received) == 1


@pytest.mark.parametrize("code", ["JobBeingTerminated", "PoolNotFound", "InvalidPropertyValue"])
async def test_answer_that_is_final_is_not_repeated(
    server: ScriptedServer, either: Either, code: str
) -> None:
    server.script = [error({"J": 409, "P": 404, "I": 400}[code[0]], code)]
    with pytest.raises(BatchServiceError):
        await either.send(requests.get_job("j"))
    assert len(server.received) == 1


def test_waits_grow_and_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 1.0)
    policy = retries.BatchRetryPolicy()
    for failures in range(1, 4):
        longest = 2 ** (failures - 1)
        waits = {policy.get_backoff_time({"history": [None] * failures}) for _ in range(20)}
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(waits) > 1


# --- no answer -----------------------------------------------------------------------------------


def _unresolvable() -> AccountSettings:
    return AccountSettings("https://acct.invalid", SharedKey(ACCOUNT, KEY))


async def test_unknown_host_name_is_named(kind: type[BatchSession] | type[AsyncBatchSession]) -> None:
    session = Either(_unresolvable(), kind)
    with pytest.raises(
        BatchUnavailableError, match=r"https://acct\.invalid: the name acct\.invalid cannot be"
    ):
        await session.send(requests.get_job("j"))
    await session.close()


async def test_refused_connection_is_named(kind: type[BatchSession] | type[AsyncBatchSession]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        session = Either(AccountSettings(url, SharedKey(ACCOUNT, KEY)), kind)
        with pytest.raises(BatchUnavailableError, match="the connection was refused"):
            await session.send(requests.get_job("j"))
        await session.close()


async def test_failed_tls_is_named(
    server: ScriptedServer, kind: type[BatchSession] | type[AsyncBatchSession]
) -> None:
    url = server.url.replace("http://", "https://")
    session = Either(AccountSettings(url, SharedKey(ACCOUNT, KEY)), kind)
    with pytest.raises(BatchUnavailableError, match="no TLS connection"):
        await session.send(requests.get_job("j"))
    await session.close()


async def test_silent_service_is_a_time_out(
    monkeypatch: pytest.MonkeyPatch, kind: type[BatchSession] | type[AsyncBatchSession]
) -> None:
    monkeypatch.setattr("airflow_provider_batch.client.session.READ_TIMEOUT_SECONDS", 0.05)
    with _silent_server() as url:
        session = Either(AccountSettings(url, SharedKey(ACCOUNT, KEY)), kind)
        with pytest.raises(BatchUnavailableError, match="time-out"):
            await session.send(requests.reactivate_task(TASK))
        await session.close()


@contextmanager
def _silent_server() -> Iterator[str]:
    """Accepts connections, through the backlog, and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_refused_token_names_the_kind_of_credential(
    server: ScriptedServer, kind: type[BatchSession] | type[AsyncBatchSession]
) -> None:
    credential = ClientSecret("11111111-1111-1111-1111-111111111111", "client-1", "s3cret-value-0123456789")
    settings = AccountSettings("https://acct.invalid", credential, authority_host="https://login.invalid")
    session = Either(settings, kind)
    with pytest.raises(BatchAuthenticationError) as caught:
        await session.send(requests.get_job("j"))
    assert "login.invalid" in str(caught.value)
    assert "client_secret" in str(caught.value)
    assert "client-1" in str(caught.value)
    assert "s3cret-value" not in str(caught.value)
    await session.close()


# --- logs ----------------------------------------------------------------------------------------


async def test_nothing_is_logged_of_a_request_at_info(
    either: Either, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await either.send(requests.get_job("j"))
    assert [
        record for record in caplog.records if record.name.startswith(("azure", "airflow_provider"))
    ] == []


async def test_no_log_shows_key_or_signature_when_everything_is_logged(
    server: ScriptedServer, either: Either, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "airflow_provider_batch.client.http"):
        await either.send(requests.get_job("j"))
    signature = server.received[0].headers["authorization"].rpartition(":")[2]
    assert caplog.records
    assert KEY not in caplog.text
    assert signature not in caplog.text


async def test_async_session_leaves_nothing_open(settings: AccountSettings) -> None:
    # An aiohttp session that is not closed raises a ResourceWarning, and warnings fail tests.
    session = AsyncBatchSession(settings)
    await session.send(requests.get_job("j"))
    await session.close()
    await session.close()


def test_a_worker_imports_nothing_of_the_async_sdk() -> None:
    """Each worker imports anew what it needs; that is most of what a short task costs."""
    code = "import sys, airflow_provider_batch.client.session as _; print('azure.batch.aio' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
