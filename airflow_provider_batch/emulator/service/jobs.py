"""Jobs: create, get, list, change, disable, enable, terminate, delete, and counts of their tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.jobs import Job, JobConstraints, JobSpec
from airflow_provider_batch.emulator.model.sizes import SizeList
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    JobState,
    OnAllTasksComplete,
    OnTaskFailure,
    TerminateReason,
)
from airflow_provider_batch.emulator.service.auto_pools import (
    auto_pool_of,
    auto_pool_with_defaults,
    check_auto_pool_size,
    check_auto_pool_support,
    check_single_job,
    with_same_pool,
)
from airflow_provider_batch.emulator.service.checks import (
    check_display_name,
    check_id,
    check_range,
    limit_of,
)
from airflow_provider_batch.emulator.service.commands import environment_of
from airflow_provider_batch.emulator.service.results import Found, check_readable
from airflow_provider_batch.emulator.service.special_tasks import (
    manager_of,
    preparation_of,
    release_of,
    with_special_tasks,
)
from airflow_provider_batch.emulator.wire.durations import INFINITE_TEXT
from airflow_provider_batch.emulator.wire.fields import Json, render
from airflow_provider_batch.emulator.wire.jobs import JOB, task_counts_json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing, select
from airflow_provider_batch.emulator.wire.odata import JOBS, PREPARATION_AND_RELEASE_TASKS
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.special_tasks import PREPARATION_AND_RELEASE

_DEFAULTS: Mapping[str, Any] = {
    "priority": 0,
    "maxParallelTasks": -1,
    "usesTaskDependencies": False,
    "allowTaskPreemption": False,
    "onAllTasksComplete": OnAllTasksComplete.NO_ACTION.value,
    "onTaskFailure": OnTaskFailure.NO_ACTION.value,
}
#: what PUT puts back to its default when the body leaves it out
_RESET_BY_PUT = ("priority", "maxParallelTasks", "allowTaskPreemption", "constraints", "metadata")


def _position(job: Job) -> tuple[str, ...]:
    return ("1" if job.state is JobState.COMPLETED else "0", job.id.lower())


#: also of the jobs of one schedule
JOB_LIST = Listing("jobs", JOB, JOBS, _position)


_NODE_LIST = Listing(
    "jobpreparationandreleasetaskstatuslist",
    PREPARATION_AND_RELEASE,
    PREPARATION_AND_RELEASE_TASKS,
    lambda visited: (visited.pool_id.lower(), visited.node_id.lower()),
)


class Jobs:
    """The operations on jobs."""

    def __init__(self, engine: Engine, sizes: SizeList) -> None:
        self._engine = engine
        self._sizes = sizes

    def create(self, body: Json) -> datetime:
        """Create a job; its pool need not exist."""
        check_id(body["id"])
        check_display_name(body)
        spec = job_spec(body)
        check_single_job(spec)
        check_auto_pool_size(spec, self._sizes)
        check_auto_pool_support(spec, self._engine.now())
        return self._engine.create_job(spec)

    def get(self, job_id: str, conditions: Conditions, query: Query, links: Links) -> Found:
        """Return one job."""
        query.check_expand()
        only = select(query, JOB)
        with self._engine.reading() as state:
            job = state.job(job_id)
            check_readable(conditions, job.last_modified)
            return Found(render(JOB, job, links, only), job.last_modified)

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the jobs: those that are not completed first, each part by id."""
        with self._engine.reading() as state:
            return JOB_LIST.page(state.jobs.values(), path, query, links)

    def update(self, job_id: str, body: Json, conditions: Conditions) -> datetime:
        """PATCH: replace each given top-level property whole."""
        return self._engine.update_job(
            job_id, lambda spec: _changed(spec, {**spec.definition, **body}), conditions
        )

    def replace(self, job_id: str, body: Json, conditions: Conditions) -> datetime:
        """PUT: the same, and what is left out goes back to its default."""

        def change(spec: JobSpec) -> JobSpec:
            kept = {name: value for name, value in spec.definition.items() if name not in _RESET_BY_PUT}
            return _changed(spec, {**kept, **body})

        return self._engine.update_job(job_id, change, conditions)

    def disable(self, job_id: str, body: Json, conditions: Conditions) -> datetime:
        """Start no more tasks."""
        return self._engine.disable_job(job_id, DisableTasks(body["disableTasks"]), conditions)

    def enable(self, job_id: str, conditions: Conditions) -> datetime:
        """Start tasks again."""
        return self._engine.enable_job(job_id, conditions)

    def terminate(self, job_id: str, body: Json, conditions: Conditions, *, force: bool) -> datetime:
        """
        End a job.

        :param force: without waiting for its nodes.
        """
        reason = body.get("terminateReason") or TerminateReason.USER_TERMINATE.value
        with self._engine.reading() as state:
            now = self._engine.now()
            self._engine.feed(events.TerminateJob(now, job_id, reason, force, conditions=conditions))
            return state.job(job_id).last_modified

    def delete(self, job_id: str, conditions: Conditions, *, force: bool) -> None:
        """
        Delete a job with its tasks.

        :param force: without waiting for its nodes.
        """
        self._engine.feed(events.DeleteJob(self._engine.now(), job_id, force, conditions=conditions))

    def preparation_and_release_status(self, job_id: str, path: str, query: Query, links: Links) -> Json:
        """Return one page of the nodes on which the job's preparation task was begun."""
        with self._engine.reading() as state:
            job = state.job(job_id)
            if job.spec.preparation is None and job.spec.release is None:
                raise errors.job_preparation_task_or_release_task_not_specified()
            return _NODE_LIST.page(job.nodes.values(), path, query, links)

    def task_counts(self, job_id: str, links: Links) -> Found:
        """Return how many tasks are in which state."""
        with self._engine.reading():
            counts = task_counts_json(self._engine.task_counts(job_id))
        return Found(counts)


def job_spec(body: Mapping[str, Any]) -> JobSpec:
    """
    Turn the body of a create request, or a schedule's job specification with an id, into a job.

    :raises ServiceError: naming the property that cannot be.
    """
    definition = _with_defaults(body)
    spec = JobSpec(
        id=body["id"],
        definition=definition,
        **_typed(definition),
        preparation=preparation_of(definition),
        release=release_of(definition),
    )
    return replace(spec, manager=manager_of(definition, spec))


def _changed(spec: JobSpec, definition: Mapping[str, Any]) -> JobSpec:
    filled = _with_defaults(definition)
    return with_same_pool(spec, replace(spec, definition=filled, **_typed(filled)))


def _typed(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What the machine needs of a job, apart from its id."""
    constraints = definition["constraints"]
    return {
        "pool_id": definition["poolInfo"].get("poolId", ""),
        "auto_pool": auto_pool_of(definition["poolInfo"]),
        "priority": check_range(definition["priority"], -1000, 1000, "priority"),
        "allow_task_preemption": definition["allowTaskPreemption"],
        "max_parallel_tasks": _parallel(definition["maxParallelTasks"]),
        "constraints": JobConstraints(
            limit_of(constraints, "maxWallClockTime"), constraints["maxTaskRetryCount"]
        ),
        "uses_task_dependencies": definition["usesTaskDependencies"],
        "on_all_tasks_complete": OnAllTasksComplete(definition["onAllTasksComplete"]),
        "on_task_failure": OnTaskFailure(definition["onTaskFailure"]),
        "common_environment_settings": environment_of(
            definition.get("commonEnvironmentSettings", ()), "commonEnvironmentSettings"
        ),
    }


def _with_defaults(body: Mapping[str, Any]) -> Json:
    constraints = {"maxWallClockTime": INFINITE_TEXT, "maxTaskRetryCount": 0, **body.get("constraints", {})}
    check_range(constraints["maxTaskRetryCount"], -1, 2**31 - 1, "constraints.maxTaskRetryCount")
    filled = {**_DEFAULTS, **body, "constraints": constraints, "poolInfo": _pool_info(body["poolInfo"])}
    return with_special_tasks(filled, constraints["maxTaskRetryCount"])


def _pool_info(given: Mapping[str, Any]) -> Json:
    named = [name for name in ("poolId", "autoPoolSpecification") if name in given]
    if len(named) != 1:
        reason = "Exactly one of poolId and autoPoolSpecification is expected"
        raise errors.invalid_property_value("poolInfo", ", ".join(named), reason)
    if "poolId" in given:
        check_id(given["poolId"], "poolInfo.poolId")
        return dict(given)
    return {"autoPoolSpecification": auto_pool_with_defaults(given["autoPoolSpecification"])}


def _parallel(value: int) -> int:
    if value != -1 and value < 1:
        raise errors.invalid_property_value(
            "maxParallelTasks", str(value), "-1 or a number above 0 is expected"
        )
    return value
