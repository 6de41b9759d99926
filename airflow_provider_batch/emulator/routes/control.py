"""
The emulator's own addresses, ``/_emulator/...``: not part of Azure.

Reading needs no signature. Writing needs the account key in a header that no web page can send unasked.
"""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.routes.counting import RequestCounter

KEY_HEADER = "x-batch-emulator-key"
"""Carries the account key of a write."""


class ControlRoutes:
    """Health, and counts of requests."""

    def __init__(self, counter: RequestCounter, account: str, key: str) -> None:
        self._counter = counter
        self._account = account
        self._key = key

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/_emulator/health", self.health, methods=["GET"]),
            Route("/_emulator/requests", self.requests, methods=["GET"]),
            Route("/_emulator/requests", self.reset, methods=["DELETE"]),
        ]

    async def health(self, _request: Request) -> Response:
        """Say that we are here, and which account we stand for."""
        return JSONResponse({"status": "ok", "accountName": self._account})

    async def requests(self, _request: Request) -> Response:
        """Say how often each operation was asked for."""
        counts = self._counter.counts()
        return JSONResponse({"operations": counts, "total": sum(counts.values())})

    async def reset(self, request: Request) -> Response:
        """Count anew."""
        sent = request.headers.get(KEY_HEADER, "")
        if not hmac.compare_digest(sent.encode(), self._key.encode()):
            raise errors.authentication_failed(f"{KEY_HEADER} must carry the account key.")
        self._counter.reset()
        return Response(status_code=204)
