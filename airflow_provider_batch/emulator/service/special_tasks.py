"""Preparation, release and manager tasks of a job: their defaults, and what the machine needs of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.special_tasks import (
    RELEASE_LIMIT,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
)
from airflow_provider_batch.emulator.service.checks import (
    check_between,
    check_id,
    task_constraints,
    user_identity,
)
from airflow_provider_batch.emulator.service.commands import command_of
from airflow_provider_batch.emulator.service.tasks import task_spec, typed_constraints
from airflow_provider_batch.emulator.wire.fields import Json

_PREPARATION, _RELEASE, _MANAGER = "jobPreparationTask", "jobReleaseTask", "jobManagerTask"
#: what a manager has and other tasks have not
_OF_MANAGERS = ("killJobOnCompletion", "runExclusive", "allowLowPriorityNode")


def with_special_tasks(definition: Mapping[str, Any], inherited_retries: int) -> Json:
    """
    The definition of a job with the defaults of its preparation, release and manager tasks.

    :param inherited_retries: the job's retry count, which a manager takes that brings no constraints.
    """
    filled = dict(definition)
    for name, fill in ((_PREPARATION, _preparation), (_RELEASE, _release)):
        if name in filled:
            filled[name] = fill(filled[name])
    if _MANAGER in filled:
        filled[_MANAGER] = _manager(filled[_MANAGER], inherited_retries)
    return filled


def _preparation(given: Mapping[str, Any]) -> Json:
    return {
        "id": "jobpreparation",
        "waitForSuccess": True,
        "rerunOnNodeRebootAfterSuccess": True,
        **given,
        "constraints": task_constraints(given.get("constraints"), 0),
        "userIdentity": user_identity(given.get("userIdentity")),
    }


def _release(given: Mapping[str, Any]) -> Json:
    return {
        "id": "jobrelease",
        "maxWallClockTime": "PT15M",
        "retentionTime": "P7D",
        **given,
        "userIdentity": user_identity(given.get("userIdentity")),
    }


def _manager(given: Mapping[str, Any], inherited_retries: int) -> Json:
    return {
        "requiredSlots": 1,
        "killJobOnCompletion": True,
        "runExclusive": True,
        "allowLowPriorityNode": True,
        **given,
        "constraints": task_constraints(given.get("constraints"), inherited_retries),
        "userIdentity": user_identity(given.get("userIdentity")),
    }


def preparation_of(definition: Mapping[str, Any]) -> JobPreparationTask | None:
    """Read a job's preparation task, defaults filled in."""
    given = definition.get(_PREPARATION)
    if given is None:
        return None
    check_id(given["id"], f"{_PREPARATION}.id")
    return JobPreparationTask(
        id=given["id"],
        command=command_of(given, f"{_PREPARATION}."),
        constraints=typed_constraints(given["constraints"]),
        wait_for_success=given["waitForSuccess"],
        rerun_on_node_reboot_after_success=given["rerunOnNodeRebootAfterSuccess"],
    )


def release_of(definition: Mapping[str, Any]) -> JobReleaseTask | None:
    """
    Read a job's release task, defaults filled in.

    :raises ServiceError: ``JobPreparationTaskNotSpecified``, ``TaskIdSameAsJobPreparationTask``.
    """
    given = definition.get(_RELEASE)
    if given is None:
        return None
    if _PREPARATION not in definition:
        raise errors.job_preparation_task_not_specified()
    check_id(given["id"], f"{_RELEASE}.id")
    if id_key(given["id"]) == id_key(definition[_PREPARATION]["id"]):
        raise errors.task_id_same_as_job_preparation_task()
    limit = check_between(
        given["maxWallClockTime"], timedelta(0), RELEASE_LIMIT, f"{_RELEASE}.maxWallClockTime"
    )
    return JobReleaseTask(given["id"], command_of(given, f"{_RELEASE}."), limit)


def manager_of(definition: Mapping[str, Any], job: JobSpec) -> JobManagerTask | None:
    """
    Read a job's manager, defaults filled in.

    :param job: the job without it.
    :raises ServiceError: ``TaskIdSameAsJobPreparationTask``, ``TaskIdSameAsJobReleaseTask``.
    """
    given = definition.get(_MANAGER)
    if given is None:
        return None
    if job.preparation is not None and id_key(given["id"]) == id_key(job.preparation.id):
        raise errors.task_id_same_as_job_preparation_task()
    if job.release is not None and id_key(given["id"]) == id_key(job.release.id):
        raise errors.task_id_same_as_job_release_task()
    body = {name: value for name, value in given.items() if name not in _OF_MANAGERS}
    return JobManagerTask(
        task=task_spec(body, job, f"{_MANAGER}."),
        kill_job_on_completion=given["killJobOnCompletion"],
        run_exclusive=given["runExclusive"],
        allow_low_priority_node=given["allowLowPriorityNode"],
    )
