"""What the mirrors of one job cost the service: counted by the emulator."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.polling import JITTER
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.triggers.job_poller import subscribe
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import CONN_ID

MIRRORS = 50
INTERVAL = 0.5

pytestmark = pytest.mark.emulator_only(reason="only the emulator counts requests")


async def _follow(key: TaskKey) -> str:
    async with subscribe(CONN_ID, key.batch_job_id, INTERVAL) as subscription:
        while True:
            task = (await subscription.look(key)).json
            if task["state"] == "completed":
                return str(task["executionInfo"]["result"])
            await subscription.wait(60, key)


async def test_fifty_mirrors_cost_one_list_in_each_interval(
    emulator: EmulatorProcess, hook: AzureBatchHook, pool: str
) -> None:
    job = "fifty-mirrors"
    keys = [TaskKey(job, f"t{i}") for i in range(MIRRORS)]
    await asyncio.to_thread(hook.send, requests.create_job({"id": job, "poolInfo": {"poolId": pool}}))
    for key in keys:
        body = {"id": key.batch_task_id, "commandLine": "sleep 0.3"}
        await asyncio.to_thread(hook.send, requests.create_task(job, body))
    emulator.reset_request_counts()
    began = time.monotonic()
    assert await asyncio.gather(*map(_follow, keys)) == ["success"] * MIRRORS
    elapsed = time.monotonic() - began
    counts = emulator.request_counts()
    # The bound grows with the time that it took: however slow the machine, only too many requests break it.
    lists_at_first = 3
    assert counts.pop("list_tasks") <= elapsed / (INTERVAL * (1 - JITTER)) + lists_at_first
    assert not counts


async def test_a_look_in_the_poll_has_the_etag_of_the_task(
    emulator: EmulatorProcess, hook: AzureBatchHook, pool: str
) -> None:
    key = TaskKey("etag-in-a-list", "t")
    body = {"id": key.batch_job_id, "poolInfo": {"poolId": pool}}
    await asyncio.to_thread(hook.send, requests.create_job(body))
    task = {"id": key.batch_task_id, "commandLine": "/bin/true"}
    await asyncio.to_thread(hook.send, requests.create_task(key.batch_job_id, task))
    emulator.reset_request_counts()
    async with subscribe(CONN_ID, key.batch_job_id, INTERVAL) as subscription:
        looked = await subscription.look(key)
    assert emulator.request_counts() == {"list_tasks": 1}
    assert looked.etag == (await asyncio.to_thread(hook.send, requests.get_task(key))).etag
