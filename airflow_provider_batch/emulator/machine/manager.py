"""
The job manager: a task that comes with the job, starts before all others, and may end the job.

Source: reference of the service, section 3.5.
"""

from __future__ import annotations

from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.special_tasks import JobManagerTask
from airflow_provider_batch.emulator.model.tasks import Task


def is_manager(job: Job, task: Task) -> bool:
    """Whether a task is the job's manager."""
    return task.serial == job.manager_serial


def waiting_manager(world: World, job: Job) -> Task | None:
    """Return the manager while it waits for a node: no other task of the job starts before it."""
    serial = job.manager_serial
    if serial is None or job.spec.manager is None or serial not in world.jobs[job.serial].ready:
        return None
    return job.tasks[world.jobs[job.serial].ready.key_of(serial)]


def ends_job(job: Job, task: Task) -> bool:
    """Whether the job ends with a task."""
    manager = job.spec.manager
    return manager is not None and is_manager(job, task) and manager.kill_job_on_completion


def slots(pool: Pool, job: Job, task: Task) -> int:
    """Return the slots that a task takes on a node: all of them, if nothing may run beside it."""
    manager = job.spec.manager
    if manager is not None and is_manager(job, task) and manager.run_exclusive:
        return max(pool.spec.task_slots_per_node, task.spec.required_slots)
    return task.spec.required_slots


def unfit_nodes(pool: Pool, manager: JobManagerTask) -> set[str]:
    """Return the keys of the nodes that the manager must not run on."""
    if manager.allow_low_priority_node:
        return set()
    return {key for key, node in pool.nodes.items() if not node.is_dedicated}
