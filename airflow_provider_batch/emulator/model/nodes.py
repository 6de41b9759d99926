"""Nodes of a pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.states import (
    NodeState,
    SchedulingState,
    StartTaskState,
    TaskResult,
    TaskState,
)

_OUT_OF_REACH = frozenset({NodeState.UNUSABLE, NodeState.UNKNOWN, NodeState.PREEMPTED, NodeState.DEALLOCATED})


@dataclass
class StartTaskInfo:
    """The start task's run on one node."""

    state: StartTaskState
    start_time: datetime
    end_time: datetime | None = None
    exit_code: int | None = None
    result: TaskResult | None = None
    failure_info: FailureInfo | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None


@dataclass
class RecentTask:
    """
    A task that runs or ran on a node, as the node remembers it (the newest ten).

    :param subtask_id: number of the instance; None for a task on one node.
    """

    job_id: str
    task_id: str
    run_id: int
    task_state: TaskState
    subtask_id: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    result: TaskResult | None = None
    failure_info: FailureInfo | None = None
    retry_count: int = 0
    requeue_count: int = 0


@dataclass(frozen=True)
class NodeError:
    """Why a node is unusable."""

    code: str
    message: str
    error_details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class NodeUser:
    """
    An account for remote login. The password itself is never kept.

    :param expiry_time: from then on the account does not exist.
    """

    name: str
    expiry_time: datetime
    is_admin: bool = False
    has_password: bool = False
    ssh_public_key: str | None = None


@dataclass(frozen=True)
class NodeUsage:
    """A time during which a machine was held for a node, whether it worked or not."""

    pool_id: str
    vm_size: str
    start: datetime
    end: datetime


@dataclass
class Node:
    """
    One node.

    :param number: counts the nodes of a pool from 0, for addresses and ports.
    :param last_boot_time: None until the node has started.
    :param start_task: the REST JSON of the start task that this node took from its pool; None for none.
    :param runs: ids of the processes on this node, of tasks and of the start task.
    :param used_slots: slots taken by the task processes; never more than the pool's ``task_slots_per_node``.
    :param recent_tasks: oldest first.
    :param boot: grows with each boot, of which the first makes it 1: what must happen again after a reboot
        (start task, packages of the pool, a preparation that asks for it) is remembered with this number.
    :param image: grows when the disk is made anew: what was done on an earlier one is gone.
    :param keeps_files: it does not go before the retention times of its tasks' files are over.
    :param wakes: number of the timer that it waits for; earlier ones mean nothing any more.
    :param held_since: since when a machine is held for it; None while there is none.
    :param returns_at: when a preempted node has a machine again, at the earliest.
    :param has_packages: packages of the pool were brought to it.
    :param users: by name; those that have expired may still be there.
    """

    id: str
    pool_id: str
    number: int
    is_dedicated: bool
    vm_size: str
    state: NodeState
    state_transition_time: datetime
    allocation_time: datetime
    scheduling_state: SchedulingState = SchedulingState.ENABLED
    last_boot_time: datetime | None = None
    start_task: Mapping[str, Any] | None = None
    start_task_info: StartTaskInfo | None = None
    total_tasks_run: int = 0
    total_tasks_succeeded: int = 0
    running_tasks_count: int = 0
    used_slots: int = 0
    runs: set[int] = field(default_factory=set)
    recent_tasks: list[RecentTask] = field(default_factory=list)
    errors: tuple[NodeError, ...] = ()
    boot: int = 0
    image: int = 1
    keeps_files: bool = False
    wakes: int = 0
    held_since: datetime | None = None
    returns_at: datetime | None = None
    has_packages: bool = False
    users: dict[str, NodeUser] = field(default_factory=dict)
    story: list[str] = field(default_factory=list, repr=False)

    @property
    def is_reachable(self) -> bool:
        """Whether its files can be read."""
        return self.state not in _OUT_OF_REACH

    @property
    def ip_address(self) -> str:
        """Address inside the pool's (imaginary) network."""
        high, low = divmod(self.number + 4, 256)
        return f"10.0.{high}.{low}"

    @property
    def affinity_id(self) -> str:
        """What a task names in ``affinityInfo`` to prefer this node."""
        return f"TVM:{self.id}"
