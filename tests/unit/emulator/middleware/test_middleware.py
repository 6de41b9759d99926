"""Middleware around a plain ASGI application, without a server."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.clock import ManualClock
from airflow_provider_batch.emulator.middleware.bodies import MAX_BODY_BYTES, BodyLimit
from airflow_provider_batch.emulator.middleware.errors import ErrorBodies
from airflow_provider_batch.emulator.middleware.headers import StandardHeaders
from airflow_provider_batch.emulator.middleware.hosts import LocalHosts, host_name
from airflow_provider_batch.emulator.model.assumptions import Assumptions


@dataclass
class Heard:
    """What an application sent."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    def json(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.messages[1:]))


def run(
    app: ASGIApp, *chunks: bytes, method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Heard:
    """Send one request through an application."""
    heard, left = Heard(), list(chunks) or [b""]

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        heard.messages.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "/x",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"localhost:1"), *headers],
    }

    async def serve() -> None:
        await app(scope, receive, send)

    asyncio.run(serve())
    return heard


def answering(app: ASGIApp) -> ASGIApp:
    return StandardHeaders(ErrorBodies(app, ManualClock(), Assumptions), ManualClock())


def raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return answering(app)


def test_crash_answers_500_and_leaves_its_traceback_in_the_log(caplog):
    with caplog.at_level(logging.ERROR):
        heard = run(raising(ZeroDivisionError("boom")))
    assert (heard.status, heard.json()["code"]) == (500, "InternalError")
    assert "boom" not in json.dumps(heard.json())
    assert "ZeroDivisionError: boom" in caplog.text


def test_refusal_is_no_crash(caplog):
    heard = run(raising(errors.pool_not_found()))
    assert (heard.status, heard.json()["code"]) == (404, "PoolNotFound")
    assert f"RequestId:{heard.headers['request-id']}\n" in heard.json()["message"]["value"]
    assert caplog.text == ""


@pytest.mark.parametrize("error", [errors.server_busy(), errors.too_many_requests()])
def test_refusal_that_time_heals_says_how_long_to_wait(error):
    assert run(raising(error)).headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("error", "method"), [(errors.pool_not_found(), "HEAD"), (errors.condition_not_met(reading=True), "GET")]
)
def test_answer_to_head_and_304_have_no_body(error, method):
    heard = run(raising(error), method=method)
    assert heard.status == error.status
    assert all(not message.get("body") for message in heard.messages[1:])


def test_crash_after_the_answer_began_is_not_papered_over():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(answering(app))


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    body = json.dumps({"length": len(message["body"]), "more": message["more_body"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_body_of_several_chunks_reaches_the_application_whole():
    assert run(BodyLimit(_echo), b"a" * 10, b"b" * 10).json() == {"length": 20, "more": False}


def test_request_whose_body_was_torn_off_is_not_served():
    heard: list[Message] = []
    left: list[Message] = [
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return left.pop(0)

    async def send(message: Message) -> None:
        heard.append(message)

    asyncio.run(BodyLimit(_echo)({"type": "http"}, receive, send))
    assert heard == []


@pytest.mark.parametrize(("length", "status"), [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)])
def test_body_has_a_limit(length, status):
    half = length // 2
    assert run(answering(BodyLimit(_echo)), b"x" * half, b"x" * (length - half)).status == status


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:80", "localhost"),
        ("[::1]", "[::1]"),
        ("[::1]:80", "[::1]"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("localhost:80@evil", ""),
        ("localhost:", ""),
        ("::1", ":"),
    ],
)
def test_name_of_a_host_header(host, name):
    assert host_name(host) == name


def test_two_host_headers_are_misdirected():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("not reached")

    heard = run(answering(LocalHosts(app)), headers=((b"host", b"localhost"),))
    assert (heard.status, heard.json()["code"]) == (421, "MisdirectedRequest")
