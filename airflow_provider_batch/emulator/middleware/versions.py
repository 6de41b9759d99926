"""The API version that a request asks for."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_batch.emulator import errors

SUPPORTED = frozenset({"2025-06-01"})
"""The versions that are served; others, though valid in Azure, are refused rather than answered wrongly."""


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
    versions = [value for name, value in parse_qsl(query) if name.lower() == "api-version"]
    if not versions:
        raise errors.missing_required_query_parameter("api-version")
    if versions[0] not in SUPPORTED:
        raise errors.unsupported_request_version(versions[0])
