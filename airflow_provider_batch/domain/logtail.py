"""
From the bytes of a growing file to whole lines of text.

Bytes arrive in slices that end anywhere: inside a line, inside a character. :class:`LineSplitter` gives out
whole lines only and remembers how many bytes of the file these lines were, which is the offset to resume at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: longest line kept whole, in bytes; a longer one is given out in pieces, cut between characters
MAX_LINE_BYTES = 64 * 1024


@dataclass
class LineSplitter:
    """
    Splits the bytes of one file into lines.

    :param offset: bytes of the file that were given out as lines; where a later run resumes.
    """

    offset: int = 0
    _rest: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def position(self) -> int:
        """The next byte to ask the service for."""
        return self.offset + len(self._rest)

    def feed(self, content: bytes) -> list[str]:
        """
        Take the next bytes of the file; return the lines that are now whole, without line ends.

        :param content: the bytes that stand at :attr:`position`.
        """
        self._rest += content
        lines = []
        while (end := self._line_end()) is not None:
            lines.append(self._take(end))
        return lines

    def flush(self) -> list[str]:
        """Return what is left as a last line: the file has ended and its last line has no line end."""
        return [self._take(len(self._rest))] if self._rest else []

    def _line_end(self) -> int | None:
        """Find where the first line ends, its line end included; None while it is not whole."""
        newline = self._rest.find(b"\n", 0, MAX_LINE_BYTES)
        if newline >= 0:
            return newline + 1
        if len(self._rest) <= MAX_LINE_BYTES:
            return None
        end = MAX_LINE_BYTES
        # A byte 10xxxxxx continues a character: step back to where that character starts.
        while end > MAX_LINE_BYTES - 4 and self._rest[end] & 0b1100_0000 == 0b1000_0000:
            end -= 1
        return end

    def _take(self, end: int) -> str:
        raw = bytes(self._rest[:end])
        del self._rest[:end]
        self.offset += end
        line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
        # A progress bar redraws its line after a carriage return: keep what a terminal would show.
        return line.rpartition("\r")[2]


def chunks(lines: list[str], lines_per_chunk: int = 100) -> list[str]:
    """
    Join lines into a few texts, one log event each.

    One triggerer writes some 1,700 events a second for all its triggers together, and blocks while it
    does; events of 100 lines carry five times as many lines.

    :param lines: whole lines.
    :param lines_per_chunk: greatest number of lines in one text.
    """
    return ["\n".join(lines[i : i + lines_per_chunk]) for i in range(0, len(lines), lines_per_chunk)]
