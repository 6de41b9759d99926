"""Automatic scaling of a pool: what the user asked for, what came of it, and what was measured for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DEFAULT_EVALUATION_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True)
class AutoScaleSettings:
    """A formula, of correct syntax, and how often it is evaluated."""

    formula: str
    evaluation_interval: timedelta = DEFAULT_EVALUATION_INTERVAL


@dataclass(frozen=True)
class AutoScaleError:
    """Why an evaluation failed."""

    code: str
    message: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AutoScaleRun:
    """
    One evaluation.

    :param results: the variables and their values, as the service writes them.
    """

    timestamp: datetime
    results: str
    error: AutoScaleError | None = None


@dataclass
class MetricHistory:
    """
    What was measured of a pool, by the names of the formula language.

    :param limit: samples that are kept of each metric.
    :param period: time between two samples.
    :param delay: how old a sample must be before formulas see it.
    """

    limit: int
    period: timedelta
    delay: timedelta
    samples: dict[str, deque[tuple[datetime, float]]] = field(default_factory=dict)

    def record(self, name: str, at: datetime, value: float) -> None:
        """Add a sample; the oldest goes when there are too many."""
        self.samples.setdefault(name, deque(maxlen=self.limit)).append((at, value))


@dataclass
class AutoScale:
    """
    Automatic scaling of one pool while it is enabled.

    :param serial: tells it from an earlier time for which it was enabled.
    :param schedule: number of the present series of evaluations; a new interval begins a new one.
    :param run: the last evaluation; None only until the first, which follows at once.
    """

    settings: AutoScaleSettings
    serial: int
    schedule: int
    metrics: MetricHistory = field(repr=False)
    run: AutoScaleRun | None = None
