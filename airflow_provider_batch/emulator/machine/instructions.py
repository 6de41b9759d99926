"""What the machine wants done; performing it is left to others, whose results come back as events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from airflow_provider_batch.emulator.machine.timers import Timer
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.containers import ContainerRegistry
from airflow_provider_batch.emulator.model.multi_instance import InstancePlace


class RunKind(Enum):
    """What a process is to the service."""

    TASK = "task"
    START_TASK = "start task"
    PREPARATION = "job preparation task"
    RELEASE = "job release task"
    #: an instance other than the primary of a task on several nodes
    SUBTASK = "subtask"
    #: no process: application packages of the pool come to a node
    PACKAGES = "packages of the node"


@dataclass(frozen=True)
class PrepareNode:
    """
    Make the directories of a new node.

    :param mounts: of the pool's mounted file systems, relative to the directory of all mounts.
    """

    pool_id: str
    node_id: str
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunProcess:
    """
    Run a command on a node; answered by started and exited, or by not started, with the same ``run_id``.

    :param command: with the job's common environment settings before the task's own.
    :param directory: of the task or start task, relative to the node's root, with ``/``.
    :param append_output: continue the output files of an earlier run, if there are any.
    :param job_id: None for a start task, as is ``task_id``.
    :param preparation_directory: of the job's preparation task, as ``directory``; None without one, and for
        itself.
    :param instance: what this instance knows of a task on several nodes: it begins with the coordination
        command, whose success is reported; None for all else.
    :param registries: of the pool, for commands in containers; None for a pool without containers.
    """

    run_id: int
    kind: RunKind
    pool_id: str
    node_id: str
    is_dedicated: bool
    directory: str
    command: Command
    append_output: bool = False
    job_id: str | None = None
    task_id: str | None = None
    preparation_directory: str | None = None
    instance: InstancePlace | None = None
    registries: tuple[ContainerRegistry, ...] | None = None


@dataclass(frozen=True)
class ProceedRun:
    """Every instance is coordinated: let the primary run the task's own command."""

    run_id: int


@dataclass(frozen=True)
class KillProcess:
    """End all processes of a run; answered by exited."""

    run_id: int


@dataclass(frozen=True)
class FreezeProcess:
    """
    Stop all processes of a run where they are, or let them go on; ending them still works.

    :param frozen: False to let them go on.
    """

    run_id: int
    frozen: bool


@dataclass(frozen=True)
class SetTimer:
    """Report when the moment has come."""

    timer: Timer
    due: datetime


@dataclass(frozen=True)
class DeleteDirectory:
    """
    Remove a directory with all that is in it; it may not exist, and processes may still use it.

    :param node_id: None for the whole pool.
    :param directory: relative to the node's root; empty for the whole node.
    """

    pool_id: str
    node_id: str | None = None
    directory: str = ""


@dataclass(frozen=True)
class MeasureUsage:
    """Look how busy the nodes of a pool are; answered by an event."""

    pool_key: str
    pool_serial: int


Instruction = (
    PrepareNode
    | RunProcess
    | ProceedRun
    | KillProcess
    | FreezeProcess
    | SetTimer
    | DeleteDirectory
    | MeasureUsage
)
