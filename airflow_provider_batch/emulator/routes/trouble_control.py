"""``/_emulator/pools/...`` and ``/_emulator/jobs/...``: let nodes, resizes and tasks get into trouble."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.routes.control_requests import ControlKey, json_object
from airflow_provider_batch.emulator.service.troubles import NODE_VERBS, POOL_VERBS, TASK_VERBS, Troubles


class TroubleRoutes:
    """The addresses of troubles; all are writes."""

    def __init__(self, troubles: Troubles, key: ControlKey) -> None:
        self._troubles = troubles
        self._key = key

    def routes(self) -> list[Route]:
        """The addresses."""
        pool = "/_emulator/pools/{poolId}"
        return [
            Route(f"{pool}/nodes/{{nodeId}}/{{verb}}", self.node, methods=["POST"]),
            Route(f"{pool}/{{verb}}", self.pool, methods=["POST"]),
            Route("/_emulator/jobs/{jobId}/tasks/{taskId}/{verb}", self.task, methods=["POST"]),
        ]

    async def node(self, request: Request) -> Response:
        """Do something to a node: preempt, break, miss, recover, upgrade, losefiles."""
        self._check(request, NODE_VERBS)
        ids, body = request.path_params, await _properties(request)
        await run_in_threadpool(self._troubles.node, ids["verb"], ids["poolId"], ids["nodeId"], body)
        return Response(status_code=204)

    async def pool(self, request: Request) -> Response:
        """Let the next start tasks or the next resize of a pool fail."""
        self._check(request, POOL_VERBS)
        ids, body = request.path_params, await _properties(request)
        await run_in_threadpool(self._troubles.pool, ids["verb"], ids["poolId"], body)
        return Response(status_code=204)

    async def task(self, request: Request) -> Response:
        """Freeze a task, or let it go on."""
        self._check(request, TASK_VERBS)
        ids, body = request.path_params, await _properties(request)
        await run_in_threadpool(self._troubles.task, ids["verb"], ids["jobId"], ids["taskId"], body)
        return Response(status_code=204)

    def _check(self, request: Request, verbs: Container[str]) -> None:
        self._key.check(request)
        if request.path_params["verb"] not in verbs:
            raise errors.resource_not_found()


async def _properties(request: Request) -> dict[str, Any]:
    return await json_object(request) if await request.body() else {}
