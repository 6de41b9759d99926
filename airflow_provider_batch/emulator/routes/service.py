"""The ASGI application behind all checks: finds the operation, runs its handler in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.routes.counting import RequestCounter
from airflow_provider_batch.emulator.routes.matching import Match, Matcher
from airflow_provider_batch.emulator.routes.request_faults import (
    Action,
    RequestFault,
    RequestFaults,
    When,
)
from airflow_provider_batch.emulator.routes.table import OPERATIONS, Operation
from airflow_provider_batch.emulator.service.services import Services
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.versions import LAST_WITH_CAPITALS


class BatchRoutes:
    """Answers the operations of the service."""

    def __init__(self, services: Services, counter: RequestCounter, faults: RequestFaults) -> None:
        self._services = services
        self._counter = counter
        self._faults = faults
        self._matcher = Matcher(OPERATIONS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive)
        match = self._matcher.find(request.method, scope["raw_path"].decode("latin-1"))
        self._counter.count(match.operation.name)
        faults = self._faults.met_by(match.operation.name, scope["path"])
        if await _dropped(faults, When.BEFORE, scope, receive):
            return
        answer = await self._answer(request, match)
        if await _dropped(faults, When.AFTER, scope, receive):
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request, match: Match[Operation]) -> Response:
        handler = match.operation.handler
        if handler is None:
            raise errors.not_implemented(f"The operation {match.operation.name}")
        call = Call(
            operation=match.operation.name,
            path=request.scope["raw_path"].decode("latin-1"),
            ids=match.ids,
            query=Query.parse(request.scope["query_string"].decode("latin-1")),
            headers=request.headers,
            body=await request.body(),
            links=Links.of_scope(request.scope),
            request_id=request.scope["state"]["request_id"],
        )
        answer = await run_in_threadpool(handler, self._services, call)
        capitals = self._services.assumptions.capital_words or call.links.api_version <= LAST_WITH_CAPITALS
        return answers.with_capitals(answer) if capitals else answer


async def _dropped(faults: Iterable[RequestFault], when: When, scope: Scope, receive: Receive) -> bool:
    """
    Let a request meet its faults; whether its connection is gone.

    :raises ServiceError: the answer that a fault wants.
    """
    for fault in faults:
        if fault.when is not when:
            continue
        if fault.action is Action.DELAY:
            await asyncio.sleep(fault.seconds)
        elif fault.action is Action.DROP:
            scope["state"]["drop"]()
            # The server hears of it a moment later; until then it would miss an answer.
            while (await receive())["type"] != "http.disconnect":
                pass
            return True
        else:
            raise _error(fault)
    return False


def _error(fault: RequestFault) -> errors.ServiceError:
    error = errors.ServiceError(fault.code, fault.status, fault.message or "A fault was asked for.")
    error.retry_after = fault.retry_after
    return error
