"""
What a task's outcome does to its job and to its dependents (``exitConditions``).

Source: reference of the service, section 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_batch.emulator.model.states import DependencyAction, JobAction


@dataclass(frozen=True)
class ExitOptions:
    """
    The two actions of one exit condition; None where the user left one out.

    :param job_action: effective only in a job with ``onTaskFailure=performexitoptionsjobaction``.
    """

    job_action: JobAction | None = None
    dependency_action: DependencyAction | None = None


@dataclass(frozen=True)
class ExitCodeRange:
    """Options for the exit codes from ``start`` to ``end``, both included; one code is a range of one."""

    start: int
    end: int
    options: ExitOptions

    def covers(self, exit_code: int) -> bool:
        """Whether the exit code lies in the range."""
        return self.start <= exit_code <= self.end


class ExitKind(Enum):
    """How a task came to its end."""

    EXITED = "the process exited by itself"
    PRE_PROCESSING_ERROR = "the process could not be started"
    FILE_UPLOAD_ERROR = "an output file could not be uploaded"
    ENDED = "the task was ended from outside"


@dataclass(frozen=True)
class ExitActions:
    """The two actions in force."""

    job_action: JobAction
    dependency_action: DependencyAction


SUCCESS_ACTIONS = ExitActions(JobAction.NONE, DependencyAction.SATISFY)
FAILURE_ACTIONS = ExitActions(JobAction.TERMINATE, DependencyAction.BLOCK)


@dataclass(frozen=True)
class ExitConditions:
    """
    Exit options by outcome.

    :param exit_codes: listed codes and ranges of codes, in the user's order.
    :param default: covers what nothing else covers, and never exit code 0.
    """

    exit_codes: tuple[ExitCodeRange, ...] = ()
    pre_processing_error: ExitOptions | None = None
    file_upload_error: ExitOptions | None = None
    default: ExitOptions | None = None

    def actions(self, kind: ExitKind, exit_code: int | None) -> ExitActions:
        """
        Return the actions for an outcome; a listed code beats a file upload error, which beats ``default``.

        :param kind: how the task ended.
        :param exit_code: exit code of the process; None when there is none.
        """
        success = kind is ExitKind.EXITED and exit_code == 0
        fallback = SUCCESS_ACTIONS if success else FAILURE_ACTIONS
        options = self._listed(exit_code) or self._special(kind)
        if options is None and not success:
            options = self.default
        if options is None:
            return fallback
        return ExitActions(
            options.job_action or fallback.job_action,
            options.dependency_action or fallback.dependency_action,
        )

    def _listed(self, exit_code: int | None) -> ExitOptions | None:
        if exit_code is None:
            return None
        return next((entry.options for entry in self.exit_codes if entry.covers(exit_code)), None)

    def _special(self, kind: ExitKind) -> ExitOptions | None:
        if kind is ExitKind.PRE_PROCESSING_ERROR:
            return self.pre_processing_error
        if kind is ExitKind.FILE_UPLOAD_ERROR:
            return self.file_upload_error
        return None
