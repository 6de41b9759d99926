"""
The errors that this provider raises, by cause.

::

    AzureBatchError
    ├── AzureBatchConfigurationError      what the user wrote is wrong; nothing was created
    │   ├── SpecError                     a field of a pool, job or task specification
    │   ├── AutoScaleFormulaError         a formula that the service cannot evaluate
    │   └── ConnectionFieldError          a field of the Airflow connection
    ├── BatchServiceError                 the service answered with an error code
    │   ├── BatchAuthenticationError      it does not know us
    │   ├── BatchPermissionError          it knows us and refuses
    │   ├── BatchNotFoundError            there is no such resource
    │   ├── BatchConflictError            the resource is in another state, or exists already
    │   │   └── BatchQuotaError           a quota of the account is used up
    │   ├── BatchPreconditionError        the resource changed since its ETag was read
    │   └── BatchThrottledError           too many requests; carries the wait that was asked for
    ├── BatchUnavailableError             no usable answer: name resolution, connection, time-out, 5xx
    ├── BatchOwnershipError               an id that we need belongs to somebody else
    ├── BatchPoolUnusableError            the pool cannot run tasks, and waiting will not help
    │   └── BatchPoolLostError            the pool was deleted while we waited for it
    ├── BatchDeadlineError                time ran out: a task had not ended, a pool was not ready
    ├── BatchSensedFailureError           what a sensor waited for has ended, with a failure
    ├── BatchTaskLostError                a task that we submitted does not exist any more
    ├── MemberRenderingError              launch could not make the values of a group's member
    └── BatchTaskFailedError              the Batch task ended with a failure; carries the outcome

Service errors are recognised by the service's *code*, never by the HTTP status alone (every 409 of the
service looks alike by status) and never by message text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "AutoScaleFormulaError",
    "AzureBatchConfigurationError",
    "AzureBatchError",
    "BatchAuthenticationError",
    "BatchConflictError",
    "BatchDeadlineError",
    "BatchNotFoundError",
    "BatchOwnershipError",
    "BatchPermissionError",
    "BatchPoolLostError",
    "BatchPoolUnusableError",
    "BatchPreconditionError",
    "BatchQuotaError",
    "BatchSensedFailureError",
    "BatchServiceError",
    "BatchTaskFailedError",
    "BatchTaskLostError",
    "BatchThrottledError",
    "BatchUnavailableError",
    "ConnectionFieldError",
    "MemberRenderingError",
    "SpecError",
]


class AzureBatchError(Exception):
    """Base of every error that this provider raises on purpose."""


class AzureBatchConfigurationError(AzureBatchError, ValueError):
    """What the user wrote is wrong; the message names the field, what was found and what to do."""


class SpecError(AzureBatchConfigurationError):
    """
    A field of a pool, job or task specification is unknown, missing, contradictory or out of range.

    :param path: the field as a path in REST names, for example
        ``pool.virtualMachineConfiguration.imageReference.publisher``.
    :param problem: what was found and what to do, without the path.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, str]]:
        return type(self), (self.path, self.problem)


class AutoScaleFormulaError(AzureBatchConfigurationError):
    """The service cannot evaluate an autoscale formula; the message shows the line."""


class ConnectionFieldError(AzureBatchConfigurationError):
    """A field of the Airflow connection is missing or contradicts another one."""


class BatchServiceError(AzureBatchError):
    """
    The service answered with an error.

    :param code: the service's own error code, for example ``PoolNotFound``; None when the answer had none.
    :param message: the service's message, without its request id and time lines.
    :param status: HTTP status; None when the request was not sent, since no token could be had.
    :param operation: name of the operation that was refused, for example ``create_pool``.
    :param details: the ``values`` of the error body, as pairs.
    :param request_id: what Microsoft's support asks for.
    """

    def __init__(
        self,
        *,
        code: str | None,
        message: str,
        status: int | None,
        operation: str,
        details: Sequence[tuple[str, str]] = (),
        request_id: str | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.status = status
        self.operation = operation
        self.details = tuple(details)
        self.request_id = request_id
        super().__init__(self._text())

    def _text(self) -> str:
        if self.status is None:  # it did not get as far as the service: no token could be had
            return f"{self.operation} could not be sent to Azure Batch: {self.message}"
        found = f"{self.code or 'no error code'}, HTTP {self.status}"
        parts = [f"Azure Batch refused {self.operation} ({found}): {self.message}"]
        parts += [f"{name}: {value}" for name, value in self.details]
        if self.request_id:
            parts.append(f"request id {self.request_id}")
        return " | ".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_service_error, (type(self), self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "status": self.status,
            "operation": self.operation,
            "details": self.details,
            "request_id": self.request_id,
        }


def _rebuild_service_error(cls: type[BatchServiceError], arguments: Mapping[str, Any]) -> BatchServiceError:
    """Build a service error again; keyword-only constructors need it when an error is pickled."""
    return cls(**arguments)


class BatchAuthenticationError(BatchServiceError):
    """The service does not accept the credentials (``AuthenticationFailed``, 401)."""


class BatchPermissionError(BatchServiceError):
    """The credentials are valid and lack a right (``InsufficientAccountPermissions``, ``Forbidden`` ...)."""


class BatchNotFoundError(BatchServiceError):
    """The pool, job, task, node or file does not exist; ``code`` says which."""


class BatchConflictError(BatchServiceError):
    """The request does not fit the resource's present state; a question, not an answer: read ``code``."""


class BatchQuotaError(BatchConflictError):
    """A quota of the account is used up (``PoolQuotaReached``, ``ActiveJobAndScheduleQuotaReached``)."""


class BatchPreconditionError(BatchServiceError):
    """The resource has changed since the ETag that the request carried (``ConditionNotMet``)."""


class BatchThrottledError(BatchServiceError):
    """
    The service asks for fewer requests, after the client's own retries.

    :param retry_after: seconds that the service asked to wait; None when it did not say.
    """

    def __init__(self, *, retry_after: float | None = None, **arguments: Any) -> None:
        self.retry_after = retry_after
        super().__init__(**arguments)

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "retry_after": self.retry_after}


class BatchUnavailableError(AzureBatchError):
    """
    There was no usable answer, after the client's own retries; the outcome of a write is unknown.

    The message says which of name resolution, connection, TLS, time-out or server error it was.
    """


class BatchOwnershipError(AzureBatchError):
    """A pool, job or task with the id that we need exists and was made by somebody else."""


class BatchPoolUnusableError(AzureBatchError):
    """The pool cannot run tasks: its start task fails, its image is refused, its quota is zero ..."""


class BatchPoolLostError(BatchPoolUnusableError):
    """The pool that was waited for does not exist any more, or another one has its id now."""


class BatchDeadlineError(AzureBatchError):
    """
    The time limit passed before the Batch task ended; the Batch task was terminated first.

    Of a pool: it was not ready in time; it stays, and bills, unless the message says otherwise.
    """


class BatchSensedFailureError(AzureBatchError):
    """The job or the tasks that a sensor waited for have ended, with a failure."""


class BatchTaskLostError(AzureBatchError):
    """A task that was submitted does not exist any more: it, its job or the account was deleted."""


class MemberRenderingError(AzureBatchError):
    """
    The values of a member could not be made by launch; its own task says what becomes of it.

    The cause is whatever the template, a function given to ``XComArg.map`` or the operator raised, be it a
    skip: none of it is launch's own.

    :param task_id: the member.
    :param map_index: index of a mapped member, -1 when it is not mapped or fails as a whole.
    :param problem: what happened.
    """

    def __init__(self, task_id: str, map_index: int, problem: str) -> None:
        index = f"[{map_index}]" if map_index >= 0 else ""
        super().__init__(f"{task_id}{index} cannot be rendered by launch: {problem}")
        self.task_id = task_id
        self.map_index = map_index
        self.problem = problem

    def __reduce__(self) -> tuple[type[MemberRenderingError], tuple[str, int, str]]:
        return type(self), (self.task_id, self.map_index, self.problem)


class BatchTaskFailedError(AzureBatchError):
    """
    The Batch task ended with a failure.

    :param message: the report that a person reads.
    :param outcome: the same as data: ids, exit code, failure category and code, times, node.
    """

    def __init__(self, message: str, outcome: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.outcome = dict(outcome)

    def __reduce__(self) -> tuple[type[BatchTaskFailedError], tuple[str, dict[str, Any]]]:
        return type(self), (str(self), self.outcome)
