"""
Output files: uploaded when the command has ended.

Source: reference of the service, sections 4.6 and 5.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from airflow_provider_batch.emulator.execution.errands import Abandoned, Cancelled
from airflow_provider_batch.emulator.execution.layout import WORKING_DIRECTORY
from airflow_provider_batch.emulator.execution.patterns import FilePattern, Match
from airflow_provider_batch.emulator.execution.storage_access import StorageAccess
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import OutputFile
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.states import OutputFileUploadCondition
from airflow_provider_batch.emulator.storage import blobs
from airflow_provider_batch.emulator.storage.sas import masked

OUT, ERR = "fileuploadout.txt", "fileuploaderr.txt"


def wanted(outputs: Sequence[OutputFile], exit_code: int) -> tuple[OutputFile, ...]:
    """Return those output files that are to be uploaded after this exit code."""
    conditions = {
        OutputFileUploadCondition.TASK_COMPLETION,
        OutputFileUploadCondition.TASK_SUCCESS if exit_code == 0 else OutputFileUploadCondition.TASK_FAILURE,
    }
    return tuple(output for output in outputs if output.condition in conditions)


class Uploads:
    """
    The uploads of one command that has ended; the two files of their story are begun anew.

    :param directory: of the task.
    :param variables: of the command, for the patterns.
    :param failure: the first thing that went wrong; None while all goes well.
    """

    def __init__(
        self,
        outputs: Sequence[OutputFile],
        directory: Path,
        variables: Mapping[str, str],
        access: StorageAccess,
        timeout_seconds: float,
    ) -> None:
        self._outputs = outputs
        self._directory = directory
        self._variables = variables
        self._access = access
        self._timeout_seconds = timeout_seconds
        self.failure: FailureInfo | None = None

    def run(self, cancelled: Cancelled) -> None:
        """Upload everything, also after something has failed."""
        for name in (OUT, ERR):
            (self._directory / name).write_bytes(b"")
        for output in self._outputs:
            pattern = FilePattern.read(
                output.file_pattern, self._directory / WORKING_DIRECTORY, self._variables
            )
            found = pattern.matches()
            if not found:
                self._tell(OUT, f"{output.file_pattern}: no file matches")
            for match in found:
                if cancelled():
                    raise Abandoned
                name = blob_name(output.path, match, is_exact=pattern.is_exact)
                failure = self._upload(output, match, name)
                if cancelled():
                    raise Abandoned
                self._note(output, match, name, failure)

    def _upload(self, output: OutputFile, match: Match, name: str) -> FailureInfo | None:
        url = self._access.writable(output.container_url, has_identity=output.has_identity)
        try:
            container = blobs.BlobContainer.from_url(url)
            blobs.upload(
                container.blob_url(name),
                match.path,
                dict(output.upload_headers),
                timeout_seconds=self._timeout_seconds,
            )
        except blobs.BlobError as error:
            return _failure_of(error, match.name)
        except OSError as error:
            return failures.upload_failed(match.name, error.strerror or "the file cannot be read")
        except ValueError:
            # Its text may hold the signature.
            return failures.upload_failed(match.name, "The address of the container is malformed.")
        return None

    def _note(self, output: OutputFile, match: Match, name: str, failure: FailureInfo | None) -> None:
        where = f"{masked(output.container_url).partition('?')[0]}/{name}"
        if failure is None:
            self._tell(OUT, f"{match.path} -> {where}")
            return
        details = "; ".join(value for title, value in failure.details if title == "Message")
        self._tell(ERR, f"{match.path} -> {where}: {failure.code} {details}".rstrip())
        self.failure = self.failure or failure

    def _tell(self, name: str, line: str) -> None:
        # A story that finds no room changes nothing about the uploads.
        with suppress(OSError), (self._directory / name).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def blob_name(path: str, match: Match, *, is_exact: bool) -> str:
    """Return the name of a file's blob: ``path`` itself, or below it when the pattern has wildcards."""
    if is_exact:
        return path or match.path.name
    prefix = path.strip("/")
    return f"{prefix}/{match.name}" if prefix else match.name


def _failure_of(error: blobs.BlobError, name: str) -> FailureInfo:
    if isinstance(error, blobs.ContainerNotFoundError | blobs.BlobNotFoundError):
        return failures.upload_container_not_found(name)
    if isinstance(error, blobs.BlobAccessDeniedError):
        return failures.upload_access_denied(name)
    if isinstance(error, blobs.BlobConflictError):
        return failures.upload_conflict(name)
    if isinstance(error, blobs.BlobTimedOutError):
        return failures.upload_timed_out(name)
    return failures.upload_failed(name, error.code)
