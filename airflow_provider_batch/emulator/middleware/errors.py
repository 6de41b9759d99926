"""One place that turns the error catalogue, and any crash, into the service's error body."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.clock import Clock
from airflow_provider_batch.emulator.model.assumptions import Assumptions, BadCredentials, RetryAfter
from airflow_provider_batch.emulator.wire.error_body import render_error
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.times import format_http_date

log = logging.getLogger(__name__)


class ErrorBodies:
    """Answer a raised ``ServiceError`` with its body; anything else is a bug here and answers 500."""

    def __init__(self, app: ASGIApp, clock: Clock, assumptions: Callable[[], Assumptions]) -> None:
        self.app = app
        self._clock = clock
        self._assumptions = assumptions

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
        assumed = self._assumptions()
        if error.retry_after is not None:
            headers["retry-after"] = _retry_after(error.retry_after, assumed.retry_after)
        if error.status == 304:
            return Response(status_code=304)
        status = error.status
        if error.code == "AuthenticationFailed" and assumed.bad_credentials is not BadCredentials.BY_CAUSE:
            status = int(assumed.bad_credentials.value)
        body = render_error(error, Links.of_scope(scope), scope["state"]["request_id"], self._clock.now())
        if scope["method"] == "HEAD":
            return Response(status_code=status, headers={**headers, "content-length": "0"})
        return Response(body, status_code=status, headers=headers)


def _retry_after(text: str, unit: RetryAfter) -> str:
    """A number of seconds, or the moment that lies so far from now, by the computer's clock."""
    if unit is RetryAfter.SECONDS or not text.isdecimal():
        return text
    return format_http_date(datetime.now(timezone.utc) + timedelta(seconds=int(text)))
