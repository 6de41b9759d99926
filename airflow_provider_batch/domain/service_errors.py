"""
The error object of the service, and the class of ours that its code stands for.

It is the body of an answer that refuses a request, and a part of one that refuses a single task of many.

Source of the codes: "Batch status and error codes", Azure Batch REST API 2025-06-01.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_batch.exceptions import (
    BatchAuthenticationError,
    BatchConflictError,
    BatchNotFoundError,
    BatchPermissionError,
    BatchPreconditionError,
    BatchQuotaError,
    BatchServiceError,
    BatchThrottledError,
)

__all__ = ["ErrorBody", "error_class", "read_error"]

_CODES: Mapping[type[BatchServiceError], frozenset[str]] = {
    BatchAuthenticationError: frozenset({"AuthenticationFailed", "InvalidAuthenticationInfo"}),
    BatchPermissionError: frozenset(
        {
            "AccountIsDisabled",
            "Forbidden",
            "InsufficientAccountPermissions",
            "InsufficientPermissions",
        }
    ),
    BatchNotFoundError: frozenset(
        {
            "ApplicationNotFound",
            "FileNotFound",
            "JobNotFound",
            "JobPreparationTaskNotRunOnNode",
            "JobReleaseTaskNotRunOnNode",
            "JobScheduleNotFound",
            "NodeAgentSKUNotFound",
            "NodeNotFound",
            "NodeUserNotFound",
            "PathNotFound",
            "PoolNotFound",
            "ResourceNotFound",
            "TaskNotFound",
        }
    ),
    BatchConflictError: frozenset(
        {
            "InvalidApplicationPackageReferences",
            "JobBeingDeleted",
            "JobBeingTerminated",
            "JobCompleted",
            "JobDisabled",
            "JobExists",
            "JobNotActive",
            "JobPreparationTaskNotSpecified",
            "JobPreparationTaskOrReleaseTaskNotSpecified",
            "JobReleaseTaskNotSpecified",
            "JobScheduleBeingDeleted",
            "JobScheduleBeingTerminated",
            "JobScheduleCompleted",
            "JobScheduleDisabled",
            "JobScheduleExists",
            "JobScheduleWithSameIdExists",
            "JobWithSameIdExists",
            "NodeAlreadyInTargetSchedulingState",
            "NodeBeingCreated",
            "NodeBeingRebooted",
            "NodeBeingReimaged",
            "NodeBeingStarted",
            "NodeStateUnusable",
            "NodeUserExists",
            "OperationInvalidForCurrentState",
            "OperationNotValidOnNode",
            "OperationNotValidOnPool",
            "PoolBeingCreated",
            "PoolBeingDeleted",
            "PoolBeingResized",
            "PoolExists",
            "ResourceAlreadyExists",
            "TaskCompleted",
            "TaskExists",
            "TaskFilesCleanedup",
            "TaskFilesUnavailable",
            "TaskIdSameAsJobPreparationTask",
            "TaskIdSameAsJobReleaseTask",
            "TaskNotCompleted",
            "TaskSucceeded",
        }
    ),
    BatchQuotaError: frozenset({"ActiveJobAndScheduleQuotaReached", "PoolQuotaReached"}),
    BatchPreconditionError: frozenset({"ConditionNotMet"}),
    BatchThrottledError: frozenset({"ServerBusy", "TooManyEnableAutoScaleRequests", "TooManyRequests"}),
}
_BY_CODE = {code: error for error, codes in _CODES.items() for code in codes}

_TRAILER = re.compile(r"\r?\n(?:RequestId|Time):[^\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class ErrorBody:
    """
    The error object that the service sends.

    :param code: the service's code; None when the body is not an error of Batch.
    :param message: the message without its request id and time.
    :param details: the ``values``, as pairs.
    """

    code: str | None = None
    message: str = ""
    details: tuple[tuple[str, str], ...] = ()


def read_error(found: object) -> ErrorBody:
    """
    Read an error object.

    :param found: JSON value; anything may stand there.
    """
    if not isinstance(found, dict) or not isinstance(found.get("code"), str):
        return ErrorBody()
    message = found.get("message")
    text = message.get("value", "") if isinstance(message, dict) else message or ""
    values = found.get("values")
    pairs = tuple(
        (str(value.get("key", "")), str(value.get("value", "")))
        for value in (values if isinstance(values, list) else ())
        if isinstance(value, dict)
    )
    return ErrorBody(found["code"], _TRAILER.sub("", str(text)).strip(), pairs)


def error_class(code: str | None) -> type[BatchServiceError] | None:
    """
    Return the class that a code stands for; None when it stands for none, which says nothing about the cause.

    :param code: the service's code.
    """
    return _BY_CODE.get(code) if code is not None else None
