"""
Pools that come and go with a job, or with all jobs of a schedule.

A job whose pool cannot be created is completed at once, and says why in ``schedulingError``.

Source: reference of the service, sections 2.3 and 7.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.machine import events, jobs, pools
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.auto_pools import AutoPoolSpec
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job, JobSpec
from airflow_provider_batch.emulator.model.states import ErrorCategory, PoolLifetime, PoolState

#: why a pool is refused -> why a job that brings it cannot run
_SCHEDULING_ERRORS: Mapping[str, str] = {
    "PoolQuotaReached": "AutoPoolCreationFailedWithQuotaReached",
    "ApplicationNotFound": "InvalidApplicationPackageReferencesInAutoPool",
    "InvalidApplicationPackageReferences": "InvalidApplicationPackageReferencesInAutoPool",
    "AutoScalingFormulaSyntaxError": "InvalidAutoScaleFormulaInAutoPool",
    "AutoScalingFormulaTooLong": "InvalidAutoScaleFormulaInAutoPool",
}


def new_pool_id(world: World, auto_pool: AutoPoolSpec) -> str:
    """Make the id of a pool: the prefix and an upper-case GUID."""
    text = f"{world.settings.seed}/auto pool/{world.serial()}"
    guid = UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4)
    return f"{auto_pool.id_prefix}{str(guid).upper()}"


def with_pool_id(world: World, spec: JobSpec) -> JobSpec:
    """A new job that brings a pool, with that pool's id; one that has it already shares it."""
    if spec.auto_pool is None or spec.pool_id:
        return spec
    return replace(spec, pool_id=new_pool_id(world, spec.auto_pool))


def supply(world: World, job: Job) -> None:
    """Create the pool that a new job brings; when that is refused, the job ends."""
    auto_pool, pool_id = job.spec.auto_pool, job.spec.pool_id
    if auto_pool is None:
        return
    if id_key(pool_id) not in world.state.pools:
        try:
            for package in auto_pool.pool.packages:
                world.state.usable_package(package.application_id, package.version)
            pools.create(world, events.CreatePool(world.now, replace(auto_pool.pool, id=pool_id)))
        except ServiceError as refusal:
            _end_without_pool(world, job, refusal)
            return
    if auto_pool.lifetime is PoolLifetime.JOB:
        job.auto_pool_id = pool_id


def _end_without_pool(world: World, job: Job, refusal: ServiceError) -> None:
    code = _SCHEDULING_ERRORS.get(refusal.code, "InvalidAutoPoolSettings")
    job.scheduling_error = FailureInfo(ErrorCategory.USER_ERROR, code, refusal.message)
    jobs.end(world, job, "")
    job.spec = replace(job.spec, pool_id="")


def job_ended(world: World, job: Job) -> None:
    """Delete the pool of a job that is over, unless it is to be kept."""
    if job.auto_pool_id is not None:
        discard(world, job.auto_pool_id, job.spec)


def discard(world: World, pool_id: str, spec: JobSpec) -> None:
    """
    Delete a pool whose lifetime is over.

    :param spec: the job or the specification of jobs that brought it, which says whether it is to be kept.
    """
    keep_alive = spec.auto_pool is not None and spec.auto_pool.keep_alive
    pool = world.state.pools.get(id_key(pool_id))
    if pool is not None and pool.state is PoolState.ACTIVE and not keep_alive:
        pools.delete(world, events.DeletePool(world.now, pool_id))
