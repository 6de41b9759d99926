"""One file over HTTP: it appears whole or not at all, and inside the directory that it belongs to."""

from __future__ import annotations

import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from airflow_provider_batch.emulator.execution.errands import Abandoned, Cancelled
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed, no_room
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import ResourceFile
from airflow_provider_batch.emulator.model.failures import FailureInfo

_CHUNK_BYTES = 64 * 1024


def _http_only() -> urllib.request.OpenerDirector:
    """Return an opener that knows no other scheme, after redirections neither: no file, no ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def download(resource: ResourceFile, directory: Path, timeout_seconds: float, cancelled: Cancelled) -> None:
    """
    Fetch one resource file.

    :param directory: what its path is relative to, and must not lead out of.
    :param timeout_seconds: of each read.
    :raises PreparationFailed: the file cannot be had, or its path leads out of the directory.
    """
    target = _target(resource, directory)
    mode = _mode(resource)
    try:
        if urlsplit(resource.http_url).scheme not in ("http", "https"):
            raise PreparationFailed(
                failures.blob_download_failed(resource.file_path, "The address is neither http nor https.")
            )
        _fetch(resource, target, mode, timeout_seconds, cancelled)
    except urllib.error.HTTPError as error:
        with error:
            raise PreparationFailed(_refused(resource, error)) from None
    except TimeoutError:
        raise PreparationFailed(failures.blob_download_timed_out(resource.file_path)) from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError) as error:
        # The error's text names the host at most; a signature in the address never goes into the answer.
        reason = getattr(error, "reason", None) or type(error).__name__
        if isinstance(reason, TimeoutError):
            raise PreparationFailed(failures.blob_download_timed_out(resource.file_path)) from None
        raise PreparationFailed(failures.blob_download_failed(resource.file_path, str(reason))) from None
    except ValueError:
        # What Python says of an address that it cannot read quotes it, with the signature.
        raise PreparationFailed(
            failures.blob_download_failed(resource.file_path, "The address is malformed.")
        ) from None
    except OSError as error:
        # Of the connection, for example of TLS: those of the file are told apart where they arise.
        raise PreparationFailed(
            failures.blob_download_failed(resource.file_path, error.strerror or type(error).__name__)
        ) from None


def _target(resource: ResourceFile, directory: Path) -> Path:
    relative = PurePosixPath(resource.file_path)
    target = directory / relative
    inside = Path(os.path.realpath(directory))
    if (
        relative.is_absolute()
        or ".." in relative.parts
        or not relative.parts
        or "\0" in resource.file_path
        or not Path(os.path.realpath(target.parent)).is_relative_to(inside)
    ):
        raise PreparationFailed(
            failures.resource_file_failed(resource.file_path, "The path leads out of the working directory.")
        )
    return target


def _mode(resource: ResourceFile) -> int:
    try:
        return int(resource.file_mode, 8) & 0o7777
    except ValueError:
        raise PreparationFailed(
            failures.resource_file_failed(resource.file_path, "The file mode is no octal number.")
        ) from None


def _fetch(
    resource: ResourceFile, target: Path, mode: int, timeout_seconds: float, cancelled: Cancelled
) -> None:
    with _http_only().open(resource.http_url, timeout=timeout_seconds) as answer:
        if cancelled():
            # The directory may be deleted by now; it must not come back.
            raise Abandoned
        _make_parent(resource, target)
        with _part_of(resource, target) as file:
            part = Path(file.name)
            try:
                _copy(resource, answer, file, cancelled)
                _finish(resource, file, part, target, mode)
            except BaseException:
                part.unlink(missing_ok=True)
                raise


def _make_parent(resource: ResourceFile, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or "unknown"
        failure = no_room(error, resource.file_path)
        raise PreparationFailed(
            failure or failures.resource_directory_failed(resource.file_path, reason)
        ) from None


def _part_of(resource: ResourceFile, target: Path) -> IO[bytes]:
    try:
        return tempfile.NamedTemporaryFile(dir=target.parent, prefix=".download-", delete=False)
    except OSError as error:
        raise PreparationFailed(_not_created(resource, error)) from None


def _finish(resource: ResourceFile, file: IO[bytes], part: Path, target: Path, mode: int) -> None:
    try:
        file.flush()
        os.fchmod(file.fileno(), mode)
        part.replace(target)
    except OSError as error:
        raise PreparationFailed(_not_created(resource, error)) from None


def _not_created(resource: ResourceFile, error: OSError) -> FailureInfo:
    return no_room(error, resource.file_path) or failures.resource_file_failed(
        resource.file_path, error.strerror or "unknown"
    )


def _copy(
    resource: ResourceFile, answer: http.client.HTTPResponse, file: IO[bytes], cancelled: Cancelled
) -> None:
    # Counted here: what is left of a body is known to some versions of http.client only.
    left = answer.length
    while left is None or left > 0:
        chunk = answer.read1(_CHUNK_BYTES)
        if cancelled():
            raise Abandoned
        if not chunk and left is not None:
            raise http.client.IncompleteRead(b"", left)
        if not chunk:
            return
        _write(resource, file, chunk)
        left = None if left is None else left - len(chunk)


def _write(resource: ResourceFile, file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        failure = no_room(error, resource.file_path)
        reason = error.strerror or "unknown"
        raise PreparationFailed(
            failure or failures.resource_write_failed(resource.file_path, reason)
        ) from None


def _refused(resource: ResourceFile, error: urllib.error.HTTPError) -> FailureInfo:
    code = error.headers.get("x-ms-error-code")
    if error.code in (401, 403) or code == "PublicAccessNotPermitted":
        return failures.blob_access_denied(resource.file_path)
    if error.code == 404:
        return failures.blob_not_found(resource.file_path)
    if error.code in (408, 504) or code == "OperationTimedOut":
        return failures.blob_download_timed_out(resource.file_path)
    return failures.blob_download_failed(resource.file_path, f"HTTP {error.code}")
