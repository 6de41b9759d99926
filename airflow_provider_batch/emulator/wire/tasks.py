"""Tasks as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_batch.emulator.model.containers import ContainerInfo
from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.model.states import TaskState
from airflow_provider_batch.emulator.model.tasks import Task, TaskNode
from airflow_provider_batch.emulator.wire.failures import failure_json
from airflow_provider_batch.emulator.wire.fields import Fields, Json, present, time_or_none
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.secrets import without_secrets
from airflow_provider_batch.emulator.wire.times import format_time
from airflow_provider_batch.emulator.wire.versions import shown_before_current


def _given(name: str) -> Callable[[Task, Links], Any]:
    return lambda task, links: task.spec.definition.get(name)


TASK: Fields[Task] = {
    "id": lambda task, links: task.id,
    "displayName": _given("displayName"),
    "url": lambda task, links: links.task(task.job_id, task.id),
    "eTag": lambda task, links: etag(task.last_modified),
    "creationTime": lambda task, links: format_time(task.creation_time),
    "lastModified": lambda task, links: format_time(task.last_modified),
    "state": lambda task, links: task.state.value,
    "stateTransitionTime": lambda task, links: format_time(task.state_transition_time),
    "previousState": lambda task, links: task.previous_state.value if task.previous_state else None,
    "previousStateTransitionTime": lambda task, links: time_or_none(task.previous_state_transition_time),
    "commandLine": _given("commandLine"),
    "resourceFiles": _given("resourceFiles"),
    "outputFiles": _given("outputFiles"),
    "environmentSettings": _given("environmentSettings"),
    "affinityInfo": _given("affinityInfo"),
    "exitConditions": _given("exitConditions"),
    "userIdentity": _given("userIdentity"),
    "multiInstanceSettings": _given("multiInstanceSettings"),
    "constraints": _given("constraints"),
    "requiredSlots": _given("requiredSlots"),
    "executionInfo": lambda task, links: _execution_info(task),
    "nodeInfo": lambda task, links: _node_info(task, links),
    "dependsOn": _given("dependsOn"),
    "applicationPackageReferences": _given("applicationPackageReferences"),
    "containerSettings": lambda task, links: without_secrets(task.spec.definition.get("containerSettings")),
    "authenticationTokenSettings": shown_before_current(_given("authenticationTokenSettings")),
}


def _execution_info(task: Task) -> Json:
    info = task.execution_info
    return present(
        startTime=time_or_none(info.start_time),
        endTime=time_or_none(info.end_time),
        exitCode=info.exit_code,
        containerInfo=_container_info(info.container_info),
        failureInfo=failure_json(info.failure_info),
        result=info.result.value if info.result else None,
        retryCount=info.retry_count,
        lastRetryTime=time_or_none(info.last_retry_time),
        requeueCount=info.requeue_count,
        lastRequeueTime=time_or_none(info.last_requeue_time),
    )


def _container_info(info: ContainerInfo | None) -> Json | None:
    if info is None:
        return None
    return present(containerId=info.container_id, state=info.state, error=info.error or None)


def _node_info(task: Task, links: Links) -> Json | None:
    if task.node is None:
        return {} if task.state is TaskState.COMPLETED else None
    return node_info_json(task.node, links)


def node_info_json(node: TaskNode, links: Links) -> Json:
    """Where a task or an instance of it runs or ran."""
    return {
        "affinityId": f"TVM:{node.node_id}",
        "nodeUrl": links.node(node.pool_id, node.node_id),
        "poolId": node.pool_id,
        "nodeId": node.node_id,
        "taskRootDirectory": node.directory,
        "taskRootDirectoryUrl": links.node_file(node.pool_id, node.node_id, node.directory),
    }
