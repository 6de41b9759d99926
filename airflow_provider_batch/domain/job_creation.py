"""
Create a job; when the account has no room for another active job, wait until it has.

The quota counts jobs that have not completed, those of everybody who uses the account. Jobs end, so the
refusal of now says nothing about later: failing would only move the waiting into Airflow's retries.

Source: "Batch service quotas and limits" (active jobs and job schedules per account).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, Now, Random, Sleep
from airflow_provider_batch.exceptions import BatchQuotaError
from airflow_provider_batch.specs.pool_info import brings_pool

__all__ = ["ACTIVE_JOB_QUOTA", "create_job"]

ACTIVE_JOB_QUOTA = "ActiveJobAndScheduleQuotaReached"
#: seconds before the second try, growth of that wait, and the longest one
FIRST_WAIT = 10.0
GROWTH = 2.0
LONGEST_WAIT = 120.0
#: seconds after which the refusal is an error
PATIENCE = 3600.0


def create_job(body: Mapping[str, Any]) -> Flow[None]:
    """
    Flow: create a job, and wait for room when the account has none for another active job.

    :param body: the job (REST JSON).
    :raises BatchConflictError: ``JobExists`` and the like, at once.
    :raises SpecError: the job brings its pool with it, and the image of that does not exist.
    :raises BatchQuotaError: there was no room for an hour.
    """
    if brings_pool(body):
        # Every worker that runs a task imports this module; few of their jobs bring a pool.
        from airflow_provider_batch.domain.images import resolve_auto_pool_image

        body = yield from resolve_auto_pool_image(body)
    started = yield Now()
    wait = FIRST_WAIT
    while True:
        try:
            yield requests.create_job(body)
            return
        except BatchQuotaError as error:
            if error.code != ACTIVE_JOB_QUOTA:
                raise
            waited = ((yield Now()) - started).total_seconds()
            if waited >= PATIENCE:
                raise
            yield Log(_explanation(body, waited), "WARNING")
        # A part is random: those who were refused together do not come back together.
        yield Sleep(wait * (1 - 0.5 * (yield Random())))
        wait = min(wait * GROWTH, LONGEST_WAIT)


def _explanation(body: Mapping[str, Any], waited: float) -> str:
    if waited:
        return f"Batch job {body.get('id')} still waits for room among the active jobs ({waited:.0f} s)."
    return (
        f"Batch job {body.get('id')} waits: the account has as many active jobs and job schedules as its "
        f"quota allows ({ACTIVE_JOB_QUOTA}). Terminate jobs that nobody needs, or ask Azure support for a "
        f"greater quota. It is tried again for up to {PATIENCE / 60:.0f} minutes."
    )
