"""Requests to the service are signed with the account's key."""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_batch.emulator.wire.signature import SignedRequest, check_signature


class SharedKey:
    """
    Let only requests pass that carry a valid SharedKey signature.

    Their dates are compared with the computer's clock; the engine's stands still while a laptop sleeps.
    """

    def __init__(self, app: ASGIApp, account: str, key: str) -> None:
        self.app = app
        self._account = account
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            check_signature(signed_request(scope), self._account, self._key, datetime.now(timezone.utc))
        await self.app(scope, receive, send)


def signed_request(scope: Scope) -> SignedRequest:
    """The parts of a request that its signature covers."""
    return SignedRequest(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("latin-1"),
        query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
    )
