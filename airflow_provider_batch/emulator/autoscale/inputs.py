"""What a formula is evaluated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

METRICS: tuple[str, ...] = (
    "$ActiveTasks",
    "$RunningTasks",
    "$PendingTasks",
    "$SucceededTasks",
    "$FailedTasks",
    "$CurrentDedicatedNodes",
    "$CurrentLowPriorityNodes",
    "$PreemptedNodeCount",
    "$UsableNodeCount",
    "$TaskSlotsPerNode",
    "$CPUPercent",
    "$WallClockSeconds",
    "$MemoryBytes",
    "$DiskBytes",
    "$DiskReadBytes",
    "$DiskWriteBytes",
    "$DiskReadOps",
    "$DiskWriteOps",
    "$NetworkInBytes",
    "$NetworkOutBytes",
    "$SampleNodeCount",
)
"""The read-only variables."""

Sample = tuple[datetime, float]


@dataclass(frozen=True)
class Metric:
    """
    What is known of one read-only variable.

    :param samples: oldest first, with aware times.
    :param current: what a plain read gives; None for the latest sample.
    """

    samples: Sequence[Sample] = ()
    current: float | None = None


@dataclass(frozen=True)
class Inputs:
    """
    What a formula is evaluated on.

    :param now: what ``time()`` gives; aware.
    :param target_dedicated_nodes: present target, which the formula may read and change.
    :param target_low_priority_nodes: likewise.
    :param metrics: by names of :data:`METRICS`; one that is absent has no samples.
    :param sample_period: time between two samples, by which percentages are computed.
    :param sample_delay: how old a sample must be before a formula sees it.
    :param seed: decides what ``rand()`` gives.
    """

    now: datetime
    target_dedicated_nodes: int = 0
    target_low_priority_nodes: int = 0
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    sample_period: timedelta = timedelta(seconds=30)
    sample_delay: timedelta = timedelta(0)
    seed: str = ""
