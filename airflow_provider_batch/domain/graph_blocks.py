"""
How native edges are written: ids of Batch tasks, and what each depends on.

A Batch task lists the ids of its parents, up to 64,000 characters. All indexes of a mapped child depend on
all indexes of a mapped parent, so the lists of two wide members would fill megabytes. A range does it in one
line, but only over ids that are integers: such parents get a *block* of consecutive integers as ids, and only
they, since a number says nothing to a person who looks for a task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from airflow_provider_batch.domain.graph import Graph
from airflow_provider_batch.specs.legal_ids import MAX_ID_LENGTH

__all__ = ["Block", "Dependencies", "dependencies", "integer_blocks", "planned_ids"]

#: characters of the ids that one task may depend on; the service takes 64,000, "overhead" included
LIST_LIMIT = 60_000

#: characters that the lists of all indexes of one child may fill together; more slows submission down
TOTAL_LIMIT = 1_000_000

#: quotes, comma and space around an id
_OVERHEAD = 4

#: what follows the readable part of a planned id: a dash and 8 hex digits
_DIGEST = 9

#: from a task id and a map index (-1 for an unmapped member) to the id of its first Batch task
PlannedId: TypeAlias = Callable[[str, int], str]

#: from a task id to ``dependsOn`` of all its indexes, in REST form; None when there is nothing to wait for
Dependencies: TypeAlias = Callable[[str], "dict[str, Any] | None"]


@dataclass(frozen=True)
class Block:
    """
    Consecutive integer ids for the Batch tasks of one member.

    :param base: id of the first index, or of an unmapped member; at least 1.
    :param width: how many ids.
    """

    base: int
    width: int

    def id_at(self, map_index: int) -> str:
        """
        Return the id of one Batch task.

        :param map_index: index of the mapped task; -1 for an unmapped one.
        :raises ValueError: the index lies beyond the planned width, where another block may begin.
        """
        offset = max(map_index, 0)
        if offset >= self.width:
            raise ValueError(f"map index {map_index} lies beyond the {self.width} ids from {self.base}")
        return str(self.base + offset)


def integer_blocks(
    graph: Graph,
    widths: Mapping[str, int | None],
    *,
    list_limit: int = LIST_LIMIT,
    total_limit: int = TOTAL_LIMIT,
) -> dict[str, Block]:
    """
    Choose the members whose ids are integers, the widest first, until every list of parents is short enough.

    An unmapped member gets a block only when a child has about a thousand parents.

    :param graph: the compiled graph.
    :param widths: None for an unmapped member, else its number of indexes; of every eager member.
    :param list_limit: most characters of one list of parents.
    :param total_limit: most characters of the lists of all indexes of one child.
    :return: blocks by task id: disjoint, from 1, in the order of ``graph.eager``.
    """
    chosen: set[str] = set()
    for child in graph.eager:
        allowed = min(list_limit, total_limit // max(_tasks(widths[child]), 1))
        chosen.update(_too_many(graph.parents(child), widths, chosen, allowed))
    blocks: dict[str, Block] = {}
    base = 1
    for task_id in graph.eager:
        if task_id in chosen:
            blocks[task_id] = Block(base, _tasks(widths[task_id]))
            base += blocks[task_id].width
    return blocks


def planned_ids(hashed_id: PlannedId, blocks: Mapping[str, Block]) -> PlannedId:
    """
    Return the function that gives planned ids: from the member's block when it has one, else ``hashed_id``'s.

    :param hashed_id: gives the id of a member without a block.
    :param blocks: as :func:`integer_blocks` chose them.
    """

    def planned_id(task_id: str, map_index: int) -> str:
        block = blocks.get(task_id)
        return hashed_id(task_id, map_index) if block is None else block.id_at(map_index)

    return planned_id


def dependencies(
    graph: Graph, widths: Mapping[str, int | None], blocks: Mapping[str, Block], planned_id: PlannedId
) -> Dependencies:
    """
    Return the function that gives ``dependsOn`` of a member.

    Each answer is built once and shared: all indexes of a member depend on the same tasks, and nobody may
    change what he is given.

    :param graph: the compiled graph.
    :param widths: None for an unmapped member, else its number of indexes; of every eager member.
    :param blocks: as :func:`integer_blocks` chose them.
    :param planned_id: gives the id of a parent that has no block.
    """

    @cache
    def depends_on(task_id: str) -> dict[str, Any] | None:
        parents = graph.parents(task_id)
        listed = [
            planned_id(parent, index)
            for parent in parents
            if parent not in blocks
            for index in _indexes(widths[parent])
        ]
        ranges = list(_ranges(blocks[parent] for parent in parents if parent in blocks))
        found = {"taskIds": listed, "taskIdRanges": ranges}
        return {name: value for name, value in found.items() if value} or None

    return depends_on


def _tasks(width: int | None) -> int:
    return 1 if width is None else width


def _indexes(width: int | None) -> range:
    return range(-1, 0) if width is None else range(width)


def _too_many(
    parents: tuple[str, ...], widths: Mapping[str, int | None], chosen: set[str], allowed: int
) -> Iterator[str]:
    """Yield the longest parts of a list of parents until what is left fits."""
    lengths = {parent: _list_length(parent, widths[parent]) for parent in parents if parent not in chosen}
    left = sum(lengths.values())
    for parent in sorted(lengths, key=lambda parent: (-lengths[parent], parent)):
        if left <= allowed:
            return
        left -= lengths[parent]
        yield parent


def _list_length(task_id: str, width: int | None) -> int:
    """Bound the characters that the ids of a member take in a list."""
    index = 0 if width is None else 1 + len(str(width))
    return _tasks(width) * (min(MAX_ID_LENGTH, len(task_id) + index + _DIGEST) + _OVERHEAD)


def _ranges(blocks: Iterator[Block]) -> Iterator[dict[str, int]]:
    """Join blocks that touch: the number of ranges is limited too."""
    start = end = 0
    for block in sorted(blocks, key=lambda block: block.base):
        if end and block.base != end + 1:
            yield {"start": start, "end": end}
            end = 0
        start = start if end else block.base
        end = block.base + block.width - 1
    if end:
        yield {"start": start, "end": end}
