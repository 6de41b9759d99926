"""The trigger of a wait for a pool can be made again, and a kill touches only what is its own."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict, fields
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.triggers.base import TaskFailedEvent, TaskSuccessEvent

from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.flow import Flow, Log
from airflow_provider_batch.domain.pool_wait import POOL_CLAIM_KEY, PoolWait
from airflow_provider_batch.exceptions import BatchPoolLostError
from airflow_provider_batch.triggers import end_events
from airflow_provider_batch.triggers import pool as module
from airflow_provider_batch.triggers.pool import AzureBatchPoolTrigger

WAIT = PoolWait(
    "p",
    "restarted",
    began="2026-01-01T00:00:00+00:00",
    nodes=3,
    share=0.5,
    steady=True,
    old_errors="2026-01-01T00:00:00Z",
    created="2026-01-01T00:00:00Z",
    boots={"n": None},
    result={"pool": "created"},
    poll_interval=3.5,
    allocation_timeout=60.0,
    node_timeout=70.0,
    deadline="2026-01-01T01:00:00+00:00",
    owner="me",
    failure_owner="me",
)
ARGUMENTS: dict[str, Any] = {
    "azure_batch_conn_id": "conn",
    "wait": asdict(WAIT),
    "worker_endings": ["failed"],
    "push_result": False,
    "deferred_at": "2026-01-01T00:00:00+00:00",
}
TASK_INSTANCE = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=2)


class Hook:
    """Stands for AzureBatchAsyncHook."""

    def __init__(self, conn_id: str) -> None:
        assert conn_id == "conn"

    async def __aenter__(self) -> Hook:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing to give back."""

    async def get_conn(self) -> Hook:
        return self


@pytest.fixture
def xcoms(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def get(task_instance: Any, key: str) -> Any:
        return found.get(key)

    async def put(task_instance: Any, key: str, value: Any) -> None:
        found[key] = value

    monkeypatch.setattr(module, "AzureBatchAsyncHook", Hook)
    monkeypatch.setattr(module, "get_xcom", get)
    monkeypatch.setattr(end_events, "set_xcom", put)
    return found


def trigger(**changes: Any) -> AzureBatchPoolTrigger:
    made = AzureBatchPoolTrigger(**{**ARGUMENTS, **changes})
    made.task_instance = TASK_INSTANCE  # type: ignore[assignment]
    return made


def ends_with(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def flow(wait: PoolWait) -> Flow[Any]:
        yield Log("waiting")
        if isinstance(value, Exception):
            raise value
        return value

    monkeypatch.setattr(module, "wait_for_pool", flow)


async def event_of(made: AzureBatchPoolTrigger) -> Any:
    events = [event async for event in made.run()]
    assert len(events) == 1
    return events.pop()


def test_trigger_is_made_again_from_json() -> None:
    path, arguments = AzureBatchPoolTrigger(**ARGUMENTS).serialize()
    assert path == "airflow_provider_batch.triggers.pool.AzureBatchPoolTrigger"
    assert json.loads(json.dumps(arguments)) == ARGUMENTS
    assert set(inspect.signature(AzureBatchPoolTrigger).parameters) == set(ARGUMENTS)
    assert AzureBatchPoolTrigger(**json.loads(json.dumps(arguments)))._wait() == WAIT


def test_every_part_of_a_wait_is_compared_above() -> None:
    defaults = PoolWait("p", "usable", began="")
    assert all(
        getattr(WAIT, f.name) != getattr(defaults, f.name)
        for f in fields(PoolWait)
        if f.name != "batch_pool_id"
    )


async def test_success_becomes_the_return_value(
    xcoms: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with({"usable_nodes": 2}, monkeypatch)
    event = await event_of(trigger(push_result=True))
    assert isinstance(event, TaskSuccessEvent)
    assert xcoms["return_value"] == {"usable_nodes": 2}


async def test_failure_ends_the_task_at_once(xcoms: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(BatchPoolLostError("gone"), monkeypatch)
    assert isinstance(await event_of(trigger(worker_endings=[])), TaskFailedEvent)


async def test_failure_that_needs_a_worker_is_raised_there(
    xcoms: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with(BatchPoolLostError("gone"), monkeypatch)
    event = await event_of(trigger())
    assert isinstance(Ending.from_json(json.loads(json.dumps(event.payload))).error(), BatchPoolLostError)


@pytest.mark.parametrize(("newest_try", "owner"), [(1, "me"), (2, "me"), (3, None), (None, "me")])
async def test_kill_deletes_unless_a_later_try_is_at_work(
    xcoms: dict[str, Any], monkeypatch: pytest.MonkeyPatch, newest_try: int | None, owner: str | None
) -> None:
    asked: list[str | None] = []

    def withdraw(batch_pool_id: str, of: str | None) -> Flow[None]:
        asked.append(of)
        yield Log("done")

    monkeypatch.setattr(module, "withdraw", withdraw)
    if newest_try is not None:
        xcoms[POOL_CLAIM_KEY] = {"try_number": newest_try, "batch_pool_id": "p"}
    await trigger()._kill()
    assert asked == [owner]


async def test_trigger_that_has_ended_is_not_killed(
    xcoms: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with({}, monkeypatch)
    monkeypatch.setattr(module, "withdraw", lambda *_: pytest.fail("it is over"))
    made = trigger()
    await event_of(made)
    await made._kill()
