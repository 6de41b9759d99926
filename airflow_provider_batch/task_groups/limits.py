"""Limits of Airflow that hold back what starts on a worker, and nothing that starts in the triggerer."""

from __future__ import annotations

from typing import Any

__all__ = ["limits_without_effect"]

#: Airflow's name of the pool of every task that names none
_DEFAULT_POOL = "default_pool"


def limits_without_effect(task: Any) -> list[str]:
    """
    Return what was set on a task to hold it back and does not, when it starts in the triggerer.

    Airflow counts these where it queues a task for a worker. In Batch the same is said by
    ``max_parallel_tasks`` of the job, and by the task slots of the pool.

    :param task: an operator, mapped or not.
    """
    found = [] if task.pool == _DEFAULT_POOL else [f"pool={task.pool!r}"]
    for name in ("max_active_tis_per_dag", "max_active_tis_per_dagrun"):
        if (limit := getattr(task, name, None)) is not None:
            found.append(f"{name}={limit}")
    return found
