"""One place that turns the error catalogue, and any crash, into the service's error body."""

from __future__ import annotations

import logging

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.clock import Clock
from airflow_provider_batch.emulator.wire.error_body import render_error
from airflow_provider_batch.emulator.wire.links import Links

log = logging.getLogger(__name__)


class ErrorBodies:
    """Answer a raised ``ServiceError`` with its body; anything else is a bug here and answers 500."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self.app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except errors.ServiceError as error:
            if started:
                raise
            await self._answer(error, scope)(scope, receive, send)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise
            await self._answer(errors.internal_error(), scope)(scope, receive, send)

    def _answer(self, error: errors.ServiceError, scope: Scope) -> Response:
        headers = {"content-type": "application/json;odata=minimalmetadata"}
        if error.retry_after is not None:
            headers["retry-after"] = error.retry_after
        if error.status == 304:
            return Response(status_code=304)
        body = render_error(error, Links.of_scope(scope), scope["state"]["request_id"], self._clock.now())
        if scope["method"] == "HEAD":
            return Response(status_code=error.status, headers={**headers, "content-length": "0"})
        return Response(body, status_code=error.status, headers=headers)
