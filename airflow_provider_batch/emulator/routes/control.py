"""
The emulator's own addresses, ``/_emulator/...``: not part of Azure.

Reading needs no signature. Writing needs the account key in a header that no web page can send unasked.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_batch.emulator.routes.control_requests import ControlKey, json_object
from airflow_provider_batch.emulator.routes.counting import RequestCounter
from airflow_provider_batch.emulator.service.assumptions import AssumptionSwitches


class ControlRoutes:
    """Health, counts of requests, and answers to open questions about the service."""

    def __init__(
        self, counter: RequestCounter, assumptions: AssumptionSwitches, account: str, key: ControlKey
    ) -> None:
        self._counter = counter
        self._assumptions = assumptions
        self._account = account
        self._key = key

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/_emulator/health", self.health, methods=["GET"]),
            Route("/_emulator/requests", self.requests, methods=["GET"]),
            Route("/_emulator/requests", self.reset, methods=["DELETE"]),
            Route("/_emulator/assumptions", self.assumptions, methods=["GET"]),
            Route("/_emulator/assumptions/{name}", self.assume, methods=["PUT"]),
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
        self._key.check(request)
        self._counter.reset()
        return Response(status_code=204)

    async def assumptions(self, _request: Request) -> Response:
        """Say what is answered where the service's behaviour is not known."""
        return JSONResponse(self._assumptions.list())

    async def assume(self, request: Request) -> Response:
        """Answer one open question otherwise; the body is ``{"value": "..."}``."""
        self._key.check(request)
        self._assumptions.set(request.path_params["name"], await json_object(request))
        return Response(status_code=204)
