"""Keeps a job's counts in step with its tasks."""

from __future__ import annotations

from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.states import TaskResult, TaskState
from airflow_provider_batch.emulator.model.tasks import Tally, Task


def count(world: World, job: Job, task: Task, sign: int) -> None:
    """
    Add a task to its job's counts, or take it out.

    :param sign: 1 to add, -1 to take out, which must happen before the task changes.
    """
    world.remember_counts(job)
    _count(job.counts.tasks, task, sign)
    _count(job.counts.slots, task, sign * task.spec.required_slots)


def _count(tally: Tally, task: Task, amount: int) -> None:
    if task.state is TaskState.ACTIVE:
        tally.active += amount
    elif task.state is TaskState.COMPLETED:
        tally.completed += amount
        if task.execution_info.result is TaskResult.SUCCESS:
            tally.succeeded += amount
        else:
            tally.failed += amount
    else:
        tally.running += amount
