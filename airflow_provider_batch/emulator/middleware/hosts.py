"""Requests must come under a local name: a web page whose name resolves to loopback must not reach us."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_batch.emulator.errors import ServiceError

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names that are always served."""

_MESSAGE = "The emulator serves requests to local names only; start it with --allowed-host NAME to add one."


class LocalHosts:
    """Refuse, with 421, a request whose ``Host`` is neither local nor configured."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self.app = app
        self._allowed = LOCAL_NAMES | {name.lower() for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and not self._is_local(scope):
            raise ServiceError("MisdirectedRequest", 421, _MESSAGE)
        await self.app(scope, receive, send)

    def _is_local(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return len(hosts) == 1 and host_name(hosts[0]) in self._allowed


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without the port, in lower case; empty when it is malformed."""
    name, separator, port = host.rpartition(":")
    if not separator or host.endswith("]"):
        name, port = host, "0"
    return name.lower() if port.isascii() and port.isdigit() else ""
