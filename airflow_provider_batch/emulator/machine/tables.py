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
    JobScheduleState,
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
    GO_OFFLINE = "nothing runs and nothing may"
    COME_ONLINE = "scheduling is enabled"
    REBOOT = "reboot"
    REIMAGE = "reimage"
    UPGRADE = "upgrade the operating system"
    DEALLOCATE = "deallocate"
    DEALLOCATED = "deallocated"
    PREEMPT = "preempt"
    RETURN = "a machine is there again"
    MISS = "lose contact"
    RECOVER = "contact again"
    RECOVER_WORKING = "contact again, tasks run"
    RECOVER_OFFLINE = "contact again, nothing may run"
    LEAVE = "leave"
    LOSE = "lose"


_AT_WORK = (NodeState.IDLE, NodeState.RUNNING, NodeState.OFFLINE)
#: what a reboot may mend, besides the nodes that work
_MENDABLE = (NodeState.START_TASK_FAILED, NodeState.UNUSABLE)
_ABOARD = (
    *_AT_WORK,
    NodeState.CREATING,
    NodeState.STARTING,
    NodeState.WAITING_FOR_START_TASK,
    NodeState.START_TASK_FAILED,
    NodeState.REBOOTING,
    NodeState.REIMAGING,
    NodeState.UPGRADING_OS,
    NodeState.UNKNOWN,
)
_WITHOUT_MACHINE = (NodeState.DEALLOCATING, NodeState.DEALLOCATED, NodeState.PREEMPTED)

NODE: Mapping[tuple[NodeState, NodePassage], NodeState] = {
    (NodeState.CREATING, NodePassage.BOOT): NodeState.STARTING,
    (NodeState.REBOOTING, NodePassage.BOOT): NodeState.STARTING,
    (NodeState.REIMAGING, NodePassage.BOOT): NodeState.STARTING,
    (NodeState.UPGRADING_OS, NodePassage.BOOT): NodeState.STARTING,
    (NodeState.DEALLOCATED, NodePassage.BOOT): NodeState.STARTING,
    (NodeState.STARTING, NodePassage.READY): NodeState.IDLE,
    (NodeState.STARTING, NodePassage.GO_OFFLINE): NodeState.OFFLINE,
    (NodeState.STARTING, NodePassage.AWAIT_START_TASK): NodeState.WAITING_FOR_START_TASK,
    (NodeState.WAITING_FOR_START_TASK, NodePassage.READY): NodeState.IDLE,
    (NodeState.WAITING_FOR_START_TASK, NodePassage.GO_OFFLINE): NodeState.OFFLINE,
    (NodeState.WAITING_FOR_START_TASK, NodePassage.START_TASK_FAILED): NodeState.START_TASK_FAILED,
    (NodeState.IDLE, NodePassage.WORK): NodeState.RUNNING,
    (NodeState.RUNNING, NodePassage.REST): NodeState.IDLE,
    (NodeState.IDLE, NodePassage.GO_OFFLINE): NodeState.OFFLINE,
    (NodeState.RUNNING, NodePassage.GO_OFFLINE): NodeState.OFFLINE,
    (NodeState.OFFLINE, NodePassage.COME_ONLINE): NodeState.IDLE,
    **{(state, NodePassage.REBOOT): NodeState.REBOOTING for state in (*_AT_WORK, *_MENDABLE)},
    **{(state, NodePassage.REIMAGE): NodeState.REIMAGING for state in (*_AT_WORK, *_MENDABLE)},
    **{(state, NodePassage.UPGRADE): NodeState.UPGRADING_OS for state in _AT_WORK},
    **{(state, NodePassage.DEALLOCATE): NodeState.DEALLOCATING for state in _AT_WORK},
    (NodeState.DEALLOCATING, NodePassage.DEALLOCATED): NodeState.DEALLOCATED,
    **{(state, NodePassage.PREEMPT): NodeState.PREEMPTED for state in (*_ABOARD, NodeState.UNUSABLE)},
    (NodeState.PREEMPTED, NodePassage.RETURN): NodeState.CREATING,
    **{(state, NodePassage.MISS): NodeState.UNKNOWN for state in _AT_WORK},
    (NodeState.UNKNOWN, NodePassage.RECOVER): NodeState.IDLE,
    (NodeState.UNKNOWN, NodePassage.RECOVER_WORKING): NodeState.RUNNING,
    (NodeState.UNKNOWN, NodePassage.RECOVER_OFFLINE): NodeState.OFFLINE,
    **{(state, NodePassage.LOSE): NodeState.UNUSABLE for state in _ABOARD},
    **{
        (state, NodePassage.LEAVE): NodeState.LEAVING_POOL
        for state in (*_ABOARD, *_WITHOUT_MACHINE, NodeState.UNUSABLE)
    },
}

#: states in which users may act on a node: what works, and what a reboot may mend
NODE_AT_WORK = frozenset({NodeState.IDLE, NodeState.RUNNING})
NODE_MENDABLE = frozenset(_MENDABLE)

NODE_REFUSALS: Mapping[NodeState, Callable[[], errors.ServiceError]] = {
    NodeState.CREATING: errors.node_being_created,
    NodeState.STARTING: errors.node_being_started,
    NodeState.REBOOTING: errors.node_being_rebooted,
    NodeState.REIMAGING: errors.node_being_reimaged,
    NodeState.UNUSABLE: errors.node_state_unusable,
}


def refusal_of_node(state: NodeState) -> errors.ServiceError:
    """Return what users hear who want of a node what its state forbids."""
    if state in NODE_REFUSALS:
        return NODE_REFUSALS[state]()
    return errors.operation_not_valid_on_node(f"The node is in state {state.value}")


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


class SchedulePassage(Enum):
    """What moves a job schedule's state."""

    DISABLE = "disable"
    ENABLE = "enable"
    TERMINATE = "terminate"
    COMPLETE = "complete"
    DELETE = "delete"


SCHEDULE: Mapping[tuple[JobScheduleState, SchedulePassage], JobScheduleState] = {
    (JobScheduleState.ACTIVE, SchedulePassage.DISABLE): JobScheduleState.DISABLED,
    (JobScheduleState.DISABLED, SchedulePassage.ENABLE): JobScheduleState.ACTIVE,
    (JobScheduleState.ACTIVE, SchedulePassage.TERMINATE): JobScheduleState.TERMINATING,
    (JobScheduleState.DISABLED, SchedulePassage.TERMINATE): JobScheduleState.TERMINATING,
    (JobScheduleState.TERMINATING, SchedulePassage.COMPLETE): JobScheduleState.COMPLETED,
    **{
        (state, SchedulePassage.DELETE): JobScheduleState.DELETING
        for state in JobScheduleState
        if state is not JobScheduleState.DELETING
    },
}

SCHEDULE_REFUSALS: Mapping[JobScheduleState, Callable[[], errors.ServiceError]] = {
    JobScheduleState.TERMINATING: errors.job_schedule_being_terminated,
    JobScheduleState.COMPLETED: errors.job_schedule_completed,
    JobScheduleState.DELETING: errors.job_schedule_being_deleted,
}


class TaskPassage(Enum):
    """What moves a task's state."""

    START = "start"
    PREPARE = "wait for preparation"
    PREPARED = "start on a prepared node"
    EXIT = "exit"
    FAIL_TO_START = "fail to start"
    END = "end"
    RETRY = "retry"
    REQUEUE = "requeue"
    RECOVER = "recover"
    REACTIVATE = "reactivate"


TASK: Mapping[tuple[TaskState, TaskPassage], TaskState] = {
    (TaskState.ACTIVE, TaskPassage.START): TaskState.RUNNING,
    (TaskState.ACTIVE, TaskPassage.PREPARE): TaskState.PREPARING,
    (TaskState.ACTIVE, TaskPassage.END): TaskState.COMPLETED,
    (TaskState.PREPARING, TaskPassage.PREPARED): TaskState.RUNNING,
    (TaskState.PREPARING, TaskPassage.END): TaskState.COMPLETED,
    (TaskState.PREPARING, TaskPassage.REQUEUE): TaskState.ACTIVE,
    (TaskState.PREPARING, TaskPassage.RECOVER): TaskState.ACTIVE,
    (TaskState.RUNNING, TaskPassage.EXIT): TaskState.COMPLETED,
    (TaskState.RUNNING, TaskPassage.FAIL_TO_START): TaskState.COMPLETED,
    (TaskState.RUNNING, TaskPassage.END): TaskState.COMPLETED,
    (TaskState.RUNNING, TaskPassage.RETRY): TaskState.ACTIVE,
    (TaskState.RUNNING, TaskPassage.REQUEUE): TaskState.ACTIVE,
    (TaskState.RUNNING, TaskPassage.RECOVER): TaskState.ACTIVE,
    (TaskState.COMPLETED, TaskPassage.REACTIVATE): TaskState.ACTIVE,
}
