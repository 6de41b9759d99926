"""A mirror ends its Airflow task with its Batch task, and is told by Airflow when it is to end that early."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.flow import drive_async, tasks_of
from airflow_provider_batch.domain.group_job import end_jobs
from airflow_provider_batch.domain.outcome import LOOK_SELECT
from airflow_provider_batch.domain.polling import REFUSAL_PATIENCE
from airflow_provider_batch.domain.prices import read_price_settings
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey, get_task
from airflow_provider_batch.exceptions import BatchAuthenticationError, BatchUnavailableError
from airflow_provider_batch.triggers import effects, end_events, kill, launch_news
from airflow_provider_batch.triggers import mirror as module
from airflow_provider_batch.triggers.mirror import AzureBatchMirrorTrigger
from airflow_provider_batch.triggers.task_instance import CLAIM_KEY
from airflow_provider_batch.version_compat import AIRFLOW_V_3_3_PLUS
from tests.unit.domain.fake_batch import START, FakeBatch, Process, service_error
from tests.unit.domain.groups import DEFINITION, GROUP, JOB, launched, planned
from tests.unit.triggers.test_task_trigger import Log
from tests.unit.triggers.virtual_loop import run

UNAVAILABLE = BatchUnavailableError("the connection broke off")
LAUNCH = "film.launch"


async def events_of(trigger: Any) -> list[TriggerEvent]:
    return [event async for event in trigger.run()]


class Subscription:
    """Stands for a place at the poller of a job; shares nothing."""

    def __init__(self, triggerer: Triggerer, batch_job_id: str) -> None:
        self.batch_job_id = batch_job_id
        self.port = triggerer
        self.connection = triggerer.connection

    async def look(self, key: TaskKey) -> Answer:
        return await self.port.send(get_task(key, LOOK_SELECT))

    async def wait(self, seconds: float, key: TaskKey) -> None:
        await asyncio.sleep(seconds)

    async def snapshot(self) -> Any:
        async def perform(effect: Any) -> Any:
            return await self.port.send(effect)

        return await drive_async(tasks_of(self.batch_job_id), perform)

    async def read(self, request: Request, max_age: float) -> Answer:
        return await self.port.send(request)

    def wrote(self) -> None:
        """Nobody else is to know."""


class Triggerer:
    """A triggerer in virtual time, the account that it reaches, and what Airflow tells a trigger."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batch, said = launched()
        self.xcoms: dict[tuple[str, str], Any] = {(LAUNCH, "return_value"): {**said.as_json()}}
        self.written: list[str] = []
        self.xcom_errors: dict[str, Exception] = {}
        self.states: dict[str, str] = {LAUNCH: "success"}
        self.run_is_over_ = False
        self.is_deferred = False
        self.subscribed: list[str] = []
        self.connection = SimpleNamespace(prices=None, region=None)
        self.happens: list[tuple[float, Callable[[], Any]]] = []
        for name in ("get_xcom", "state_of_task"):
            monkeypatch.setattr(launch_news, name, getattr(self, name))
        for place, names in (
            (module, ("get_xcom", "set_xcom", "subscribe_patiently")),
            (kill, ("get_xcom", "run_is_over", "is_still_deferred_to")),
            (end_events, ("set_xcom",)),
        ):
            for name in names:
                monkeypatch.setattr(place, name, getattr(self, name))
        for place in (module, effects):
            monkeypatch.setattr(place, "datetime", SimpleNamespace(now=lambda zone: self.now()))

    # --- Airflow ----------------------------------------------------------------------------------

    async def get_xcom(self, task_instance: Any, key: str, **other: Any) -> Any:
        return self.xcoms.get((other.get("task_id", task_instance.task_id), key))

    async def set_xcom(self, task_instance: Any, key: str, value: Any) -> None:
        if key in self.xcom_errors:
            raise self.xcom_errors[key]
        self.written.append(key)
        self.xcoms[task_instance.task_id, key] = value

    async def state_of_task(self, task_instance: Any, task_id: str) -> str | None:
        return self.states.get(task_id)

    async def run_is_over(self, task_instance: Any) -> bool:
        return self.run_is_over_

    async def is_still_deferred_to(self, task_instance: Any, trigger_id: int | None) -> bool:
        return self.is_deferred

    # --- Batch ------------------------------------------------------------------------------------

    async def subscribe_patiently(
        self, stack: Any, conn_id: str, batch_job_id: str, poll_interval: float, log: Any
    ) -> Subscription:
        assert conn_id == "conn"
        self.subscribed.append(batch_job_id)
        return Subscription(self, batch_job_id)

    async def send(self, request: Request) -> Answer:
        await asyncio.sleep(0.01)
        self.batch.now = self.now()
        return self.batch.send(request)

    @staticmethod
    def now() -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time() - 1_000)

    # --- what a test does -------------------------------------------------------------------------

    def at(self, seconds: float, act: Callable[[], Any]) -> None:
        """Let something happen so many seconds after the start of the next run."""
        self.happens.append((seconds, act))

    def trigger(self, name: str = "split", *, try_number: int = 1, **arguments: Any) -> Any:
        made = AzureBatchMirrorTrigger(LAUNCH, arguments.pop("definition", DEFINITION), **arguments)
        made.task_instance = SimpleNamespace(  # type: ignore[assignment]
            dag_id="film", run_id="manual__1", task_id=name, map_index=-1, try_number=try_number
        )
        made._log = Log()
        return made

    def schedule(self) -> None:
        loop = asyncio.get_running_loop()
        for seconds, act in self.happens:

            def now(act: Callable[[], Any] = act) -> None:
                self.batch.now = self.now()
                act()

            loop.call_later(seconds, now)
        self.happens.clear()

    def event(self, trigger: Any) -> TriggerEvent:
        """Run a trigger to its end; it yields one event."""

        async def main() -> list[TriggerEvent]:
            self.schedule()
            return await events_of(trigger)

        events = run(main())
        assert len(events) == 1
        return events[0]

    def killed(self, trigger: Any, after: float, *, restart: bool = False, then: Any = None) -> None:
        """Cancel a trigger while it runs, as the triggerer does, and tell it why as this Airflow does."""

        async def main() -> None:
            self.schedule()
            task = asyncio.create_task(events_of(trigger))
            await asyncio.sleep(after)
            assert not task.done()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            if then:
                then()
            self.is_deferred = restart
            if not AIRFLOW_V_3_3_PLUS:
                await trigger.cleanup()
            elif not restart:
                await trigger.on_kill()

        run(main())

    def ends(self, name: str, at: float, exit_code: int = 0) -> None:
        self.at(at, lambda: self.batch.complete(planned(name), exit_code))

    def runs(self, name: str, at: float) -> None:
        self.at(at, lambda: self.batch.run(planned(name)))

    def xcom(self, key: str, name: str = "split") -> Any:
        return self.xcoms.get((name, key))


@pytest.fixture
def triggerer(monkeypatch: pytest.MonkeyPatch) -> Triggerer:
    return Triggerer(monkeypatch)


# --- the end --------------------------------------------------------------------------------------


def test_a_success_ends_the_airflow_task_with_its_result_and_no_worker(triggerer: Triggerer) -> None:
    triggerer.ends("split", 40)
    assert isinstance(triggerer.event(triggerer.trigger()), TaskSuccessEvent)
    assert triggerer.xcom("return_value")["batch_task_id"] == planned("split").batch_task_id
    assert triggerer.xcom(CLAIM_KEY)["try_number"] == 1


def test_a_result_has_node_hours_and_the_cost_when_there_are_prices(triggerer: Triggerer) -> None:
    triggerer.connection.prices = read_price_settings({"currency": "EUR", "standard_d2s_v5": 3.6})
    triggerer.runs("split", 4)
    triggerer.ends("split", 40)
    triggerer.event(triggerer.trigger())
    result = triggerer.xcom("return_value")
    assert result["node_hours"] == pytest.approx(0.01, abs=1e-4)
    assert (result["cost"], result["currency"]) == (pytest.approx(0.036, abs=4e-4), "EUR")


@pytest.mark.parametrize("push_result", [True, False])
def test_a_success_that_was_there_costs_one_xcom(triggerer: Triggerer, push_result: bool) -> None:
    triggerer.batch.complete(planned("split"))
    triggerer.event(triggerer.trigger(push_result=push_result))
    assert triggerer.written == (["return_value"] if push_result else [CLAIM_KEY])


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({}, TaskFailedEvent),
        ({"skip_on_exit_code": [3]}, TaskSkippedEvent),
        ({"fail_on_exit_code": [3]}, TaskFailedEvent),
    ],
)
def test_a_failure_ends_the_airflow_task_as_its_exit_code_says(
    triggerer: Triggerer, arguments: dict[str, Any], wanted: type
) -> None:
    triggerer.ends("split", 4, 3)
    assert isinstance(triggerer.event(triggerer.trigger(**arguments)), wanted)
    assert triggerer.xcom("return_value") is None


def test_a_skip_is_told_beneath_what_is_told_of_its_exit_code(triggerer: Triggerer) -> None:
    triggerer.ends("split", 4, 3)
    trigger = triggerer.trigger(skip_on_exit_code=[3])
    triggerer.event(trigger)
    last = trigger.log.lines[-1]
    assert "exit code 3" in last
    assert last.endswith("; skip_on_exit_code says to skip")


@pytest.mark.parametrize(
    ("verdict", "exit_code"), [("success", 0), ("failed", 1), ("skipped", 3), ("failed_for_good", 4)]
)
def test_an_end_that_needs_a_worker_goes_there_with_the_outcome(
    triggerer: Triggerer, verdict: str, exit_code: int
) -> None:
    triggerer.ends("split", 4, exit_code)
    trigger = triggerer.trigger(worker_endings=[verdict], skip_on_exit_code=[3], fail_on_exit_code=[4])
    event = triggerer.event(trigger)
    assert type(event) is TriggerEvent
    assert event.payload["verdict"] == verdict
    assert triggerer.xcom("return_value") is None


def test_a_result_that_cannot_be_written_goes_to_a_worker(triggerer: Triggerer) -> None:
    triggerer.ends("split", 4)
    triggerer.xcom_errors["return_value"] = RuntimeError("Airflow does not answer")
    event = triggerer.event(triggerer.trigger())
    assert event.payload["verdict"] == "success"


def test_output_is_shown_while_the_task_runs(triggerer: Triggerer) -> None:
    triggerer.runs("split", 1)
    triggerer.at(10, lambda: triggerer.batch.write(planned("split"), stdout=b"hello\n"))
    triggerer.ends("split", 40)
    trigger = triggerer.trigger()
    triggerer.event(trigger)
    assert any("hello" in line for line in trigger._log.lines)


def test_a_member_waits_in_batch_for_its_parents_without_ending(triggerer: Triggerer) -> None:
    triggerer.batch.complete(planned("split"))
    triggerer.ends("frame", 600)
    assert isinstance(triggerer.event(triggerer.trigger("frame")), TaskSuccessEvent)


# --- what goes to a worker --------------------------------------------------------------------------


def test_what_is_refused_goes_to_a_worker_with_what_must_not_run_beside_it(triggerer: Triggerer) -> None:
    triggerer.batch.complete(planned("split"), 1)
    event = triggerer.event(triggerer.trigger("frame"))
    assert "failed in Batch" in event.payload["refused"]
    assert event.payload["retire"] == [[JOB, planned("frame").batch_task_id]]
    assert triggerer.xcom(CLAIM_KEY, "frame") is None


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "skipped"])
def test_a_launch_that_planned_nothing_leaves_it_to_a_worker(triggerer: Triggerer, state: str) -> None:
    del triggerer.xcoms[LAUNCH, "return_value"]
    triggerer.states[LAUNCH] = state
    assert "planned nothing" in triggerer.event(triggerer.trigger()).payload["refused"]


def test_a_launch_that_still_runs_is_waited_for(triggerer: Triggerer) -> None:
    said = triggerer.xcoms.pop((LAUNCH, "return_value"))
    triggerer.states[LAUNCH] = "running"
    triggerer.at(30, lambda: triggerer.xcoms.update({(LAUNCH, "return_value"): said}))
    triggerer.ends("split", 40)
    assert isinstance(triggerer.event(triggerer.trigger()), TaskSuccessEvent)


def test_what_launch_said_before_a_clear_is_not_believed_while_it_runs_again(triggerer: Triggerer) -> None:
    triggerer.xcoms["split", CLAIM_KEY] = {"try_number": 1, "batch_job_id": "before", "batch_task_id": "t"}
    new = triggerer.xcoms[LAUNCH, "return_value"]
    triggerer.xcoms[LAUNCH, "return_value"] = {**new, "batch_job_id": "before"}
    triggerer.states[LAUNCH] = "running"

    def ends() -> None:
        triggerer.xcoms[LAUNCH, "return_value"] = new
        triggerer.states[LAUNCH] = "success"

    triggerer.at(20, ends)
    triggerer.ends("split", 40)
    assert isinstance(triggerer.event(triggerer.trigger(try_number=2)), TaskSuccessEvent)
    assert triggerer.subscribed == [JOB]


# --- tries ------------------------------------------------------------------------------------------


def failed_once(triggerer: Triggerer) -> None:
    triggerer.ends("split", 4, 1)
    triggerer.event(triggerer.trigger())


def test_a_retry_runs_the_task_again(triggerer: Triggerer) -> None:
    failed_once(triggerer)
    triggerer.ends("split", 50)
    assert isinstance(triggerer.event(triggerer.trigger(try_number=2)), TaskSuccessEvent)
    assert triggerer.batch.submissions[triggerer.batch._key(planned("split"))] == 2


def test_a_retry_of_what_was_written_differently_goes_to_a_worker(triggerer: Triggerer) -> None:
    failed_once(triggerer)
    event = triggerer.event(triggerer.trigger(try_number=2, definition="other"))
    assert "definition" in event.payload["refused"]


@pytest.mark.parametrize("is_claimed", [True, False])
def test_a_success_that_was_cleared_goes_to_a_worker_and_its_result_is_forgotten(
    triggerer: Triggerer, is_claimed: bool
) -> None:
    if is_claimed:
        triggerer.ends("split", 4)
    else:
        triggerer.batch.complete(planned("split"))
    triggerer.event(triggerer.trigger())
    assert (triggerer.xcom(CLAIM_KEY) is not None) is is_claimed
    event = triggerer.event(triggerer.trigger(try_number=2))
    assert "success in an earlier try" in event.payload["refused"]
    assert triggerer.xcom("return_value") is None


def test_a_restart_takes_up_the_watch_and_its_place_in_the_output(triggerer: Triggerer) -> None:
    triggerer.batch.now = START - timedelta(seconds=60)
    triggerer.batch.run(planned("split"))
    triggerer.at(2, lambda: triggerer.batch.write(planned("split"), stdout=b"once\n"))
    triggerer.killed(triggerer.trigger(), 100, restart=True)
    assert triggerer.xcom(CLAIM_KEY)["run"]
    assert triggerer.batch.live_tasks()[0] == planned("split")
    triggerer.ends("split", 30)
    again = triggerer.trigger()
    assert isinstance(triggerer.event(again), TaskSuccessEvent)
    assert not any("once" in line for line in again._log.lines)


def test_a_restart_watches_the_task_of_its_claim_whatever_launch_says_now(triggerer: Triggerer) -> None:
    triggerer.killed(triggerer.trigger(), 10, restart=True)
    triggerer.xcoms[LAUNCH, "return_value"]["batch_job_id"] = "other"
    triggerer.ends("split", 30)
    assert isinstance(triggerer.event(triggerer.trigger()), TaskSuccessEvent)


# --- trouble ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["get_task", "get_job", "list_tasks"])
def test_a_service_that_does_not_answer_at_first_ends_nothing(triggerer: Triggerer, operation: str) -> None:
    triggerer.batch.complete(planned("split"))
    triggerer.batch.fail(operation, UNAVAILABLE, times=4)
    triggerer.ends("frame", 900)
    trigger = triggerer.trigger("frame")
    assert isinstance(triggerer.event(trigger), TaskSuccessEvent)
    assert any("says nothing about the Batch task" in line for line in trigger._log.lines)


def test_a_reactivation_without_an_answer_is_done_once(triggerer: Triggerer) -> None:
    failed_once(triggerer)
    triggerer.batch.fail("reactivate_task", UNAVAILABLE, when="after")
    triggerer.ends("split", 300)
    assert isinstance(triggerer.event(triggerer.trigger(try_number=2)), TaskSuccessEvent)
    assert triggerer.batch.submissions[triggerer.batch._key(planned("split"))] == 2


@pytest.mark.parametrize(("times", "is_failure"), [(3, False), (10_000, True)])
def test_refused_credentials_are_borne_for_a_while(
    triggerer: Triggerer, times: int, is_failure: bool
) -> None:
    no = BatchAuthenticationError(code="AuthenticationFailed", message="no", status=401, operation="get_task")
    triggerer.batch.fail("get_task", no, times=times)
    triggerer.ends("split", REFUSAL_PATIENCE / 2)
    event = triggerer.event(triggerer.trigger())
    assert isinstance(event, TaskFailedEvent if is_failure else TaskSuccessEvent)


def test_a_request_that_is_refused_ends_the_airflow_task_with_the_reason(triggerer: Triggerer) -> None:
    triggerer.batch.fail("get_task", service_error("InvalidPropertyValue"))
    trigger = triggerer.trigger()
    assert isinstance(triggerer.event(trigger), TaskFailedEvent)
    assert any("InvalidPropertyValue" in line for line in trigger._log.lines)


def test_a_claim_that_cannot_be_kept_ends_the_airflow_task_and_the_next_try_goes_on(
    triggerer: Triggerer,
) -> None:
    triggerer.xcom_errors[CLAIM_KEY] = RuntimeError("Airflow does not answer")
    assert isinstance(triggerer.event(triggerer.trigger()), TaskFailedEvent)
    triggerer.xcom_errors.clear()
    triggerer.ends("split", 30)
    assert isinstance(triggerer.event(triggerer.trigger(try_number=2)), TaskSuccessEvent)
    assert triggerer.batch.submissions[triggerer.batch._key(planned("split"))] == 1


def test_offsets_that_cannot_be_kept_are_a_warning(triggerer: Triggerer) -> None:
    triggerer.runs("split", 1)

    def broken() -> None:
        triggerer.xcom_errors[CLAIM_KEY] = RuntimeError("Airflow does not answer")

    triggerer.at(10, broken)
    triggerer.ends("split", 200)
    trigger = triggerer.trigger()
    assert isinstance(triggerer.event(trigger), TaskSuccessEvent)
    assert any("was not saved" in line for line in trigger._log.lines)


def test_a_task_that_is_deleted_while_it_is_watched_fails(triggerer: Triggerer) -> None:
    triggerer.at(20, lambda: triggerer.batch.tasks.pop(triggerer.batch._key(planned("split"))))
    trigger = triggerer.trigger()
    assert isinstance(triggerer.event(trigger), TaskFailedEvent)
    assert any("does not exist any more" in line for line in trigger._log.lines)


@pytest.mark.parametrize("moving", [False, True])
def test_time_that_runs_out_ends_the_batch_task_before_airflow_ends_the_trigger(
    triggerer: Triggerer, moving: bool
) -> None:
    triggerer.batch.moving_etags = moving
    triggerer.runs("split", 1)
    trigger = triggerer.trigger()
    trigger.task_instance.trigger_timeout = START + timedelta(seconds=600)
    if hasattr(trigger, "timeout_after"):
        trigger.timeout_after = START + timedelta(seconds=600)
    assert isinstance(triggerer.event(trigger), TaskFailedEvent)
    ended = triggerer.batch.task(planned("split"))["executionInfo"]
    assert ended["failureInfo"]["code"] == "TaskEnded"
    assert "2026-01-01T00:09:5" in ended["endTime"]


# --- kills ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moving", [False, True])
def test_a_kill_ends_exactly_this_batch_task(triggerer: Triggerer, moving: bool) -> None:
    triggerer.batch.moving_etags = moving
    triggerer.runs("split", 5)
    triggerer.killed(triggerer.trigger(), 60)
    assert planned("split") not in triggerer.batch.live_tasks()
    assert len(triggerer.batch.live_tasks()) == 2
    assert JOB in triggerer.batch.active_jobs()


def test_a_restart_of_the_triggerer_ends_nothing(triggerer: Triggerer) -> None:
    triggerer.runs("split", 5)
    triggerer.killed(triggerer.trigger(), 60, restart=True)
    assert len(triggerer.batch.live_tasks()) == 3


def test_a_kill_before_the_task_was_found_ends_it(triggerer: Triggerer) -> None:
    """It waits for its parents to end in Batch, when Airflow has marked one a success."""
    triggerer.killed(triggerer.trigger("frame"), 5)
    assert planned("frame") not in triggerer.batch.live_tasks()
    assert planned("split") in triggerer.batch.live_tasks()


def test_a_kill_before_the_task_of_a_cleared_run_was_found_ends_the_new_one(triggerer: Triggerer) -> None:
    triggerer.xcoms["frame", CLAIM_KEY] = {"try_number": 1, "batch_job_id": "before", "batch_task_id": "t"}
    triggerer.killed(triggerer.trigger("frame", try_number=2), 5)
    assert planned("frame") not in triggerer.batch.live_tasks()


def test_a_kill_before_launch_has_spoken_asks_nothing_of_batch(triggerer: Triggerer) -> None:
    del triggerer.xcoms[LAUNCH, "return_value"]
    triggerer.states[LAUNCH] = "running"
    sent = len(triggerer.batch.requests)
    triggerer.killed(triggerer.trigger(), 5)
    assert len(triggerer.batch.requests) == sent


def test_a_kill_of_a_run_that_is_over_ends_the_job(triggerer: Triggerer) -> None:
    triggerer.runs("split", 5)
    triggerer.run_is_over_ = True
    triggerer.killed(triggerer.trigger(), 60)
    assert triggerer.batch.active_jobs() == ["nightly"]


def test_a_kill_of_a_run_that_is_over_and_whose_job_has_ended_is_no_error(triggerer: Triggerer) -> None:
    triggerer.run_is_over_ = True
    triggerer.killed(
        triggerer.trigger(), 60, then=lambda: Process(triggerer.batch).drive(end_jobs(GROUP, "test"))
    )


@pytest.mark.parametrize("moving", [False, True])
def test_a_late_kill_ends_nothing_of_the_next_try(triggerer: Triggerer, moving: bool) -> None:
    """A clear: the next try has run the task again when the kill of this one comes."""
    triggerer.batch.moving_etags = moving
    triggerer.runs("split", 5)
    old = triggerer.trigger()

    async def main() -> None:
        triggerer.schedule()
        first = asyncio.create_task(events_of(old))
        await asyncio.sleep(60)
        first.cancel()
        second = asyncio.create_task(events_of(triggerer.trigger(try_number=2)))
        await asyncio.sleep(30)
        triggerer.batch.run(planned("split"))
        await (old.on_kill() if AIRFLOW_V_3_3_PLUS else old.cleanup())
        assert planned("split") in triggerer.batch.live_tasks()
        triggerer.batch.now = triggerer.now()
        triggerer.batch.complete(planned("split"))
        assert isinstance((await second)[0], TaskSuccessEvent)

    run(main())


def test_a_trigger_that_has_ended_kills_nothing(triggerer: Triggerer) -> None:
    triggerer.ends("split", 5)
    trigger = triggerer.trigger(worker_endings=["success"])
    triggerer.event(trigger)
    sent = len(triggerer.batch.requests)
    run(trigger.on_kill())
    run(trigger.cleanup())
    assert len(triggerer.batch.requests) == sent


# --- arguments --------------------------------------------------------------------------------------


def test_a_trigger_made_again_is_the_same() -> None:
    arguments: dict[str, Any] = {
        "launch": LAUNCH,
        "definition": "d",
        "poll_interval": 3.5,
        "max_output_bytes": 7,
        "skip_on_exit_code": [3],
        "fail_on_exit_code": [4],
        "worker_endings": ["success"],
        "push_result": False,
        "all_done": True,
        "has_parents": False,
    }
    path, found = AzureBatchMirrorTrigger(**arguments).serialize()
    assert found == arguments
    assert path == "airflow_provider_batch.triggers.mirror.AzureBatchMirrorTrigger"


def test_links_are_written_where_there_is_a_portal(triggerer: Triggerer) -> None:
    triggerer.xcoms[LAUNCH, "return_value"]["account"] = "/subscriptions/s/resourceGroups/r/x"
    triggerer.ends("split", 5)
    triggerer.event(triggerer.trigger())
    assert planned("split").batch_task_id in str(triggerer.xcoms)
    assert len([key for key in triggerer.written if key not in (CLAIM_KEY, "return_value")]) == 1


def test_a_planned_task_with_a_number_is_found(triggerer: Triggerer) -> None:
    triggerer.xcoms[LAUNCH, "return_value"]["blocks"] = {"part": [1, 2]}
    trigger = triggerer.trigger("part")
    trigger.task_instance.map_index = 1
    batch: FakeBatch = triggerer.batch
    batch.tasks[JOB, "2"] = {**batch.task(planned("split")), "id": "2"}
    batch.submissions[JOB, "2"] = 1
    triggerer.at(5, lambda: batch.complete(TaskKey(JOB, "2")))
    assert isinstance(triggerer.event(trigger), TaskSuccessEvent)
    assert ids.planned_id_of("2") is None
