"""An HTTP server on loopback that answers by script and keeps what it received; for tests of a client."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def error(status: int, code: str, message: str = "No.", **headers: str) -> Reply:
    """An error of the service with its whole body."""
    text = f"{message}\nRequestId:1b2c\nTime:2024-03-22T23:49:01.7554230Z"
    body = {"code": code, "message": {"lang": "en-US", "value": text}}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body, {"Content-Type": "application/json;odata=minimalmetadata", **names})


@dataclass
class ScriptedServer:
    """``script`` holds the replies in order; afterwards ``default`` is given."""

    url: str
    script: list[Reply] = field(default_factory=list)
    default: Reply = field(default_factory=lambda: Reply(body={"value": []}))
    received: list[Received] = field(default_factory=list)

    def take(self) -> Reply:
        return self.script.pop(0) if self.script else self.default


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    scripted = ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(scripted)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(scripted: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            received = {name.lower(): value for name, value in self.headers.items()}
            scripted.received.append(Received(self.command, self.path, received, body))
            reply = scripted.take()
            self.close_connection = True
            if reply.drop:
                return
            content = reply.content()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                try:
                    self.wfile.write(content)
                except (BrokenPipeError, ConnectionResetError):
                    self.log_message("the client read no further")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    answer: Callable[[Any], None] = Handler._answer
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", answer)
    return Handler
