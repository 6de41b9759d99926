"""Jobs begin: by a user's request, or because a schedule wants one."""

from __future__ import annotations

from airflow_provider_batch.emulator.machine import auto_pools, events, jobs, tasks
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.jobs import Job, JobSpec


def create(world: World, event: events.CreateJob) -> None:
    """Create the job that a user wants."""
    jobs.refuse_new(world, event.spec.id)
    create_job(world, event.spec)


def create_job(world: World, spec: JobSpec) -> Job:
    """Create a job with all that belongs to it from the start; its id is free."""
    job = jobs.create(world, auto_pools.with_pool_id(world, spec))
    auto_pools.supply(world, job)
    if spec.manager is not None:
        job.manager_serial = tasks.put(world, job, spec.manager.task).serial
    return job
