"""Resource files: fetched into the working directory before the command runs."""

from __future__ import annotations

import http.client
import os
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import ResourceFile
from airflow_provider_batch.emulator.model.failures import FailureInfo

_CHUNK_BYTES = 64 * 1024


class PreparationFailed(Exception):
    """
    A task cannot start.

    :param failure: why, in the service's words.
    """

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.code)
        self.failure = failure


class Downloads:
    """
    The resource files of one command, fetched in a thread of their own.

    Who ends the command must not wait for a server that is slow or silent: a cancelled download is left to
    itself, writes nothing more, and ends with its time-out at the latest.

    :param timeout_seconds: of each read.
    """

    def __init__(
        self, resources: Sequence[ResourceFile], working_directory: Path, timeout_seconds: float
    ) -> None:
        self._resources = resources
        self._working_directory = working_directory
        self._timeout_seconds = timeout_seconds
        self._over = threading.Event()
        self._cancelled = threading.Event()
        self._error: Exception | None = None

    def fetch(self) -> bool:
        """
        Fetch all files; whether they are there, or else not wanted any more.

        :raises PreparationFailed: a file cannot be had.
        """
        if self._resources:
            threading.Thread(target=self._work, name="batch-downloads", daemon=True).start()
            self._over.wait()
        if self._cancelled.is_set():
            return False
        if self._error is not None:
            raise self._error
        return True

    def cancel(self) -> None:
        """Let :meth:`fetch` return now."""
        self._cancelled.set()
        self._over.set()

    def _work(self) -> None:
        try:
            for resource in self._resources:
                download(resource, self._working_directory, self._timeout_seconds, self._cancelled.is_set)
        except _Cancelled:
            return
        except Exception as error:  # noqa: BLE001 - raised again by fetch, in the thread that asked for it
            self._error = error
        finally:
            self._over.set()


class _Cancelled(Exception):
    """Nobody wants the file any more."""


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


def download(
    resource: ResourceFile, working_directory: Path, timeout_seconds: float, cancelled: Callable[[], bool]
) -> None:
    """
    Fetch one resource file; it appears whole or not at all.

    :param timeout_seconds: of each read.
    :param cancelled: looked at after each read.
    :raises PreparationFailed: the file cannot be had, or its path leads out of the working directory.
    """
    target = _target(resource, working_directory)
    mode = _mode(resource)
    try:
        if urlsplit(resource.http_url).scheme not in ("http", "https"):
            raise PreparationFailed(
                failures.blob_download_failed(resource.file_path, "The address is neither http nor https.")
            )
        _fetch(resource, target, mode, timeout_seconds, cancelled)
    except urllib.error.HTTPError as error:
        with error:
            raise PreparationFailed(_refused(resource, error.code)) from None
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
        raise PreparationFailed(
            failures.resource_file_failed(resource.file_path, error.strerror or "unknown")
        ) from None


def _target(resource: ResourceFile, working_directory: Path) -> Path:
    relative = PurePosixPath(resource.file_path)
    target = working_directory / relative
    inside = Path(os.path.realpath(working_directory))
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
    resource: ResourceFile, target: Path, mode: int, timeout_seconds: float, cancelled: Callable[[], bool]
) -> None:
    with _http_only().open(resource.http_url, timeout=timeout_seconds) as answer:
        if cancelled():
            # The directory may be deleted by now; it must not come back.
            raise _Cancelled
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".download-", delete=False) as file:
            part = Path(file.name)
            try:
                _copy(answer, file, cancelled)
                os.fchmod(file.fileno(), mode)
                part.replace(target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise


def _copy(answer: http.client.HTTPResponse, file: IO[bytes], cancelled: Callable[[], bool]) -> None:
    # Counted here: what is left of a body is known to some versions of http.client only.
    left = answer.length
    while left is None or left > 0:
        chunk = answer.read1(_CHUNK_BYTES)
        if cancelled():
            raise _Cancelled
        if not chunk and left is not None:
            raise http.client.IncompleteRead(b"", left)
        if not chunk:
            return
        file.write(chunk)
        left = None if left is None else left - len(chunk)


def _refused(resource: ResourceFile, status: int) -> FailureInfo:
    if status == 404:
        return failures.blob_not_found(resource.file_path)
    if status == 403:
        return failures.blob_access_denied(resource.file_path)
    return failures.blob_download_failed(resource.file_path, f"HTTP {status}")
