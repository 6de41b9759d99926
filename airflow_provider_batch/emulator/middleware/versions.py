"""The API version that a request asks for."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.wire.links import api_version
from airflow_provider_batch.emulator.wire.versions import SUPPORTED


class ApiVersion:
    """Refuse a request without ``api-version``, or with one that is not served."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            _check(scope["query_string"].decode("latin-1"))
        await self.app(scope, receive, send)


def _check(query: str) -> None:
    version = api_version(query)
    if version is None:
        raise errors.missing_required_query_parameter("api-version")
    if version not in SUPPORTED:
        raise errors.unsupported_request_version(version)
