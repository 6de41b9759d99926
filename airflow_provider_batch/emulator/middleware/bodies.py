"""Request bodies are read whole, up to the service's limit."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_batch.emulator import errors

MAX_BODY_BYTES = 1024 * 1024
"""Largest body: a task collection stays below 1 MB, and nothing else is larger."""

MAX_DRAINED_BYTES = 64 * 1024 * 1024
"""How much of a too large body is read and dropped, so that the client sees the answer and not a reset."""


class BodyLimit:
    """
    Read the body before the application runs; one that is too large answers ``RequestBodyTooLarge``.

    A client that hangs up amid its body has asked for nothing: what it meant is not known.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body; None when the client has gone before its end."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        elif size > MAX_DRAINED_BYTES:
            break
        more = message.get("more_body", False)
    if size > MAX_BODY_BYTES:
        raise errors.request_body_too_large()
    return b"".join(chunks)
