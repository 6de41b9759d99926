"""
States of the service, as an observer reads them.

Compared in lower case: recordings of the service show capitals where its specification has none. A state that
is not listed is *unknown*, which is no reason to fail: the service may grow new ones.
"""

from __future__ import annotations

from typing import Any, Final

TASK_COMPLETED: Final = "completed"
TASK_WAITING: Final = frozenset({"active", "preparing"})
TASK_RUNNING: Final = "running"

#: a job that takes tasks and runs them now or later
JOB_OPEN: Final = frozenset({"active", "disabling", "disabled", "enabling"})
#: a job that will not run anything any more
JOB_CLOSED: Final = frozenset({"terminating", "completed", "deleting"})

#: nodes that run tasks now or would
NODE_USABLE: Final = frozenset({"idle", "running"})
#: nodes on their way to being usable
NODE_COMING: Final = frozenset(
    {"creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "upgradingos"}
)
#: nodes that stay unusable until somebody acts
NODE_BROKEN: Final = frozenset({"starttaskfailed", "unusable", "unknown"})


def lower(value: Any) -> str:
    """Return an enum value of the service in lower case; empty when it is absent."""
    return str(value).lower() if value is not None else ""
