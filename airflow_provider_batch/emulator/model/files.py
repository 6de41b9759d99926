"""Files of tasks and nodes, as listed and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FileInfo:
    """
    A file or directory.

    :param name: path relative to the root of the listing, with ``/``.
    :param size_bytes: 0 for a directory.
    :param file_mode: as ``st_mode``, type bits included.
    """

    name: str
    is_directory: bool
    size_bytes: int
    creation_time: datetime
    last_modified: datetime
    file_mode: int
