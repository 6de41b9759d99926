"""What a task knows of the Batch group around it: whether there is one, and what its settings are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["FINISH_LABEL", "LAUNCH_LABEL", "batch_group_of", "outer_groups"]

#: names of the two tasks that every group has
LAUNCH_LABEL = "launch"
FINISH_LABEL = "finish"


def outer_groups(task_group: Any) -> Iterator[Any]:
    """
    Yield a task group and those around it, from the inside to the outside.

    :param task_group: a task group; None for a task that is in none.
    """
    while task_group is not None:
        yield task_group
        task_group = task_group.task_group


def batch_group_of(task_group: Any) -> Any:
    """
    Return the Batch group that is around; None when there is none.

    It is known by what it carries and not by its class, since groups stand above operators:
    ``azure_batch_launch_id``, ``azure_batch_conn_id``, ``batch_pool_id`` and ``batch_pool``.

    :param task_group: the task group of a task.
    """
    for group in outer_groups(task_group):
        if getattr(group, "azure_batch_launch_id", None) is not None:
            return group
    return None
