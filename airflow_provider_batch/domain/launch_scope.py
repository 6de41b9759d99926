"""Which members a launch plans: all of them at first, and what is to run again when it was cleared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["PENDING", "LaunchScope", "launch_scope"]

#: states of a task instance that will run and has not begun
PENDING = frozenset({None, "scheduled", "queued"})


@dataclass(frozen=True)
class LaunchScope:
    """
    What a launch has to do with the members of its group.

    :param members: those that may be planned.
    :param over: those that have succeeded, and stay as they are.
    :param starts_over: launch was cleared, and every member with it: nothing of an earlier plan is of use.
    :param is_idle: launch was cleared, and no member is to run.
    """

    members: frozenset[str]
    over: frozenset[str] = frozenset()
    starts_over: bool = False
    is_idle: bool = False


def launch_scope(states: Mapping[str, Collection[str | None]], *, is_cleared: bool) -> LaunchScope:
    """
    Say which members a launch plans; pure.

    A first launch starts nothing over, whatever the states: a late member that waits for nobody may run
    before it, in a job of its own, and is not planned.

    :param states: states of each member's task instances; none of a member that has not been expanded.
    :param is_cleared: launch was cleared since it ended.
    """
    if not is_cleared:
        return LaunchScope(frozenset(states))
    pending = frozenset(task_id for task_id, found in states.items() if PENDING.issuperset(found))
    over = frozenset(task_id for task_id, found in states.items() if found and set(found) == {"success"})
    return LaunchScope(pending, over, starts_over=len(pending) == len(states), is_idle=not pending)
