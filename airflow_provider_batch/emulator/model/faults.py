"""Troubles that a test has asked for and that have not come yet."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ResizeFault:
    """
    How a pool's next resize fails.

    :param nodes: how many of the missing nodes there are all the same, of each kind.
    """

    code: str
    message: str
    nodes: int = 0


@dataclass(frozen=True)
class StartTaskFault:
    """
    A start task that is going to fail, without being run.

    :param node_key: None for any node of the pool.
    """

    pool_key: str
    node_key: str | None
    exit_code: int


@dataclass
class Faults:
    """
    What is still to come.

    :param resizes: by key of the pool, which need not exist yet.
    """

    resizes: dict[str, ResizeFault] = field(default_factory=dict)
    start_tasks: list[StartTaskFault] = field(default_factory=list)

    def take_start_task(self, pool_key: str, node_key: str) -> StartTaskFault | None:
        """Return the fault of a start task that would begin now, which then is over."""
        for fault in self.start_tasks:
            if fault.pool_key == pool_key and fault.node_key in (None, node_key):
                self.start_tasks.remove(fault)
                return fault
        return None
