"""
The tasks that the service runs by itself: preparation and release on each node of a job, and the manager.

Source: reference of the service, sections 2.3, 2.8 and 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.states import SpecialTaskState, TaskResult
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskSpec

#: longest and default time of a release task
RELEASE_LIMIT = timedelta(minutes=15)


@dataclass(frozen=True)
class JobPreparationTask:
    """
    The command that runs on a node before the first task of the job there.

    :param wait_for_success: tasks start only where it has succeeded; else they start at once.
    :param rerun_on_node_reboot_after_success: run it again after each boot of the node, not only after a new
        image.
    """

    id: str
    command: Command
    constraints: TaskConstraints = field(default_factory=TaskConstraints)
    wait_for_success: bool = True
    rerun_on_node_reboot_after_success: bool = True


@dataclass(frozen=True)
class JobReleaseTask:
    """The command that runs, when the job ends, on each node where it was prepared and had tasks."""

    id: str
    command: Command
    max_wall_clock_time: timedelta = RELEASE_LIMIT


@dataclass(frozen=True)
class JobManagerTask:
    """
    The task that comes with the job and starts before all others.

    :param task: the task itself.
    :param kill_job_on_completion: the job ends with it, however it ends.
    :param run_exclusive: no other task runs on its node meanwhile.
    :param allow_low_priority_node: it may run on a node that can be preempted.
    """

    task: TaskSpec
    kill_job_on_completion: bool = True
    run_exclusive: bool = True
    allow_low_priority_node: bool = True


@dataclass
class SpecialTaskInfo:
    """
    The preparation or the release task on one node.

    :param directory: relative to the node's root, with ``/``.
    :param start_time: of the present or last run.
    """

    directory: str
    start_time: datetime
    state: SpecialTaskState = SpecialTaskState.RUNNING
    end_time: datetime | None = None
    exit_code: int | None = None
    result: TaskResult | None = None
    failure_info: FailureInfo | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None


@dataclass
class JobNode:
    """
    What a job with a preparation task has done on one node.

    :param image: of the node that was prepared (``Node.image``).
    :param boot: of the node at which it was prepared (``Node.boot``).
    :param interrupted: the preparation was ended from outside, and has to run again before the next task.
    :param tasks_ran: tasks of the job were started there after the preparation.
    :param release: None until the release task begins.
    """

    pool_id: str
    node_id: str
    image: int
    boot: int
    preparation: SpecialTaskInfo
    interrupted: bool = False
    tasks_ran: bool = False
    release: SpecialTaskInfo | None = None
