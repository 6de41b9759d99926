"""
Start a ``batch-emulator`` as a process of its own, for any test suite.

Example::

    with EmulatorProcess.start(root=tmp_path) as emulator:
        credential = AzureNamedKeyCredential(emulator.account_name, emulator.account_key)
        client = BatchClient(emulator.url, credential)

The process leads a process group; leaving the block ends it with SIGTERM and, should it not obey, kills the
group.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

ACCOUNT_NAME = "devbatch"
ACCOUNT_KEY = "YmF0Y2gtZW11bGF0b3IgcHVibGljIGRldmVsb3BtZW50IGtleSwgbm90IGEgc2VjcmV0ISEhISEhISEhISEhIQ=="
START_LIMIT_SECONDS = 60
END_LIMIT_SECONDS = 20
_ANNOUNCEMENT = re.compile(r"batch-emulator listening on (http://\S+)")


@dataclass
class EmulatorProcess:
    """A running emulator. Make one with :meth:`start`."""

    process: subprocess.Popen[str]
    url: str
    account_name: str
    account_key: str
    root: Path
    _stderr: list[str] = field(default_factory=list, repr=False)

    @classmethod
    def start(
        cls,
        root: Path,
        *,
        account_name: str = ACCOUNT_NAME,
        account_key: str = ACCOUNT_KEY,
        node_start_seconds: float = 0.05,
        port: int = 0,
        arguments: Sequence[str] = (),
    ) -> EmulatorProcess:
        """
        Start an emulator and wait until it listens.

        :param root: folder for the nodes' files; made when it is absent.
        :param port: 0 takes a free one; a restart on the same address names it.
        :param arguments: further command line arguments of ``batch-emulator serve``.
        :raises RuntimeError: it ended or said nothing in time; the text holds what it wrote on stderr.
        """
        command = [
            *(sys.executable, "-m", "airflow_provider_batch.emulator", "serve", "--port", str(port)),
            *("--account-name", account_name, "--account-key", account_key, "--root", str(root)),
            *("--node-start-seconds", str(node_start_seconds), *arguments),
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        stderr: list[str] = []
        threading.Thread(target=_drain, args=(process, stderr), daemon=True).start()
        url = _await_announcement(process, stderr)
        return cls(process, url, account_name, account_key, root, stderr)

    @property
    def stderr(self) -> str:
        """What the emulator wrote on stderr so far: its log and, after a crash, the traceback."""
        return "".join(self._stderr)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def request_counts(self) -> dict[str, int]:
        """How many requests the emulator served since its start or the last reset, by SDK operation."""
        with urllib.request.urlopen(f"{self.url}/_emulator/requests", timeout=10) as answer:  # noqa: S310
            counts: dict[str, int] = json.load(answer)["operations"]
        return counts

    def reset_request_counts(self) -> None:
        """Start counting anew."""
        self.control("DELETE", "/_emulator/requests")

    def assume(self, name: str, value: str) -> None:
        """Answer an open question about the service otherwise from now on; see ``docs/assumptions.md``."""
        self.control("PUT", f"/_emulator/assumptions/{name}", {"value": value})

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Send a write to the emulator's own ``/_emulator`` addresses."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", content, method=method)  # noqa: S310
        request.add_header("x-batch-emulator-key", self.account_key)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def stop(self) -> int:
        """End the emulator and everything that it started; repeating it is harmless."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(END_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait(END_LIMIT_SECONDS)

    def kill(self) -> None:
        """Take the emulator away without warning, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(END_LIMIT_SECONDS)

    def __enter__(self) -> EmulatorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def emulator_processes(root: Path, **options: Any) -> Iterator[EmulatorProcess]:
    """The body of a pytest fixture: ``yield from emulator_processes(tmp_path)``."""
    with EmulatorProcess.start(root, **options) as emulator:
        yield emulator


def _drain(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            lines.append(line)


def _await_announcement(process: subprocess.Popen[str], stderr: list[str]) -> str:
    assert process.stdout is not None
    watchdog = threading.Timer(START_LIMIT_SECONDS, process.kill)
    watchdog.start()
    try:
        with process.stdout:
            line = process.stdout.readline()
    finally:
        watchdog.cancel()
    match = _ANNOUNCEMENT.fullmatch(line.strip())
    if match is None:
        process.kill()
        process.wait(END_LIMIT_SECONDS)
        raise RuntimeError(
            f"batch-emulator did not start; it said {line!r} and on stderr:\n{''.join(stderr)}"
        )
    return match[1]
