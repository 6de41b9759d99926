"""
The live output of a Batch task: what its standard streams gained since the last look, as log events.

Reads are bounded, lines are whole, every stream has a cap, and nothing here decides how a task ended: the
files live on a node, and the node may be gone before the last line was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, pages
from airflow_provider_batch.domain.logtail import LineSplitter, chunks
from airflow_provider_batch.domain.output_cap import DEFAULT_CAP
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.exceptions import AzureBatchError, BatchServiceError

STREAMS = ("stdout", "stderr")

#: bytes of one read; 256 KiB are a few thousand lines
READ_BYTES = 256 * 1024
#: reads of one stream in one poll, so that a chatty task cannot hold a triggerer
READS_PER_POLL = 4
#: reads of one stream when the task has ended
READS_AT_THE_END = 64
#: bytes shown from the end of a stream whose middle was left out
TAIL_BYTES = 16 * 1024

#: reads without news after which the size of the file is looked at
SILENT_READS = 20

#: the file or its node is gone, or the task has not started: no reason to stop
_NO_FILE = frozenset(
    {
        "FileNotFound",
        "PathNotFound",
        "NodeNotFound",
        "PoolNotFound",
        "TaskFilesUnavailable",
        "TaskFilesCleanedup",
        "NodeStateUnusable",
        "OperationInvalidForCurrentState",
        "TaskNotFound",
        "JobNotFound",
    }
)

_LEVEL = re.compile(r"^[^A-Za-z]{0,40}\[?(DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)\b")
_LEVEL_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL"}


@dataclass
class _Stream:
    name: str
    splitter: LineSplitter = field(default_factory=LineSplitter)
    shown: int = 0
    capped: bool = False
    silent: int = 0

    @property
    def path(self) -> str:
        return f"{self.name}.txt"


class OutputTail:
    """
    Follows stdout and stderr of one Batch task over all of its runs.

    :param key: the task.
    :param cap: bytes of each stream and run that are shown; then only the end is.
    :param saved: what :meth:`state` returned in an earlier life of this watch.
    """

    def __init__(
        self, key: TaskKey, *, cap: int = DEFAULT_CAP, saved: Mapping[str, Any] | None = None
    ) -> None:
        self.key = key
        self.cap = cap
        self.run: str | None = None
        self.unavailable: str | None = None
        self._streams = {name: _Stream(name) for name in STREAMS}
        if saved and saved.get("run"):
            self.run = str(saved["run"])
            for name in STREAMS:
                stream = self._streams[name]
                stream.splitter.offset = stream.shown = int(saved.get(name) or 0)

    def state(self) -> dict[str, Any]:
        """Return what must survive a restart: the run and the offset in each stream."""
        return {"run": self.run, **{s.name: s.splitter.offset for s in self._streams.values()}}

    def enter(self, run: str | None) -> str | None:
        """
        Say which run the task is in; a new one starts at byte 0.

        :param run: see :func:`~airflow_provider_batch.domain.outcome.run_of`.
        :return: a line for the log when this is not the first run, else None.
        """
        if run is None or run == self.run:
            return None
        first = self.run is None
        self.run = run
        self.unavailable = None
        self._streams = {name: _Stream(name) for name in STREAMS}
        if first:
            return None
        node, start, retries, requeues = run.rsplit("/", 3)
        return (
            f"The Batch task runs again, on node {node} since {start} "
            f"(retry {retries}, requeue {requeues}); its output follows from the start."
        )

    def read(self, *, at_the_end: bool = False) -> Flow[bool]:
        """
        Flow: log what both streams gained.

        :param at_the_end: the task has ended: read all there is, and show last lines without a line end.
        :return: whether anything was logged.
        """
        gained = False
        if self.run is None:
            return gained
        for stream in self._streams.values():
            gained = (yield from self._read_stream(stream, at_the_end)) or gained
        return gained

    def _read_stream(self, stream: _Stream, at_the_end: bool) -> Flow[bool]:
        gained = False
        for _ in range(READS_AT_THE_END if at_the_end else READS_PER_POLL):
            if stream.capped:
                break
            limit = min(READ_BYTES, self.cap - stream.shown)
            content = yield from self._slice(stream.path, stream.splitter.position, limit)
            if not content:
                yield from self._look_for_truncation(stream)
                break
            stream.silent = 0
            stream.shown += len(content)
            gained = (yield from _show(stream.name, stream.splitter.feed(content))) or gained
            if stream.shown >= self.cap:
                stream.capped = True
                yield from self._say_limit(stream, f"{self.cap:,} bytes", "max_output_bytes")
            if len(content) < limit:
                break
        else:
            if at_the_end:
                stream.capped = True
                yield from self._say_limit(stream, f"{stream.splitter.offset:,} bytes", "of one last reading")
        if at_the_end:
            gained = (yield from self._show_end(stream)) or gained
        return gained

    def _say_limit(self, stream: _Stream, shown: str, which: str) -> Flow[None]:
        yield Log(
            f"{stream.name}: {shown} were shown, which is the limit ({which}). "
            f"The whole file is {stream.path} in the directory of Batch task {self.key}.",
            "WARNING",
        )

    def _look_for_truncation(self, stream: _Stream) -> Flow[None]:
        """Start again when the file became shorter than what was read: "nothing new" looks the same."""
        stream.silent += 1
        if stream.silent % SILENT_READS or not stream.splitter.position:
            return
        size = (yield from self.sizes()).get(stream.path)
        if size is not None and size < stream.splitter.position:
            yield Log(f"{stream.path} was written anew; it follows from the start.")
            stream.splitter = LineSplitter()

    def _show_end(self, stream: _Stream) -> Flow[bool]:
        if not stream.capped:
            return (yield from _show(stream.name, stream.splitter.flush()))
        # What was shown ends with a line; so what follows begins with one, unless bytes are left out.
        shown = stream.splitter.offset
        size = (yield from self.sizes()).get(stream.path, 0)
        start = max(size - TAIL_BYTES, shown)
        content = yield from self._slice(stream.path, start, TAIL_BYTES)
        if not content:
            return (yield from _show(stream.name, stream.splitter.flush()))
        torn = _torn(content) if start > shown else 0
        if left_out := start + torn - shown:
            yield Log(f"{stream.name}: {left_out:,} bytes left out here.", "WARNING")
        end = LineSplitter()
        stream.splitter = LineSplitter(start + len(content))
        return (yield from _show(stream.name, end.feed(content[torn:]) + end.flush()))

    def last_lines(self, name: str, count: int) -> Flow[list[str]]:
        """
        Flow: read the last lines of a stream, for a report.

        :param name: ``stdout`` or ``stderr``.
        :param count: greatest number of lines.
        """
        path = f"{name}.txt"
        size = (yield from self.sizes()).get(path, 0)
        if not size:
            return []
        start = max(size - TAIL_BYTES, 0)
        content = yield from self._slice(path, start, TAIL_BYTES)
        splitter = LineSplitter()
        lines = splitter.feed(content) + splitter.flush()
        whole = lines[1:] if start and len(lines) > 1 else lines
        return [redact(line) for line in whole[-count:]]

    def sizes(self) -> Flow[dict[str, int]]:
        """Flow: sizes of the files in the task's directory, in bytes; empty when they cannot be had."""
        try:
            files = yield from pages(requests.list_task_files(self.key))
        except AzureBatchError as error:
            self._note(error)
            return {}
        return {f["name"]: int((f.get("properties") or {}).get("contentLength") or 0) for f in files}

    def _slice(self, path: str, offset: int, limit: int) -> Flow[bytes]:
        """Flow: bytes of a file; empty when there are none now, for whatever reason."""
        try:
            answer: Answer = yield requests.get_task_file(self.key, path, offset, limit)
        except AzureBatchError as error:
            self._note(error)
            return b""
        self.unavailable = None
        # A server that ignores the range would send everything again from the start.
        return answer.content[:limit]

    def _note(self, error: AzureBatchError) -> None:
        """Remember why the files cannot be had; "nothing new" and "not there yet" are no reasons."""
        if isinstance(error, BatchServiceError) and error.code == "InvalidRange":
            return
        known = isinstance(error, BatchServiceError) and error.code in _NO_FILE
        self.unavailable = getattr(error, "code", "") if known else str(error)


def _torn(content: bytes) -> int:
    """Count the bytes at the start that belong to a line which began before; else, to a character."""
    if newline := content.find(b"\n") + 1:
        return newline
    return next((i for i, byte in enumerate(content[:4]) if byte & 0b1100_0000 != 0b1000_0000), 0)


def _show(stream: str, lines: list[str]) -> Flow[bool]:
    for level, group in groupby(lines, key=lambda line: _level(stream, line)):
        for text in chunks([redact(f"{stream} | {line}") for line in group]):
            yield Log(text, level)
    return bool(lines)


def _level(stream: str, line: str) -> str:
    """The level that the line names itself, else that of its stream."""
    if found := _LEVEL.match(line):
        name = found.group(1)
        return _LEVEL_NAMES.get(name, name)
    return "INFO" if stream == "stdout" else "WARNING"
