"""Unpacks zip files that nobody has looked at: nothing lands outside, and nothing grows without end."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from airflow_provider_batch.emulator.execution.errands import Abandoned, Cancelled

MAX_BYTES = 8 * 1024**3
MAX_ENTRIES = 200_000
_CHUNK_BYTES = 1024 * 1024
_DEFAULT_MODE = 0o770


class ArchiveError(Exception):
    """The file is no zip file that may be unpacked; the text says why."""


def unpack(archive: Path, directory: Path, cancelled: Cancelled, *, max_bytes: int = MAX_BYTES) -> None:
    """
    Unpack a zip file.

    :param directory: exists, and is empty.
    :param max_bytes: most bytes that all files may have together, counted as they come.
    :raises ArchiveError: a name leads out, an entry is neither file nor directory, the content is damaged,
        encrypted or too large; part of it may have been written.
    """
    with archive.open("rb") as file, _reading():
        opened = zipfile.ZipFile(file)
        entries = opened.infolist()
        if len(entries) > MAX_ENTRIES:
            raise ArchiveError(f"more than {MAX_ENTRIES} entries")
        left = max_bytes
        for entry in entries:
            target = directory / _checked(entry)
            with _placing(entry):
                (target if entry.is_dir() else target.parent).mkdir(parents=True, exist_ok=True)
            if not entry.is_dir():
                left -= _write(opened, entry, target, left, cancelled)


@contextmanager
def _reading() -> Iterator[None]:
    """What Python says of a file that is no proper zip file, encrypted, or packed in an unknown way."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error) as error:
        raise ArchiveError(f"the zip file is damaged: {error}") from None
    except (NotImplementedError, RuntimeError, ValueError, OverflowError) as error:
        raise ArchiveError(f"the zip file cannot be read: {error}") from None


@contextmanager
def _placing(entry: zipfile.ZipInfo) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise ArchiveError(f"two entries have one place: {entry.filename[:200]!r}") from None


def _checked(entry: zipfile.ZipInfo) -> PurePosixPath:
    """Return where an entry goes; the original name is looked at, before Python made it harmless."""
    name = entry.orig_filename.replace("\\", "/")
    path = PurePosixPath(name)
    parts = path.parts
    if not parts or path.is_absolute() or ".." in parts or "\0" in name or ":" in parts[0]:
        raise ArchiveError(f"an entry's name leads out of the package: {name[:200]!r}")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"an entry is neither a file nor a directory: {name[:200]!r}")
    return path


def _write(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int, cancelled: Cancelled
) -> int:
    with _placing(entry):
        file = target.open("xb")
    written = 0
    with file, _opened(opened, entry) as content:
        while chunk := _chunk(content):
            if cancelled():
                raise Abandoned
            written += len(chunk)
            if written > left:
                raise ArchiveError("the content is too large")
            file.write(chunk)
    target.chmod((entry.external_attr >> 16) & 0o777 or _DEFAULT_MODE)
    return written


def _opened(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return opened.open(entry)
    except OSError as error:
        # A place before the beginning of the file.
        raise ArchiveError(f"the zip file is damaged: {error.strerror}") from None


def _chunk(content: IO[bytes]) -> bytes:
    try:
        return content.read(_CHUNK_BYTES)
    except OSError as error:
        raise ArchiveError(f"the zip file is damaged: {error.strerror}") from None
