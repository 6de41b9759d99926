"""Requests say who they are from: signed with an account key, or with a bearer token."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_batch.emulator.wire.signature import SignedRequest


class Authentication:
    """
    Let only requests of the data plane pass whose credentials are accepted.

    :param check: raises ``ServiceError``; gets the request and the address of the client.
    """

    def __init__(self, app: ASGIApp, check: Callable[[SignedRequest, str], None]) -> None:
        self.app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            self._check(signed_request(scope), client_address(scope))
        await self.app(scope, receive, send)


def signed_request(scope: Scope) -> SignedRequest:
    """The parts of a request that its signature covers."""
    return SignedRequest(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("latin-1"),
        query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
    )


def client_address(scope: Scope) -> str:
    """Address that a request came from; empty when the server does not say."""
    client = scope.get("client")
    return str(client[0]) if client else ""
