"""A loopback web server for a folder: where the Batch tasks of the example fetch their files from."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from demo.ports import LOOPBACK


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the tasks' output."""


class FileServer:
    """
    Serves the files below a folder to this machine, until the ``with`` block is left.

    :param folder: what is served.
    """

    def __init__(self, folder: Path) -> None:
        handler = partial(_QuietHandler, directory=str(folder.resolve()))
        self._server = ThreadingHTTPServer((LOOPBACK, 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="file-server", daemon=True)

    @property
    def url(self) -> str:
        """Address of the folder, without a trailing slash."""
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
