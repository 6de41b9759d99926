"""What can be set about running processes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExecutionSettings:
    """
    Settings of the executor.

    :param kill_grace_seconds: between SIGTERM and SIGKILL when a task is ended.
    :param download_timeout_seconds: of one read while a resource file or a package is downloaded.
    :param upload_timeout_seconds: how long storage may be silent while an output file is uploaded.
    :param container_runtime: program that runs containers, for example ``docker``; None to refuse them.
    """

    kill_grace_seconds: float = 1.0
    download_timeout_seconds: float = 60.0
    upload_timeout_seconds: float = 60.0
    container_runtime: str | None = None
