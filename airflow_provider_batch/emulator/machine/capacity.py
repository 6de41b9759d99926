"""The free slots of one pool's nodes, findable by their number."""

from __future__ import annotations

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

    def largest(self) -> int:
        """Return the greatest number of free slots on one node."""
        return max(self._nodes, default=0)

    def choose(self, slots: int, fill: NodeFillType) -> str:
        """
        Return the node for a task: the emptiest to spread, the fullest that has room to pack.

        :param slots: no more than :meth:`largest`.
        """
        sizes = [size for size in self._nodes if size >= slots]
        size = max(sizes) if fill is NodeFillType.SPREAD else min(sizes)
        return next(iter(self._nodes[size]))
