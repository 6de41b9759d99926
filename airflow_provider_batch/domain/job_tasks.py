"""All tasks of a job at one moment, with what many mirrors want to know of them worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from airflow_provider_batch.domain.ids import planned_id_of

__all__ = ["JobTasks"]


class JobTasks(dict[str, Mapping[str, Any]]):
    """
    Tasks by their id, each with the properties of ``LOOK_SELECT``; not to be changed.

    A thousand mirrors share one of these.
    """

    @classmethod
    def of(cls, tasks: Mapping[str, Mapping[str, Any]]) -> JobTasks:
        """
        Return tasks as this class; the same object when they are one.

        :param tasks: tasks by their id.
        """
        return tasks if isinstance(tasks, cls) else cls(tasks)

    @cached_property
    def with_later_attempts(self) -> frozenset[str]:
        """Planned ids of the members at whose work there is a later attempt than the planned one."""
        return frozenset(first for task_id in self if (first := planned_id_of(task_id)))
