"""All that the machine knows, and what its parts share: time, instructions, serials, look-ups."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Protocol

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine.capacity import Capacity
from airflow_provider_batch.emulator.machine.dependencies import DependencyGraph
from airflow_provider_batch.emulator.machine.history import JobHistory
from airflow_provider_batch.emulator.machine.instructions import Instruction, KillProcess, SetTimer
from airflow_provider_batch.emulator.machine.queues import ReadyTasks
from airflow_provider_batch.emulator.machine.runs import Ending, InstanceGroup, Run
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.machine.timers import Timer
from airflow_provider_batch.emulator.model.assumptions import Assumptions, EtagOnNodeChanges
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.faults import Faults, ResizeFault
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.tasks import Task

_MICROSECOND = timedelta(microseconds=1)


class _Modified(Protocol):
    last_modified: datetime


@dataclass
class JobIndex:
    """
    What the machine keeps of a job besides its state: who waits for whom, who may run, what was before.

    :param ready: tasks on one node, by the slots that they need there.
    :param gangs: tasks on several nodes, by the number of nodes.
    """

    dependencies: DependencyGraph = field(default_factory=DependencyGraph)
    ready: ReadyTasks = field(default_factory=ReadyTasks)
    gangs: ReadyTasks = field(default_factory=ReadyTasks)
    history: JobHistory = field(default_factory=JobHistory)

    def withdraw(self, task: Task) -> None:
        """Take a task out of those that may run, if it is one."""
        self.ready.withdraw(task.serial)
        self.gangs.withdraw(task.serial)


@dataclass
class PoolIndex:
    """
    What the machine keeps of a pool besides its state.

    :param resizes: number of the present resize.
    :param grown: the present resize has created its nodes.
    :param nodes_made: number of nodes ever created.
    :param fault: what the present resize is to meet.
    """

    capacity: Capacity = field(default_factory=Capacity)
    resizes: int = 0
    grown: bool = False
    nodes_made: int = 0
    fault: ResizeFault | None = None


@dataclass
class World:
    """
    The machine's whole memory.

    :param runs: every run that is not known to be gone, by id.
    :param groups: of tasks on several nodes, by the primary's run.
    :param jobs: indexes by serial of the job.
    :param pools: indexes by serial of the pool.
    :param waiting_jobs: keys of the jobs that may start tasks, by key of their pool, which need not exist.
    :param ended_jobs: jobs that were completed or are gone since this event began: at its end their schedules
        and their own pools hear of it.
    :param dropped: held runs that are ended: they have no process whose end will be reported.
    :param stirred: keys of the pools in which something may start after this event.
    """

    settings: MachineSettings
    assumptions: Assumptions = field(default_factory=Assumptions)
    state: State = field(default_factory=State)
    faults: Faults = field(default_factory=Faults)
    now: datetime = datetime(1, 1, 1, tzinfo=timezone.utc)
    instructions: list[Instruction] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    groups: dict[int, InstanceGroup] = field(default_factory=dict)
    jobs: dict[int, JobIndex] = field(default_factory=dict)
    pools: dict[int, PoolIndex] = field(default_factory=dict)
    waiting_jobs: dict[str, dict[str, None]] = field(default_factory=dict)
    ended_jobs: list[Job] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    stirred: dict[str, None] = field(default_factory=dict)
    last_serial: int = 0

    # --- means --------------------------------------------------------------------------------------

    def serial(self) -> int:
        """Return a number that was never used."""
        self.last_serial += 1
        return self.last_serial

    def instruct(self, instruction: Instruction) -> None:
        """Want something done."""
        self.instructions.append(instruction)

    def wake_at(self, timer: Timer, due: datetime) -> None:
        """Want to hear when a moment has come; one in the past comes at once."""
        self.instruct(SetTimer(timer, max(due, self.now)))

    def wake_in(self, timer: Timer, seconds: float) -> None:
        """Want to hear after a number of seconds."""
        self.wake_at(timer, self.now + timedelta(seconds=seconds))

    def later(self, start: datetime, duration: timedelta) -> datetime | None:
        """Return ``start + duration``; None when that lies behind the end of all calendars."""
        try:
            return start + duration
        except OverflowError:
            return None

    def touch(self, entity: _Modified) -> None:
        """Mark a user's change; no two changes of one entity carry the same time, hence the same ETag."""
        entity.last_modified = max(self.now, entity.last_modified + _MICROSECOND)

    def moved_by_node(self, entity: _Modified) -> None:
        """Mark a change of state: it moves the ETag only if that is assumed."""
        if self.assumptions.etag_on_node_changes is EtagOnNodeChanges.MOVES:
            self.touch(entity)

    def remember(self, task: Task) -> None:
        """Keep how a task looks, before it changes, if lists are to show changes late."""
        if self.assumptions.list_lag:
            history = self.jobs[self.state.job(task.job_id).serial].history
            history.keep_task(task, self.now, self.now - timedelta(seconds=self.assumptions.list_lag))

    def remember_counts(self, job: Job) -> None:
        """Keep a job's counts, before they change, if they are to be late."""
        if self.assumptions.stale_counts:
            oldest = self.now - timedelta(seconds=self.assumptions.stale_counts)
            self.jobs[job.serial].history.keep_counts(job.counts, self.now, oldest)

    def stir(self, pool_id: str) -> None:
        """Look for work for a pool's nodes at the end of this event."""
        self.stirred[id_key(pool_id)] = None

    # --- finding ------------------------------------------------------------------------------------

    def task_of(self, run: Run) -> Task | None:
        """Return the task of a run; None when it was deleted meanwhile, and for start tasks."""
        job = self.job_of(run)
        if job is None or run.task_key is None:
            return None
        task = job.tasks.get(run.task_key)
        return task if task is not None and task.serial == run.task_serial else None

    def runs_of(self, task: Task) -> set[int]:
        """Return the runs of a task that are not gone."""
        runs = {task.run_id, *(subtask.run_id for subtask in task.subtasks)}
        return {run_id for run_id in runs if run_id is not None and run_id in self.runs}

    def instance_number(self, run: Run) -> int | None:
        """Return which instance of a task on several nodes a run is; None for all others."""
        if run.group is None:
            return None
        instances = self.groups[run.group].runs.items()
        return next(number for number, run_id in instances if run_id == run.id)

    def job_of(self, run: Run) -> Job | None:
        """Return the job of a run; None for start tasks, and when the job did not wait for it."""
        return None if run.job_key is None else self.find_job(run.job_key, run.job_serial)

    def node_of(self, run: Run) -> Node:
        """Return the node of a run; a node outlives its runs."""
        return self.state.pools[run.pool_key].nodes[run.node_key]

    def find_job(self, job_key: str, serial: int) -> Job | None:
        """Return a job unless it is gone, or another one has its id."""
        job = self.state.jobs.get(job_key)
        return job if job is not None and job.serial == serial else None

    def find_pool(self, pool_key: str, serial: int) -> Pool | None:
        """Return a pool unless it is gone, or another one has its id."""
        pool = self.state.pools.get(pool_key)
        return pool if pool is not None and pool.serial == serial else None

    # --- ending -------------------------------------------------------------------------------------

    def end_run(self, run_id: int, ending: Ending) -> None:
        """End a run's processes; with several reasons the greatest counts, and one kill is enough."""
        run = self.runs[run_id]
        if run.ending is None and run.held:
            self.dropped.append(run_id)
        elif run.ending is None:
            self.instruct(KillProcess(run_id))
        run.ending = ending if run.ending is None else max(run.ending, ending)

    def end_runs(self, run_ids: set[int], ending: Ending) -> None:
        """End several runs, in order of their start."""
        for run_id in sorted(run_ids):
            self.end_run(run_id, ending)


def require(conditions: Conditions, entity: _Modified) -> None:
    """
    Check the conditions of a request.

    :raises ServiceError: ``ConditionNotMet``.
    """
    if not conditions.hold(entity.last_modified):
        raise errors.condition_not_met()
