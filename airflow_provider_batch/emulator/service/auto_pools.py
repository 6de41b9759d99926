"""The pool that a job brings with it: ``poolInfo.autoPoolSpecification``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.auto_pools import AutoPoolSpec
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.sizes import SizeList
from airflow_provider_batch.emulator.model.states import PoolLifetime
from airflow_provider_batch.emulator.service.checks import within
from airflow_provider_batch.emulator.service.images import check_support
from airflow_provider_batch.emulator.service.pools import check_vm_size, pool_spec
from airflow_provider_batch.emulator.wire.durations import format_duration
from airflow_provider_batch.emulator.wire.fields import Json

_PATH = "poolInfo.autoPoolSpecification"
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,20}", re.ASCII)
#: stands in for the id that is made later
_NO_ID = {"id": "auto"}


def auto_pool_with_defaults(given: Mapping[str, Any]) -> Json:
    """What GET echoes of an automatic pool."""
    prefix = given.get("autoPoolIdPrefix", "")
    if not _PREFIX.fullmatch(prefix):
        reason = "At most 20 characters are allowed: letters, digits, '-' and '_'"
        raise errors.invalid_property_value(f"{_PATH}.autoPoolIdPrefix", prefix, reason)
    if "pool" not in given:
        raise errors.missing_required_property(f"{_PATH}.pool")
    spec = _pool(given["pool"])
    echo = {name: value for name, value in spec.definition.items() if name != "id"}
    sizes: Json = {"resizeTimeout": format_duration(spec.resize_timeout)}
    if not echo.get("enableAutoScale"):
        sizes |= {
            "targetDedicatedNodes": spec.target_dedicated_nodes,
            "targetLowPriorityNodes": spec.target_low_priority_nodes,
        }
    return {"keepAlive": False, **given, "pool": {**echo, **sizes}}


def auto_pool_of(pool_info: Mapping[str, Any]) -> AutoPoolSpec | None:
    """
    Read the pool that a job brings; None when it names one.

    :param pool_info: with defaults.
    """
    given = pool_info.get("autoPoolSpecification")
    if given is None:
        return None
    return AutoPoolSpec(
        pool=_pool(given["pool"]),
        lifetime=PoolLifetime(given["poolLifetimeOption"]),
        id_prefix=given.get("autoPoolIdPrefix", ""),
        keep_alive=given["keepAlive"],
    )


def _pool(given: Mapping[str, Any]) -> PoolSpec:
    with within(f"{_PATH}.pool"):
        return pool_spec({**given, **_NO_ID})


def check_auto_pool_support(spec: JobSpec, now: datetime) -> None:
    """Refuse a new job whose pool would have an image that the service has given up."""
    if spec.auto_pool is not None:
        with within(f"{_PATH}.pool"):
            check_support(spec.auto_pool.pool.definition["virtualMachineConfiguration"], now)


def check_auto_pool_size(spec: JobSpec, sizes: SizeList) -> None:
    """Refuse a job whose pool would have a VM size that Batch does not have."""
    if spec.auto_pool is not None:
        with within(f"{_PATH}.pool"):
            check_vm_size(spec.auto_pool.pool.vm_size, sizes)


def check_single_job(spec: JobSpec) -> None:
    """Refuse a lifetime that only schedules have."""
    lifetime = PoolLifetime.JOB_SCHEDULE
    if spec.auto_pool is not None and spec.auto_pool.lifetime is lifetime:
        reason = "Only the jobs of a job schedule can share an automatic pool"
        raise errors.invalid_property_value(f"{_PATH}.poolLifetimeOption", lifetime.value, reason)


def with_same_pool(before: JobSpec, after: JobSpec) -> JobSpec:
    """
    A changed job with the pool that was created for it.

    Of an automatic pool only ``keepAlive`` can be changed, and only when the pool is the job's own.

    :raises ServiceError: ``InvalidPropertyValue``.
    """
    wanted, present = after.auto_pool, before.auto_pool
    if wanted is None:
        return after
    if present is None:
        raise errors.invalid_property_value(
            _PATH, None, "A job that exists cannot be given an automatic pool"
        )
    if wanted != present:
        if replace(wanted, keep_alive=present.keep_alive) != present:
            raise errors.invalid_property_value(_PATH, None, "Only keepAlive can be changed")
        if present.lifetime is not PoolLifetime.JOB:
            reason = "keepAlive can be changed only when poolLifetimeOption is job"
            raise errors.invalid_property_value(f"{_PATH}.keepAlive", str(wanted.keep_alive).lower(), reason)
    return replace(after, pool_id=before.pool_id)
