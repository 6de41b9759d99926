"""The free slots of one pool's nodes, findable by their number."""

from __future__ import annotations

from collections.abc import Collection

from airflow_provider_batch.emulator.model.states import NodeFillType


class Capacity:
    """Nodes that take tasks, by free slots; among equals, the one that came first goes first."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}
        self._nodes: dict[int, dict[str, None]] = {}

    def set(self, node_key: str, free: int) -> None:
        """Note a node's free slots; 0 for a node that takes nothing."""
        before = self._free.pop(node_key, 0)
        if before:
            del self._nodes[before][node_key]
            if not self._nodes[before]:
                del self._nodes[before]
        if free:
            self._free[node_key] = free
            self._nodes.setdefault(free, {})[node_key] = None

    def free(self, node_key: str) -> int:
        """Return a node's free slots."""
        return self._free.get(node_key, 0)

    def largest(self, excluded: Collection[str] = ()) -> int:
        """Return the greatest number of free slots on one node that is not excluded."""
        if not excluded:
            return max(self._nodes, default=0)
        return max((free for key, free in self._free.items() if key not in excluded), default=0)

    def count(self, excluded: Collection[str] = ()) -> int:
        """Return the number of nodes with free slots that are not excluded."""
        return sum(key not in excluded for key in self._free)

    def choose(self, slots: int, fill: NodeFillType, excluded: Collection[str] = ()) -> str:
        """
        Return the node for a task: the emptiest to spread, the fullest that has room to pack.

        :param slots: no more than :meth:`largest` of the same excluded nodes.
        """
        sizes = sorted(size for size in self._nodes if size >= slots)
        if fill is NodeFillType.SPREAD:
            sizes.reverse()
        return next(key for size in sizes for key in self._nodes[size] if key not in excluded)
