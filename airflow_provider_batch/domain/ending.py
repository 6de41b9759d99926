"""
The end of a watch, as a value that travels from a trigger to a worker.

A watch ends with an outcome of the Batch task or with an error of ours; both become the same Airflow end
whether a worker or a trigger saw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_batch import exceptions
from airflow_provider_batch.domain.outcome import ExitCodeRules, TaskOutcome
from airflow_provider_batch.domain.report import summary
from airflow_provider_batch.domain.verdict import Verdict
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchServiceError,
    BatchTaskFailedError,
    BatchThrottledError,
    MemberRenderingError,
    SpecError,
)


@dataclass(frozen=True)
class Ending:
    """
    How a watch ended.

    :param verdict: what it means for the Airflow task.
    :param message: one line, for exceptions.
    :param outcome: the end of the Batch task; None when the watch ended with an error.
    :param error_type: name of the error's class in :mod:`airflow_provider_batch.exceptions`.
    :param error_arguments: arguments of a class that has its own; None for one that takes a message.
    :param value: the result of a wait that was not for a Batch task.
    """

    verdict: Verdict
    message: str
    outcome: TaskOutcome | None = None
    error_type: str | None = None
    error_arguments: Mapping[str, Any] | None = None
    value: Mapping[str, Any] | None = None

    @classmethod
    def of_value(cls, value: Mapping[str, Any]) -> Ending:
        """
        Take the result of a wait that was not for a Batch task.

        :param value: plain JSON.
        """
        return cls(Verdict.SUCCESS, "", value=value)

    @property
    def return_value(self) -> Mapping[str, Any] | None:
        """What the Airflow task returns; None when it has nothing to return."""
        return self.outcome.as_json() if self.outcome is not None else self.value

    @classmethod
    def of_outcome(cls, outcome: TaskOutcome, rules: ExitCodeRules) -> Ending:
        """
        Judge a task that ended.

        :param outcome: how it ended.
        :param rules: what exit codes mean.
        """
        return cls(outcome.verdict(rules), summary(outcome), outcome)

    @classmethod
    def of_error(cls, error: AzureBatchError) -> Ending:
        """
        Take an error that ended the watch; the Airflow task fails, and may be retried.

        :param error: the error.
        """
        return cls(
            Verdict.FAILED,
            str(error),
            error_type=type(error).__name__,
            error_arguments=_arguments(error),
        )

    def error(self) -> AzureBatchError:
        """Return the error to raise for a failure."""
        if self.outcome is not None:
            return BatchTaskFailedError(self.message, self.outcome.as_json())
        cls = getattr(exceptions, self.error_type or "", None)
        if not (isinstance(cls, type) and issubclass(cls, AzureBatchError)):
            return AzureBatchError(f"{self.error_type}: {self.message}")
        if self.error_arguments is None:
            return cls(self.message)
        arguments = dict(self.error_arguments)
        if "details" in arguments:
            arguments["details"] = [tuple(pair) for pair in arguments["details"]]
        return cls(**arguments)

    def as_json(self) -> dict[str, Any]:
        """Return the ending as plain JSON."""
        return {
            "verdict": self.verdict.value,
            "message": self.message,
            "outcome": self.outcome.as_json() if self.outcome else None,
            "error_type": self.error_type,
            "error_arguments": dict(self.error_arguments) if self.error_arguments is not None else None,
            "value": dict(self.value) if self.value is not None else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ending:
        """Read what :meth:`as_json` wrote."""
        outcome = data.get("outcome")
        return cls(
            verdict=Verdict(data["verdict"]),
            message=str(data["message"]),
            outcome=TaskOutcome.from_json(outcome) if outcome else None,
            error_type=data.get("error_type"),
            error_arguments=data.get("error_arguments"),
            value=data.get("value"),
        )


def _arguments(error: AzureBatchError) -> dict[str, Any] | None:
    """The arguments, as JSON, that make an error again whose class takes more than a message."""
    if isinstance(error, BatchServiceError):
        names = ("code", "message", "status", "operation", "details", "request_id")
        arguments = {name: getattr(error, name) for name in names}
        arguments["details"] = [list(pair) for pair in error.details]
        if isinstance(error, BatchThrottledError):
            arguments["retry_after"] = error.retry_after
        return arguments
    if isinstance(error, SpecError):
        return {"path": error.path, "problem": error.problem}
    if isinstance(error, MemberRenderingError):
        return {name: getattr(error, name) for name in ("task_id", "map_index", "problem")}
    if isinstance(error, BatchTaskFailedError):
        return {"message": str(error), "outcome": error.outcome}
    return None
