"""The HTTP server: says when it listens, ends without an error, and can drop a connection when asked to."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol


class Server(uvicorn.Server):
    """
    A server that is asked to end by SIGINT or SIGTERM, and then does.

    :param listening: called once, when requests are answered.
    """

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening
        # uvicorn raises the signal again once it has ended; what it then meets is this handler, not death.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._listening()


class Connections:
    """The open connections by the address of their clients, so that one can be dropped as a fault."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """The server's own protocol, whose connections are known here."""
        connections = self._transports

        class Known:
            def connection_made(self, transport: asyncio.Transport) -> None:
                connections[_peer(transport)] = transport
                super().connection_made(transport)  # type: ignore[misc]

            def connection_lost(self, error: Exception | None) -> None:
                for peer, transport in list(connections.items()):
                    if transport is self.transport:  # type: ignore[attr-defined]
                        del connections[peer]
                super().connection_lost(error)  # type: ignore[misc]

        return type("KnownHttpProtocol", (Known, AutoHTTPProtocol), {})

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Give every request ``state["drop"]``, which ends its connection at once, without an answer."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope.setdefault("state", {})["drop"] = lambda: self._drop(scope)
            await app(scope, receive, send)

        return serve

    def _drop(self, scope: Scope) -> None:
        host, port = scope["client"]
        self._transports[host, port].abort()


def _peer(transport: asyncio.BaseTransport) -> tuple[str, int]:
    name: Any = transport.get_extra_info("peername")
    return str(name[0]), int(name[1])
