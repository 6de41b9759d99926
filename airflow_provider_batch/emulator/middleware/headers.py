"""The headers that every answer of the service carries."""

from __future__ import annotations

import uuid
from email.utils import format_datetime

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_batch.emulator.clock import Clock

_STANDARD = {
    "server": "Microsoft-HTTPAPI/2.0",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "dataserviceversion": "3.0",
}


class StandardHeaders:
    """
    Give each request an id and each answer the service's standard headers.

    ``Date`` is the account's time: by it a client may judge the times that the account tells. There are never
    CORS headers: a web page must not be able to read an answer.

    :param clock: the account's time.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self.app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        sent = dict(scope["headers"])
        client_id = sent.get(b"client-request-id", b"").decode("latin-1")
        echo = sent.get(b"return-client-request-id", b"").lower() == b"true"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["date"] = format_datetime(self._clock.now(), usegmt=True)
                headers["request-id"] = request_id
                headers.update(_STANDARD)
                if echo and client_id:
                    headers["client-request-id"] = client_id
            await send(message)

        await self.app(scope, receive, send_with_headers)
