"""What triggers do when their Airflow task is killed or cleared: end its Batch task, while it is theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from airflow_provider_batch.domain.claim import Claim
from airflow_provider_batch.domain.flow import Effect, drive_async
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.termination import terminate
from airflow_provider_batch.triggers.task_instance import (
    CLAIM_KEY,
    get_xcom,
    is_still_deferred_to,
    run_is_over,
)
from airflow_provider_batch.version_compat import AIRFLOW_V_3_3_PLUS

__all__ = ["end_batch_task", "is_killed", "is_still_ours"]


async def is_killed(trigger: Any) -> bool:
    """
    Tell in ``cleanup`` whether it is called for a kill that nothing else tells.

    Airflow 3.3 and later call ``on_kill``. Below, a trigger is only told that it ends, not why.

    :param trigger: the trigger.
    """
    if AIRFLOW_V_3_3_PLUS or trigger.task_instance is None:
        return False
    if not await is_still_deferred_to(trigger.task_instance, trigger.trigger_id):
        return True
    # Airflow 3 does not tell which trigger it is deferred to: after a clear it may be the next try's already.
    claim = Claim.read(await get_xcom(trigger.task_instance, CLAIM_KEY))
    return claim is not None and claim.try_number > int(trigger.task_instance.try_number)


async def is_still_ours(task_instance: Any, key: TaskKey, log: Any) -> bool:
    """
    Tell whether no later try of the Airflow task has taken this Batch task.

    After a clear the new try may be at work before the old one is killed; its claim says so.

    :param task_instance: the trigger's ``task_instance``.
    :param key: the task.
    :param log: the Airflow task log.
    """
    try:
        claim = Claim.read(await get_xcom(task_instance, CLAIM_KEY))
    except Exception as error:  # noqa: BLE001 - what may be another try's is left alone
        log.warning("Whether a later try has taken Batch task %s cannot be read: %s", key, error)
        return False
    return claim is None or claim.key != key or claim.try_number <= int(task_instance.try_number)


async def end_batch_task(
    task_instance: Any, submission: Submission, perform: Callable[[Effect], Awaitable[Any]]
) -> None:
    """
    End the Batch task of an Airflow task that was killed or cleared; the group's job when the run is over.

    :param task_instance: the trigger's ``task_instance``.
    :param submission: the Batch task.
    :param perform: performs effects for the trigger.
    """
    if submission.shared_job and task_instance is not None and await run_is_over(task_instance):
        # Every worker that defers a task imports this module.
        from airflow_provider_batch.domain.group_end import end_job

        # The group's finish has been marked too: nobody else would end its job.
        await drive_async(end_job(submission.key.batch_job_id), perform)
    else:
        await drive_async(terminate(submission, "the Airflow task was killed or cleared"), perform)
