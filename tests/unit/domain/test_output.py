"""What the standard streams gained becomes log events: whole lines, bounded, each once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain import output
from airflow_provider_batch.domain.output import OutputTail
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.exceptions import BatchUnavailableError
from tests.unit.domain.fake_batch import FakeBatch, Process, service_error

KEY = TaskKey("j", "t")
RUN = "node-1/2026-01-01T00:00:00.0Z/0/0"


def tail(files: dict[str, bytes] | None = None, **arguments: Any) -> tuple[OutputTail, Process]:
    batch = FakeBatch()
    batch.files["j", "t"] = {"stdout.txt": b"", "stderr.txt": b"", **(files or {})}
    found = OutputTail(KEY, **arguments)
    found.enter(RUN)
    return found, Process(batch)


def shown(process: Process, stream: str = "stdout") -> list[str]:
    """Lines of a stream in the log, without the mark of their stream."""
    mark = f"{stream} | "
    lines = [line for _, text in process.logs for line in text.split("\n")]
    return [line.removeprefix(mark) for line in lines if line.startswith(mark)]


def test_nothing_is_asked_before_the_task_has_started() -> None:
    found = OutputTail(KEY)
    process = Process(FakeBatch())
    assert process.drive(found.read(at_the_end=True)) is False
    assert process.batch.requests == []


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_lines_appear_once_however_the_file_grows(slices: list[bytes]) -> None:
    found, process = tail()
    for piece in slices:
        process.batch.write(KEY, stdout=piece)
        process.drive(found.read())
    process.drive(found.read(at_the_end=True))
    other, at_once = tail({"stdout.txt": b"".join(slices)})
    at_once.drive(other.read(at_the_end=True))
    assert shown(process) == shown(at_once)
    assert found.state()["stdout"] == len(b"".join(slices))


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6), st.integers(0, 5))
def test_a_restart_repeats_only_what_was_shown_after_the_last_saved_offset(
    slices: list[bytes], restart: int
) -> None:
    found, process = tail()
    restart %= len(slices)
    for piece in slices[: restart + 1]:
        process.batch.write(KEY, stdout=piece)
        process.drive(found.read())
    resumed = OutputTail(KEY, saved=found.state())
    assert resumed.enter(RUN) is None
    for piece in slices[restart + 1 :]:
        process.batch.write(KEY, stdout=piece)
    process.drive(resumed.read(at_the_end=True))
    other, at_once = tail({"stdout.txt": b"".join(slices)})
    at_once.drive(other.read(at_the_end=True))
    assert shown(process) == shown(at_once)


def test_a_new_run_starts_at_byte_0_and_says_so() -> None:
    found, process = tail({"stdout.txt": b"one\n"})
    process.drive(found.read())
    text = found.enter("node-2/2026-01-01T00:01:00.0Z/1/0")
    assert text is not None
    assert "node-2" in text
    process.batch.files["j", "t"]["stdout.txt"] = b"uno\n"
    process.drive(found.read())
    assert shown(process) == ["one", "uno"]


def test_offsets_of_another_run_are_not_used() -> None:
    found, process = tail(
        {"stdout.txt": b"one\n"}, saved={"run": "node-0/x/0/0", "stdout": 999, "stderr": 999}
    )
    process.drive(found.read())
    assert shown(process) == ["one"]


def test_one_poll_reads_a_bounded_number_of_bytes() -> None:
    found, process = tail({"stdout.txt": b"x\n" * 2_000_000})
    process.drive(found.read())
    requests = [r for r in process.batch.requests if r.operation == "download_task_file"]
    assert len(requests) <= 2 * output.READS_PER_POLL
    assert found.state()["stdout"] <= output.READS_PER_POLL * output.READ_BYTES


def test_a_hundred_lines_are_one_event() -> None:
    found, process = tail({"stdout.txt": b"x\n" * 250})
    process.drive(found.read())
    assert [text.count("\n") + 1 for _, text in process.logs] == [100, 100, 50]


def test_a_line_keeps_the_level_that_it_names_and_stderr_is_a_warning() -> None:
    found, process = tail(
        {
            "stdout.txt": b"plain\n2026-01-01 10:00 [ERROR] bad\nDEBUG x\nINFORMATION\n",
            "stderr.txt": b"oops\n",
        }
    )
    process.drive(found.read())
    assert [(level, text) for level, text in process.logs] == [
        ("INFO", "stdout | plain"),
        ("ERROR", "stdout | 2026-01-01 10:00 [ERROR] bad"),
        ("DEBUG", "stdout | DEBUG x"),
        ("INFO", "stdout | INFORMATION"),
        ("WARNING", "stderr | oops"),
    ]


def test_a_signature_in_the_output_is_not_shown() -> None:
    secret = "c2VjcmV0LXNpZ25hdHVyZS12YWx1ZS0xMjM0NTY3ODkw"
    line = f"GET https://a.blob/c/f?sv=1&sig={secret}\n".encode()
    found, process = tail({"stdout.txt": line, "stderr.txt": line})
    process.drive(found.read())
    assert secret not in process.text
    assert not any(secret in text for text in process.drive(found.last_lines("stderr", 5)))


# --- the cap ------------------------------------------------------------------------------------------


def numbered(count: int) -> bytes:
    return b"".join(f"line {n:06} €€€\n".encode() for n in range(count))


@given(st.integers(1, 3_000), st.integers(0, 2_500))
def test_a_capped_stream_shows_whole_lines_and_says_how_many_bytes_are_left_out(cap: int, lines: int) -> None:
    content = numbered(lines)
    found, process = tail({"stdout.txt": content}, cap=cap)
    process.drive(found.read())
    process.drive(found.read(at_the_end=True))
    every = content.decode().splitlines()
    assert set(shown(process)) <= set(every)
    assert len(shown(process)) == len(set(shown(process)))
    left_out = [text for _, text in process.logs if "bytes left out here" in text]
    size = sum(len(line.encode()) + 1 for line in shown(process))
    if left_out:
        assert left_out == [f"stdout: {len(content) - size:,} bytes left out here."]
    else:
        assert size == len(content)
    if lines:
        assert shown(process)[-1] == every[-1]


def test_a_capped_stream_names_the_limit_and_where_the_whole_is() -> None:
    found, process = tail({"stdout.txt": numbered(100)}, cap=50)
    process.drive(found.read())
    process.drive(found.read())
    said = [text for level, text in process.logs if level == "WARNING"]
    assert len(said) == 1
    assert "max_output_bytes" in said[0]
    assert "stdout.txt" in said[0]
    assert "j/t" in said[0]


def test_a_capped_stream_whose_node_is_gone_still_shows_the_line_it_holds() -> None:
    found, process = tail({"stdout.txt": b"one\ntwo"}, cap=7)
    process.drive(found.read())
    del process.batch.files["j", "t"]
    process.drive(found.read(at_the_end=True))
    assert shown(process) == ["one", "two"]


def test_the_end_of_a_capped_stream_without_line_ends_does_not_tear_a_character() -> None:
    found, process = tail({"stdout.txt": "€".encode() * 30_000}, cap=10)
    process.drive(found.read())
    process.drive(found.read(at_the_end=True))
    assert "\ufffd" not in "".join(shown(process))


def test_what_one_last_reading_cannot_take_is_said_and_the_end_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "READ_BYTES", 1024)
    content = numbered(20_000)
    found, process = tail({"stdout.txt": content}, cap=10**9)
    process.drive(found.read(at_the_end=True))
    lines = shown(process)
    assert lines[0] == "line 000000 €€€"
    assert lines[-1] == "line 019999 €€€"
    assert set(lines) <= set(content.decode().splitlines())
    assert "bytes left out here" in process.text


# --- files that cannot be had ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [service_error("NodeNotFound"), service_error("TaskFilesUnavailable"), BatchUnavailableError("no route")],
)
def test_files_that_cannot_be_had_are_noted_and_stop_nothing(error: Any) -> None:
    found, process = tail({"stdout.txt": b"one\n"})
    process.batch.fail("download_task_file", error, times=2)
    assert process.drive(found.read()) is False
    assert found.unavailable
    assert process.drive(found.read()) is True
    assert found.unavailable is None


def test_an_offset_at_the_end_of_the_file_is_no_news() -> None:
    found, process = tail({"stdout.txt": b"one\n"})
    process.drive(found.read())
    assert process.drive(found.read()) is False
    assert found.unavailable is None


def test_a_file_that_was_written_anew_is_shown_from_its_start() -> None:
    found, process = tail({"stdout.txt": b"a long first line\n"})
    process.drive(found.read())
    process.batch.files["j", "t"]["stdout.txt"] = b"new\n"
    for _ in range(output.SILENT_READS + 1):
        process.drive(found.read())
    assert shown(process) == ["a long first line", "new"]


def test_the_last_lines_are_whole_lines() -> None:
    content = numbered(5_000)
    found, process = tail({"stderr.txt": content})
    assert process.drive(found.last_lines("stderr", 3)) == content.decode().splitlines()[-3:]
    assert process.drive(found.last_lines("stdout", 3)) == []
