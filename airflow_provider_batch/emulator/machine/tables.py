"""
Every change of state that the machine can make, as data.

``(state, passage) -> state``; what is not listed cannot happen, and an attempt is a bug of the machine
(:class:`~airflow_provider_batch.emulator.machine.transitions.InvalidTransition`), never an answer to a user.
What users may ask in which state is decided before, by the refusals below.

Source: reference of the service, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.states import (
    AllocationState,
    JobState,
    NodeState,
    PoolState,
    TaskState,
)


class PoolPassage(Enum):
    """What moves a pool's state."""

    DELETE = "delete"


POOL: Mapping[tuple[PoolState, PoolPassage], PoolState] = {
    (PoolState.ACTIVE, PoolPassage.DELETE): PoolState.DELETING,
}


class AllocationPassage(Enum):
    """What moves a pool's allocation state."""

    RESIZE = "resize"
    STOP = "stop"
    SETTLE = "settle"


ALLOCATION: Mapping[tuple[AllocationState, AllocationPassage], AllocationState] = {
    (AllocationState.STEADY, AllocationPassage.RESIZE): AllocationState.RESIZING,
    (AllocationState.RESIZING, AllocationPassage.STOP): AllocationState.STOPPING,
    (AllocationState.RESIZING, AllocationPassage.SETTLE): AllocationState.STEADY,
    (AllocationState.STOPPING, AllocationPassage.SETTLE): AllocationState.STEADY,
}


class NodePassage(Enum):
    """What moves a node's state."""

    BOOT = "boot"
    READY = "ready"
    AWAIT_START_TASK = "await start task"
    START_TASK_FAILED = "start task failed"
    WORK = "first task begins"
    REST = "last task ended"
    LEAVE = "leave"
    LOSE = "lose"


_ABOARD = (
    NodeState.CREATING,
    NodeState.STARTING,
    NodeState.WAITING_FOR_START_TASK,
    NodeState.START_TASK_FAILED,
    NodeState.IDLE,
    NodeState.RUNNING,
)

NODE: Mapping[tuple[NodeState, NodePassage], NodeState] = {
    (NodeState.CREATING, NodePassage.BOOT): NodeState.STARTING,
    (NodeState.STARTING, NodePassage.READY): NodeState.IDLE,
    (NodeState.STARTING, NodePassage.AWAIT_START_TASK): NodeState.WAITING_FOR_START_TASK,
    (NodeState.WAITING_FOR_START_TASK, NodePassage.READY): NodeState.IDLE,
    (NodeState.WAITING_FOR_START_TASK, NodePassage.START_TASK_FAILED): NodeState.START_TASK_FAILED,
    (NodeState.IDLE, NodePassage.WORK): NodeState.RUNNING,
    (NodeState.RUNNING, NodePassage.REST): NodeState.IDLE,
    **{(state, NodePassage.LOSE): NodeState.UNUSABLE for state in _ABOARD},
    **{(state, NodePassage.LEAVE): NodeState.LEAVING_POOL for state in (*_ABOARD, NodeState.UNUSABLE)},
}


class JobPassage(Enum):
    """What moves a job's state."""

    DISABLE = "disable"
    DISABLED = "disabled"
    ENABLE = "enable"
    TERMINATE = "terminate"
    COMPLETE = "complete"
    DELETE = "delete"


_OPEN = (JobState.ACTIVE, JobState.DISABLING, JobState.DISABLED, JobState.ENABLING)

JOB: Mapping[tuple[JobState, JobPassage], JobState] = {
    (JobState.ACTIVE, JobPassage.DISABLE): JobState.DISABLING,
    (JobState.DISABLING, JobPassage.DISABLED): JobState.DISABLED,
    (JobState.DISABLING, JobPassage.ENABLE): JobState.ACTIVE,
    (JobState.DISABLED, JobPassage.ENABLE): JobState.ACTIVE,
    **{(state, JobPassage.TERMINATE): JobState.TERMINATING for state in _OPEN},
    (JobState.TERMINATING, JobPassage.COMPLETE): JobState.COMPLETED,
    **{
        (state, JobPassage.DELETE): JobState.DELETING
        for state in (*_OPEN, JobState.TERMINATING, JobState.COMPLETED)
    },
}

#: states on the way to another one: they never show as a job's previous state
JOB_PASSING = frozenset({JobState.DISABLING, JobState.ENABLING, JobState.TERMINATING})

#: states in which a job takes tasks and changes
JOB_OPEN = frozenset(_OPEN)

JOB_REFUSALS: Mapping[JobState, Callable[[], errors.ServiceError]] = {
    JobState.TERMINATING: errors.job_being_terminated,
    JobState.COMPLETED: errors.job_completed,
    JobState.DELETING: errors.job_being_deleted,
}


class TaskPassage(Enum):
    """What moves a task's state."""

    START = "start"
    EXIT = "exit"
    FAIL_TO_START = "fail to start"
    END = "end"
    RETRY = "retry"
    REQUEUE = "requeue"
    RECOVER = "recover"
    REACTIVATE = "reactivate"


TASK: Mapping[tuple[TaskState, TaskPassage], TaskState] = {
    (TaskState.ACTIVE, TaskPassage.START): TaskState.RUNNING,
    (TaskState.ACTIVE, TaskPassage.END): TaskState.COMPLETED,
    (TaskState.RUNNING, TaskPassage.EXIT): TaskState.COMPLETED,
    (TaskState.RUNNING, TaskPassage.FAIL_TO_START): TaskState.COMPLETED,
    (TaskState.RUNNING, TaskPassage.END): TaskState.COMPLETED,
    (TaskState.RUNNING, TaskPassage.RETRY): TaskState.ACTIVE,
    (TaskState.RUNNING, TaskPassage.REQUEUE): TaskState.ACTIVE,
    (TaskState.RUNNING, TaskPassage.RECOVER): TaskState.ACTIVE,
    (TaskState.COMPLETED, TaskPassage.REACTIVATE): TaskState.ACTIVE,
}
