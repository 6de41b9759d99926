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

#: longest id of a pool, job or task that the service accepts
MAX_ID_LENGTH = 64

_DIGEST_LENGTH = 12
_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
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


def is_legal_id(text: str) -> bool:
    """Tell whether the service accepts ``text`` as the id of a pool, job or task."""
    return _LEGAL.fullmatch(text) is not None


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


#: names under which we write ourselves into a job's metadata and a task's environment
OWNER = "AIRFLOW_BATCH_OWNER"
PLAN = "AIRFLOW_BATCH_PLAN"


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


def task_environment(work: WorkIdentity, plan: str) -> list[dict[str, str]]:
    """
    Return the environment settings that say whose task this is; a program may read them too.

    A Batch task has no metadata, so its environment carries the owner and the fingerprint of its plan.

    :param work: whose task.
    :param plan: fingerprint of the task's definition.
    """
    pairs = {
        "AIRFLOW_CTX_DAG_ID": work.dag_id,
        "AIRFLOW_CTX_DAG_RUN_ID": work.run_id,
        "AIRFLOW_CTX_TASK_ID": work.task_id,
        "AIRFLOW_CTX_MAP_INDEX": str(work.map_index),
        OWNER: work.owner,
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
