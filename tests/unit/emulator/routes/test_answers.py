"""Answers as ASGI sends them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.service.files import Download, FileSet
from airflow_provider_batch.emulator.storage.trees import FileSlice, FileTree


class _Watched(FileSlice):
    """Remembers that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


def test_reader_that_hangs_up_amid_a_file_leaves_it_closed(tmp_path: Path) -> None:
    file = tmp_path / "stdout.txt"
    file.write_bytes(b"x" * 1_000_000)
    facts = FileSet(FileTree(tmp_path), str).facts("stdout.txt", Conditions())
    chunks = _Watched(file.open("rb"), 0, 1_000_000)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    answer = answers.download(Download(facts, chunks))
    with pytest.raises(ClientDisconnect):
        asyncio.run(answer({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send))
    assert chunks.closed
