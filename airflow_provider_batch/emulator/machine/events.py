"""
All that can happen to the machine: what users ask, what nodes report, and time.

Each event carries its moment, since the machine reads no clock. Users' events also carry the conditions of
the request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_batch.emulator.machine.timers import Timer
from airflow_provider_batch.emulator.model.assumptions import Assumptions
from airflow_provider_batch.emulator.model.containers import ContainerInfo
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolResize, PoolSpec
from airflow_provider_batch.emulator.model.states import DisableTasks, NodeDeallocationOption
from airflow_provider_batch.emulator.model.tasks import TaskSpec


@dataclass(frozen=True)
class Event:
    """Something that happened at a moment."""

    at: datetime


# --- users --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreatePool(Event):
    """A user creates a pool."""

    spec: PoolSpec


@dataclass(frozen=True)
class PoolVerb(Event):
    """Base: a user acts on a pool."""

    pool_id: str
    conditions: Conditions = field(default_factory=Conditions, kw_only=True)


@dataclass(frozen=True)
class UpdatePool(PoolVerb):
    """A user changes a pool; targets in the spec are not read."""

    spec: PoolSpec


@dataclass(frozen=True)
class ResizePool(PoolVerb):
    """A user sets new targets."""

    resize: PoolResize


@dataclass(frozen=True)
class StopPoolResize(PoolVerb):
    """A user stops a resize."""


@dataclass(frozen=True)
class RemoveNodes(PoolVerb):
    """A user takes nodes out of a pool."""

    node_ids: tuple[str, ...]
    option: NodeDeallocationOption


@dataclass(frozen=True)
class DeletePool(PoolVerb):
    """A user deletes a pool."""


@dataclass(frozen=True)
class CreateJob(Event):
    """A user creates a job."""

    spec: JobSpec


@dataclass(frozen=True)
class JobVerb(Event):
    """Base: a user acts on a job."""

    job_id: str
    conditions: Conditions = field(default_factory=Conditions, kw_only=True)


@dataclass(frozen=True)
class UpdateJob(JobVerb):
    """A user changes a job."""

    spec: JobSpec


@dataclass(frozen=True)
class DisableJob(JobVerb):
    """A user stops a job from starting tasks."""

    disable_tasks: DisableTasks


@dataclass(frozen=True)
class EnableJob(JobVerb):
    """A user lets a job start tasks again."""


@dataclass(frozen=True)
class TerminateJob(JobVerb):
    """
    A user ends a job.

    :param force: without waiting for its nodes.
    """

    reason: str
    force: bool = False


@dataclass(frozen=True)
class DeleteJob(JobVerb):
    """
    A user deletes a job.

    :param force: without waiting for its nodes.
    """

    force: bool = False


@dataclass(frozen=True)
class AddTask(Event):
    """
    A user adds a task to a job.

    :param together: keys of the tasks that come with the same request.
    """

    job_id: str
    spec: TaskSpec
    together: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TaskVerb(Event):
    """Base: a user acts on a task."""

    job_id: str
    task_id: str
    conditions: Conditions = field(default_factory=Conditions, kw_only=True)


@dataclass(frozen=True)
class UpdateTask(TaskVerb):
    """A user changes a task's constraints."""

    spec: TaskSpec


@dataclass(frozen=True)
class TerminateTask(TaskVerb):
    """A user ends a task."""


@dataclass(frozen=True)
class ReactivateTask(TaskVerb):
    """A user lets a failed task run again."""


@dataclass(frozen=True)
class DeleteTask(TaskVerb):
    """A user deletes a task."""


# --- tests --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assume(Event):
    """Open questions about the service are answered otherwise from now on."""

    assumptions: Assumptions


# --- nodes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProcessStarted(Event):
    """The process of a run was started."""

    run_id: int


@dataclass(frozen=True)
class ProcessExited(Event):
    """
    The processes of a run are gone.

    :param exit_code: None when it was ended before it began.
    :param upload_failure: why an output file could not be uploaded; None when all were, or none was wanted.
    :param container: in which the command ran; None for one on the node itself.
    """

    run_id: int
    exit_code: int | None
    upload_failure: FailureInfo | None = None
    container: ContainerInfo | None = None


@dataclass(frozen=True)
class ProcessCoordinated(Event):
    """The coordination command of one instance has succeeded; its processes live on."""

    run_id: int


@dataclass(frozen=True)
class ProcessNotStarted(Event):
    """The process of a run could not be started."""

    run_id: int
    failure: FailureInfo


@dataclass(frozen=True)
class NodeLost(Event):
    """A node has failed; what ran there runs again elsewhere."""

    pool_id: str
    node_id: str


# --- time ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TimerDue(Event):
    """A moment that an instruction asked for has come."""

    timer: Timer
