"""
How a Batch task ended.

Three things are kept apart: the *state* of the task (its place in its life), its *result* (success or
failure, the service's own judgement) and the *exit code* of its process, which is absent when no process ran.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.states import TASK_COMPLETED, lower
from airflow_provider_batch.domain.verdict import Verdict

#: what a poll needs to know of a task; the last two say how much of its nodes it holds
TASK_SELECT = (
    "id",
    "state",
    "stateTransitionTime",
    "executionInfo",
    "nodeInfo",
    "requiredSlots",
    "multiInstanceSettings",
)
#: what a look at a task shows, shared or not: enough to take one that depends on no other
LOOK_SELECT = (*TASK_SELECT, "eTag")


@dataclass(frozen=True)
class ExitCodeRules:
    """
    What exit codes mean, as the DAG author says; every other non-zero code is a failure.

    :param skip: exit codes that skip the Airflow task.
    :param fail_for_good: exit codes that fail the Airflow task even when it has retries left.
    """

    skip: tuple[int, ...] = ()
    fail_for_good: tuple[int, ...] = ()


@dataclass(frozen=True)
class Failure:
    """
    The service's reason for a failure (``failureInfo``).

    :param category: ``usererror`` or ``servererror``, in lower case.
    :param code: the service's code, for example ``FailureExitCode``.
    :param message: the service's message.
    :param details: pairs of name and value.
    """

    category: str = ""
    code: str = ""
    message: str = ""
    details: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> Failure:
        """Read ``failureInfo`` as the service sent it."""
        # The outcome goes into XCom and into errors: details may name the URL of a file, signature included.
        details = tuple((str(d.get("name")), redact(str(d.get("value")))) for d in info.get("details") or ())
        return cls(
            category=lower(info.get("category")),
            code=str(info.get("code") or ""),
            message=redact(str(info.get("message") or "")),
            details=details,
        )


@dataclass(frozen=True)
class TaskOutcome:
    """
    The end of one run of a Batch task.

    :param batch_job_id: id of the job.
    :param batch_task_id: id of the task.
    :param result: ``success`` or ``failure``.
    :param exit_code: exit code of the process; None when no process ran.
    :param batch_pool_id: pool that the task ran on; None when it never reached a node.
    :param node_id: node that the task ran on last.
    :param start_time: start of the last run, as the service sent it.
    :param end_time: end of the task, as the service sent it.
    :param retry_count: how often the service ran the task again after a non-zero exit code.
    :param requeue_count: how often the service queued the task again for other reasons.
    :param failure: the service's reason, on failure.
    :param output_url: address of the task's directory on its node; served while the node lives.
    :param node_hours: what the last run held, as in :func:`~airflow_provider_batch.domain.cost.figures`; None
        for this and all that follow when it is not known.
    :param spot_node_hours: the part of it on spot nodes.
    :param core_hours: the same in cores.
    :param cost: what it cost.
    :param currency: of the cost.
    """

    batch_job_id: str
    batch_task_id: str
    result: str
    exit_code: int | None = None
    batch_pool_id: str | None = None
    node_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    retry_count: int = 0
    requeue_count: int = 0
    failure: Failure | None = field(default=None)
    output_url: str | None = None
    node_hours: float | None = None
    spot_node_hours: float | None = None
    core_hours: float | None = None
    cost: float | None = None
    currency: str | None = None

    @property
    def key(self) -> TaskKey:
        """Job and task as one value."""
        return TaskKey(self.batch_job_id, self.batch_task_id)

    @property
    def succeeded(self) -> bool:
        """True only when the service says ``success``; whatever is unknown is no success."""
        return self.result == "success"

    def verdict(self, rules: ExitCodeRules) -> Verdict:
        """
        Judge this outcome.

        :param rules: what the DAG author says of exit codes.
        """
        if self.succeeded:
            return Verdict.SUCCESS
        # A listed code counts only when the process was the reason: an upload error keeps the exit code.
        own_exit = self.failure is None or self.failure.code in ("", "FailureExitCode")
        if own_exit and self.exit_code in rules.skip:
            return Verdict.SKIPPED
        if own_exit and self.exit_code in rules.fail_for_good:
            return Verdict.FAILED_FOR_GOOD
        return Verdict.FAILED

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as plain JSON, as it goes into XCom and into errors."""
        data = asdict(self)
        if self.failure is not None:
            data["failure"]["details"] = [list(pair) for pair in self.failure.details]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TaskOutcome:
        """Read what :meth:`as_json` wrote."""
        fields = dict(data)
        if failure := fields.get("failure"):
            details = tuple((str(name), str(value)) for name, value in failure["details"])
            fields["failure"] = Failure(**{**failure, "details": details})
        return cls(**fields)


def read_outcome(key: TaskKey, task: Mapping[str, Any]) -> TaskOutcome | None:
    """
    Read the outcome from a task as the service sent it; None while the task has not completed.

    :param key: job and task.
    :param task: the task (``GET``), at least the properties of :data:`TASK_SELECT`.
    """
    if lower(task.get("state")) != TASK_COMPLETED:
        return None
    info = task.get("executionInfo") or {}
    node = task.get("nodeInfo") or {}
    exit_code = info.get("exitCode")
    failure = Failure.read(info["failureInfo"]) if info.get("failureInfo") else None
    return TaskOutcome(
        batch_job_id=key.batch_job_id,
        batch_task_id=key.batch_task_id,
        result=_result(lower(info.get("result")), exit_code, failure),
        exit_code=exit_code,
        batch_pool_id=node.get("poolId"),
        node_id=node.get("nodeId"),
        start_time=info.get("startTime"),
        end_time=info.get("endTime") or task.get("stateTransitionTime"),
        retry_count=int(info.get("retryCount") or 0),
        requeue_count=int(info.get("requeueCount") or 0),
        failure=failure,
        output_url=node.get("taskRootDirectoryUrl"),
    )


def _result(said: str, exit_code: int | None, failure: Failure | None) -> str:
    if said in ("success", "failure"):
        return said
    # Older answers lack ``result``: only a clean exit without a reason for failure counts as success.
    return "success" if exit_code == 0 and failure is None else "failure"


def run_of(task: Mapping[str, Any]) -> str | None:
    """
    Name the run that a task is in or had last; None when it never started.

    Output belongs to a run: a retried, requeued or reactivated task writes its files anew, maybe on another
    node, so offsets into the files of one run mean nothing in the next.

    :param task: the task (``GET``).
    """
    info = task.get("executionInfo") or {}
    node = (task.get("nodeInfo") or {}).get("nodeId")
    if not info.get("startTime") or not node:
        return None
    parts: Sequence[Any] = (
        node,
        info["startTime"],
        info.get("retryCount") or 0,
        info.get("requeueCount") or 0,
    )
    return "/".join(str(part) for part in parts)
