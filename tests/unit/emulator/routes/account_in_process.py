"""A whole account behind its ASGI application, without a server, in a time that stands still."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import Message

from airflow_provider_batch.emulator import DEFAULT_ACCOUNT_KEY, DEFAULT_ACCOUNT_NAME
from airflow_provider_batch.emulator.app import Settings, build_app
from airflow_provider_batch.emulator.clock import ScaledClock
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.execution.simulated import SECONDS, SimulatedExecutor
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.routes.control_requests import KEY_HEADER

URL = "http://127.0.0.1:1"
VERSION = "api-version=2025-06-01"
IMAGE: dict[str, Any] = {
    "imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"},
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}


@dataclass(frozen=True)
class Sent:
    """
    A request.

    :param target: path, percent-encoded, and query.
    :param headers: in addition to, or instead of, those that let it pass.
    """

    operation: str
    method: str
    target: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class AccountInProcess:
    """
    An account with pools, jobs, tasks, schedules, an application and files.

    :param root: directory for its nodes.
    :param loop: runs the application.
    """

    def __init__(self, root: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        clock = ScaledClock(scale=0)
        self.engine = Engine(
            root,
            account_url=URL,
            machine_settings=MachineSettings(dedicated_core_quota=40, low_priority_core_quota=20),
            clock=clock,
            executor=lambda reports, later: SimulatedExecutor(reports, later, "100"),
            run_timers=False,
        )
        settings = Settings(DEFAULT_ACCOUNT_NAME, DEFAULT_ACCOUNT_KEY, root, 0.2, (), URL)
        self._app = build_app(self.engine, settings, clock)

    def close(self) -> None:
        self.engine.close()

    def send(self, sent: Sent) -> Answer:
        """Send a request, with a token and the key unless it has headers of its own."""
        headers = {
            "host": "127.0.0.1:1",
            "authorization": "Bearer e30.e30.c2ln",
            KEY_HEADER: DEFAULT_ACCOUNT_KEY,
            **dict(sent.headers),
        }
        path, _, query = sent.target.partition("?")
        scope = {
            "type": "http",
            "method": sent.method,
            "path": unquote_to_bytes(path).decode("utf-8", "replace"),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "scheme": "http",
            "root_path": "",
            "client": ("127.0.0.1", 50_000),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        messages: list[Message] = []

        to_come: list[Message] = [{"type": "http.request", "body": sent.body, "more_body": False}]

        async def receive() -> Message:
            # The client never hangs up.
            return to_come.pop() if to_come else await asyncio.Future()

        async def hear(message: Message) -> None:
            messages.append(message)

        self._loop.run_until_complete(asyncio.wait_for(self._app(scope, receive, hear), 30))
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in messages[0]["headers"]}
        # What answers HEAD may have a body, which a server keeps back.
        heard = [] if sent.method == "HEAD" else messages[1:]
        return Answer(messages[0]["status"], found, b"".join(m.get("body", b"") for m in heard))

    def digest(self) -> tuple[bytes, list[tuple[str, int, int]]]:
        """What may not change while nothing is done: the state, and the files of the nodes."""
        with self.engine.reading() as state:
            seen = pickle.dumps(state)
        files = [(str(path), path.lstat().st_mode, path.lstat().st_size) for path in _below(self.engine.root)]
        return seen, files

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send what is expected to be done."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.send(Sent("", method, f"{path}?{VERSION}", content))
        assert answer.status < 300, (method, path, answer)
        return answer

    def begin(self, account_id: str) -> None:
        """Bring about what requests can be about."""
        machine = {"vmSize": "STANDARD_D2S_V3", "virtualMachineConfiguration": IMAGE}
        self.ask("POST", "/pools", {"id": "p", **machine, "targetDedicatedNodes": 2, "taskSlotsPerNode": 4})
        scaling = {"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes=0"}
        self.ask("POST", "/pools", {"id": "a", **machine, **scaling})
        self.ask("PUT", f"{account_id}/applications/app", {"properties": {"displayName": "shown"}})
        job = {"poolInfo": {"poolId": "p"}, "usesTaskDependencies": True}
        self.ask("POST", "/jobs", {"id": "j", **job})
        prepared = {"jobPreparationTask": {"commandLine": "b"}, "jobReleaseTask": {"commandLine": "c"}}
        self.ask("POST", "/jobs", {"id": "k", **job, **prepared})
        self.ask("POST", "/jobschedules", {"id": "s", "schedule": {}, "jobSpecification": job})
        quick = {"environmentSettings": [{"name": SECONDS, "value": "1"}]}
        self.ask("POST", "/jobs/j/tasks", {"id": "t", "commandLine": "x", "dependsOn": {"taskIds": ["c"]}})
        self.ask("POST", "/jobs/j/tasks", {"id": "c", "commandLine": "x", **quick})
        self.ask("POST", "/jobs/k/tasks", {"id": "t", "commandLine": "x"})
        self.engine.advance(10)
        self._write_files()

    def _write_files(self) -> None:
        """A running task's files, with links that lead out of its directory."""
        directory = self.engine.task_files("j", "t").root
        (directory / "wd" / "deep").mkdir(parents=True)
        (directory / "stdout.txt").write_text("said")
        (directory / "wd" / "deep" / "file").write_text("kept")
        secret = self.engine.root / "secret.txt"
        secret.write_text(SECRET)
        (directory / "wd" / "link").symlink_to(secret)
        (directory / "wd" / "up").symlink_to(self.engine.root)


SECRET = "nobody may read this"


def _below(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if not path.is_dir() or path.is_symlink())
