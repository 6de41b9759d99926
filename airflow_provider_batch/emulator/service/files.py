"""Files of tasks and nodes: list, read a slice, facts, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.assumptions import FileModeText
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.files import FileInfo
from airflow_provider_batch.emulator.storage.trees import FileSlice, FileTree
from airflow_provider_batch.emulator.wire.fields import Fields, Json, present
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing
from airflow_provider_batch.emulator.wire.odata import FILES
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.ranges import slice_of
from airflow_provider_batch.emulator.wire.times import format_time

_TEXT = (".txt", ".log")


@dataclass(frozen=True)
class FileFacts:
    """
    What the headers of a file say. There is no creation time: the service has none for Linux nodes.

    :param mode: octal text.
    """

    url: str
    is_directory: bool
    size_bytes: int
    content_type: str
    mode: str
    last_modified: datetime


@dataclass(frozen=True)
class Download:
    """A file's facts with the wanted bytes."""

    facts: FileFacts
    chunks: FileSlice


@dataclass(frozen=True)
class FileSet:
    """
    The files of one task or one node.

    :param url_of: address of a file by its path.
    :param mode_text: how modes are written.
    """

    tree: FileTree
    url_of: Callable[[str], str]
    mode_text: FileModeText = FileModeText.PREFIXED

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the files; only the first level unless ``recursive=true``."""
        fields: Fields[FileInfo] = {
            "name": lambda file, links: file.name,
            "url": lambda file, links: self.url_of(file.name),
            "isDirectory": lambda file, links: file.is_directory,
            "properties": lambda file, links: self._properties(file),
        }
        listing = Listing("files", fields, FILES, lambda file: (file.name,))
        return listing.page(self.tree.list(recursive=query.flag("recursive")), path, query, links)

    def facts(self, file_path: str, conditions: Conditions) -> FileFacts:
        """Return the facts of one file or directory."""
        file = self.tree.stat(file_path)
        if not conditions.hold(file.last_modified):
            raise errors.condition_not_met(reading=True)
        return FileFacts(
            url=self.url_of(file_path),
            is_directory=file.is_directory,
            size_bytes=file.size_bytes,
            content_type=content_type(file.name),
            mode=self._mode(file),
            last_modified=file.last_modified,
        )

    def download(self, file_path: str, ocp_range: str | None, conditions: Conditions) -> Download:
        """Return a file, or the slice of it that ``ocp-range`` names, as it is at this moment."""
        facts = self.facts(file_path, conditions)
        if facts.is_directory:
            raise errors.file_not_found()
        start, length = slice_of(ocp_range, facts.size_bytes)
        last = start + length - 1 if length else None
        return Download(facts, self.tree.read(file_path, start, last))

    def delete(self, file_path: str, query: Query) -> None:
        """Delete a file, or a directory when ``recursive=true`` or it is empty."""
        self.tree.delete(file_path, recursive=query.flag("recursive"))

    def _mode(self, file: FileInfo) -> str:
        prefix = "0o" if self.mode_text is FileModeText.PREFIXED else ""
        return f"{prefix}{file.file_mode:o}"

    def _properties(self, file: FileInfo) -> Json | None:
        if file.is_directory:
            return None
        return present(
            lastModified=format_time(file.last_modified),
            contentLength=str(file.size_bytes),
            contentType=content_type(file.name),
            fileMode=self._mode(file),
        )


class Files:
    """Finds the files that an operation is about."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_task(self, job_id: str, task_id: str, links: Links) -> FileSet:
        """The files of a task, whose root is the task directory."""
        tree = self._engine.task_files(job_id, task_id)
        mode_text = self._engine.assumptions.file_mode
        return FileSet(tree, lambda path: links.task_file(job_id, task_id, path), mode_text)

    def of_node(self, pool_id: str, node_id: str, links: Links) -> FileSet:
        """The files of a node, whose root is ``AZ_BATCH_NODE_ROOT_DIR``."""
        tree = self._engine.node_files(pool_id, node_id)
        mode_text = self._engine.assumptions.file_mode
        return FileSet(tree, lambda path: links.node_file(pool_id, node_id, path), mode_text)


def content_type(name: str) -> str:
    """The type that the service gives a file by its name."""
    return "text/plain" if name.lower().endswith(_TEXT) else "application/octet-stream"
