"""One directory of a task or a node, as far as users may see it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.files import FileInfo

_CHUNK_BYTES = 64 * 1024


class FileTree:
    """
    The files under one directory.

    Paths are relative, with ``/``. A path that leads out of the directory, by ``..``, as an absolute path or
    through a symbolic link, does not exist here; nor does anything that is neither file nor directory
    (reading a pipe would wait for ever).

    :param root: the directory; need not exist (then the tree is empty).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real_root = Path(os.path.realpath(root))

    def list(self, *, recursive: bool = False) -> list[FileInfo]:
        """
        Return files and directories, sorted by name.

        :param recursive: also what lies deeper; else only the first level.
        """
        return sorted(self._walk(self.root, recursive=recursive), key=lambda info: info.name)

    def _walk(self, directory: Path, *, recursive: bool) -> Iterator[FileInfo]:
        try:
            entries = list(os.scandir(directory))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            # Running tasks make and remove directories while we look.
            return
        for entry in entries:
            info = self._info(Path(entry.path))
            if info is None:
                continue
            yield info
            if recursive and info.is_directory and not entry.is_symlink():
                yield from self._walk(Path(entry.path), recursive=True)

    def stat(self, path: str) -> FileInfo:
        """
        Return the facts of one file or directory.

        :raises ServiceError: ``FileNotFound``.
        """
        info = self._info(self._find(path))
        if info is None:
            raise errors.file_not_found()
        return info

    def read(self, path: str, start: int = 0, end: int | None = None) -> FileSlice:
        """
        Open a file and return its bytes in chunks.

        The file is opened before this returns, so an error is raised by the call and not by the iteration;
        bytes that are appended later than the call are not read.

        :param start: first byte, counted from 0.
        :param end: last byte, included; None, or a place behind the end, for the end of the file.
        :raises ServiceError: ``FileNotFound`` (a directory too); ``InvalidRange`` when ``start`` is not
            inside the file, except 0 of an empty file with no ``end``.
        """
        if self.stat(path).is_directory:
            raise errors.file_not_found()
        try:
            file = self._find(path).open("rb")
        except (FileNotFoundError, PermissionError):
            raise errors.file_not_found() from None
        size = os.fstat(file.fileno()).st_size
        whole_of_nothing = size == 0 and start == 0 and end is None
        if not whole_of_nothing and (start >= size or (end is not None and end < start)):
            file.close()
            raise errors.invalid_range()
        stop = size if end is None else min(size, end + 1)
        return FileSlice(file, start, stop)

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """
        Delete a file or a directory; of a symbolic link only the link.

        :param recursive: needed for a directory that is not empty.
        :raises ServiceError: ``FileNotFound``; ``OperationInvalidForCurrentState`` for a directory with files
            in it, and for what cannot be deleted while a task adds to it or protects it.
        """
        found = self._find(path)
        try:
            mode = found.lstat().st_mode
        except OSError:
            # Also a name that no file can have.
            raise errors.file_not_found() from None
        try:
            if not stat.S_ISDIR(mode):
                found.unlink()
            elif recursive:
                shutil.rmtree(found)
            elif any(found.iterdir()):
                raise errors.operation_invalid_for_current_state()
            else:
                found.rmdir()
        except (FileNotFoundError, NotADirectoryError):
            raise errors.file_not_found() from None
        except OSError:
            raise errors.operation_invalid_for_current_state() from None

    def _find(self, path: str) -> Path:
        """Return the place of a path whose directory is inside; the last part may still be a link."""
        relative = PurePosixPath(path)
        if not relative.parts or relative.is_absolute() or ".." in relative.parts or "\0" in path:
            raise errors.file_not_found()
        found = self.root / relative
        if not self._inside(found.parent):
            raise errors.file_not_found()
        return found

    def _inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._real_root)

    def _info(self, path: Path) -> FileInfo | None:
        """Return the facts of a place that users may see; None for others."""
        if not self._inside(path):
            return None
        try:
            facts = path.stat()
        except OSError:
            return None
        is_directory = stat.S_ISDIR(facts.st_mode)
        if not is_directory and not stat.S_ISREG(facts.st_mode):
            return None
        name = os.fsencode(path.relative_to(self.root).as_posix()).decode("utf-8", "replace")
        return FileInfo(
            name=name,
            is_directory=is_directory,
            size_bytes=0 if is_directory else facts.st_size,
            creation_time=datetime.fromtimestamp(facts.st_ctime, timezone.utc),
            last_modified=datetime.fromtimestamp(facts.st_mtime, timezone.utc),
            file_mode=facts.st_mode,
        )


class FileSlice(Iterator[bytes]):
    """
    A part of an open file, in chunks.

    No generator: one that is never begun, since the reader has hung up, would leave its file open.
    """

    def __init__(self, file: BinaryIO, start: int, stop: int) -> None:
        self._file = file
        self._left = stop - start
        file.seek(start)

    def __next__(self) -> bytes:
        chunk = self._file.read(min(self._left, _CHUNK_BYTES)) if self._left > 0 else b""
        self._left -= len(chunk)
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Close the file; nothing comes after that."""
        self._left = 0
        self._file.close()

    def __del__(self) -> None:
        self.close()
