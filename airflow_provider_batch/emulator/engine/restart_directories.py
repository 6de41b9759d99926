"""The nodes' directories after a restart: which of them belong to nothing any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_batch.emulator.execution.layout import Layout
from airflow_provider_batch.emulator.execution.removals import delete_tree
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory, PrepareNode
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool

#: nothing else in the root directory is ever touched
_NODE = re.compile(r"tvmps_[0-9a-f]{64}_[dp]")
_WORK = "workitems"

Place = tuple[str, str, str]


def finish_removals(layout: Layout) -> None:
    """Delete what was already moved aside to be deleted."""
    for place in _children(layout.removed):
        delete_tree(place)


def wanted(state: State) -> Iterator[PrepareNode]:
    """Return what makes the directories of every node that has a disk; those that are there stay."""
    for pool in state.pools.values():
        for node in pool.nodes.values():
            if node.held_since is not None:
                yield PrepareNode(pool.id, node.id, pool.spec.mounts)


def leftovers(layout: Layout, state: State) -> Iterator[DeleteDirectory]:
    """Return what removes the directories of nodes, jobs and tasks that are not there any more."""
    nodes = {
        (pool.id, node.id): (pool, node) for pool in state.pools.values() for node in pool.nodes.values()
    }
    kept = _kept(state)
    for directory in _node_directories(layout):
        pool_id, node_id = directory.parent.name, directory.name
        if _has_disk(nodes.get((pool_id, node_id))):
            yield from _of_work(directory, pool_id, node_id, kept)
        else:
            yield DeleteDirectory(pool_id, node_id)


def _node_directories(layout: Layout) -> list[Path]:
    return [node for pool in _children(layout.root) for node in _children(pool) if _NODE.fullmatch(node.name)]


def _has_disk(found: tuple[Pool, Node] | None) -> bool:
    return found is not None and found[1].held_since is not None


def _kept(state: State) -> dict[Place, bool]:
    """Places of files by pool, node and directory: True for all that is in them, False for their parents."""
    kept: dict[Place, bool] = {}
    for job in state.jobs.values():
        special = [task.id for task in (job.spec.preparation, job.spec.release) if task is not None]
        for visited in job.nodes.values():
            for task_id in special:
                _keep(kept, visited.pool_id, visited.node_id, f"{job.directory}/{task_id}")
        for task in job.tasks.values():
            for place in task.directories:
                _keep(kept, place.pool_id, place.node_id, place.directory)
    return kept


def _keep(kept: dict[Place, bool], pool_id: str, node_id: str, directory: str) -> None:
    kept[pool_id, node_id, directory] = True
    parent = directory.rpartition("/")[0]
    while parent:
        kept.setdefault((pool_id, node_id, parent), False)
        parent = parent.rpartition("/")[0]


def _of_work(node: Path, pool_id: str, node_id: str, kept: dict[Place, bool]) -> Iterator[DeleteDirectory]:
    waiting = [_WORK]
    while waiting:
        parent = waiting.pop()
        for child in _children(node / parent):
            directory = f"{parent}/{child.name}"
            whole = kept.get((pool_id, node_id, directory))
            if whole is None:
                yield DeleteDirectory(pool_id, node_id, directory)
            elif not whole:
                waiting.append(directory)


def _children(directory: Path) -> list[Path]:
    """The directories in a directory; none where there is none."""
    if directory.is_symlink() or not directory.is_dir():
        return []
    return [child for child in directory.iterdir() if child.is_dir() and not child.is_symlink()]
