"""Pools and counts of their nodes as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from airflow_provider_batch.emulator.model.autoscale import AutoScale
from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool, ResizeError
from airflow_provider_batch.emulator.model.states import NodeState
from airflow_provider_batch.emulator.wire.autoscale import auto_scale_run_json
from airflow_provider_batch.emulator.wire.durations import format_duration
from airflow_provider_batch.emulator.wire.fields import Fields, Json, name_values, present
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.secrets import without_secrets
from airflow_provider_batch.emulator.wire.times import format_time
from airflow_provider_batch.emulator.wire.versions import shown_before_current, shown_from


def _given(name: str) -> Callable[[Pool, Links], Any]:
    return lambda pool, links: pool.spec.definition.get(name)


def _given_without_secrets(name: str) -> Callable[[Pool, Links], Any]:
    return lambda pool, links: without_secrets(pool.spec.definition.get(name))


def _of_auto_scale(show: Callable[[AutoScale], Any]) -> Callable[[Pool, Links], Any]:
    return lambda pool, links: None if pool.auto_scale is None else show(pool.auto_scale)


def _run(auto_scale: AutoScale) -> Json | None:
    return None if auto_scale.run is None else auto_scale_run_json(auto_scale.run)


POOL: Fields[Pool] = {
    "id": lambda pool, links: pool.id,
    "displayName": _given("displayName"),
    "url": lambda pool, links: links.pool(pool.id),
    "eTag": lambda pool, links: etag(pool.last_modified),
    "lastModified": lambda pool, links: format_time(pool.last_modified),
    "creationTime": lambda pool, links: format_time(pool.creation_time),
    "state": lambda pool, links: pool.state.value,
    "stateTransitionTime": lambda pool, links: format_time(pool.state_transition_time),
    "allocationState": lambda pool, links: pool.allocation_state.value,
    "allocationStateTransitionTime": lambda pool, links: format_time(pool.allocation_state_transition_time),
    "vmSize": lambda pool, links: pool.spec.vm_size,
    "resizeTimeout": lambda pool, links: format_duration(pool.resize_timeout),
    "resizeErrors": lambda pool, links: [_resize_error(error) for error in pool.resize_errors] or None,
    "currentDedicatedNodes": lambda pool, links: pool.current_dedicated_nodes,
    "targetDedicatedNodes": lambda pool, links: pool.target_dedicated_nodes,
    "currentLowPriorityNodes": lambda pool, links: pool.current_low_priority_nodes,
    "targetLowPriorityNodes": lambda pool, links: pool.target_low_priority_nodes,
    "enableAutoScale": lambda pool, links: pool.auto_scale is not None,
    "autoScaleFormula": _of_auto_scale(lambda auto_scale: auto_scale.settings.formula),
    "autoScaleEvaluationInterval": _of_auto_scale(
        lambda auto_scale: format_duration(auto_scale.settings.evaluation_interval)
    ),
    "autoScaleRun": _of_auto_scale(_run),
    "enableInterNodeCommunication": _given("enableInterNodeCommunication"),
    "networkConfiguration": _given("networkConfiguration"),
    "startTask": _given_without_secrets("startTask"),
    "applicationPackageReferences": _given("applicationPackageReferences"),
    "taskSlotsPerNode": _given("taskSlotsPerNode"),
    "taskSchedulingPolicy": _given("taskSchedulingPolicy"),
    "virtualMachineConfiguration": _given_without_secrets("virtualMachineConfiguration"),
    "userAccounts": _given("userAccounts"),
    "metadata": _given("metadata"),
    "mountConfiguration": _given_without_secrets("mountConfiguration"),
    "upgradePolicy": _given("upgradePolicy"),
    "identity": _given("identity"),
    "resourceTags": shown_before_current(_given("resourceTags"), "2023-11-01.18.0"),
    "applicationLicenses": shown_from("2022-01-01.15.0", "2024-02-01.19.0", _given("applicationLicenses")),
    "targetNodeCommunicationMode": shown_before_current(
        lambda pool, links: pool.spec.definition.get("targetNodeCommunicationMode", "default"),
        "2022-10-01.16.0",
    ),
    "currentNodeCommunicationMode": shown_before_current(
        lambda pool, links: "simplified" if pool.nodes else None, "2022-10-01.16.0"
    ),
}

_COUNTED: dict[str, NodeState] = {
    "creating": NodeState.CREATING,
    "idle": NodeState.IDLE,
    "leavingPool": NodeState.LEAVING_POOL,
    "offline": NodeState.OFFLINE,
    "preempted": NodeState.PREEMPTED,
    "rebooting": NodeState.REBOOTING,
    "reimaging": NodeState.REIMAGING,
    "running": NodeState.RUNNING,
    "starting": NodeState.STARTING,
    "startTaskFailed": NodeState.START_TASK_FAILED,
    "unusable": NodeState.UNUSABLE,
    "unknown": NodeState.UNKNOWN,
    "waitingForStartTask": NodeState.WAITING_FOR_START_TASK,
    "deallocated": NodeState.DEALLOCATED,
    "deallocating": NodeState.DEALLOCATING,
    "upgradingOS": NodeState.UPGRADING_OS,
}


def node_counts_json(pool: Pool) -> Json:
    """Write how many nodes of a pool are in which state."""
    nodes = list(pool.nodes.values())
    return {
        "poolId": pool.id,
        "dedicated": _counts(node for node in nodes if node.is_dedicated),
        "lowPriority": _counts(node for node in nodes if not node.is_dedicated),
    }


def _counts(nodes: Iterable[Node]) -> Json:
    by_state = Counter(node.state for node in nodes)
    return {**{name: by_state[state] for name, state in _COUNTED.items()}, "total": by_state.total()}


def _resize_error(error: ResizeError) -> Json:
    return present(code=error.code, message=error.message, values=name_values(error.values))
