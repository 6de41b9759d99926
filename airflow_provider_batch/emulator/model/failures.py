"""
Why a task could not run or did not succeed (``failureInfo``), with the service's codes and texts.

Source: reference of the service, section 4.6 (one body from a log, the other texts from the list of error
codes).
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.model.states import ErrorCategory


@dataclass(frozen=True)
class FailureInfo:
    """
    Failure of a task or a start task.

    :param details: name and value pairs.
    """

    category: ErrorCategory
    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()


def failure_exit_code() -> FailureInfo:
    """The process exited with a code other than 0."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "FailureExitCode",
        "The task exited with an exit code representing a failure",
        (
            ("Message", "The task process exited with an unexpected exit code"),
            ("AdditionalErrorCode", "FailureExitCode"),
        ),
    )


def task_ended() -> FailureInfo:
    """A user ended the task, its job or its node."""
    return FailureInfo(ErrorCategory.USER_ERROR, "TaskEnded", "Task Was Ended by User Request")


def wall_clock_expired() -> FailureInfo:
    """The task ran longer than its ``maxWallClockTime``; the code is that of a terminated task."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR, "TaskEnded", "The task has exceeded its maximum wall clock time."
    )


def command_program_not_found(program: str) -> FailureInfo:
    """The first word of the command line is no program."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "CommandProgramNotFound",
        "The specified command program is not found.",
        (("Message", f"The program was not found: {program}"),),
    )


def command_launch_failed(reason: str) -> FailureInfo:
    """The program exists and could not be started, or the command line cannot be split."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "CommandLaunchFailed",
        "Failed to launch the specified command line.",
        (("Message", reason),),
    )


def blob_not_found(file_path: str) -> FailureInfo:
    """A resource file does not exist at its address."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "BlobNotFound",
        "One of the specified Azure Blob(s) is not found.",
        (("FilePath", file_path),),
    )


def blob_access_denied(file_path: str) -> FailureInfo:
    """The address of a resource file refuses us."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "BlobAccessDenied",
        "Access for one of the specified Azure Blob(s) is denied.",
        (("FilePath", file_path),),
    )


def blob_download_failed(file_path: str, reason: str) -> FailureInfo:
    """A resource file could not be downloaded, for a reason that has no code of its own."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "BlobDownloadMiscError",
        "An error occurred while downloading one of the specified Azure Blob(s).",
        (("FilePath", file_path), ("Message", reason)),
    )


def blob_download_timed_out(file_path: str) -> FailureInfo:
    """A resource file did not arrive in time."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "BlobDownloadTimedOut",
        "The download of one of the specified Azure Blob(s) timed out.",
        (("FilePath", file_path),),
    )


def resource_file_failed(file_path: str, reason: str) -> FailureInfo:
    """A resource file could not be written on the node, or its path leads out of the working directory."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "ResourceFileCreateFailed",
        "Failed to create one of the specified resource files on the node.",
        (("FilePath", file_path), ("Message", reason)),
    )


def node_failed(reason: str) -> FailureInfo:
    """The node itself could not prepare or start the process (no space, no permission, no process left)."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "Unknown",
        "An unknown scheduling error has occurred.",
        (("Message", reason),),
    )
