"""A gate between Airflow and Batch: it holds a request up, so that a test can do something in its middle."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

#: longest time that a request is held, seconds; a test that needs longer has failed
HOLD_LIMIT_SECONDS = 120.0
_OF_ONE_CONNECTION = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass
class Gate:
    """
    Passes everything on, but stops the first request that the test asked for.

    :param url: where Airflow is to send its requests.
    :param target: ``host:port`` of the service.
    """

    url: str
    target: str
    _method: str = ""
    _path_part: str = ""
    _answered: bool = False
    _armed: bool = False
    _reached: threading.Event = field(default_factory=threading.Event)
    _cut: threading.Event = field(default_factory=threading.Event)

    def close(self, method: str, path_part: str, *, answered: bool) -> None:
        """
        Stop the next request of this kind, and let it never go on.

        :param method: HTTP method.
        :param path_part: what its path contains or, when it starts with ``^``, is equal to.
        :param answered: whether the service still gets the request, and only the answer is lost.
        """
        self._method, self._path_part, self._answered = method, path_part, answered
        self._reached.clear()
        self._cut.clear()
        self._armed = True

    def wait_until_reached(self) -> None:
        """Return when the request is held."""
        assert self._reached.wait(HOLD_LIMIT_SECONDS), f"no {self._method} {self._path_part} in time"

    def cut(self) -> None:
        """Break the connection of the request that is held."""
        self._cut.set()

    def stops(self, method: str, path: str, *, answered: bool) -> bool:
        """Tell whether this request ends here; returns when the test has cut it."""
        wanted = path == self._path_part[1:] if self._path_part.startswith("^") else self._path_part in path
        if not (self._armed and wanted and method == self._method and answered == self._answered):
            return False
        self._armed = False
        self._reached.set()
        self._cut.wait(HOLD_LIMIT_SECONDS)
        return True


@contextmanager
def gate_to(service_url: str) -> Iterator[Gate]:
    """Open a gate on loopback that leads to a service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        gate = Gate(f"http://127.0.0.1:{server.server_port}", urlsplit(service_url).netloc)
        server.gate = gate  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        yield gate
        gate.cut()
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        gate: Gate = self.server.gate  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        if gate.stops(self.command, path, answered=False):
            self.close_connection = True
            return
        service = http.client.HTTPConnection(gate.target, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _OF_ONE_CONNECTION}
        service.request(self.command, self.path, body, headers)
        answer = service.getresponse()
        content = answer.read()
        service.close()
        if gate.stops(self.command, path, answered=True):
            self.close_connection = True
            return
        self._answer(answer, content)

    def _answer(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_ONE_CONNECTION | {"date", "server"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

    def log_message(self, format: str, *args: Any) -> None:
        """The service has a log of its own."""
