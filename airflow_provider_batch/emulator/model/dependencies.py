"""What a task waits for (``dependsOn``)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskIdRange:
    """Task ids that are integers from ``start`` to ``end``, both included; each must complete."""

    start: int
    end: int


@dataclass(frozen=True)
class TaskDependencies:
    """Parents by id and by range; they may not exist yet."""

    task_ids: tuple[str, ...] = ()
    task_id_ranges: tuple[TaskIdRange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.task_ids or self.task_id_ranges)
