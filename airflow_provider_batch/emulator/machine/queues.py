"""The tasks of one job that could run now, in order of creation, findable by the slots they need."""

from __future__ import annotations

from heapq import heappop, heappush


class ReadyTasks:
    """
    Ready tasks, by number of slots.

    Withdrawn tasks stay in the heaps until they come up, so that withdrawing costs nothing.
    """

    def __init__(self) -> None:
        self._ready: dict[int, str] = {}
        self._heaps: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._ready)

    def __contains__(self, serial: int) -> bool:
        return serial in self._ready

    def put(self, serial: int, task_key: str, slots: int) -> None:
        """Add a task; one that is there already stays once."""
        if serial not in self._ready:
            self._ready[serial] = task_key
            heappush(self._heaps.setdefault(slots, []), serial)

    def withdraw(self, serial: int) -> None:
        """Take a task out, if it is there."""
        self._ready.pop(serial, None)

    def key_of(self, serial: int) -> str:
        """Return the key of a task that is there."""
        return self._ready[serial]

    def keys(self) -> list[str]:
        """Return the keys of all ready tasks, the oldest first."""
        return [self._ready[serial] for serial in sorted(self._ready)]

    def first_within(self, slots: int) -> str | None:
        """Return the key of the oldest task that needs no more than so many slots."""
        tops = [top for size in list(self._heaps) if size <= slots and (top := self._top(size)) is not None]
        return self._ready[min(tops)] if tops else None

    def _top(self, size: int) -> int | None:
        heap = self._heaps[size]
        while heap and heap[0] not in self._ready:
            heappop(heap)
        if not heap:
            del self._heaps[size]
            return None
        return heap[0]
