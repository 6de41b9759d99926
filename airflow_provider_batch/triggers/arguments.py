"""What an author has given to a task, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["given_arguments"]


def given_arguments(task: Any) -> Mapping[str, Any]:
    """
    Return the arguments of a task: its own, and those of ``default_args``; mapped ones are left out.

    Airflow puts the defaults into a mapped task only when it makes its task instances, as far as they are
    arguments of the operator's own class.

    :param task: an operator, mapped or not.
    """
    if not hasattr(task, "partial_kwargs"):
        own: Mapping[str, Any] = vars(task)
        return own
    defaults = (
        getattr(task.dag, "default_args", None),
        getattr(task.task_group, "default_args", None),
        task.partial_kwargs.get("default_args"),
        task.partial_kwargs,
    )
    return {name: value for given in defaults for name, value in (given or {}).items()}
