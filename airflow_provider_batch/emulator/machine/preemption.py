"""
Makes room for the tasks of a job at the cost of jobs with a lower priority that allow it.

Source: reference of the service, section 4.7, and the documentation of ``allowTaskPreemption``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.runs import Ending, Run
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeState, SchedulingState


@dataclass(frozen=True)
class Demand:
    """
    A task that found no room.

    :param excluded: keys of the nodes that it cannot use.
    """

    slots: int
    excluded: Collection[str]


class Room:
    """
    The slots of a pool's nodes as they will be once everything is gone that is being ended.

    :ivar promised: keys of the nodes on which somebody waits for what is being ended: nobody less important
        may take their slots, or the room would never become large enough.
    """

    def __init__(self, world: World, pool: Pool) -> None:
        self._world = world
        self._pool = pool
        self.promised: set[str] = set()
        bound = (world.state.jobs[key] for key in world.waiting_jobs.get(id_key(pool.id), ()))
        self._giving = [job for job in bound if job.spec.allow_task_preemption and job.runs]
        self._coming = {key: self._slots_to_come(node) for key, node in pool.nodes.items() if _is_open(node)}

    def _slots_to_come(self, node: Node) -> int:
        runs = (self._world.runs[run_id] for run_id in node.runs)
        ending = sum(run.slots for run in runs if run.ending is not None)
        return self._pool.spec.task_slots_per_node - node.used_slots + ending

    def make(self, job: Job, demands: Iterable[Demand]) -> None:
        """Let tasks of less important jobs return to the queue until a job's tasks have room."""
        if not any(victim.spec.priority < job.spec.priority for victim in self._giving):
            return
        for demand in demands:
            if not (self._promise(demand) or self._preempt(job, demand)):
                return

    def _promise(self, demand: Demand) -> bool:
        for key, coming in self._coming.items():
            if coming >= demand.slots and key not in demand.excluded:
                self._take(key, demand)
                return True
        return False

    def _take(self, key: str, demand: Demand) -> None:
        self._coming[key] -= demand.slots
        self.promised.add(key)

    def _preempt(self, job: Job, demand: Demand) -> bool:
        found: list[tuple[tuple[int, int], str, list[Run]]] = []
        for key in self._coming.keys() - set(demand.excluded):
            victims = self._victims(key, job, demand)
            if victims:
                found.append(((max(map(self._priority, victims)), len(victims)), key, victims))
        if not found:
            return False
        _, key, victims = min(found, key=lambda choice: choice[:2])
        for run in victims:
            self._world.end_run(run.id, Ending.REQUEUE)
            self._coming[key] += run.slots
        self._take(key, demand)
        return True

    def _victims(self, key: str, job: Job, demand: Demand) -> list[Run]:
        """The least important and newest runs of a node that make enough room; none if they do not."""
        runs = [self._world.runs[run_id] for run_id in self._pool.nodes[key].runs]
        yielding = [run for run in runs if self._yields(run, job)]
        victims: list[Run] = []
        coming = self._coming[key]
        for run in sorted(yielding, key=lambda run: (self._priority(run), -run.id)):
            if coming >= demand.slots:
                break
            victims.append(run)
            coming += run.slots
        return victims if coming >= demand.slots else []

    def _yields(self, run: Run, job: Job) -> bool:
        owner = self._world.job_of(run)
        if run.kind is not RunKind.TASK or run.ending is not None or owner is None:
            return False
        return owner.spec.allow_task_preemption and owner.spec.priority < job.spec.priority

    def _priority(self, run: Run) -> int:
        owner = self._world.job_of(run)
        return 0 if owner is None else owner.spec.priority


def _is_open(node: Node) -> bool:
    return (
        node.state in (NodeState.IDLE, NodeState.RUNNING) and node.scheduling_state is SchedulingState.ENABLED
    )
