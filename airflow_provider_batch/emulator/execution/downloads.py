"""Resource files: fetched into the working directory before the command runs."""

from __future__ import annotations

import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import ResourceFile
from airflow_provider_batch.emulator.model.failures import FailureInfo


class PreparationFailed(Exception):
    """
    A task cannot start.

    :param failure: why, in the service's words.
    """

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.code)
        self.failure = failure


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


def download(resource: ResourceFile, working_directory: Path, timeout_seconds: float) -> None:
    """
    Fetch one resource file; it appears whole or not at all.

    :param timeout_seconds: of each read.
    :raises PreparationFailed: the file cannot be had, or its path leads out of the working directory.
    """
    if urlsplit(resource.http_url).scheme not in ("http", "https"):
        raise PreparationFailed(
            failures.blob_download_failed(resource.file_path, "The address is neither http nor https.")
        )
    target = _target(resource, working_directory)
    mode = _mode(resource)
    try:
        _fetch(resource, target, mode, timeout_seconds)
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


def _fetch(resource: ResourceFile, target: Path, mode: int, timeout_seconds: float) -> None:
    with _http_only().open(resource.http_url, timeout=timeout_seconds) as answer:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".download-", delete=False) as file:
            part = Path(file.name)
            try:
                shutil.copyfileobj(answer, file)
                os.fchmod(file.fileno(), mode)
                part.replace(target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise


def _refused(resource: ResourceFile, status: int) -> FailureInfo:
    if status == 404:
        return failures.blob_not_found(resource.file_path)
    if status == 403:
        return failures.blob_access_denied(resource.file_path)
    return failures.blob_download_failed(resource.file_path, f"HTTP {status}")
