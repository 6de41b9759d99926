"""Node-hours from what the emulator says of tasks, nodes and pools."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive
from airflow_provider_batch.domain.node_hours import Machine, task_hours
from airflow_provider_batch.domain.outcome import TASK_SELECT
from airflow_provider_batch.domain.pool_machines import read_pool_machines
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from tests.integration.test_task_operator import state_of, wait_until


def test_a_task_that_needs_two_of_four_slots_holds_half_of_its_node(hook: AzureBatchHook, pool: str) -> None:
    key = TaskKey("node-hours", "t")
    hook.send(requests.create_job({"id": key.batch_job_id, "poolInfo": {"poolId": pool}}))
    body = {"id": key.batch_task_id, "commandLine": "sleep 1", "requiredSlots": 2}
    hook.send(requests.create_task(key.batch_job_id, body))
    wait_until(lambda: state_of(hook, key) == "completed")
    task = hook.send(requests.get_task(key, TASK_SELECT)).json
    perform = WorkerEffects(hook.get_conn(), logging.getLogger(__name__))
    found = drive(read_pool_machines(pool), perform)
    hours = task_hours(task, found.machines)
    assert hours.by_machine.keys() == {Machine("standard_d2s_v5")}
    # The process may have begun a little before the moment that is written down.
    assert 0.4 / 3600 <= hours.total < 30 / 3600
    assert hours.core_hours == pytest.approx(2 * hours.total)
    assert found.held is not None
    assert found.held.total > hours.total
    assert drive(read_pool_machines("nowhere"), perform).held is None
