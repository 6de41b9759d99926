"""Processes as the machine sees them: one run is one start of a task or start task on one node."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.model.containers import ContainerInfo
from airflow_provider_batch.emulator.model.failures import FailureInfo


class Ending(IntEnum):
    """Why a run is being ended; the greater one wins when there are several reasons."""

    #: another instance of the same task has decided its fate: this one is not wanted any more
    RELEASE = 0
    #: the node failed or could not be prepared: the task runs again, and nothing is counted
    RECOVER = 1
    #: a user took the node or disabled the job, or a more important task needs the room: counted
    REQUEUE = 2
    #: the task ran too long
    WALL_CLOCK = 3
    #: a user ended the task, its job, or its node
    TERMINATE = 4


@dataclass
class Run:
    """
    One process on a node, from the instruction to start it until it is known to be gone.

    :param job_key: None for a start task, and for what a job that ended by force has left behind, as is
        ``task_key``; serials are 0 then.
    :param task_key: also None for preparation and release tasks.
    :param slots: slots that it holds on its node; 0 for all but tasks.
    :param held: the task waits on its node for the job's preparation; there is no process yet.
    :param group: of a task on several nodes the run of its primary; None for all else.
    :param started_at: None until the process runs.
    :param ending: why it is being ended; None while nobody wants that.
    """

    id: int
    kind: RunKind
    pool_key: str
    node_key: str
    job_key: str | None = None
    job_serial: int = 0
    task_key: str | None = None
    task_serial: int = 0
    slots: int = 0
    held: bool = False
    group: int | None = None
    started_at: datetime | None = None
    ending: Ending | None = None


@dataclass(frozen=True)
class RunEnd:
    """
    What is known of a run whose processes are gone.

    :param exit_code: None when it was ended before it began, or could not begin.
    :param failure: why it could not begin.
    :param upload_failure: why an output file could not be uploaded.
    :param container: in which it ran.
    """

    exit_code: int | None = None
    failure: FailureInfo | None = None
    upload_failure: FailureInfo | None = None
    container: ContainerInfo | None = None

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        return self.exit_code == 0 and self.upload_failure is None


@dataclass
class InstanceGroup:
    """
    The runs of one task on several nodes, from their start until all are gone.

    :param runs: the runs that are not gone, by number of the instance.
    :param places: keys of pool and node of every run, gone or not, by run.
    :param unprepared: runs whose nodes are not prepared for the job yet; none starts before all may.
    :param uncoordinated: runs whose coordination command has not succeeded yet.
    :param end: how the instance ended that decides; None while none has.
    :param ending: why the task is being ended; None when an instance has ended by itself.
    """

    runs: dict[int, int]
    places: dict[int, tuple[str, str]] = field(default_factory=dict)
    unprepared: set[int] = field(default_factory=set)
    uncoordinated: set[int] = field(default_factory=set)
    end: RunEnd | None = None
    ending: Ending | None = None
