"""``/_emulator/time``: read the emulator's time, let it run faster or stand still, move it on."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_batch.emulator.routes.control_requests import ControlKey, json_object, number_of
from airflow_provider_batch.emulator.service.time import MAX_ADVANCE_SECONDS, MAX_SCALE, TimeControl


class TimeRoutes:
    """The addresses of the time."""

    def __init__(self, time: TimeControl, key: ControlKey) -> None:
        self._time = time
        self._key = key

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/_emulator/time", self.get, methods=["GET"]),
            Route("/_emulator/time", self.put, methods=["PUT"]),
            Route("/_emulator/time/advance", self.advance, methods=["POST"]),
        ]

    async def get(self, _request: Request) -> Response:
        """Say what time it is here, and how fast it goes."""
        return JSONResponse(self._time.get())

    async def put(self, request: Request) -> Response:
        """Set the speed; the body is ``{"scale": 60}``, and 0 stands still."""
        self._key.check(request)
        self._time.run_at(number_of(await json_object(request), "scale", 0, MAX_SCALE))
        return JSONResponse(self._time.get())

    async def advance(self, request: Request) -> Response:
        """Move on; the body is ``{"seconds": 3600}``. What is due meanwhile happens before the answer."""
        self._key.check(request)
        seconds = number_of(await json_object(request), "seconds", 0, MAX_ADVANCE_SECONDS)
        await run_in_threadpool(self._time.advance, seconds)
        return JSONResponse(self._time.get())
