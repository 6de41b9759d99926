"""Subtasks of tasks on several nodes as JSON."""

from __future__ import annotations

from airflow_provider_batch.emulator.model.multi_instance import Subtask
from airflow_provider_batch.emulator.model.tasks import TaskNode
from airflow_provider_batch.emulator.wire.failures import failure_json
from airflow_provider_batch.emulator.wire.fields import Json, present, time_or_none
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.tasks import node_info_json
from airflow_provider_batch.emulator.wire.times import format_time


def subtask_json(subtask: Subtask, links: Links) -> Json:
    """Write one subtask."""
    place = TaskNode(subtask.pool_id, subtask.node_id, subtask.directory)
    return present(
        id=subtask.id,
        startTime=time_or_none(subtask.start_time),
        endTime=time_or_none(subtask.end_time),
        state=subtask.state.value,
        stateTransitionTime=format_time(subtask.state_transition_time),
        previousState=subtask.previous_state.value if subtask.previous_state else None,
        previousStateTransitionTime=time_or_none(subtask.previous_state_transition_time),
        failureInfo=failure_json(subtask.failure_info),
        result=subtask.result.value if subtask.result else None,
        exitCode=subtask.exit_code,
        nodeInfo=node_info_json(place, links),
    )
