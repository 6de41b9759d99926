"""What the end of a task means for its job and for the tasks that depend on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_batch.specs.base import Json, Spec, rest


@dataclass(frozen=True, kw_only=True)
class ExitOptions(Spec):
    """
    What follows from one kind of end.

    Example::

        ExitOptions(dependency_action="satisfy")

    :param job_action: ``none``, ``disable`` or ``terminate``; works only in a job with
        ``on_task_failure="performexitoptionsjobaction"``, and is refused by the service in any other.
    :param dependency_action: ``satisfy``: dependents may start; ``block``: they never will.
    """

    definition: ClassVar[str] = "ExitOptions"

    job_action: str | None = None
    dependency_action: str | None = None


def _codes(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return [{"code": code, "exitOptions": options} for code, options in value.items()]


def _ranges(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return [{"start": start, "end": end, "exitOptions": options} for (start, end), options in value.items()]


@dataclass(frozen=True, kw_only=True)
class ExitConditions(Spec):
    """
    What follows from each way in which the task can end.

    A code or range that is listed goes before an upload error; ``default`` covers what nothing else does,
    but never exit code 0.

    Example::

        ExitConditions(
            exit_codes={3: ExitOptions(dependency_action="satisfy")},
            exit_code_ranges={(10, 19): ExitOptions(job_action="terminate")},
            default=ExitOptions(dependency_action="block"),
        )

    :param exit_codes: by code, or REST's list.
    :param exit_code_ranges: by first and last code, both included, or REST's list.
    :param pre_processing_error: the command line did not start, for example because a download failed.
    :param file_upload_error: an output file could not be uploaded.
    :param default: everything else that is a failure.
    """

    definition: ClassVar[str] = "ExitConditions"

    exit_codes: Mapping[int, ExitOptions | Json] | Sequence[Json] | None = field(
        default=None, metadata=rest("exitCodes", _codes)
    )
    exit_code_ranges: Mapping[tuple[int, int], ExitOptions | Json] | Sequence[Json] | None = field(
        default=None, metadata=rest("exitCodeRanges", _ranges)
    )
    pre_processing_error: ExitOptions | Json | None = None
    file_upload_error: ExitOptions | Json | None = None
    default: ExitOptions | Json | None = None
