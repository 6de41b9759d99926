"""A trigger watches, ends its task, and survives what does not concern the Batch task."""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.prices import read_price_settings
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.domain.submission import Submission, submit
from airflow_provider_batch.exceptions import (
    BatchTaskFailedError,
    BatchTaskLostError,
    BatchUnavailableError,
    ConnectionFieldError,
)
from airflow_provider_batch.triggers import effects, end_events, kill, patience, resumption
from airflow_provider_batch.triggers import task as module
from airflow_provider_batch.triggers.task import AzureBatchTaskTrigger
from airflow_provider_batch.triggers.task_instance import CLAIM_KEY
from tests.unit.domain.fake_batch import FakeBatch, Process
from tests.unit.domain.plans import account, own

TASK_INSTANCE = SimpleNamespace(dag_id="etl", run_id="manual__1", task_id="split", map_index=-1, try_number=2)
ARGUMENTS: dict[str, Any] = {
    "azure_batch_conn_id": "conn",
    "submission": {
        "key": {"batch_job_id": "j", "batch_task_id": "t"},
        "batch_pool_id": "p1",
        "etag": "0x1",
        "adopted": True,
        "stale_end": "2026-01-01T00:00:00.0Z",
        "own_job": True,
        "shared_job": True,
        "end_job": True,
    },
    "poll_interval": 3.5,
    "max_output_bytes": 77,
    "deadline": "2026-01-01T01:00:00+00:00",
    "skip_on_exit_code": [3],
    "fail_on_exit_code": [4],
    "worker_endings": ["success"],
    "push_result": False,
    "deferred_at": "2026-01-01T00:00:00+00:00",
}


class Log:
    """Stands for the Airflow task log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, level: int, text: str) -> None:
        self.lines.append(text)

    def __getattr__(self, level: str) -> Any:
        return lambda text, *arguments: self.lines.append(text % arguments)


class Hook:
    """Stands for AzureBatchAsyncHook."""

    def __init__(self, triggerer: Triggerer, conn_id: str) -> None:
        assert conn_id == "conn"
        self.triggerer = triggerer

    async def __aenter__(self) -> Hook:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing to give back."""

    async def get_connection(self) -> Any:
        return self.triggerer.connection

    async def get_conn(self) -> Hook:
        if self.triggerer.connection_errors:
            raise self.triggerer.connection_errors.pop()
        return self

    async def send(self, request: Request) -> Answer:
        return self.triggerer.batch.send(request)


class Triggerer:
    """The triggerer's process: connections, XComs, and virtual time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batch: FakeBatch = account()
        self.submission: Submission = Process(self.batch).drive(submit(own()))
        self.process = Process(self.batch)
        self.xcoms: dict[str, Any] = {}
        self.xcom_errors: dict[str, Exception] = {}
        self.connection_errors: list[Exception] = []
        self.sleeps: list[float] = []
        self.deferred = True
        self.connection = SimpleNamespace(prices=None, region=None)
        monkeypatch.setattr(module, "AzureBatchAsyncHook", partial(Hook, self))
        for place, names in (
            (module, ("get_xcom", "set_xcom")),
            (kill, ("get_xcom", "is_still_deferred_to")),
            (end_events, ("set_xcom",)),
        ):
            for name in names:
                monkeypatch.setattr(place, name, getattr(self, name))
        for place in (patience, effects, resumption):
            monkeypatch.setattr(place, "asyncio", SimpleNamespace(sleep=self.sleep))
        monkeypatch.setattr(effects, "datetime", SimpleNamespace(now=lambda zone: self.batch.now))

    async def get_xcom(self, task_instance: Any, key: str) -> Any:
        if "get" in self.xcom_errors:
            raise self.xcom_errors["get"]
        return self.xcoms.get(key)

    async def set_xcom(self, task_instance: Any, key: str, value: Any) -> None:
        if key in self.xcom_errors:
            raise self.xcom_errors[key]
        self.xcoms[key] = value

    async def is_still_deferred_to(self, task_instance: Any, trigger_id: int | None) -> bool:
        return self.deferred

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        assert len(self.sleeps) < 5_000, "the trigger sleeps on and on"
        self.process.sleep(seconds)
        await asyncio.sleep(0)

    def trigger(self, **arguments: Any) -> AzureBatchTaskTrigger:
        found = AzureBatchTaskTrigger("conn", json.loads(json.dumps(asdict(self.submission))), **arguments)
        found.task_instance = TASK_INSTANCE  # type: ignore[assignment]
        found._log = Log()
        return found

    def claims(self, try_number: int, **other: str) -> None:
        """A try says which Batch task it has taken."""
        self.xcoms[CLAIM_KEY] = {"try_number": try_number, **asdict(self.submission.key), **other}

    def ends_at(self, seconds: float, exit_code: int) -> None:
        self.process.at(seconds, lambda: self.batch.complete(self.submission.key, exit_code))

    @property
    def state(self) -> str:
        return str(self.batch.task(self.submission.key)["state"])


@pytest.fixture
def triggerer(monkeypatch: pytest.MonkeyPatch) -> Triggerer:
    return Triggerer(monkeypatch)


async def only_event(trigger: AzureBatchTaskTrigger) -> TriggerEvent:
    (event,) = [event async for event in trigger.run()]
    return event


# --- arguments ----------------------------------------------------------------------------------------------


def test_every_argument_survives_a_restart() -> None:
    assert set(ARGUMENTS) == set(inspect.signature(AzureBatchTaskTrigger).parameters)
    path, arguments = AzureBatchTaskTrigger(**ARGUMENTS).serialize()
    assert arguments == ARGUMENTS
    assert path == f"{module.__name__}.{AzureBatchTaskTrigger.__name__}"
    again = AzureBatchTaskTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert asdict(again._submission()) == ARGUMENTS["submission"]
    options = again._options()
    assert (options.poll_interval, options.max_output_bytes) == (3.5, 77)
    assert options.deadline == datetime(2026, 1, 1, 1, tzinfo=timezone.utc)


def test_a_submission_of_an_earlier_release_can_be_read() -> None:
    old = {k: v for k, v in ARGUMENTS["submission"].items() if k not in ("own_job", "shared_job", "end_job")}
    assert AzureBatchTaskTrigger("conn", old)._submission().own_job is False


# --- ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exit_code", "event"),
    [(0, TaskSuccessEvent), (1, TaskFailedEvent), (3, TaskSkippedEvent), (4, TaskFailedEvent)],
)
async def test_the_trigger_ends_its_task(triggerer: Triggerer, exit_code: int, event: type[Any]) -> None:
    triggerer.ends_at(5, exit_code)
    trigger = triggerer.trigger(skip_on_exit_code=[3], fail_on_exit_code=[4])
    assert isinstance(await only_event(trigger), event)
    assert ("return_value" in triggerer.xcoms) is (exit_code == 0)


async def test_the_result_is_what_a_worker_would_have_returned(triggerer: Triggerer) -> None:
    triggerer.ends_at(5, 0)
    await only_event(triggerer.trigger())
    result = triggerer.xcoms["return_value"]
    assert result["exit_code"] == 0
    assert result["batch_task_id"] == triggerer.submission.key.batch_task_id


async def test_the_result_has_node_hours_and_the_cost_when_there_are_prices(triggerer: Triggerer) -> None:
    triggerer.connection.prices = read_price_settings({"currency": "EUR", "standard_d2s_v5": 3.6})
    triggerer.process.at(4, lambda: triggerer.batch.run(triggerer.submission.key))
    triggerer.ends_at(40, 0)
    await only_event(triggerer.trigger())
    result = triggerer.xcoms["return_value"]
    assert result["node_hours"] == pytest.approx(0.01)
    assert result["core_hours"] == pytest.approx(0.02)
    assert (result["cost"], result["currency"]) == (pytest.approx(0.036), "EUR")


async def test_no_result_is_written_when_the_task_pushes_none(triggerer: Triggerer) -> None:
    triggerer.ends_at(5, 0)
    await only_event(triggerer.trigger(push_result=False))
    assert "return_value" not in triggerer.xcoms


@pytest.mark.parametrize(("exit_code", "verdict"), [(0, "success"), (1, "failed"), (4, "failed_for_good")])
async def test_an_end_for_a_worker_carries_all_that_the_worker_needs(
    triggerer: Triggerer, exit_code: int, verdict: str
) -> None:
    triggerer.ends_at(5, exit_code)
    event = await only_event(triggerer.trigger(worker_endings=[verdict], fail_on_exit_code=[4]))
    assert type(event) is TriggerEvent
    ending = Ending.from_json(json.loads(json.dumps(event.payload)))
    assert ending.verdict.value == verdict
    assert "return_value" not in triggerer.xcoms
    if exit_code:
        assert isinstance(ending.error(), BatchTaskFailedError)


@pytest.mark.parametrize("exit_code", [0, 1])
async def test_airflow_3_0_ends_every_task_on_a_worker(
    triggerer: Triggerer, monkeypatch: pytest.MonkeyPatch, exit_code: int
) -> None:
    monkeypatch.setattr(end_events, "TRIGGERS_END_TASKS", False)
    triggerer.ends_at(5, exit_code)
    event = await only_event(triggerer.trigger())
    assert type(event) is TriggerEvent
    assert Ending.from_json(event.payload).verdict.value == ("failed" if exit_code else "success")


async def test_a_worker_is_not_called_while_the_deferral_may_still_be_reported(triggerer: Triggerer) -> None:
    wait = 15
    triggerer.batch.complete(triggerer.submission.key, 0)
    now = datetime.now(timezone.utc)
    await only_event(triggerer.trigger(worker_endings=["success"], deferred_at=now.isoformat()))
    assert wait - 1 < triggerer.sleeps[-1] <= wait
    long_ago = (now - timedelta(seconds=60)).isoformat()
    await only_event(triggerer.trigger(worker_endings=["success"], deferred_at=long_ago))
    assert triggerer.sleeps[-1] == 0


async def test_an_error_of_ours_ends_the_task_here_and_is_in_its_log(triggerer: Triggerer) -> None:
    triggerer.process.at(5, triggerer.batch.tasks.clear)
    trigger = triggerer.trigger()
    assert isinstance(await only_event(trigger), TaskFailedEvent)
    assert any("does not exist any more" in line for line in trigger.log.lines)  # type: ignore[attr-defined]


async def test_an_error_of_ours_reaches_a_worker_as_itself(triggerer: Triggerer) -> None:
    triggerer.process.at(5, triggerer.batch.tasks.clear)
    event = await only_event(triggerer.trigger(worker_endings=["failed"]))
    assert type(Ending.from_json(event.payload).error()) is BatchTaskLostError


async def test_a_fault_of_ours_terminates_the_task_and_fails(triggerer: Triggerer) -> None:
    triggerer.batch.fail("get_task", ZeroDivisionError("a fault"))
    assert isinstance(await only_event(triggerer.trigger()), TaskFailedEvent)
    assert triggerer.state == "completed"


# --- what does not concern the Batch task -------------------------------------------------------------------


async def test_offsets_that_cannot_be_read_or_written_decide_nothing(triggerer: Triggerer) -> None:
    triggerer.xcom_errors = {"get": OSError("no API"), "batch_output_try2": OSError("no API")}
    triggerer.ends_at(60, 0)
    assert isinstance(await only_event(triggerer.trigger()), TaskSuccessEvent)


async def test_a_result_that_cannot_be_written_is_left_to_a_worker(triggerer: Triggerer) -> None:
    triggerer.xcom_errors = {"return_value": OSError("no API")}
    triggerer.ends_at(5, 0)
    event = await only_event(triggerer.trigger())
    assert type(event) is TriggerEvent
    assert event.payload["verdict"] == "success"


async def test_a_connection_that_airflow_does_not_hand_out_now_is_asked_for_again(
    triggerer: Triggerer,
) -> None:
    triggerer.connection_errors = [OSError("no API"), OSError("no API")]
    triggerer.ends_at(5, 0)
    assert isinstance(await only_event(triggerer.trigger()), TaskSuccessEvent)


async def test_a_connection_that_is_wrong_is_not_asked_for_again(triggerer: Triggerer) -> None:
    triggerer.connection_errors = [ConnectionFieldError("host: is missing")]
    assert isinstance(await only_event(triggerer.trigger()), TaskFailedEvent)
    assert triggerer.sleeps == []


async def test_a_connection_that_never_comes_fails_the_task_here(triggerer: Triggerer) -> None:
    triggerer.connection_errors = [OSError("no API")] * 100
    assert isinstance(await only_event(triggerer.trigger()), TaskFailedEvent)


async def test_polls_without_an_answer_are_no_end(triggerer: Triggerer) -> None:
    triggerer.batch.fail("get_task", BatchUnavailableError("x"), times=5)
    triggerer.ends_at(5, 0)
    assert isinstance(await only_event(triggerer.trigger()), TaskSuccessEvent)


async def test_a_restart_goes_on_where_the_output_was_saved(triggerer: Triggerer) -> None:
    key = triggerer.submission.key
    triggerer.batch.run(key)
    triggerer.batch.write(key, stdout=b"old\n")
    first = triggerer.trigger()
    running = asyncio.ensure_future(only_event(first))
    triggerer.process.at(40, running.cancel)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert triggerer.state == "running"
    triggerer.batch.write(key, stdout=b"new\n")
    triggerer.batch.complete(key, 0)
    second = triggerer.trigger()
    await only_event(second)
    lines = second.log.lines  # type: ignore[attr-defined]
    assert "stdout | new" in lines
    assert not any("old" in line for line in lines)


# --- kills --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moving", [False, True])
async def test_a_kill_terminates_exactly_the_task(triggerer: Triggerer, moving: bool) -> None:
    triggerer.batch.moving_etags = moving
    triggerer.claims(TASK_INSTANCE.try_number)
    triggerer.batch.run(triggerer.submission.key)
    await triggerer.trigger().on_kill()
    assert triggerer.state == "completed"
    assert triggerer.batch.active_jobs() == ["nightly"]


@pytest.mark.parametrize("moving", [False, True])
async def test_a_kill_after_a_later_try_took_the_task_over_leaves_it(
    triggerer: Triggerer, moving: bool
) -> None:
    triggerer.batch.moving_etags = moving
    trigger = triggerer.trigger()
    triggerer.batch.run(triggerer.submission.key)
    Process(triggerer.batch).drive(submit(own()))
    triggerer.claims(TASK_INSTANCE.try_number + 1)
    await trigger.on_kill()
    assert triggerer.state == "running"


async def test_a_kill_after_a_clear_ends_the_task_beside_the_one_of_the_new_try(triggerer: Triggerer) -> None:
    triggerer.batch.moving_etags = True
    triggerer.batch.run(triggerer.submission.key)
    triggerer.claims(TASK_INSTANCE.try_number + 1, batch_task_id="another")
    await triggerer.trigger().on_kill()
    assert triggerer.state == "completed"


async def test_a_kill_that_cannot_ask_for_later_tries_leaves_a_task_that_was_written_alone(
    triggerer: Triggerer,
) -> None:
    triggerer.batch.moving_etags = True
    triggerer.xcom_errors["get"] = RuntimeError("no answer")
    triggerer.batch.run(triggerer.submission.key)
    await triggerer.trigger().on_kill()
    assert triggerer.state == "running"


@pytest.mark.parametrize("moving", [False, True])
async def test_time_that_runs_out_ends_the_batch_task(triggerer: Triggerer, moving: bool) -> None:
    triggerer.batch.moving_etags = moving
    triggerer.claims(TASK_INSTANCE.try_number)
    triggerer.process.at(5, lambda: triggerer.batch.run(triggerer.submission.key))
    deadline = (triggerer.batch.now + timedelta(seconds=60)).isoformat()
    assert isinstance(await only_event(triggerer.trigger(deadline=deadline)), TaskFailedEvent)
    assert triggerer.state == "completed"


async def test_a_kill_after_the_end_asks_for_nothing(triggerer: Triggerer) -> None:
    triggerer.ends_at(5, 0)
    trigger = triggerer.trigger()
    await only_event(trigger)
    triggerer.batch.requests.clear()
    await trigger.on_kill()
    await trigger.cleanup()
    assert triggerer.batch.requests == []


@pytest.mark.parametrize(
    ("new_airflow", "deferred", "state"),
    [(True, False, "active"), (False, True, "active"), (False, False, "completed")],
    ids=["3.3 calls on_kill", "restart", "kill below 3.3"],
)
async def test_a_cleanup_terminates_only_what_was_killed(
    triggerer: Triggerer, monkeypatch: pytest.MonkeyPatch, new_airflow: bool, deferred: bool, state: str
) -> None:
    monkeypatch.setattr(kill, "AIRFLOW_V_3_3_PLUS", new_airflow)
    triggerer.deferred = deferred
    await triggerer.trigger().cleanup()
    assert triggerer.state == state


async def test_a_cleanup_ends_what_was_cleared_although_the_next_try_is_deferred_by_now(
    triggerer: Triggerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3.0 to 3.2 say that the task is deferred, not to which trigger."""
    monkeypatch.setattr(kill, "AIRFLOW_V_3_3_PLUS", False)
    triggerer.claims(TASK_INSTANCE.try_number + 1, batch_job_id="next")
    await triggerer.trigger().cleanup()
    assert triggerer.state == "completed"
