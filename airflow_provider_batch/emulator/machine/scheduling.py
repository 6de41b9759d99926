"""Gives free slots to ready tasks: jobs by priority, tasks in order of creation, nodes spread or packed."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_batch.emulator.machine import jobs, nodes, tallies
from airflow_provider_batch.emulator.machine.capacity import Capacity
from airflow_provider_batch.emulator.machine.instructions import RunKind, RunProcess
from airflow_provider_batch.emulator.machine.runs import Run
from airflow_provider_batch.emulator.machine.tables import TaskPassage
from airflow_provider_batch.emulator.machine.transitions import move_task
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.assumptions import RerunOutput
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.tasks import Task, TaskFiles, TaskNode

_AFFINITY_PREFIX = "TVM:"


def dispatch(world: World, pool_key: str) -> None:
    """Start all that can be started on a pool's nodes now."""
    pool = world.state.pools.get(pool_key)
    if pool is None:
        return
    capacity = world.pools[pool.serial].capacity
    if not capacity.largest():
        return
    for job in _jobs_in_order(world, pool_key):
        _dispatch_job(world, pool, capacity, job)
        if not capacity.largest():
            return


def _jobs_in_order(world: World, pool_key: str) -> list[Job]:
    waiting = (world.state.jobs[key] for key in world.waiting_jobs.get(pool_key, ()))
    able = [job for job in waiting if world.jobs[job.serial].ready]
    return sorted(able, key=lambda job: (-job.spec.priority, job.serial))


def _dispatch_job(world: World, pool: Pool, capacity: Capacity, job: Job) -> None:
    ready = world.jobs[job.serial].ready
    limit = job.spec.max_parallel_tasks
    while limit == -1 or len(job.runs) < limit:
        task_key = ready.first_within(capacity.largest())
        if task_key is None:
            return
        task = job.tasks[task_key]
        ready.withdraw(task.serial)
        _start(world, pool, pool.nodes[_node_for(pool, capacity, task)], job, task)


def _node_for(pool: Pool, capacity: Capacity, task: Task) -> str:
    wanted = (task.spec.affinity_id or "").removeprefix(_AFFINITY_PREFIX)
    if wanted and capacity.free(id_key(wanted)) >= task.spec.required_slots:
        return id_key(wanted)
    return capacity.choose(task.spec.required_slots, pool.spec.node_fill_type)


def _start(world: World, pool: Pool, node: Node, job: Job, task: Task) -> None:
    run = Run(
        world.serial(),
        RunKind.TASK,
        id_key(pool.id),
        id_key(node.id),
        id_key(job.id),
        job.serial,
        id_key(task.id),
        task.serial,
        task.spec.required_slots,
    )
    world.runs[run.id] = run
    job.runs.add(run.id)
    place = TaskNode(pool.id, node.id, f"{job.directory}/{task.id}")
    _leave_old_files(world, task, place)
    tallies.count(world, job, task, -1)
    move_task(world, task, TaskPassage.START)
    task.run_id, task.node, task.files_at, task.files = run.id, place, place, TaskFiles.KEPT
    tallies.count(world, job, task, 1)
    nodes.occupy(world, pool, node, run, task)
    world.instruct(
        RunProcess(
            run_id=run.id,
            kind=RunKind.TASK,
            pool_id=pool.id,
            node_id=node.id,
            is_dedicated=node.is_dedicated,
            directory=place.directory,
            command=_command(job, task),
            append_output=world.assumptions.rerun_output is RerunOutput.APPEND,
            job_id=job.id,
            task_id=task.id,
        )
    )


def _leave_old_files(world: World, task: Task, place: TaskNode) -> None:
    """Remove what an earlier run left on another node."""
    old = task.files_at
    if old is not None and old != place:
        jobs.delete_directory(world, old.pool_id, old.node_id, old.directory)


def _command(job: Job, task: Task) -> Command:
    settings = job.spec.common_environment_settings + task.spec.command.environment_settings
    return replace(task.spec.command, environment_settings=settings)
