"""How ids compare: without regard to case, and as integers for dependency ranges."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"-?[0-9]+")


def id_key(resource_id: str) -> str:
    """Return the form under which an id is stored: two ids that differ by case only are one id."""
    return resource_id.lower()


def numeric_id(task_id: str) -> int | None:
    """
    Return the integer that a task id stands for in dependency ranges, None for other ids.

    Leading zeros do not matter: "4", "04" and "004" are one id to a range.
    """
    return int(task_id) if _INTEGER.fullmatch(task_id) else None
