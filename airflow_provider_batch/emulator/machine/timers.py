"""
Names of the moments that the machine waits for.

A timer is never cancelled: each names exactly what it was set for (by serial or run number), and one that
comes when that is over does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AllocationTimer:
    """The pool's resize has its nodes, or was stopped; ``number`` counts the resizes of the pool."""

    pool_key: str
    pool_serial: int
    number: int


@dataclass(frozen=True)
class NodeTimer:
    """A node takes its next step; ``number`` is the one that the node waits for."""

    pool_key: str
    node_key: str
    number: int = 0


@dataclass(frozen=True)
class TaskWallClockTimer:
    """A task's process has run as long as it may."""

    run_id: int


@dataclass(frozen=True)
class SpecialTaskWallClockTimer:
    """The process of a job's preparation or release task has run as long as it may."""

    run_id: int


@dataclass(frozen=True)
class JobWallClockTimer:
    """A job is as old as it may become."""

    job_key: str
    job_serial: int


@dataclass(frozen=True)
class EmptyJobTimer:
    """A job without tasks counts as complete."""

    job_key: str
    job_serial: int


@dataclass(frozen=True)
class JobEndTimer:
    """A terminating or deleting job without processes comes to its end."""

    job_key: str
    job_serial: int


@dataclass(frozen=True)
class ScheduleTimer:
    """A job schedule may have something to do; ``due`` tells this moment from those it no longer awaits."""

    schedule_key: str
    schedule_serial: int
    due: datetime


@dataclass(frozen=True)
class RetentionTimer:
    """A completed task's files may go; ``end_time`` tells this completion from a later one."""

    job_key: str
    job_serial: int
    task_key: str
    task_serial: int
    end_time: datetime


@dataclass(frozen=True)
class AutoScaleTimer:
    """A pool's formula is to be evaluated; ``schedule`` tells this series from one with another interval."""

    pool_key: str
    pool_serial: int
    schedule: int


@dataclass(frozen=True)
class AutoScaleSampleTimer:
    """A sample is to be taken of a pool that scales automatically."""

    pool_key: str
    pool_serial: int
    auto_scale_serial: int


Timer = (
    AllocationTimer
    | AutoScaleTimer
    | AutoScaleSampleTimer
    | NodeTimer
    | TaskWallClockTimer
    | SpecialTaskWallClockTimer
    | JobWallClockTimer
    | EmptyJobTimer
    | JobEndTimer
    | RetentionTimer
    | ScheduleTimer
)
