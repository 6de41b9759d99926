"""Unpacks zip files that nobody has looked at: nothing lands outside, and nothing grows without end."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

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
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_ENTRIES:
                raise ArchiveError(f"more than {MAX_ENTRIES} entries")
            left = max_bytes
            for entry in entries:
                target = directory / _checked(entry)
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    left -= _write(opened, entry, target, left, cancelled)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ArchiveError(f"the zip file is damaged: {error}") from None
    except (NotImplementedError, RuntimeError) as error:
        # Encrypted, or packed in a way that Python cannot read.
        raise ArchiveError(str(error)) from None


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
    written = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("xb")
    except (FileExistsError, NotADirectoryError):
        raise ArchiveError(f"two entries have one place: {entry.filename[:200]!r}") from None
    with file, opened.open(entry) as content:
        while chunk := content.read(_CHUNK_BYTES):
            if cancelled():
                raise Abandoned
            written += len(chunk)
            if written > left:
                raise ArchiveError("the content is too large")
            file.write(chunk)
    target.chmod((entry.external_attr >> 16) & 0o777 or _DEFAULT_MODE)
    return written
