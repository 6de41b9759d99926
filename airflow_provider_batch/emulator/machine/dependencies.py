"""
Which tasks of a job wait for which: counted, so that a completion touches only those who waited for it.

A parent that was *satisfied* once stays so for those who had waited by then; it can become *unsatisfied*
again (reactivated, deleted) for those who come later.

Ranges may be huge and many, and completions many too, so ranges are cut into aligned blocks of powers of two:
a range consists of few blocks, and an integer lies in one block of each size.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_provider_batch.emulator.model.dependencies import TaskDependencies, TaskIdRange
from airflow_provider_batch.emulator.model.ids import id_key, numeric_id

#: range ends are 32-bit integers in the service; one level more covers negative ones
_LEVELS = 33

Block = tuple[int, int]
Waiter = tuple[str, int]


def _blocks(start: int, end: int) -> Iterator[Block]:
    """Cut a range into aligned blocks, each named by its level and number."""
    while start <= end:
        level = 0
        while level < _LEVELS - 1 and start % (2 << level) == 0 and start + (2 << level) - 1 <= end:
            level += 1
        yield level, start >> level
        start += 1 << level


@dataclass
class _WaitedRange:
    """A range somebody waits for: which of its integers are satisfied, and who waits."""

    ids: TaskIdRange
    satisfied: set[int]
    waiters: list[Waiter] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return len(self.satisfied) > self.ids.end - self.ids.start


class DependencyGraph:
    """
    The dependencies of one job's tasks.

    A waiter is a task's key and serial, so that a task that was deleted and added again is not mixed up with
    itself.
    """

    def __init__(self) -> None:
        self._unmet: dict[Waiter, int] = {}
        self._waiting_for: dict[str, list[Waiter]] = {}
        self._ranges: dict[TaskIdRange, _WaitedRange] = {}
        self._blocks: dict[Block, list[_WaitedRange]] = {}
        self._satisfied: set[str] = set()
        self._numbers: list[int] = []
        self._ids_of_number: Counter[int] = Counter()

    def add(self, waiter: Waiter, depends_on: TaskDependencies) -> None:
        """Let a task wait for what is not satisfied now; parents need not exist."""
        unmet = 0
        # Not sets: their order differs from process to process, and the machine's must not.
        for parent in dict.fromkeys(map(id_key, depends_on.task_ids)):
            if parent not in self._satisfied:
                self._waiting_for.setdefault(parent, []).append(waiter)
                unmet += 1
        for ids in dict.fromkeys(depends_on.task_id_ranges):
            waited = self._range(ids)
            if not waited.met:
                waited.waiters.append(waiter)
                unmet += 1
        if unmet:
            self._unmet[waiter] = unmet

    def forget(self, waiter: Waiter) -> None:
        """Drop a task that was deleted, as somebody who waits."""
        self._unmet.pop(waiter, None)

    def is_free(self, waiter: Waiter) -> bool:
        """Whether the task waits for nothing."""
        return waiter not in self._unmet

    def satisfy(self, task_id: str) -> list[Waiter]:
        """Note that a task's dependents may start; return those that wait for nothing more."""
        parent = id_key(task_id)
        self._satisfied.add(parent)
        freed = [w for w in self._waiting_for.pop(parent, ()) if self._one_less(w)]
        number = numeric_id(task_id)
        if number is not None:
            freed += self._satisfy_number(number)
        return freed

    def abandon(self, task_id: str) -> None:
        """Let those who wait for a task now wait for ever; who comes later waits for it as usual."""
        self._waiting_for.pop(id_key(task_id), None)
        number = numeric_id(task_id)
        if number is not None:
            for waited in self._ranges_with(number):
                if number not in waited.satisfied:
                    self._close(waited)

    def unsatisfy(self, task_id: str) -> None:
        """Note that a task which was satisfied is not so any more, for those who come later."""
        self._satisfied.discard(id_key(task_id))
        number = numeric_id(task_id)
        if number is None:
            return
        self._ids_of_number[number] -= 1
        if self._ids_of_number[number] > 0:
            return
        del self._ids_of_number[number]
        del self._numbers[bisect_left(self._numbers, number)]
        for waited in self._ranges_with(number):
            # Its present waiters keep it; later ones look again.
            self._ranges.pop(waited.ids, None)

    def _satisfy_number(self, number: int) -> list[Waiter]:
        self._ids_of_number[number] += 1
        if self._ids_of_number[number] == 1:
            insort(self._numbers, number)
        freed: list[Waiter] = []
        for waited in self._ranges_with(number):
            waited.satisfied.add(number)
            if waited.met:
                self._close(waited)
                freed += [w for w in waited.waiters if self._one_less(w)]
        return freed

    def _range(self, ids: TaskIdRange) -> _WaitedRange:
        waited = self._ranges.get(ids)
        if waited is None:
            first, last = bisect_left(self._numbers, ids.start), bisect_right(self._numbers, ids.end)
            waited = _WaitedRange(ids, set(self._numbers[first:last]))
            if not waited.met:
                self._ranges[ids] = waited
                for block in _blocks(ids.start, ids.end):
                    self._blocks.setdefault(block, []).append(waited)
        return waited

    def _close(self, waited: _WaitedRange) -> None:
        if self._ranges.get(waited.ids) is waited:
            del self._ranges[waited.ids]
        for block in _blocks(waited.ids.start, waited.ids.end):
            remaining = [other for other in self._blocks[block] if other is not waited]
            if remaining:
                self._blocks[block] = remaining
            else:
                del self._blocks[block]

    def _ranges_with(self, number: int) -> list[_WaitedRange]:
        if not self._blocks:
            return []
        return [
            waited for level in range(_LEVELS) for waited in self._blocks.get((level, number >> level), ())
        ]

    def _one_less(self, waiter: Waiter) -> bool:
        """Count down; whether the waiter is free now. One that was deleted is not there any more."""
        unmet = self._unmet.get(waiter)
        if unmet is None:
            return False
        if unmet > 1:
            self._unmet[waiter] = unmet - 1
            return False
        del self._unmet[waiter]
        return True
