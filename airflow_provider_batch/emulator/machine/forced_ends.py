"""
Jobs that users end or delete by force: the end waits for no node.

What still runs is killed, and belongs to nobody until it is gone; release tasks do not run.

Source: documentation of the parameter ``force``.
"""

from __future__ import annotations

from airflow_provider_batch.emulator.machine import events, jobs, outcomes, special_tasks
from airflow_provider_batch.emulator.machine.instructions import RunKind
from airflow_provider_batch.emulator.machine.runs import Ending, RunEnd
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.jobs import Job


def terminate(world: World, event: events.TerminateJob) -> None:
    """End a job, by force or not."""
    jobs.terminate(world, event)
    if event.force:
        _let_go(world, world.state.job(event.job_id))


def delete(world: World, event: events.DeleteJob) -> None:
    """Delete a job, by force or not."""
    job = world.state.job(event.job_id)
    jobs.delete(world, event)
    if event.force:
        _let_go(world, job)


def _let_go(world: World, job: Job) -> None:
    for run_id in sorted(job.runs | job.special_runs):
        run = world.runs[run_id]
        world.end_run(run_id, Ending.TERMINATE)
        if run.kind in (RunKind.TASK, RunKind.SUBTASK):
            outcomes.ended(world, run, RunEnd())
        else:
            special_tasks.complete(world, special_tasks.info_of(job, run), run, None, None)
        run.job_key, run.job_serial, run.task_key, run.task_serial = None, 0, None, 0
    if job.runs or job.special_runs:
        job.runs.clear()
        job.special_runs.clear()
        jobs.settle(world, job)
