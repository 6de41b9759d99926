"""Bytes become whole lines, however they are cut on the way."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_batch.domain.logtail import MAX_LINE_BYTES, LineSplitter, chunks

LINES = st.lists(st.text(alphabet="aß€😀\r\t \x00", max_size=12), max_size=8)
CUTS = st.lists(st.integers(0, 200), max_size=12)
ENDS = st.sampled_from(["\n", "\r\n"])


def split(content: bytes, cuts: list[int]) -> tuple[list[str], LineSplitter]:
    splitter, lines, start = LineSplitter(), [], 0
    for cut in [*sorted(c % (len(content) + 1) for c in cuts), len(content)]:
        lines += splitter.feed(content[start:cut])
        start = cut
    return lines, splitter


@given(st.binary(max_size=200), CUTS)
def test_any_cuts_give_the_lines_of_one_piece(content: bytes, cuts: list[int]) -> None:
    whole, end = split(content, [])
    pieces, other = split(content, cuts)
    assert pieces == whole
    assert other.offset == end.offset
    assert other.position == len(content)
    assert other.flush() == end.flush()


@given(LINES, ENDS, st.booleans(), CUTS)
def test_characters_are_never_torn(lines: list[str], end: str, closed: bool, cuts: list[int]) -> None:
    text = end.join(lines) + (end if closed else "")
    found, splitter = split(text.encode(), cuts)
    assert "\ufffd" not in "".join(found + splitter.flush())


@given(st.lists(st.text(alphabet="ab€ ", max_size=5), max_size=8), ENDS, CUTS)
def test_every_line_is_given_out_once_and_in_order(lines: list[str], end: str, cuts: list[int]) -> None:
    content = "".join(line + end for line in lines).encode()
    assert split(content, cuts)[0] == lines


@given(st.binary(max_size=200), CUTS)
def test_the_offset_stands_after_a_line_end_or_at_the_start(content: bytes, cuts: list[int]) -> None:
    splitter, start = LineSplitter(), 0
    for cut in [*sorted(c % (len(content) + 1) for c in cuts), len(content)]:
        splitter.feed(content[start:cut])
        start = cut
        assert splitter.offset == 0 or content[splitter.offset - 1 : splitter.offset] == b"\n"


@given(st.binary(max_size=200), CUTS, st.integers(0, 200))
def test_a_resumed_splitter_repeats_nothing_and_leaves_nothing_out(
    content: bytes, cuts: list[int], stop: int
) -> None:
    stop %= len(content) + 1
    before, first = split(content[:stop], cuts)
    second = LineSplitter(first.offset)
    assert second.position == first.offset
    after = second.feed(content[first.offset :])
    assert before + after + second.flush() == split(content, [])[0] + split(content, [])[1].flush()


@given(st.integers(-3, 3), st.integers(0, 3), st.lists(st.integers(0, 3 * MAX_LINE_BYTES), max_size=4))
@example(0, 0, [])
@example(1, 2, [MAX_LINE_BYTES])
def test_a_line_beyond_the_limit_is_cut_between_characters(extra: int, lead: int, cuts: list[int]) -> None:
    line = "x" * lead + "😀" * ((MAX_LINE_BYTES + extra * 4) // 4) + "end"
    content = (line + "\nnext\n").encode()
    lines, splitter = split(content, cuts)
    assert lines == split(content, [])[0]
    assert lines[-1] == "next"
    assert "".join(lines[:-1]) == line
    assert all(len(piece.encode()) <= MAX_LINE_BYTES for piece in lines)
    assert splitter.offset == len(content)


def test_an_endless_line_of_broken_bytes_still_moves_on() -> None:
    splitter = LineSplitter()
    splitter.feed(b"\x80" * (MAX_LINE_BYTES * 3))
    assert splitter.offset >= MAX_LINE_BYTES


def test_a_line_that_was_redrawn_is_shown_as_it_ended() -> None:
    assert LineSplitter().feed(b"10%\r50%\r100%\n") == ["100%"]
    assert LineSplitter().feed(b"done\r\n") == ["done"]


def test_the_last_line_needs_no_line_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a\nb") == ["a"]
    assert splitter.offset == 2
    assert splitter.flush() == ["b"]
    assert splitter.offset == 3
    assert splitter.flush() == []


@given(st.lists(st.text(max_size=3), max_size=30), st.integers(1, 7))
def test_chunks_keep_every_line_and_are_bounded(lines: list[str], size: int) -> None:
    lines = [line.replace("\n", "") for line in lines]
    found = chunks(lines, size)
    assert [line for chunk in found for line in chunk.split("\n")] == lines
    assert all(chunk.count("\n") < size for chunk in found)
