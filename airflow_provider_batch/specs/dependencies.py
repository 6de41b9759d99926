"""Tasks that must have ended before a task may start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_batch.specs.base import Json, Spec, rest


def _ranges(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return value
    return [item if isinstance(item, Mapping) else _pair(item) for item in value]


def _pair(item: Any) -> Any:
    if not isinstance(item, (list, tuple)) or len(item) != 2:
        return item
    return {"start": item[0], "end": item[1]}


@dataclass(frozen=True, kw_only=True)
class TaskDependencies(Spec):
    """
    Dependencies on tasks of the same job, which must have been created with ``uses_task_dependencies=True``.

    Example::

        TaskDependencies(task_ids=["split"], task_id_ranges=[(0, 239)])

    :param task_ids: at most 64,000 characters together.
    :param task_id_ranges: pairs of first and last number, both included, of tasks whose ids are whole
        numbers; every id of the range must exist, or the dependent waits for ever.
    """

    definition: ClassVar[str] = "BatchTaskDependencies"

    task_ids: Sequence[str] | str | None = None
    task_id_ranges: Sequence[tuple[int, int] | Json] | str | None = field(
        default=None, metadata=rest("taskIdRanges", _ranges)
    )
