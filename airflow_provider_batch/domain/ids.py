"""
Ids of our jobs and tasks: deterministic, legal, and never those of other work.

The same piece of Airflow work always gets the same id, so a second submission meets the first one instead of
doubling it; other work never gets that id. What counts as the same work is :class:`WorkIdentity`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from airflow_provider_batch.specs.legal_ids import MAX_ID_LENGTH

_DIGEST_LENGTH = 12
_ILLEGAL_RUN = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class WorkIdentity:
    """
    One piece of work of Airflow: what one task instance is to do between two clears.

    Automatic retries keep the identity, so that a retry finds what an earlier try submitted. A clear changes
    it, since Airflow raises ``max_tries`` of a task instance exactly when it is cleared; so cleared work is
    submitted anew, and finished work of before the clear is not mistaken for it. A run that was deleted and
    created again under the same run id has another ``run_started``.

    :param deployment_id: tells two Airflow deployments on one Batch account apart; may be empty.
    :param dag_id: id of the DAG.
    :param run_id: id of the DAG run.
    :param task_id: id of the Airflow task.
    :param map_index: index of a mapped task instance; -1 for an unmapped one.
    :param run_started: start of the DAG run, ISO 8601 with microseconds.
    :param max_tries: ``max_tries`` of the task instance as Airflow has it now.
    """

    deployment_id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    run_started: str
    max_tries: int

    def digest(self, *salt: str | int) -> str:
        """Return 12 hex digits that stand for this work (and the salt)."""
        text = json.dumps([asdict(self), *salt], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]

    @property
    def owner(self) -> str:
        """Who a Batch job or task of ours belongs to; written into it and compared before it is adopted."""
        return self.digest("owner")


def slug(text: str, length: int) -> str:
    """
    Make the readable part of an id: legal characters only, at most ``length`` of them.

    :param text: any text, for example a task id with dots.
    :param length: greatest length of the result.
    """
    return _ILLEGAL_RUN.sub("-", text).strip("-_")[:length].rstrip("-_") or "x"


def job_id(work: WorkIdentity, generation: int = 1) -> str:
    """
    Return the id of the job that holds this work.

    A job that has ended takes no task any more: work that must run again gets the next generation of its job.

    :param work: whose job.
    :param generation: 1 for the first job of this work.
    """
    suffix = f"-{work.digest()}" + (f"-g{generation}" if generation > 1 else "")
    room = MAX_ID_LENGTH - len(suffix)
    return slug(f"{work.dag_id}-{_readable_task(work)}", room) + suffix


def task_id(work: WorkIdentity, attempt: int = 1) -> str:
    """
    Return the id of the Batch task for this work.

    :param work: whose task.
    :param attempt: 1 for the first task; a task whose definition changed cannot be run again under its id.
    """
    suffix = f"-{work.digest('task', attempt)}"
    return slug(_readable_task(work), MAX_ID_LENGTH - len(suffix)) + suffix


def _readable_task(work: WorkIdentity) -> str:
    return work.task_id if work.map_index < 0 else f"{work.task_id}-{work.map_index}"


@dataclass(frozen=True)
class GroupIdentity:
    """
    One run of one task group: what one Batch job and its next generations are for.

    A run that was deleted and created again under its id has another ``run_started``, and another Airflow
    another ``deployment_id``: neither finds the other's job.

    :param deployment_id: tells two Airflow deployments on one Batch account apart; may be empty.
    :param dag_id: id of the DAG.
    :param run_id: id of the DAG run.
    :param group_id: id of the task group.
    :param run_started: first start of the DAG run, ISO 8601 with microseconds.
    """

    deployment_id: str
    dag_id: str
    run_id: str
    group_id: str
    run_started: str

    @property
    def owner(self) -> str:
        """Who a Batch job of ours belongs to; written into it and compared before it is adopted."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def group_job_id(group: GroupIdentity, generation: int = 1) -> str:
    """
    Return the id of a group's job.

    :param group: whose job.
    :param generation: 1 for the first job of this run; a job that has ended takes no task any more.
    """
    suffix = f"-{group.owner}" + (f"-g{generation}" if generation > 1 else "")
    return slug(f"{group.dag_id}-{group.group_id}", MAX_ID_LENGTH - len(suffix)) + suffix


#: length of ``-``, ``max_tries``, ``-`` and an attempt's number, at the end of a member's later attempts
_ATTEMPT_LENGTH = 10
_ATTEMPT = re.compile(r"(?P<first>.*-[0-9a-f]{8})-[0-9]+-[0-9]+")


def member_task_id(member_id: str, map_index: int = -1) -> str:
    """
    Return the id of the Batch task that launch plans for a member of a group.

    :param member_id: the Airflow task.
    :param map_index: index of a mapped task instance; -1 for an unmapped one.
    """
    readable = member_id if map_index < 0 else f"{member_id}-{map_index}"
    digest = hashlib.sha256(json.dumps([member_id, map_index]).encode()).hexdigest()[:8]
    return f"{slug(readable, MAX_ID_LENGTH - 9 - _ATTEMPT_LENGTH)}-{digest}"


def member_attempt_id(member_id: str, map_index: int, max_tries: int, attempt: int) -> str:
    """
    Return the id of a Batch task that a worker adds for a member, beside or instead of the planned one.

    It begins with the planned id, so one list of the job shows all attempts of a member.

    :param member_id: the Airflow task.
    :param map_index: index of a mapped task instance; -1 for an unmapped one.
    :param max_tries: ``max_tries`` of the task instance, which a clear raises.
    :param attempt: 1 for the first one since the last clear.
    """
    return f"{member_task_id(member_id, map_index)}-{max_tries}-{attempt}"


def planned_id_of(batch_task_id: str) -> str | None:
    """
    Return the planned id of the member whose later attempt this is; None when it is no later attempt.

    :param batch_task_id: id of a task in a group's job.
    """
    found = _ATTEMPT.fullmatch(batch_task_id)
    return found.group("first") if found else None


def group_job_metadata(group: GroupIdentity, generation: int) -> list[dict[str, str]]:
    """
    Return the metadata that say, for people and for adoption, whose job this is.

    :param group: whose job.
    :param generation: generation of the job.
    """
    pairs = {
        OWNER: group.owner,
        "airflow_dag_id": group.dag_id,
        "airflow_run_id": group.run_id,
        "airflow_group_id": group.group_id,
        "airflow_run_started": group.run_started,
        "airflow_generation": str(generation),
    }
    if group.deployment_id:
        pairs["airflow_deployment_id"] = group.deployment_id
    return [{"name": name, "value": value} for name, value in pairs.items()]


#: names under which we write ourselves into a job's metadata and a task's environment
OWNER = "AIRFLOW_BATCH_OWNER"
PLAN = "AIRFLOW_BATCH_PLAN"
DEFINITION = "AIRFLOW_BATCH_DEFINITION"
#: name under which Airflow itself tells programs which task they are
MEMBER = "AIRFLOW_CTX_TASK_ID"


def job_metadata(work: WorkIdentity, generation: int) -> list[dict[str, str]]:
    """
    Return the metadata that say, for people and for adoption, whose job this is.

    :param work: whose job.
    :param generation: generation of the job.
    """
    pairs = {
        OWNER: work.owner,
        "airflow_dag_id": work.dag_id,
        "airflow_run_id": work.run_id,
        "airflow_task_id": work.task_id,
        "airflow_map_index": str(work.map_index),
        "airflow_generation": str(generation),
    }
    if work.deployment_id:
        pairs["airflow_deployment_id"] = work.deployment_id
    return [{"name": name, "value": value} for name, value in pairs.items()]


def task_environment(
    identity: WorkIdentity | GroupIdentity, member_id: str, map_index: int, plan: str
) -> list[dict[str, str]]:
    """
    Return the environment settings that say whose task this is; a program may read them too.

    A Batch task has no metadata, so its environment carries the owner and the fingerprint of its plan.

    :param identity: whose task.
    :param member_id: the Airflow task.
    :param map_index: index of a mapped task instance; -1 for an unmapped one.
    :param plan: fingerprint of the task's definition.
    """
    pairs = {
        "AIRFLOW_CTX_DAG_ID": identity.dag_id,
        "AIRFLOW_CTX_DAG_RUN_ID": identity.run_id,
        MEMBER: member_id,
        "AIRFLOW_CTX_MAP_INDEX": str(map_index),
        OWNER: identity.owner,
        PLAN: plan,
    }
    return [{"name": name, "value": value} for name, value in pairs.items()]


def named_value(pairs: object, name: str) -> str | None:
    """
    Look a name up in a list of ``{"name": ..., "value": ...}``, as metadata and environment settings are.

    :param pairs: the list as the service sent it; absent counts as empty.
    :param name: the name wanted.
    """
    for pair in pairs if isinstance(pairs, (list, tuple)) else ():
        if isinstance(pair, Mapping) and pair.get("name") == name:
            return str(pair.get("value"))
    return None
