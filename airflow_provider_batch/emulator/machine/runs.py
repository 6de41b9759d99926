"""Processes as the machine sees them: one run is one start of a task or start task on one node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from airflow_provider_batch.emulator.machine.instructions import RunKind


class Ending(IntEnum):
    """Why a run is being ended; the greater one wins when there are several reasons."""

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
    started_at: datetime | None = None
    ending: Ending | None = None
