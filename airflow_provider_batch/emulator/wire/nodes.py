"""Nodes as JSON."""

from __future__ import annotations

from airflow_provider_batch.emulator.model.nodes import Node, NodeError, RecentTask, StartTaskInfo
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeState
from airflow_provider_batch.emulator.wire.failures import failure_json
from airflow_provider_batch.emulator.wire.fields import Fields, Json, name_values, present, time_or_none
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.secrets import without_secrets
from airflow_provider_batch.emulator.wire.times import format_time
from airflow_provider_batch.emulator.wire.versions import CURRENT, shown_from

NODE_AGENT_VERSION = "1.13.4"
EXACT_VERSION = "1.0.0"
"""What ``latest`` of an image stands for; there is no image behind it."""

_UNBOOTED = (NodeState.CREATING, NodeState.STARTING)


#: first port outside of the nodes' ssh
_SSH_PORTS = 50_000
_PUBLIC_ADDRESS = "127.0.0.1"


def node_fields(pool: Pool) -> Fields[Node]:
    """
    The table of a node.

    :param pool: of the node.
    """
    image = pool.spec.definition["virtualMachineConfiguration"]["imageReference"]
    return {
        "id": lambda node, links: node.id,
        "url": lambda node, links: links.node(node.pool_id, node.id),
        "state": lambda node, links: node.state.value,
        "schedulingState": lambda node, links: node.scheduling_state.value,
        "stateTransitionTime": lambda node, links: format_time(node.state_transition_time),
        "lastBootTime": lambda node, links: time_or_none(node.last_boot_time),
        "allocationTime": lambda node, links: format_time(node.allocation_time),
        "ipAddress": lambda node, links: node.ip_address,
        "ipv6Address": shown_from(CURRENT, CURRENT, lambda node, links: f"fd00::{node.number + 4:x}"),
        "affinityId": lambda node, links: node.affinity_id,
        "vmSize": lambda node, links: node.vm_size,
        "totalTasksRun": lambda node, links: node.total_tasks_run,
        "totalTasksSucceeded": lambda node, links: node.total_tasks_succeeded,
        "runningTasksCount": lambda node, links: node.running_tasks_count,
        "runningTaskSlotsCount": lambda node, links: node.used_slots,
        "recentTasks": lambda node, links: [_recent(task, links) for task in node.recent_tasks] or None,
        "startTask": lambda node, links: without_secrets(node.start_task),
        "startTaskInfo": lambda node, links: _start_task_info(node.start_task_info),
        "errors": lambda node, links: [_error(error) for error in node.errors] or None,
        "isDedicated": lambda node, links: node.is_dedicated,
        "endpointConfiguration": lambda node, links: _endpoints(pool, node),
        "nodeAgentInfo": lambda node, links: _agent(node),
        "virtualMachineInfo": lambda node, links: {
            "imageReference": {**image, "exactVersion": EXACT_VERSION}
        },
    }


def _agent(node: Node) -> Json | None:
    if node.last_boot_time is None or node.state in _UNBOOTED:
        return None
    return {"version": NODE_AGENT_VERSION, "lastUpdateTime": format_time(node.last_boot_time)}


def remote_login_json(node: Node) -> Json:
    """Write where a node's users log in; nobody listens there."""
    return {"remoteLoginIPAddress": _PUBLIC_ADDRESS, "remoteLoginPort": _SSH_PORTS + node.number}


def _endpoints(pool: Pool, node: Node) -> Json:
    network = pool.spec.definition.get("networkConfiguration", {})
    given = network.get("endpointConfiguration", {}).get("inboundNATPools", ())
    return {
        "inboundEndpoints": [
            _endpoint("SSHRule", node.number, "tcp", _SSH_PORTS, 22),
            *(
                _endpoint(
                    nat["name"],
                    node.number,
                    nat["protocol"],
                    nat["frontendPortRangeStart"],
                    nat["backendPort"],
                )
                for nat in given
            ),
        ]
    }


def _endpoint(name: str, number: int, protocol: str, first_port: int, backend_port: int) -> Json:
    return {
        "name": f"{name}.{number}",
        "protocol": protocol,
        "publicIPAddress": _PUBLIC_ADDRESS,
        "publicFQDN": "localhost",
        "frontendPort": first_port + number,
        "backendPort": backend_port,
    }


def _recent(task: RecentTask, links: Links) -> Json:
    return present(
        taskUrl=links.task(task.job_id, task.task_id),
        jobId=task.job_id,
        taskId=task.task_id,
        subtaskId=task.subtask_id,
        taskState=task.task_state.value,
        executionInfo=present(
            startTime=time_or_none(task.start_time),
            endTime=time_or_none(task.end_time),
            exitCode=task.exit_code,
            failureInfo=failure_json(task.failure_info),
            result=task.result.value if task.result else None,
            retryCount=task.retry_count,
            requeueCount=task.requeue_count,
        ),
    )


def _start_task_info(info: StartTaskInfo | None) -> Json | None:
    if info is None:
        return None
    return present(
        state=info.state.value,
        startTime=format_time(info.start_time),
        endTime=time_or_none(info.end_time),
        exitCode=info.exit_code,
        failureInfo=failure_json(info.failure_info),
        result=info.result.value if info.result else None,
        retryCount=info.retry_count,
        lastRetryTime=time_or_none(info.last_retry_time),
    )


def _error(error: NodeError) -> Json:
    return present(code=error.code, message=error.message, errorDetails=name_values(error.error_details))
