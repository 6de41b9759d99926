"""Tasks that run on several nodes at once: what the user wants of them, and their subtasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow_provider_batch.emulator.model.commands import Resource
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.states import SubtaskState, TaskResult

PRIMARY = 0
"""Number of the instance that runs the task's own command; it is no subtask of the list."""


@dataclass(frozen=True)
class MultiInstanceSettings:
    """
    What a task on several nodes needs.

    :param number_of_instances: nodes; all of them begin at once.
    :param coordination_command_line: runs on every node before the primary runs the task's own command.
    :param common_resource_files: for every node, into the task's directory, one above the working directory.
    """

    number_of_instances: int
    coordination_command_line: str
    common_resource_files: tuple[Resource, ...] = ()


@dataclass(frozen=True)
class InstancePlace:
    """
    What one instance knows of all of them.

    :param number: its own, 0 for the primary.
    :param addresses: of the nodes of all instances, the primary's first.
    """

    number: int
    addresses: tuple[str, ...]
    settings: MultiInstanceSettings


@dataclass
class Subtask:
    """
    One instance of a task other than the primary, in its present or last run.

    :param pool_id: with ``node_id`` and ``directory`` the place where it runs or ran.
    :param run_id: its process; None when that is gone.
    """

    id: int
    pool_id: str
    node_id: str
    directory: str
    run_id: int | None
    state: SubtaskState
    state_transition_time: datetime
    previous_state: SubtaskState | None = None
    previous_state_transition_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    result: TaskResult | None = None
    failure_info: FailureInfo | None = None
