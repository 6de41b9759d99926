"""
A small API for tests: start an emulator, let requests fail, move its time, count what was asked for.

Example::

    with EmulatorProcess.start(root=tmp_path) as emulator:
        credential = AzureNamedKeyCredential(emulator.account_name, emulator.account_key)
        client = BatchClient(emulator.url, credential)
        emulator.answer("create_task", status=503, retry_after="2", times=3)
        emulator.drop("get_task", when="after")
        emulator.advance(3600)

It needs nothing but the standard library, and works on an emulator that somebody else has started, too:
``EmulatorControl(url, key)``.
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
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from airflow_provider_batch.emulator import DEFAULT_ACCOUNT_KEY, DEFAULT_ACCOUNT_NAME

START_LIMIT_SECONDS = 60
END_LIMIT_SECONDS = 20
_REQUEST_LIMIT_SECONDS = 60
_ANNOUNCEMENT = re.compile(r"batch-emulator listening on (http://\S+)")


class ControlError(Exception):
    """
    The emulator has refused a request to one of its own addresses.

    :param status: HTTP status.
    :param body: JSON of the error: ``code``, ``message``, ``values``.
    """

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body


@dataclass
class EmulatorControl:
    """
    The emulator's own addresses, ``/_emulator/...``, of one that runs.

    :param url: where it listens.
    :param account_key: base64; needed for everything that changes something.
    """

    url: str
    account_key: str = DEFAULT_ACCOUNT_KEY

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """
        Send a request to one of the emulator's own addresses; return its JSON.

        :raises ControlError: it was refused.
        """
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", content, method=method)  # noqa: S310
        request.add_header("x-batch-emulator-key", self.account_key)
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_LIMIT_SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(error.code, json.loads(error.read() or b"{}")) from None

    def request_counts(self) -> dict[str, int]:
        """How many requests were served since the start or the last reset, by name of the operation."""
        counts: dict[str, int] = self.control("GET", "/_emulator/requests")["operations"]
        return counts

    def reset_request_counts(self) -> None:
        """Start counting anew."""
        self.control("DELETE", "/_emulator/requests")

    def assume(self, name: str, value: str) -> None:
        """Answer an open question about the service otherwise from now on; see ``docs/assumptions.md``."""
        self.control("PUT", f"/_emulator/assumptions/{name}", {"value": value})

    # --- faults of requests --------------------------------------------------------------------------

    def answer(
        self,
        operation: str = "*",
        *,
        status: int,
        code: str | None = None,
        retry_after: str | None = None,
        when: str = "before",
        path: str = "*",
        skip: int = 0,
        times: int | None = 1,
    ) -> int:
        """
        Let requests be answered with an error.

        :param operation: as in :meth:`request_counts`; ``*`` for all.
        :param status: for example 429, 500, 503.
        :param code: the service's code; the usual one of the status by default.
        :param retry_after: text of the Retry-After header; None for none.
        :param when: ``before`` or ``after`` the request has had its effect.
        :param path: pattern of the path, as in ``/jobs/*/tasks/t1``.
        :param skip: so many requests pass before the first one meets the fault.
        :param times: how many meet it; None for all that follow.
        :return: id of the fault, see :meth:`met` and :meth:`forget`.
        """
        more = {} if code is None else {"code": code}
        return self._add(
            action="answer",
            operation=operation,
            status=status,
            retryAfter=retry_after,
            when=when,
            path=path,
            skip=skip,
            times=times,
            **more,
        )

    def drop(
        self,
        operation: str = "*",
        *,
        when: str = "before",
        path: str = "*",
        skip: int = 0,
        times: int | None = 1,
    ) -> int:
        """Let connections end without an answer; parameters as in :meth:`answer`."""
        return self._add(action="drop", operation=operation, when=when, path=path, skip=skip, times=times)

    def delay(
        self,
        operation: str = "*",
        *,
        seconds: float,
        when: str = "before",
        path: str = "*",
        skip: int = 0,
        times: int | None = 1,
    ) -> int:
        """Let requests wait; parameters as in :meth:`answer`."""
        return self._add(
            action="delay",
            operation=operation,
            seconds=seconds,
            when=when,
            path=path,
            skip=skip,
            times=times,
        )

    def _add(self, **fault: Any) -> int:
        added: Mapping[str, Any] = self.control("POST", "/_emulator/faults", fault)
        return int(added["id"])

    def met(self, fault_id: int) -> int:
        """
        Return how many requests have met a fault.

        :raises KeyError: there is no such fault.
        """
        faults = {fault["id"]: fault for fault in self.control("GET", "/_emulator/faults")["value"]}
        return int(faults[fault_id]["met"])

    def forget(self, fault_id: int | None = None) -> None:
        """Take a fault away again; all of them without an id."""
        self.control("DELETE", "/_emulator/faults" + ("" if fault_id is None else f"/{fault_id}"))

    # --- troubles of nodes and tasks -----------------------------------------------------------------

    def preempt_node(self, batch_pool_id: str, node_id: str, *, seconds: float | None = None) -> None:
        """
        Take a spot node's machine away; its tasks run again, which is not counted.

        :param seconds: until it has another machine.
        """
        self._node(batch_pool_id, node_id, "preempt", **({} if seconds is None else {"seconds": seconds}))

    def break_node(
        self, batch_pool_id: str, node_id: str, *, code: str = "Unknown", message: str = "The node was lost."
    ) -> None:
        """Make a node unusable, with this error."""
        self._node(batch_pool_id, node_id, "break", code=code, message=message)

    def miss_node(self, batch_pool_id: str, node_id: str) -> None:
        """Let the service lose contact with a node: its state is *unknown* until :meth:`recover_node`."""
        self._node(batch_pool_id, node_id, "miss")

    def recover_node(self, batch_pool_id: str, node_id: str) -> None:
        """Let the service have contact with a node again."""
        self._node(batch_pool_id, node_id, "recover")

    def upgrade_node(self, batch_pool_id: str, node_id: str) -> None:
        """Give a node a new operating system; its tasks run again."""
        self._node(batch_pool_id, node_id, "upgrade")

    def lose_files(self, batch_pool_id: str, node_id: str) -> None:
        """Lose the files of all completed tasks on a node."""
        self._node(batch_pool_id, node_id, "losefiles")

    def fail_start_tasks(
        self, batch_pool_id: str, *, node_ids: Sequence[str] = (), exit_code: int = 1, times: int = 1
    ) -> None:
        """Let start tasks fail: of these nodes at their next boot, or the next ones that begin."""
        body = {"nodeIds": list(node_ids), "exitCode": exit_code, "times": times}
        self.control("POST", f"/_emulator/pools/{quote(batch_pool_id)}/failstarttask", body)

    def fail_resize(
        self, batch_pool_id: str, *, code: str = "AllocationFailed", message: str = "", nodes: int = 0
    ) -> None:
        """
        Let the next resize of a pool end with an error, also that of its creation.

        :param nodes: how many of the missing nodes there are all the same, of each kind.
        """
        body = {"code": code, "message": message, "nodes": nodes}
        self.control("POST", f"/_emulator/pools/{quote(batch_pool_id)}/failresize", body)

    def freeze_task(self, batch_job_id: str, batch_task_id: str) -> None:
        """Stop the processes of a running task: it neither ends nor writes until :meth:`unfreeze_task`."""
        self._task(batch_job_id, batch_task_id, "freeze")

    def unfreeze_task(self, batch_job_id: str, batch_task_id: str) -> None:
        """Let a frozen task go on."""
        self._task(batch_job_id, batch_task_id, "unfreeze")

    def _node(self, batch_pool_id: str, node_id: str, verb: str, **body: Any) -> None:
        path = f"/_emulator/pools/{quote(batch_pool_id)}/nodes/{quote(node_id)}/{verb}"
        self.control("POST", path, body)

    def _task(self, batch_job_id: str, batch_task_id: str, verb: str) -> None:
        path = f"/_emulator/jobs/{quote(batch_job_id)}/tasks/{quote(batch_task_id)}/{verb}"
        self.control("POST", path, {})

    # --- time ----------------------------------------------------------------------------------------

    def now(self) -> str:
        """Return the emulator's time, ISO 8601."""
        return str(self.control("GET", "/_emulator/time")["now"])

    def run_at(self, scale: float) -> None:
        """
        Set how many seconds pass for the account in one real second; 0 to stand still.

        The processes of tasks are not faster.
        """
        self.control("PUT", "/_emulator/time", {"scale": scale})

    def advance(self, seconds: float) -> None:
        """Move the time on; everything that is due meanwhile has happened when this returns."""
        self.control("POST", "/_emulator/time/advance", {"seconds": seconds})


@dataclass
class EmulatorProcess(EmulatorControl):
    """
    An emulator in a process of its own. Make one with :meth:`start`.

    The process leads a process group; leaving the block ends it with SIGTERM and, should it not obey, kills
    the group.
    """

    account_name: str = DEFAULT_ACCOUNT_NAME
    process: subprocess.Popen[str] = field(kw_only=True)
    root: Path = field(kw_only=True)
    _stderr: list[str] = field(default_factory=list, repr=False)

    @classmethod
    def start(
        cls,
        root: Path,
        *,
        account_name: str = DEFAULT_ACCOUNT_NAME,
        account_key: str = DEFAULT_ACCOUNT_KEY,
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
        return cls(url, account_key, account_name, process=process, root=root, _stderr=stderr)

    @property
    def stderr(self) -> str:
        """What the emulator wrote on stderr so far: its log and, after a crash, the traceback."""
        return "".join(self._stderr)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

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


def _drain(process: subprocess.Popen[str], lines: list[str]) -> None:
    if process.stderr is None:
        return
    with process.stderr:
        for line in process.stderr:
            lines.append(line)


def _await_announcement(process: subprocess.Popen[str], stderr: list[str]) -> str:
    if process.stdout is None:
        raise RuntimeError("the process was started without a pipe")
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
