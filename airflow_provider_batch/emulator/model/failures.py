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


def wall_clock_expired(code: str = "TaskEnded") -> FailureInfo:
    """The task ran longer than its ``maxWallClockTime``; the usual code is that of a terminated task."""
    return FailureInfo(ErrorCategory.SERVER_ERROR, code, "The task has exceeded its maximum wall clock time.")


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


def resource_container_not_found(container: str) -> FailureInfo:
    """The container of a resource file does not exist."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "ResourceContainerNotFound",
        "One of the specified Azure Blob container(s) is not found.",
        (("Container", container),),
    )


def resource_container_access_denied(container: str) -> FailureInfo:
    """The container of a resource file may not be listed."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "ResourceContainerAccessDenied",
        "Access for one of the specified Azure Blob container(s) is denied.",
        (("Container", container),),
    )


def resource_container_list_timed_out(container: str) -> FailureInfo:
    """The list of a container did not arrive in time."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "ResourceContainerListTimedOut",
        "Listing one of the specified Azure Blob container(s) timed out.",
        (("Container", container),),
    )


def resource_container_list_failed(container: str, reason: str) -> FailureInfo:
    """A container could not be listed, for a reason that has no code of its own."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "ResourceContainerListMiscError",
        "An error occurred while listing one of the specified Azure Blob container(s).",
        (("Container", container), ("Message", reason)),
    )


def resource_directory_failed(file_path: str, reason: str) -> FailureInfo:
    """A directory for a resource file could not be made."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "ResourceDirectoryCreateFailed",
        "Failed to create a directory for one of the specified resource files on the node.",
        (("FilePath", file_path), ("Message", reason)),
    )


def resource_write_failed(file_path: str, reason: str) -> FailureInfo:
    """A resource file was begun and could not be written to its end."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "ResourceFileWriteFailed",
        "Failed to write one of the specified resource files on the node.",
        (("FilePath", file_path), ("Message", reason)),
    )


def disk_full(what: str) -> FailureInfo:
    """There is no room for what the task needs."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "DiskFull",
        "There is not enough disk space on the node that was selected to run the task.",
        (("Message", f"No space left for {what}"),),
    )


def application_package_failed(application_id: str, version: str | None, reason: str) -> FailureInfo:
    """An application package is missing, or could not be fetched or unpacked."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "ApplicationPackageError",
        "One or more application packages could not be deployed.",
        (("ApplicationId", application_id), ("Version", version or "(default)"), ("Message", reason)),
    )


def container_invalid_image(image: str, reason: str) -> FailureInfo:
    """The image of a container cannot be had."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "ContainerInvalidImage",
        "One or more container images specified are invalid",
        (("Image", image), ("Message", reason)),
    )


def container_invalid_registry(server: str, reason: str) -> FailureInfo:
    """A registry does not let us in."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "ContainerInvalidRegistry",
        "One or more container registries specified are invalid",
        (("Registry", server), ("Message", reason)),
    )


def container_invalid_settings(reason: str) -> FailureInfo:
    """The container cannot be made as asked."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "ContainerInvalidSettings",
        "One or more container settings specified are invalid",
        (("Message", reason),),
    )


def container_failed(reason: str) -> FailureInfo:
    """The container could not be run, for a reason that has no code of its own."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "ContainerMiscError",
        "An error occurred while running the container",
        (("Message", reason),),
    )


def upload_container_not_found(file_path: str) -> FailureInfo:
    """The container for an output file does not exist."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "FileUploadContainerNotFound",
        "One of the specified Azure container(s) was not found while attempting to upload an output file",
        (("FilePath", file_path),),
    )


def upload_access_denied(file_path: str) -> FailureInfo:
    """The container for an output file refuses us."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "FileUploadAccessDenied",
        "Access was denied while attempting to upload an output file",
        (("FilePath", file_path),),
    )


def upload_conflict(file_path: str) -> FailureInfo:
    """What is in the container forbids the upload of an output file."""
    return FailureInfo(
        ErrorCategory.USER_ERROR,
        "FileUploadConflict",
        "A conflict occurred while attempting to upload an output file",
        (("FilePath", file_path),),
    )


def upload_timed_out(file_path: str) -> FailureInfo:
    """An output file could not be uploaded in time."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "FileUploadTimedOut",
        "The upload of an output file timed out",
        (("FilePath", file_path),),
    )


def upload_failed(file_path: str, reason: str) -> FailureInfo:
    """An output file could not be uploaded, for a reason that has no code of its own."""
    return FailureInfo(
        ErrorCategory.SERVER_ERROR,
        "FileUploadMiscError",
        "An error occurred while attempting to upload an output file",
        (("FilePath", file_path), ("Message", reason)),
    )
