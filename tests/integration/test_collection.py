"""Many tasks are added to a job of the emulator, through the client, in few requests."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import pytest

from airflow_provider_batch.domain import ids, requests
from airflow_provider_batch.domain.collection import Added, add_tasks
from airflow_provider_batch.domain.flow import Effect, drive, drive_async, pages
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.exceptions import BatchConflictError, BatchOwnershipError, BatchServiceError
from airflow_provider_batch.hooks.batch import AzureBatchAsyncHook, AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.specs.legal_ids import MAX_ID_LENGTH
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import CONN_ID, POOL

EMPTY_POOL = {**POOL, "id": "empty", "targetDedicatedNodes": 0}


class Account:
    """A hook that drives flows."""

    def __init__(self, hook: AzureBatchHook) -> None:
        self.hook = hook
        self._effects = WorkerEffects(hook.get_conn(), logging.getLogger(__name__))

    def drive(self, flow: Any) -> Any:
        return drive(flow, self._effects)

    def tasks(self, job: str) -> list[Any]:
        return list(self.drive(pages(requests.list_tasks(job))))


@pytest.fixture
def account(hook: AzureBatchHook) -> Account:
    return Account(hook)


@pytest.fixture
def job(account: Account, request: pytest.FixtureRequest) -> str:
    """Id of a new job on a pool without nodes: nothing runs."""
    with contextlib.suppress(BatchConflictError):  # another test made it
        account.hook.send(requests.create_pool(EMPTY_POOL))
    job_id = ids.slug(request.node.name, MAX_ID_LENGTH)
    body = {"id": job_id, "poolInfo": {"poolId": "empty"}, "usesTaskDependencies": True}
    account.hook.send(requests.create_job(body))
    return job_id


def bodies(count: int, owner: str = "us", **more: Any) -> list[dict[str, Any]]:
    environment = [{"name": ids.OWNER, "value": owner}]
    return [
        {"id": str(number), "commandLine": "/bin/true", "environmentSettings": environment, **more}
        for number in range(1, count + 1)
    ]


def test_fan_out_and_fan_in_are_there_with_their_dependencies(
    account: Account, job: str, emulator: EmulatorProcess
) -> None:
    fan_in = {**bodies(1)[0], "id": "merge", "dependsOn": {"taskIdRanges": [{"start": 1, "end": 250}]}}
    emulator.reset_request_counts()
    assert account.drive(add_tasks(job, [*bodies(250), fan_in])) == Added(251, 0, 3)
    assert emulator.request_counts() == {"create_task_collection": 3}
    tasks = {task["id"]: task for task in account.tasks(job)}
    assert len(tasks) == 251
    assert tasks["merge"]["dependsOn"] == fan_in["dependsOn"]


def test_repeating_adds_nothing_and_asks_for_the_owners_in_one_list(
    account: Account, job: str, emulator: EmulatorProcess
) -> None:
    account.drive(add_tasks(job, bodies(130)))
    emulator.reset_request_counts()
    assert account.drive(add_tasks(job, bodies(140))) == Added(10, 130, 2)
    assert emulator.request_counts() == {"create_task_collection": 2, "list_tasks": 1}
    known = {task["id"] for task in account.tasks(job)}
    assert account.drive(add_tasks(job, bodies(150), known)) == Added(10, 140, 1)


def test_large_tasks_go_in_requests_that_are_not_too_large(
    account: Account, job: str, emulator: EmulatorProcess
) -> None:
    emulator.reset_request_counts()
    # 4,000 characters are 24,000 bytes when they are sent; 37 tasks of that size fit into a request.
    wanted = bodies(100, commandLine="/bin/echo " + "é" * 4_000)
    assert account.drive(add_tasks(job, wanted)) == Added(100, 0, 3)
    assert emulator.request_counts() == {"create_task_collection": 3}
    assert account.tasks(job)[0]["commandLine"] == wanted[0]["commandLine"]


def test_refused_task_is_named_and_the_others_of_its_request_stay(account: Account, job: str) -> None:
    wanted = [*bodies(3), {**bodies(1)[0], "id": "not legal"}, {**bodies(1)[0], "id": "neither legal"}]
    with pytest.raises(BatchServiceError, match=r"task 'not legal'.*2 of the 5 tasks") as caught:
        account.drive(add_tasks(job, wanted))
    assert caught.value.code == "InvalidPropertyValue"
    assert {task["id"] for task in account.tasks(job)} == {"1", "2", "3"}


def test_task_of_another_owner_is_left_alone(account: Account, job: str) -> None:
    account.drive(add_tasks(job, bodies(1, owner="them")))
    with pytest.raises(BatchOwnershipError):
        account.drive(add_tasks(job, bodies(2)))


def test_job_that_has_ended_is_known_by_its_code(account: Account, job: str) -> None:
    account.hook.send(requests.terminate_job(job, "done"))
    with pytest.raises(BatchConflictError) as caught:
        account.drive(add_tasks(job, bodies(2)))
    assert caught.value.code in ("JobBeingTerminated", "JobCompleted")


async def test_flow_runs_in_an_event_loop_too(account: Account, job: str) -> None:
    async with AzureBatchAsyncHook(CONN_ID) as asynchronous:

        async def perform(effect: Effect) -> Answer:
            assert isinstance(effect, Request)
            return await asynchronous.send(effect)

        assert await drive_async(add_tasks(job, bodies(101)), perform) == Added(101, 0, 2)
