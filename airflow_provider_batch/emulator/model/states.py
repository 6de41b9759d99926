"""
The words of the service: states, results, actions. Each member's value is what goes over the wire.

Source: Azure Batch REST API 2025-06-01, lower-case as in its models; recordings up to 2024-02-01 show
capitals for a few of them (node fill type, error category), which is a matter of rendering.
"""

from __future__ import annotations

from enum import Enum


class PoolState(str, Enum):
    """Life of a pool."""

    ACTIVE = "active"
    DELETING = "deleting"


class AllocationState(str, Enum):
    """Whether a pool's number of nodes is changing."""

    STEADY = "steady"
    RESIZING = "resizing"
    STOPPING = "stopping"


class NodeState(str, Enum):
    """Life of a node."""

    CREATING = "creating"
    STARTING = "starting"
    WAITING_FOR_START_TASK = "waitingforstarttask"
    START_TASK_FAILED = "starttaskfailed"
    IDLE = "idle"
    RUNNING = "running"
    OFFLINE = "offline"
    REBOOTING = "rebooting"
    REIMAGING = "reimaging"
    LEAVING_POOL = "leavingpool"
    PREEMPTED = "preempted"
    UNUSABLE = "unusable"
    UNKNOWN = "unknown"
    UPGRADING_OS = "upgradingos"
    DEALLOCATING = "deallocating"
    DEALLOCATED = "deallocated"


class SchedulingState(str, Enum):
    """Whether a node may be given tasks."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class PackageState(str, Enum):
    """Life of an application package; capitals are the management plane's."""

    PENDING = "Pending"
    ACTIVE = "Active"


class StartTaskState(str, Enum):
    """Life of a start task on one node."""

    RUNNING = "running"
    COMPLETED = "completed"


class SpecialTaskState(str, Enum):
    """Life of a job's preparation or release task on one node."""

    RUNNING = "running"
    COMPLETED = "completed"


class JobState(str, Enum):
    """Life of a job."""

    ACTIVE = "active"
    DISABLING = "disabling"
    DISABLED = "disabled"
    ENABLING = "enabling"
    TERMINATING = "terminating"
    COMPLETED = "completed"
    DELETING = "deleting"


class JobScheduleState(str, Enum):
    """Life of a job schedule."""

    ACTIVE = "active"
    DISABLED = "disabled"
    TERMINATING = "terminating"
    COMPLETED = "completed"
    DELETING = "deleting"


class PoolLifetime(str, Enum):
    """What an automatically created pool belongs to, and goes with."""

    JOB = "job"
    JOB_SCHEDULE = "jobschedule"


class TaskState(str, Enum):
    """Life of a task."""

    ACTIVE = "active"
    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"


class TaskResult(str, Enum):
    """How a completed task ended."""

    SUCCESS = "success"
    FAILURE = "failure"


class OnAllTasksComplete(str, Enum):
    """What a job does when all its tasks are completed."""

    NO_ACTION = "noaction"
    TERMINATE_JOB = "terminatejob"


class OnTaskFailure(str, Enum):
    """Whether a job heeds the job action in its tasks' exit conditions."""

    NO_ACTION = "noaction"
    PERFORM_EXIT_OPTIONS_JOB_ACTION = "performexitoptionsjobaction"


class DisableTasks(str, Enum):
    """What becomes of running tasks when their job is disabled."""

    REQUEUE = "requeue"
    TERMINATE = "terminate"
    WAIT = "wait"


class NodeDeallocationOption(str, Enum):
    """What becomes of running tasks when their node leaves the pool."""

    REQUEUE = "requeue"
    TERMINATE = "terminate"
    TASK_COMPLETION = "taskcompletion"
    RETAINED_DATA = "retaineddata"


class NodeFillType(str, Enum):
    """How tasks are laid out over nodes with more than one slot."""

    SPREAD = "spread"
    PACK = "pack"


class JobAction(str, Enum):
    """What a task's exit does to its job."""

    NONE = "none"
    DISABLE = "disable"
    TERMINATE = "terminate"


class DependencyAction(str, Enum):
    """What a task's exit means to the tasks that depend on it."""

    SATISFY = "satisfy"
    BLOCK = "block"


class ErrorCategory(str, Enum):
    """Who is to blame for a task's failure."""

    USER_ERROR = "usererror"
    SERVER_ERROR = "servererror"


class TerminateReason(str, Enum):
    """The service's own values of ``executionInfo.terminateReason``; callers may give any other text."""

    USER_TERMINATE = "UserTerminate"
    ALL_TASKS_COMPLETE = "AllTasksComplete"
    TASK_FAILED = "TaskFailed"
    JOB_MANAGER_COMPLETE = "JMComplete"
    MAX_WALL_CLOCK_TIME_EXPIRY = "MaxWallClockTimeExpiry"
    #: as recorded; the documentation says TerminateJobSchedule
    TERMINATE_SCHEDULE = "TerminateWorkitem"


class SubtaskState(str, Enum):
    """Life of one instance of a task on several nodes."""

    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"


class OutputFileUploadCondition(str, Enum):
    """After which end of its command a task's output files are uploaded."""

    TASK_SUCCESS = "tasksuccess"
    TASK_FAILURE = "taskfailure"
    TASK_COMPLETION = "taskcompletion"
