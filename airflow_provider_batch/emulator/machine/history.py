"""
How the tasks of a job looked a short while ago, for lists and counts that show changes late.

Nothing is kept while they are assumed to be exact.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.tasks import Task, TaskCounts

T = TypeVar("T")


class Past(Generic[T]):
    """Earlier looks of one thing, oldest first, each with the moment until which it looked so."""

    def __init__(self) -> None:
        self._looks: deque[tuple[datetime, T]] = deque()

    def keep(self, look: T, until: datetime, oldest: datetime) -> None:
        """
        Keep a look that ends now.

        :param oldest: the earliest moment that anybody will ask for.
        """
        while self._looks and self._looks[0][0] <= oldest:
            self._looks.popleft()
        # A second change in the same moment: what was between the two never showed.
        if not self._looks or self._looks[-1][0] < until:
            self._looks.append((until, look))

    def at(self, moment: datetime) -> T | None:
        """How the thing looked at a moment; None when it has looked so ever since."""
        return next((look for until, look in self._looks if until > moment), None)


@dataclass
class JobHistory:
    """The past of one job's tasks, by their serials, and of its counts."""

    tasks: dict[int, Past[Task]] = field(default_factory=dict)
    counts: Past[TaskCounts] = field(default_factory=Past)

    def keep_task(self, task: Task, until: datetime, oldest: datetime) -> None:
        """Keep how a task looks before it changes."""
        self.tasks.setdefault(task.serial, Past()).keep(copy.copy(task), until, oldest)

    def keep_counts(self, counts: TaskCounts, until: datetime, oldest: datetime) -> None:
        """Keep the counts before they change."""
        look = TaskCounts(copy.copy(counts.tasks), copy.copy(counts.slots))
        self.counts.keep(look, until, oldest)

    def tasks_at(self, job: Job, moment: datetime) -> Iterator[Task]:
        """The tasks as they were at a moment, those that were deleted since included."""
        present = {task.serial: task for task in job.tasks.values()}
        for serial in present.keys() | self.tasks.keys():
            past = self.tasks.get(serial)
            look = (past.at(moment) if past else None) or present.get(serial)
            if look is not None and look.creation_time <= moment:
                yield look
