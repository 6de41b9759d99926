"""Gives free slots to ready tasks: jobs by priority, tasks in order of creation, nodes spread or packed."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_batch.emulator.machine import jobs, manager, multi_instance, nodes, preparation, tallies
from airflow_provider_batch.emulator.machine.capacity import Capacity
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.launching import launch
from airflow_provider_batch.emulator.machine.preemption import Demand, Room
from airflow_provider_batch.emulator.machine.runs import Run
from airflow_provider_batch.emulator.machine.tables import TaskPassage
from airflow_provider_batch.emulator.machine.transitions import move_task
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.tasks import Task, TaskFiles, TaskNode

_AFFINITY_PREFIX = "TVM:"


def dispatch(world: World, pool_key: str) -> None:
    """Start all that can be started on a pool's nodes now, and make room where jobs give way to others."""
    pool = world.state.pools.get(pool_key)
    if pool is None:
        return
    capacity = world.pools[pool.serial].capacity
    gives_way = _gives_way(world, pool_key)
    if not capacity.largest() and not gives_way:
        return
    room = Room(world, pool) if gives_way else None
    for job in _jobs_in_order(world, pool_key):
        promised = room.promised if room else set()
        _dispatch_job(world, pool, capacity, job, promised)
        if room is not None:
            room.make(job, _unmet(world, pool, job))
        elif not capacity.largest():
            return


def _gives_way(world: World, pool_key: str) -> bool:
    bound = world.waiting_jobs.get(pool_key, ())
    return any(world.state.jobs[key].spec.allow_task_preemption for key in bound)


def _jobs_in_order(world: World, pool_key: str) -> list[Job]:
    waiting = (world.state.jobs[key] for key in world.waiting_jobs.get(pool_key, ()))
    able = [job for job in waiting if world.jobs[job.serial].ready or world.jobs[job.serial].gangs]
    return sorted(able, key=lambda job: (-job.spec.priority, job.serial))


def _dispatch_job(world: World, pool: Pool, capacity: Capacity, job: Job, promised: set[str]) -> None:
    _dispatch_gangs(world, pool, capacity, job, promised)
    while (task := _next(world, pool, capacity, job, promised)) is not None:
        world.jobs[job.serial].ready.withdraw(task.serial)
        node_key = _node_for(pool, capacity, job, task, _excluded(pool, job, task) | promised)
        _start(world, pool, pool.nodes[node_key], job, task)


def _dispatch_gangs(world: World, pool: Pool, capacity: Capacity, job: Job, promised: set[str]) -> None:
    """Start the tasks on several nodes for which there are nodes enough; the others hold no node back."""
    gangs = world.jobs[job.serial].gangs
    if not gangs or not multi_instance.takes_gangs(pool) or manager.waiting_manager(world, job) is not None:
        return
    excluded = preparation.refused_nodes(job, pool) | promised
    while _is_below_limit(job) and (key := gangs.first_within(capacity.count(excluded))) is not None:
        task = job.tasks[key]
        gangs.withdraw(task.serial)
        settings = task.spec.multi_instance
        chosen: list[Node] = []
        for _ in range(1 if settings is None else settings.number_of_instances):
            taken = excluded | {id_key(node.id) for node in chosen}
            chosen.append(pool.nodes[_node_for(pool, capacity, job, task, taken)])
        multi_instance.start(world, pool, job, task, chosen)


def _is_below_limit(job: Job) -> bool:
    """Whether one more task of the job may run."""
    limit = job.spec.max_parallel_tasks
    return limit == -1 or job.counts.tasks.running < limit


def _next(world: World, pool: Pool, capacity: Capacity, job: Job, promised: set[str]) -> Task | None:
    if not _is_below_limit(job):
        return None
    first = manager.waiting_manager(world, job)
    if first is not None:
        largest = capacity.largest(_excluded(pool, job, first) | promised)
        return first if manager.slots(pool, job, first) <= largest else None
    largest = capacity.largest(preparation.refused_nodes(job, pool) | promised)
    task_key = world.jobs[job.serial].ready.first_within(largest)
    return None if task_key is None else job.tasks[task_key]


def _excluded(pool: Pool, job: Job, task: Task) -> set[str]:
    """The nodes on which a task cannot run, whatever room they have."""
    refused = preparation.refused_nodes(job, pool)
    if job.spec.manager is not None and manager.is_manager(job, task):
        refused |= manager.unfit_nodes(pool, job.spec.manager)
    return refused


def _unmet(world: World, pool: Pool, job: Job) -> Iterator[Demand]:
    """What a job still wants to start, in order."""
    first = manager.waiting_manager(world, job)
    keys = [id_key(first.id)] if first is not None else world.jobs[job.serial].ready.keys()
    limit = job.spec.max_parallel_tasks
    for key in keys if limit == -1 else keys[: max(0, limit - job.counts.tasks.running)]:
        task = job.tasks[key]
        yield Demand(manager.slots(pool, job, task), _excluded(pool, job, task))


def _node_for(pool: Pool, capacity: Capacity, job: Job, task: Task, excluded: set[str]) -> str:
    slots = manager.slots(pool, job, task)
    wanted = id_key((task.spec.affinity_id or "").removeprefix(_AFFINITY_PREFIX))
    if wanted and wanted not in excluded and capacity.free(wanted) >= slots:
        return wanted
    return capacity.choose(slots, pool.spec.node_fill_type, excluded)


def _start(world: World, pool: Pool, node: Node, job: Job, task: Task) -> None:
    """Give a task its place, and start it there, unless it has to wait for the preparation of the node."""
    run = Run(
        world.serial(),
        RunKind.TASK,
        id_key(pool.id),
        id_key(node.id),
        id_key(job.id),
        job.serial,
        id_key(task.id),
        task.serial,
        manager.slots(pool, job, task),
    )
    world.runs[run.id] = run
    job.runs.add(run.id)
    place = TaskNode(pool.id, node.id, f"{job.directory}/{task.id}")
    _leave_old_files(world, task, place)
    run.held = preparation.is_awaited(world, job, node)
    tallies.count(world, job, task, -1)
    if run.held:
        move_task(world, task, TaskPassage.PREPARE)
    else:
        launch(world, job, task, run)
    task.run_id, task.node, task.files_at, task.files = run.id, place, place, TaskFiles.KEPT
    tallies.count(world, job, task, 1)
    nodes.occupy(world, pool, node, run, task)


def _leave_old_files(world: World, task: Task, place: TaskNode) -> None:
    """Remove what an earlier run left on another node."""
    old = task.files_at
    if old is not None and old != place:
        jobs.delete_directory(world, old.pool_id, old.node_id, old.directory)
