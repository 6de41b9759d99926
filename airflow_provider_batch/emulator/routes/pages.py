"""Pages for people: the account, a pool, a job, a task. They only show, and refresh themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.routes.drawing import HEIGHT, WIDTH, draw
from airflow_provider_batch.emulator.service.overview import PAGE_LENGTH, Overview

REFRESH_SECONDS = 2
"""How often a page loads itself again."""

LOOKS = ("waiting", "ready", "running", "succeeded", "failed")

_HEADERS = {
    # Nothing that a task has written can become a script, and no other page can frame this one.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}


class Pages:
    """
    The addresses of the pages.

    :param account: name of the account.
    """

    def __init__(self, overview: Overview, account: str) -> None:
        self._overview = overview
        self._account = account
        self._templates = Environment(
            loader=PackageLoader("airflow_provider_batch.emulator.routes"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["time"] = _time
        self._templates.filters["part"] = lambda text: quote(text, safe="")

    def routes(self) -> list[Route]:
        """The addresses; all but the first stand beside the service's own."""
        return [
            Route("/", self.account, methods=["GET"]),
            Route("/_emulator/pages/pools/{poolId}", self.pool, methods=["GET"]),
            Route("/_emulator/pages/jobs/{jobId}", self.job, methods=["GET"]),
            Route("/_emulator/pages/jobs/{jobId}/tasks/{taskId}", self.task, methods=["GET"]),
        ]

    async def account(self, request: Request) -> Response:
        """Everything at a glance."""
        return await self._page(request, "account.html", lambda: {"view": self._overview.account()})

    async def pool(self, request: Request) -> Response:
        """One pool and its nodes."""
        pool_id = request.path_params["poolId"]
        return await self._page(request, "pool.html", lambda: {"pool": self._overview.pool(pool_id)})

    async def job(self, request: Request) -> Response:
        """One job: its tasks, and how they depend on each other."""
        job_id, look = request.path_params["jobId"], request.query_params.get("look", "")
        text = request.query_params.get("page", "1")
        number = int(text) if text.isdecimal() and len(text) < 8 else 1

        def read() -> Mapping[str, Any]:
            found = self._overview.job(job_id, look if look in LOOKS else "", number)
            return {
                "view": found,
                "look": look,
                "looks": LOOKS,
                "page": number,
                "pages": -(-found.task_number // PAGE_LENGTH),
                "drawing": draw([task.id for task in found.tasks], found.edges) if found.edges else None,
                "look_of": {task.id: task.look for task in found.tasks},
                "box": {"width": WIDTH, "height": HEIGHT},
            }

        return await self._page(request, "job.html", read)

    async def task(self, request: Request) -> Response:
        """One task with its output."""
        ids = request.path_params
        return await self._page(
            request, "task.html", lambda: {"view": self._overview.task(ids["jobId"], ids["taskId"])}
        )

    async def _page(self, request: Request, template: str, read: Callable[[], Mapping[str, Any]]) -> Response:
        def write() -> Response:
            try:
                values, name, status = read(), template, 200
            except errors.ServiceError as error:
                # For a person: the page says it, and goes on looking.
                values, name, status = {"message": error.message}, "missing.html", error.status
            text = self._templates.get_template(name).render(
                account=self._account,
                refresh=None if "still" in request.query_params else REFRESH_SECONDS,
                path=request.url.path,
                **values,
            )
            return HTMLResponse(text, status, _HEADERS)

        return await run_in_threadpool(write)


def _time(value: datetime | None) -> str:
    return "" if value is None else value.strftime("%Y-%m-%d %H:%M:%S")
