"""What can be set about running processes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExecutionSettings:
    """
    Settings of the executor.

    :param kill_grace_seconds: between SIGTERM and SIGKILL when a task is ended.
    :param append_output: on a re-run, stdout.txt and stderr.txt are continued; by default they start again.
        (What the service does is not known.)
    :param download_timeout_seconds: of one read while a resource file is downloaded.
    """

    kill_grace_seconds: float = 1.0
    append_output: bool = False
    download_timeout_seconds: float = 60.0
