"""Tasks: add one or many, get, list, change, terminate, reactivate, delete."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.assumptions import LongCollection, TaskOrder
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies, TaskIdRange
from airflow_provider_batch.emulator.model.etags import Conditions, etag
from airflow_provider_batch.emulator.model.exits import ExitCodeRange, ExitConditions, ExitOptions
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.multi_instance import MultiInstanceSettings
from airflow_provider_batch.emulator.model.states import DependencyAction, JobAction, OnTaskFailure
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskSpec
from airflow_provider_batch.emulator.service.checks import (
    check_display_name,
    check_id,
    check_range,
    limit_of,
    task_constraints,
    user_identity,
)
from airflow_provider_batch.emulator.service.commands import command_of
from airflow_provider_batch.emulator.service.resource_files import check_auto_storage, resource_of
from airflow_provider_batch.emulator.service.results import Found, check_readable
from airflow_provider_batch.emulator.wire.error_body import error_json
from airflow_provider_batch.emulator.wire.fields import Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing, select
from airflow_provider_batch.emulator.wire.odata import TASKS
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.subtasks import subtask_json
from airflow_provider_batch.emulator.wire.tasks import TASK
from airflow_provider_batch.emulator.wire.times import format_time

MAX_COLLECTION = 100
"""Most tasks in one collection."""

_MAX_DEPENDENCY_CHARACTERS = 64_000
_MAX_SLOTS = 256
_MAX_INSTANCES = 100_000
#: refusals of a whole collection; all others concern one task of it
_OF_THE_JOB = frozenset({"JobNotFound", "JobCompleted", "JobBeingTerminated", "JobBeingDeleted"})

_LIST = Listing("tasks", TASK, TASKS, lambda task: (task.id.lower(),))
_LIST_BY_CREATION = Listing("tasks", TASK, TASKS, lambda task: (f"{task.serial:020}",))


class Tasks:
    """The operations on tasks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, job_id: str, body: Json, together: Collection[str] = ()) -> datetime:
        """
        Add one task.

        :param together: ids of all the tasks of the same request.
        """
        with self._engine.reading() as state:
            spec = task_spec(body, state.job(job_id).spec)
            common = () if spec.multi_instance is None else spec.multi_instance.common_resource_files
            check_auto_storage((*spec.command.resource_files, *common), self._engine.auto_storage)
            return self._engine.add_task(job_id, spec, together)

    def add_collection(self, job_id: str, body: Json, links: Links, request_id: str) -> Json:
        """Add up to 100 tasks; each succeeds or fails by itself."""
        bodies: list[Json] = body["value"]
        if len(bodies) > MAX_COLLECTION:
            if self._engine.assumptions.long_collection is LongCollection.TOO_LARGE:
                raise errors.request_body_too_large()
            reason = f"At most {MAX_COLLECTION} tasks can be added in one request"
            raise errors.invalid_property_value("value", str(len(bodies)), reason)
        with self._engine.reading() as state:
            state.job(job_id)
            together = frozenset(task["id"] for task in bodies)
            results = [self._add_one(job_id, task, together, links, request_id) for task in bodies]
        return {"odata.metadata": links.metadata("taskaddresult"), "value": results}

    def get(self, job_id: str, task_id: str, conditions: Conditions, query: Query, links: Links) -> Found:
        """Return one task."""
        query.check_expand()
        only = select(query, TASK)
        with self._engine.reading() as state:
            task = state.task(job_id, task_id)
            check_readable(conditions, task.last_modified)
            return Found(render(TASK, task, links, only), task.last_modified)

    def list(self, job_id: str, path: str, query: Query, links: Links) -> Json:
        """Return one page of a job's tasks."""
        with self._engine.reading():
            by_creation = self._engine.assumptions.task_order is TaskOrder.CREATION
            listing = _LIST_BY_CREATION if by_creation else _LIST
            return listing.page(self._engine.tasks_as_listed(job_id), path, query, links)

    def replace(self, job_id: str, task_id: str, body: Json, conditions: Conditions) -> datetime:
        """PUT: set the constraints, those that are left out to their defaults."""
        with self._engine.reading() as state:
            retries = state.job(job_id).spec.constraints.max_task_retry_count
            constraints = task_constraints(body.get("constraints"), retries)
            return self._engine.update_task(
                job_id,
                task_id,
                lambda spec: replace(
                    spec,
                    constraints=typed_constraints(constraints),
                    definition={**spec.definition, "constraints": constraints},
                ),
                conditions,
            )

    def terminate(self, job_id: str, task_id: str, conditions: Conditions) -> datetime:
        """End a task."""
        return self._engine.terminate_task(job_id, task_id, conditions)

    def reactivate(self, job_id: str, task_id: str, conditions: Conditions) -> datetime:
        """Run a failed task again."""
        return self._engine.reactivate_task(job_id, task_id, conditions)

    def delete(self, job_id: str, task_id: str, conditions: Conditions) -> None:
        """Delete a task with its files."""
        self._engine.delete_task(job_id, task_id, conditions)

    def subtasks(self, job_id: str, task_id: str, links: Links) -> Json:
        """Return the subtasks of a task: its instances other than the primary."""
        with self._engine.reading() as state:
            found = [subtask_json(part, links) for part in state.task(job_id, task_id).subtasks]
        return {"odata.metadata": links.metadata("subtaskinfo"), "value": found}

    def _add_one(
        self, job_id: str, body: Json, together: frozenset[str], links: Links, request_id: str
    ) -> Json:
        try:
            last_modified = self.add(job_id, body, together)
        except errors.ServiceError as error:
            if error.code in _OF_THE_JOB:
                raise
            reported = error_json(error, request_id, self._engine.now())
            return {"status": "clienterror", "taskId": body["id"], "error": reported}
        return {
            "status": "success",
            "taskId": body["id"],
            "eTag": etag(last_modified),
            "lastModified": format_time(last_modified),
            "location": links.task(job_id, body["id"]),
        }


def task_spec(body: Json, job: JobSpec, path: str = "") -> TaskSpec:
    """
    Turn the body of an add request, or a job's manager, into a task.

    :param job: the job that it goes to, whose retry count it inherits.
    :param path: prefix for the properties in errors, with a dot at its end.
    :raises ServiceError: naming the property that cannot be.
    """
    check_id(body["id"], f"{path}id")
    check_display_name(body, path)
    constraints = task_constraints(body.get("constraints"), job.constraints.max_task_retry_count)
    definition = {
        **body,
        "userIdentity": user_identity(body.get("userIdentity")),
        "constraints": constraints,
        "requiredSlots": check_range(body.get("requiredSlots", 1), 1, _MAX_SLOTS, f"{path}requiredSlots"),
    }
    instances = _multi_instance(body, definition["requiredSlots"], path)
    if instances is not None:
        number = instances.number_of_instances
        definition["multiInstanceSettings"] = {"numberOfInstances": number, **body["multiInstanceSettings"]}
    return TaskSpec(
        id=body["id"],
        definition=definition,
        command=command_of(body, path),
        constraints=typed_constraints(constraints),
        required_slots=definition["requiredSlots"],
        depends_on=_dependencies(body.get("dependsOn", {})),
        exit_conditions=_exit_conditions(body.get("exitConditions", {}), job),
        affinity_id=body.get("affinityInfo", {}).get("affinityId"),
        multi_instance=instances,
    )


def _multi_instance(body: Mapping[str, Any], slots: int, path: str) -> MultiInstanceSettings | None:
    given = body.get("multiInstanceSettings")
    if given is None:
        return None
    where = f"{path}multiInstanceSettings"
    if slots != 1:
        reason = "A task on several nodes needs one slot on each of them"
        raise errors.invalid_property_value(f"{path}requiredSlots", str(slots), reason)
    line = given["coordinationCommandLine"]
    if not line.strip() or "\0" in line:
        raise errors.invalid_property_value(
            f"{where}.coordinationCommandLine", line[:256], "A command is expected"
        )
    number = given.get("numberOfInstances", 1)
    return MultiInstanceSettings(
        check_range(number, 1, _MAX_INSTANCES, f"{where}.numberOfInstances"),
        line,
        tuple(
            resource_of(file, f"{where}.commonResourceFiles[{index}]")
            for index, file in enumerate(given.get("commonResourceFiles", ()))
        ),
    )


def typed_constraints(constraints: Mapping[str, Any]) -> TaskConstraints:
    """Read the constraints of a task, defaults filled in."""
    return TaskConstraints(
        max_wall_clock_time=limit_of(constraints, "maxWallClockTime"),
        retention_time=limit_of(constraints, "retentionTime"),
        max_task_retry_count=constraints["maxTaskRetryCount"],
    )


def _dependencies(given: Mapping[str, Any]) -> TaskDependencies:
    ids = tuple(given.get("taskIds", ()))
    if sum(len(task_id) + 1 for task_id in ids) > _MAX_DEPENDENCY_CHARACTERS:
        raise errors.task_dependency_list_too_long()
    ranges = []
    for index, entry in enumerate(given.get("taskIdRanges", ())):
        if not 0 <= entry["start"] <= entry["end"]:
            shown = f"{entry['start']}-{entry['end']}"
            raise errors.invalid_property_value(
                f"dependsOn.taskIdRanges[{index}]", shown, "A start from 0 up to the end is expected"
            )
        ranges.append(TaskIdRange(entry["start"], entry["end"]))
    return TaskDependencies(ids, tuple(ranges))


def _exit_conditions(given: Mapping[str, Any], job: JobSpec) -> ExitConditions:
    listed = []
    for index, entry in enumerate(given.get("exitCodes", ())):
        options = _exit_options(entry["exitOptions"], job, f"exitConditions.exitCodes[{index}].exitOptions")
        listed.append(ExitCodeRange(entry["code"], entry["code"], options))
    for index, entry in enumerate(given.get("exitCodeRanges", ())):
        path = f"exitConditions.exitCodeRanges[{index}]"
        if entry["start"] > entry["end"]:
            raise errors.invalid_property_value(
                path, f"{entry['start']}-{entry['end']}", "The end is before the start"
            )
        options = _exit_options(entry["exitOptions"], job, f"{path}.exitOptions")
        listed.append(ExitCodeRange(entry["start"], entry["end"], options))
    special = {
        name: _exit_options(given[name], job, f"exitConditions.{name}")
        for name in ("preProcessingError", "fileUploadError", "default")
        if name in given
    }
    return ExitConditions(
        tuple(listed),
        pre_processing_error=special.get("preProcessingError"),
        file_upload_error=special.get("fileUploadError"),
        default=special.get("default"),
    )


def _exit_options(given: Mapping[str, Any], job: JobSpec, path: str) -> ExitOptions:
    action, dependency = given.get("jobAction"), given.get("dependencyAction")
    if action is not None and job.on_task_failure is OnTaskFailure.NO_ACTION:
        reason = "The job's onTaskFailure is noaction"
        raise errors.invalid_property_value(f"{path}.jobAction", action, reason)
    return ExitOptions(
        None if action is None else JobAction(action),
        None if dependency is None else DependencyAction(dependency),
    )
