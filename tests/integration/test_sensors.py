"""Sensors for work that somebody else has submitted, against a real emulator."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, PokeReturnValue, TaskDeferred

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchNotFoundError,
    BatchSensedFailureError,
    SpecError,
)
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.sensors.base import BatchSensor
from airflow_provider_batch.sensors.idle_pool import AzureBatchIdlePoolSensor
from airflow_provider_batch.sensors.job import AzureBatchJobSensor
from airflow_provider_batch.sensors.pool import AzureBatchPoolSensor
from airflow_provider_batch.sensors.task import AzureBatchTaskSensor
from airflow_provider_batch.triggers.sensor import AzureBatchSensorTrigger
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import POOL
from tests.integration.task_try import RUN_STARTED

_numbers = itertools.count(1)
LIMIT_SECONDS = 30


FIRST_TRY: Any = {"ti": SimpleNamespace(try_number=1)}


class Work:
    """A job of somebody else."""

    def __init__(self, hook: AzureBatchHook, pool: str) -> None:
        self._port = hook.get_conn()
        self._pool = pool
        self.batch_job_id = f"elsewhere-{next(_numbers)}"

    def create(self, **more: Any) -> Work:
        self._port.send(
            requests.create_job({"id": self.batch_job_id, "poolInfo": {"poolId": self._pool}, **more})
        )
        return self

    def add(self, batch_task_id: str, command_line: str = "/bin/true") -> Work:
        body = {"id": batch_task_id, "commandLine": command_line}
        self._port.send(requests.create_task(self.batch_job_id, body))
        return self

    def end(self, reason: str = "enough") -> None:
        self._port.send(requests.terminate_job(self.batch_job_id, reason))

    def end_task(self, batch_task_id: str) -> None:
        self._port.send(requests.terminate_task(TaskKey(self.batch_job_id, batch_task_id)))


@pytest.fixture
def work(hook: AzureBatchHook, pool: str) -> Work:
    return Work(hook, pool)


@pytest.fixture
def sensor() -> Callable[..., Any]:
    """Make a sensor in a DAG of its own."""

    def make(kind: type[BatchSensor], **arguments: Any) -> Any:
        arguments = {"poke_interval": 0.2, "poll_interval": 0.2, "timeout": LIMIT_SECONDS, **arguments}
        with DAG("sensors", schedule=None, start_date=RUN_STARTED):
            return kind(task_id="wait", **arguments)

    return make


def wait(sensor: BatchSensor) -> Any:
    """Poke until the sensor is done; what it gives then."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (poked := sensor.poke({})).is_done:
        assert isinstance(poked, PokeReturnValue)
        assert time.monotonic() < deadline, "the sensor is not done in time"
        time.sleep(0.1)
    return poked.xcom_value


def deferred(sensor: BatchSensor) -> AzureBatchSensorTrigger:
    """Run the sensor until it defers; its trigger, made anew as a triggerer makes it."""
    with pytest.raises(TaskDeferred) as raised:
        sensor.execute(FIRST_TRY)
    path, arguments = raised.value.trigger.serialize()
    assert path == "airflow_provider_batch.triggers.sensor.AzureBatchSensorTrigger"
    assert raised.value.method_name == "execute_complete"
    return AzureBatchSensorTrigger(**arguments)


async def fire(trigger: AzureBatchSensorTrigger) -> Any:
    """Run a trigger to its event."""
    async for event in trigger.run():
        return event.payload
    raise AssertionError("the trigger ended without an event")


def test_tasks_are_waited_for_until_all_of_them_have_succeeded(work: Work, sensor: Callable[..., Any]):
    work.create().add("a").add("b", "/bin/sleep 0.5")
    result = wait(sensor(AzureBatchTaskSensor, batch_job_id=work.batch_job_id))
    assert result == {"batch_job_id": work.batch_job_id, "tasks": 2, "failed": 0}


def test_named_tasks_are_waited_for_and_no_others(work: Work, sensor: Callable[..., Any]):
    work.create().add("a").add("slow", "/bin/sleep 60")
    result = wait(sensor(AzureBatchTaskSensor, batch_job_id=work.batch_job_id, batch_task_ids=["a"]))
    assert result["tasks"] == 1
    work.end_task("slow")


def test_work_that_does_not_exist_yet_is_waited_for(work: Work, sensor: Callable[..., Any]):
    jobs = sensor(AzureBatchJobSensor, batch_job_id=work.batch_job_id)
    tasks = sensor(AzureBatchTaskSensor, batch_job_id=work.batch_job_id)
    named = sensor(AzureBatchTaskSensor, batch_job_id=work.batch_job_id, batch_task_ids="a")
    assert [s.poke({}).is_done for s in (jobs, tasks, named)] == [False, False, False]
    work.create()
    assert tasks.poke({}).is_done is False, "a job without tasks has not ended"
    work.add("a")
    assert wait(tasks)["tasks"] == wait(named)["tasks"] == 1


@pytest.mark.parametrize("kind", [AzureBatchJobSensor, AzureBatchTaskSensor])
def test_work_that_must_exist_and_does_not_is_an_error(sensor: Callable[..., Any], kind: type[BatchSensor]):
    with pytest.raises(BatchNotFoundError):
        sensor(kind, batch_job_id="nobodys", must_exist=True).poke({})


def test_task_that_failed_fails_the_sensor_and_is_named(work: Work, sensor: Callable[..., Any]):
    work.create().add("good").add("bad", "/bin/sh -c 'exit 3'")
    waits = {"batch_job_id": work.batch_job_id}
    with pytest.raises(BatchSensedFailureError, match=r"1 of 2 tasks .* failed: bad"):
        wait(sensor(AzureBatchTaskSensor, **waits))
    with pytest.raises(BatchSensedFailureError, match=r"bad \(exit code 3\)"):
        wait(sensor(AzureBatchTaskSensor, batch_task_ids=["good", "bad"], **waits))
    result = wait(sensor(AzureBatchTaskSensor, fail_on_failure=False, **waits))
    assert result == {"batch_job_id": work.batch_job_id, "tasks": 2, "failed": 1}


def test_job_that_somebody_ends_is_no_failure_and_one_that_a_failed_task_ends_is(
    hook: AzureBatchHook, pool: str, sensor: Callable[..., Any]
):
    ended = Work(hook, pool).create()
    ended.end("enough")
    result = wait(sensor(AzureBatchJobSensor, batch_job_id=ended.batch_job_id))
    assert result == {"batch_job_id": ended.batch_job_id, "terminate_reason": "enough"}
    failed = Work(hook, pool).create(onTaskFailure="performexitoptionsjobaction")
    failed.add("bad", "/bin/sh -c 'exit 1'")
    with pytest.raises(BatchSensedFailureError, match="TaskFailed"):
        wait(sensor(AzureBatchJobSensor, batch_job_id=failed.batch_job_id))


@pytest.mark.parametrize("deferrable", [True, False])
def test_soft_fail_skips_instead_of_failing(work: Work, sensor: Callable[..., Any], deferrable: bool):
    work.create().add("bad", "/bin/sh -c 'exit 3'")
    waits = {"batch_job_id": work.batch_job_id, "soft_fail": True, "deferrable": deferrable}
    wait(sensor(AzureBatchTaskSensor, batch_job_id=work.batch_job_id, fail_on_failure=False))
    with pytest.raises(AirflowSkipException, match="failed: bad"):
        sensor(AzureBatchTaskSensor, **waits).execute(FIRST_TRY)


def test_deferred_sensor_waits_in_the_triggerer_and_ends_on_a_worker(work: Work, sensor: Callable[..., Any]):
    work.create().add("a", "/bin/sleep 0.7")
    waiting = sensor(AzureBatchTaskSensor, batch_job_id=work.batch_job_id, deferrable=True)
    event = asyncio.run(asyncio.wait_for(fire(deferred(waiting)), LIMIT_SECONDS))
    assert waiting.execute_complete({}, event)["tasks"] == 1


def test_deferred_sensor_tells_of_a_failure_on_the_worker(work: Work, sensor: Callable[..., Any]):
    work.create().add("bad", "/bin/sh -c 'sleep 0.7; exit 3'")
    waiting = sensor(AzureBatchTaskSensor, batch_job_id=work.batch_job_id, deferrable=True)
    event = asyncio.run(asyncio.wait_for(fire(deferred(waiting)), LIMIT_SECONDS))
    with pytest.raises(BatchSensedFailureError, match="bad"):
        waiting.execute_complete({}, event)
    assert waiting.execute_complete.__self__.fail_on_failure


def test_work_that_has_ended_already_needs_no_triggerer(work: Work, sensor: Callable[..., Any]):
    work.create().end()
    wait(sensor(AzureBatchJobSensor, batch_job_id=work.batch_job_id))
    done = sensor(AzureBatchJobSensor, batch_job_id=work.batch_job_id, deferrable=True).execute({})
    assert done["terminate_reason"] == "enough"


def test_sensors_of_the_same_work_share_their_looks(
    emulator: EmulatorProcess, work: Work, sensor: Callable[..., Any]
):
    work.create().add("a", "/bin/sleep 60")
    waits = {"batch_job_id": work.batch_job_id, "deferrable": True, "poll_interval": 1.0}
    triggers = [deferred(sensor(AzureBatchJobSensor, **waits)) for _ in range(8)]
    emulator.reset_request_counts()

    async def all_of_them() -> list[Any]:
        watching = [asyncio.ensure_future(fire(trigger)) for trigger in triggers]
        await asyncio.sleep(3)
        await asyncio.to_thread(work.end)
        return await asyncio.wait_for(asyncio.gather(*watching), LIMIT_SECONDS)

    events = asyncio.run(all_of_them())
    assert {event["failure"] for event in events} == {None}
    counts = emulator.request_counts()
    # Alone, each would have looked four times or more.
    assert counts["get_job"] < 16
    assert "list_tasks" not in counts


def test_service_that_does_not_answer_now_ends_no_watch(
    emulator: EmulatorProcess, work: Work, sensor: Callable[..., Any]
):
    work.create()
    trigger = deferred(sensor(AzureBatchJobSensor, batch_job_id=work.batch_job_id, deferrable=True))
    work.end()
    fault = emulator.answer("get_job", status=500, times=6, path=f"/jobs/{work.batch_job_id}")
    try:
        event = asyncio.run(asyncio.wait_for(fire(trigger), 2 * LIMIT_SECONDS))
    finally:
        emulator.forget(fault)
    assert event["failure"] is None


@pytest.mark.parametrize(
    ("kind", "operation", "names"),
    [
        (AzureBatchJobSensor, "get_job", "batch_job_id"),
        (AzureBatchTaskSensor, "list_tasks", "batch_job_id"),
        (AzureBatchPoolSensor, "get_pool", "batch_pool_id"),
        (AzureBatchIdlePoolSensor, "get_pool", "batch_pool_id"),
    ],
)
def test_service_that_does_not_answer_now_ends_no_wait_on_a_worker(
    emulator: EmulatorProcess,
    kind: Any,
    operation: str,
    names: str,
):
    with DAG("sensors", schedule=None, start_date=RUN_STARTED):
        waiting = kind(task_id="wait", **{names: "of-others"})
    fault = emulator.answer(operation, status=503, retry_after="0", times=None)
    try:
        assert waiting.poke({}).is_done is False
        assert emulator.met(fault)
    finally:
        emulator.forget(fault)


def test_error_of_the_watch_is_raised_on_the_worker(sensor: Callable[..., Any]):
    waiting = sensor(AzureBatchJobSensor, batch_job_id="j", deferrable=True)
    with pytest.raises(AzureBatchError, match="no rights"):
        waiting.execute_complete({}, {"error": "no rights"})


def test_interval_that_makes_no_sense_is_refused_while_the_dag_is_parsed(sensor: Callable[..., Any]):
    with pytest.raises(SpecError, match="poll_interval"):
        sensor(AzureBatchJobSensor, batch_job_id="j", poll_interval=0)


# --- pools ---------------------------------------------------------------------------------------------


def new_pool(hook: AzureBatchHook, **more: Any) -> str:
    """A pool of somebody else."""
    batch_pool_id = f"pool-elsewhere-{next(_numbers)}"
    hook.get_conn().send(requests.create_pool({**POOL, "id": batch_pool_id, **more}))
    return batch_pool_id


def test_pool_is_ready_when_its_nodes_are_usable(hook: AzureBatchHook, sensor: Callable[..., Any]):
    batch_pool_id = new_pool(hook, targetDedicatedNodes=2)
    seen = wait(sensor(AzureBatchPoolSensor, batch_pool_id=batch_pool_id))
    assert (seen["batch_pool_id"], seen["usable_nodes"], seen["nodes"]) == (batch_pool_id, 2, {"idle": 2})


def test_pool_is_allocated_when_it_has_its_machines(hook: AzureBatchHook, sensor: Callable[..., Any]):
    start_task = {"commandLine": "/bin/sh -c 'exit 3'", "maxTaskRetryCount": 0, "waitForSuccess": True}
    batch_pool_id = new_pool(hook, targetDedicatedNodes=2, startTask=start_task)
    seen = wait(sensor(AzureBatchPoolSensor, batch_pool_id=batch_pool_id, wait_for="allocated"))
    assert (seen["dedicated_nodes"], seen["allocation_state"]) == (2, "steady")


def test_busy_pool_is_ready(work: Work, pool: str, sensor: Callable[..., Any]):
    for number in range(4):
        work = work if number else work.create()
        work.add(f"t{number}", "/bin/sleep 60")
    assert wait(sensor(AzureBatchPoolSensor, batch_pool_id=pool, nodes=1))["usable_nodes"] == 1
    work.end()


def test_pool_that_does_not_exist_yet_is_waited_for(hook: AzureBatchHook, sensor: Callable[..., Any]):
    waiting = sensor(AzureBatchPoolSensor, batch_pool_id="pool-to-come", nodes=1)
    assert waiting.poke({}).is_done is False
    with pytest.raises(BatchNotFoundError):
        sensor(AzureBatchPoolSensor, batch_pool_id="pool-to-come", must_exist=True).poke({})


def test_pool_of_no_nodes_is_never_ready_when_a_node_is_wanted(
    hook: AzureBatchHook, sensor: Callable[..., Any]
):
    batch_pool_id = new_pool(hook, targetDedicatedNodes=0)
    with pytest.raises(BatchSensedFailureError, match="nothing but a resize changes that"):
        wait(sensor(AzureBatchPoolSensor, batch_pool_id=batch_pool_id, nodes=1))


def test_pool_that_cannot_get_there_is_a_failure_in_the_triggerer_too(
    emulator: EmulatorProcess, hook: AzureBatchHook, sensor: Callable[..., Any]
):
    batch_pool_id = f"pool-elsewhere-{next(_numbers)}"
    emulator.fail_start_tasks(batch_pool_id, exit_code=9, times=2)
    start_task = {"commandLine": "/bin/true", "waitForSuccess": True}
    body = {**POOL, "id": batch_pool_id, "targetDedicatedNodes": 1, "startTask": start_task}
    hook.get_conn().send(requests.create_pool(body))
    waiting = sensor(AzureBatchPoolSensor, batch_pool_id=batch_pool_id, deferrable=True)
    event = asyncio.run(asyncio.wait_for(fire(deferred(waiting)), LIMIT_SECONDS))
    with pytest.raises(BatchSensedFailureError, match="start task"):
        waiting.execute_complete({}, event)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"nodes": 0}, "nodes"), ({"share": 0.0}, "share"), ({"nodes": 1, "share": 0.5}, "nodes")],
)
def test_number_of_nodes_that_makes_no_sense_is_refused_while_the_dag_is_parsed(
    sensor: Callable[..., Any], arguments: dict[str, Any], named: str
):
    with pytest.raises(SpecError, match=named):
        sensor(AzureBatchPoolSensor, batch_pool_id="p", **arguments)
