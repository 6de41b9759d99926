"""Starts the process of a task that has its place on a node."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_batch.emulator.machine.instructions import RunProcess
from airflow_provider_batch.emulator.machine.runs import InstanceGroup, Run
from airflow_provider_batch.emulator.machine.tables import TaskPassage
from airflow_provider_batch.emulator.machine.transitions import move_task
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.assumptions import RerunOutput
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.multi_instance import PRIMARY, InstancePlace
from airflow_provider_batch.emulator.model.tasks import Task


def launch(world: World, job: Job, task: Task, run: Run) -> None:
    """Start the process of a task that was given a node, at once or after the node was prepared."""
    move_task(world, task, TaskPassage.PREPARED if run.held else TaskPassage.START)
    _run(world, job, task, run, None)


def launch_together(world: World, job: Job, task: Task, group: InstanceGroup) -> None:
    """Start the processes of all instances of a task; before that none of them has one."""
    runs = [world.runs[run_id] for _, run_id in sorted(group.runs.items())]
    settings = task.spec.multi_instance
    if settings is None:
        raise AssertionError(f"task {task.id} has no instances")
    addresses = tuple(world.node_of(run).ip_address for run in runs)
    move_task(world, task, TaskPassage.PREPARED if runs[PRIMARY].held else TaskPassage.START)
    for number, run in enumerate(runs):
        _run(world, job, task, run, InstancePlace(number, addresses, settings))


def _run(world: World, job: Job, task: Task, run: Run, instance: InstancePlace | None) -> None:
    pool = world.state.pools[run.pool_key]
    node = world.node_of(run)
    run.held = False
    visited = job.nodes.get((run.pool_key, run.node_key))
    if visited is not None:
        visited.tasks_ran = True
    world.instruct(
        RunProcess(
            run_id=run.id,
            kind=run.kind,
            pool_id=pool.id,
            node_id=node.id,
            is_dedicated=node.is_dedicated,
            directory=f"{job.directory}/{task.id}",
            command=with_common_environment(job, task.spec.command),
            append_output=world.assumptions.rerun_output is RerunOutput.APPEND,
            job_id=job.id,
            task_id=task.id,
            preparation_directory=preparation_directory(job),
            instance=instance,
            registries=pool.spec.registries,
        )
    )


def launch_held(world: World, job: Job, run: Run) -> None:
    """Start the process of a task that waited for the preparation of its node."""
    if run.ending is not None or run.task_key is None:
        return
    task = job.tasks[run.task_key]
    if run.group is None:
        launch(world, job, task, run)
        return
    group = world.groups[run.group]
    group.unprepared.discard(run.id)
    if not group.unprepared:
        launch_together(world, job, task, group)


def preparation_directory(job: Job) -> str | None:
    """The directory of a job's preparation task; None without one."""
    return None if job.spec.preparation is None else f"{job.directory}/{job.spec.preparation.id}"


def with_common_environment(job: Job, command: Command) -> Command:
    """A command with the job's environment settings below its own."""
    settings = job.spec.common_environment_settings + command.environment_settings
    return replace(command, environment_settings=settings)


def held_runs(world: World, job: Job, node_runs: set[int]) -> list[Run]:
    """Return the runs among those of a node that wait for the job's preparation, in order of their start."""
    runs = [world.runs[run_id] for run_id in sorted(node_runs & job.runs)]
    return [run for run in runs if run.held and run.job_key == id_key(job.id) and run.ending is None]
