"""One directory of a task or a node, as far as users may see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airflow_provider_batch.emulator.model.files import FileInfo


class FileTree:
    """
    The files under one directory.

    Paths are relative, with ``/``. A path that leads out of the directory, by ``..``, as an absolute path or
    through a symbolic link, does not exist here.

    :param root: the directory; need not exist (then the tree is empty).
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def list(self, *, recursive: bool = False) -> list[FileInfo]:
        """
        Return files and directories, sorted by name.

        :param recursive: also what lies deeper; else only the first level.
        """
        raise NotImplementedError

    def stat(self, path: str) -> FileInfo:
        """
        Return the facts of one file or directory.

        :raises ServiceError: ``FileNotFound``.
        """
        raise NotImplementedError

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """
        Open a file and return its bytes in chunks.

        The file is opened before this returns, so an error is raised by the call and not by the iteration;
        bytes that are appended later than the call are not read.

        :param start: first byte, counted from 0.
        :param end: last byte, included; None, or a place behind the end, for the end of the file.
        :raises ServiceError: ``FileNotFound`` (a directory too); ``InvalidRange`` when ``start`` is not
            inside the file, except 0 of an empty file with no ``end``.
        """
        raise NotImplementedError

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """
        Delete a file or a directory.

        :param recursive: needed for a directory that is not empty.
        :raises ServiceError: ``FileNotFound``; ``OperationInvalidForCurrentState`` for a directory with files
            in it.
        """
        raise NotImplementedError
