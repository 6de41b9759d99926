from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_batch.client import wire
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.requests import TaskKey


def _then_fail(*chunks: bytes) -> Iterator[bytes]:
    yield from chunks
    raise AssertionError("it was read beyond the limit")


@pytest.mark.parametrize("chunks", [(b"abc", b"def"), (b"abcdef",), (b"abcdefgh",)])
def test_reading_ends_at_the_limit(chunks: tuple[bytes, ...]) -> None:
    assert wire.bounded(_then_fail(*chunks), 6) == b"abcdef"


def test_short_content_is_read_to_its_end() -> None:
    assert wire.bounded(iter([b"ab", b"", b"c"]), 6) == b"abc"


def test_no_limit_reads_everything() -> None:
    assert wire.bounded(iter([b"ab", b"c"]), None) == b"abc"


@pytest.mark.parametrize("limit", [1, 4096])
def test_download_asks_for_its_limit(limit: int) -> None:
    request = requests.get_task_file(TaskKey("j", "t"), "stdout.txt", 7, limit)
    assert wire.asked_bytes(request) == limit


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"3"])
def test_answer_that_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire.answer(requests.get_job("j"), {}, content)
