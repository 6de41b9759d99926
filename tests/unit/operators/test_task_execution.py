"""One Batch task for one Airflow task: submitted, watched, handed over, killed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, TaskDeferred

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.outcome import ExitCodeRules, TaskOutcome
from airflow_provider_batch.domain.prices import read_price_settings
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    AzureBatchError,
    BatchDeadlineError,
    BatchOwnershipError,
    BatchServiceError,
    BatchTaskFailedError,
    BatchTaskLostError,
    BatchUnavailableError,
)
from airflow_provider_batch.operators.effects import Stopped
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.triggers.task import AzureBatchTaskTrigger
from tests.unit.domain.fake_batch import START, FakeBatch, service_error
from tests.unit.domain.plans import account
from tests.unit.operators.fake_airflow import TaskInstance, Worker, context

UNAVAILABLE = BatchUnavailableError("the connection broke off")
SECRET = "c2VjcmV0LXNpZ25hdHVyZS12YWx1ZS0xMjM0NTY3ODkw"
MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferrable"])


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(monkeypatch)


def operator(**arguments: Any) -> AzureBatchTaskOperator:
    place: dict[str, Any] = {} if "batch_job_id" in arguments else {"batch_pool_id": "p1"}
    defaults = {"command_line": "/bin/true", "deferrable": False, **place}
    with DAG("etl", schedule=None, start_date=START):
        return AzureBatchTaskOperator(task_id="split", **{**defaults, **arguments})


def only_task(batch: FakeBatch) -> TaskKey:
    (key,) = batch.keys()
    return key


def when_running(worker: Worker, exit_code: int | None) -> None:
    """Let the task run and end while the operator watches."""

    def end() -> None:
        for key in worker.batch.live_tasks():
            worker.batch.run(key)
            worker.batch.write(key, stdout=b"hello\n")
            if exit_code is not None:
                worker.batch.complete(key, exit_code)

    worker.process.at(3, end)


# --- on a worker ------------------------------------------------------------------------------------------


def test_a_task_that_succeeds_returns_what_is_known_of_it(worker: Worker) -> None:
    when_running(worker, 0)
    result = operator().execute(context())
    assert result is not None
    assert result["exit_code"] == 0
    assert result["result"] == "success"
    assert result["batch_pool_id"] == "p1"
    assert result["node_id"] == "node-1"
    assert {"batch_job_id", "batch_task_id", "start_time", "end_time", "output_url"} <= set(result)
    json.dumps(result)
    assert worker.hooks_open == 0


def test_a_result_has_node_hours_and_the_cost_when_there_are_prices(worker: Worker) -> None:
    worker.connection.prices = read_price_settings({"currency": "EUR", "standard_d2s_v5": 3.6})
    worker.process.at(4, lambda: worker.batch.run(only_task(worker.batch)))
    worker.process.at(40, lambda: worker.batch.complete(only_task(worker.batch), 0))
    result = operator().execute(context())
    assert result is not None
    assert result["node_hours"] == pytest.approx(0.01)
    assert (result["cost"], result["currency"]) == (pytest.approx(0.036), "EUR")


def test_ids_and_links_are_published_when_the_task_is_submitted(worker: Worker) -> None:
    when_running(worker, 0)
    ti = TaskInstance()
    operator().execute(context(ti))
    key = only_task(worker.batch)
    assert ti.xcoms["batch_task"] == {
        "batch_job_id": key.batch_job_id,
        "batch_task_id": key.batch_task_id,
        "batch_pool_id": "p1",
    }
    assert {"azure_batch_task_url", "azure_batch_job_url", "azure_batch_pool_url"} < set(ti.xcoms)


def test_what_was_written_is_what_is_submitted(worker: Worker) -> None:
    when_running(worker, 0)
    operator(
        command_line="python3 x.py",
        environment={"A": "1"},
        resource_files=[{"httpUrl": "https://a/b", "filePath": "b"}],
        batch_task={"constraints": {"maxTaskRetryCount": 2}},
        batch_job={"priority": 5},
    ).execute(context())
    task = worker.batch.task(only_task(worker.batch))
    assert task["commandLine"] == "python3 x.py"
    assert {"name": "A", "value": "1"} in task["environmentSettings"]
    assert task["resourceFiles"] == [{"httpUrl": "https://a/b", "filePath": "b"}]
    assert task["constraints"] == {"maxTaskRetryCount": 2}
    assert worker.batch.jobs[only_task(worker.batch).batch_job_id]["priority"] == 5


@pytest.mark.parametrize(
    ("exit_code", "error"),
    [(1, BatchTaskFailedError), (99, AirflowSkipException), (77, AirflowFailException)],
)
def test_the_exit_code_decides_the_end(worker: Worker, exit_code: int, error: type[Exception]) -> None:
    when_running(worker, exit_code)
    with pytest.raises(error, match=f"exit code {exit_code}"):
        operator(skip_on_exit_code=99, fail_on_exit_code=[77]).execute(context())
    assert worker.hooks_open == 0


def test_the_error_carries_the_outcome(worker: Worker) -> None:
    when_running(worker, 5)
    with pytest.raises(BatchTaskFailedError) as caught:
        operator().execute(context())
    assert caught.value.outcome["exit_code"] == 5
    assert caught.value.outcome["failure"]["code"] == "FailureExitCode"


def test_a_retry_after_a_worker_died_watches_the_same_task(worker: Worker) -> None:
    with pytest.raises(TaskDeferred):
        operator(deferrable=True).execute(context())
    key = only_task(worker.batch)
    when_running(worker, 0)
    result = operator().execute(context(TaskInstance(try_number=2)))
    assert result is not None
    assert result["batch_task_id"] == key.batch_task_id
    assert sum(worker.batch.submissions.values()) == 1


def test_a_retry_after_a_failure_runs_it_again(worker: Worker) -> None:
    when_running(worker, 1)
    with pytest.raises(BatchTaskFailedError):
        operator().execute(context())
    worker.process.at((worker.batch.now - START).total_seconds() + 5, lambda: _end_all(worker.batch))
    result = operator().execute(context(TaskInstance(try_number=2)))
    assert result is not None
    assert sum(worker.batch.submissions.values()) == 2


def _end_all(batch: FakeBatch) -> None:
    for key in batch.live_tasks():
        batch.complete(key, 0)


@pytest.mark.parametrize("moving", [False, True])
def test_the_time_limit_ends_the_batch_task_first(worker: Worker, moving: bool) -> None:
    worker.batch.moving_etags = moving
    when_running(worker, None)
    ti = TaskInstance(start_date=START)
    with pytest.raises(BatchDeadlineError):
        operator(execution_timeout=timedelta(seconds=60)).execute(context(ti))
    assert not worker.batch.live_tasks()
    assert START + timedelta(seconds=50) <= worker.batch.now < START + timedelta(seconds=60)


def test_a_wrong_value_after_rendering_is_named_before_anything_is_sent(worker: Worker) -> None:
    found = operator(batch_pool_id="{{ pool }}")
    found.batch_pool_id = "not an id"
    with pytest.raises(AzureBatchConfigurationError, match="batch_pool_id"):
        found.execute(context())
    assert worker.batch.requests == []


# --- nothing is left behind -------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["get_job", "create_job", "create_task", "update_job"])
@pytest.mark.parametrize("place", [{}, {"batch_job_id": "nightly"}], ids=["own job", "given job"])
def test_a_submission_that_fails_leaves_nothing_running(
    worker: Worker, deferrable: bool, operation: str, when: str, place: dict[str, Any]
) -> None:
    worker.batch.fail(operation, UNAVAILABLE, when=when)
    when_running(worker, 1)
    found = operator(deferrable=deferrable, **place)
    with pytest.raises((AzureBatchError, TaskDeferred)) as caught:
        found.execute(context())
    if caught.type is not TaskDeferred:
        assert worker.batch.live_tasks() == []
        assert worker.batch.active_jobs() == ["nightly"]
    assert worker.hooks_open == 0


@MODES
def test_an_xcom_that_cannot_be_written_leaves_nothing_running(worker: Worker, deferrable: bool) -> None:
    class Broken(TaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise OSError("no API server")

    with pytest.raises(OSError, match="no API server"):
        operator(deferrable=deferrable).execute(context(Broken()))
    assert worker.batch.live_tasks() == []


@pytest.mark.parametrize(("try_number", "left_to_the_next_try"), [(2, True), (3, False)])
def test_a_service_that_does_not_answer_a_retry_ends_the_task_only_when_no_try_is_left(
    worker: Worker, try_number: int, left_to_the_next_try: bool
) -> None:
    with pytest.raises(TaskDeferred):
        operator(deferrable=True).execute(context(TaskInstance(max_tries=2)))
    key = only_task(worker.batch)
    worker.batch.run(key)
    worker.batch.fail("get_job", UNAVAILABLE)
    with pytest.raises(BatchUnavailableError):
        operator(deferrable=True).execute(context(TaskInstance(try_number=try_number, max_tries=2)))
    assert worker.batch.live_tasks() == ([key] if left_to_the_next_try else [])


def test_what_belongs_to_somebody_else_is_not_ended_on_an_error(worker: Worker) -> None:
    with pytest.raises(TaskDeferred):
        operator(deferrable=True).execute(context())
    key = only_task(worker.batch)
    worker.batch.task(key)["environmentSettings"] = []
    worker.batch.jobs[key.batch_job_id]["metadata"] = []
    with pytest.raises(BatchOwnershipError):
        operator().execute(context())
    assert worker.batch.live_tasks() == [key]


def test_the_reason_is_raised_even_when_nothing_can_be_looked_for(worker: Worker) -> None:
    worker.batch.fail("create_task", service_error("InvalidPropertyValue"))
    worker.batch.fail("begin_terminate_job", UNAVAILABLE)

    def no_more_answers(batch: FakeBatch) -> None:
        batch.fail("get_job", UNAVAILABLE, times=50)

    worker.batch.before("create_task", no_more_answers)
    with pytest.raises(BatchServiceError, match="InvalidPropertyValue"):
        operator().execute(context())


# --- in the triggerer -------------------------------------------------------------------------------------


def deferred(worker: Worker, ti: TaskInstance | None = None, **arguments: Any) -> AzureBatchTaskTrigger:
    with pytest.raises(TaskDeferred) as caught:
        operator(deferrable=True, **arguments).execute(context(ti))
    assert caught.value.method_name == "execute_complete"
    assert isinstance(caught.value.trigger, AzureBatchTaskTrigger)
    return caught.value.trigger


def test_a_deferral_carries_everything_as_json_and_no_secret(worker: Worker) -> None:
    trigger = deferred(
        worker,
        command_line="curl https://a/b",
        environment={"TOKEN": "t0ps3cret"},
        resource_files=[{"httpUrl": f"https://a/b?sig={SECRET}", "filePath": "b"}],
        execution_timeout=timedelta(hours=1),
        skip_on_exit_code=3,
    )
    path, arguments = trigger.serialize()
    text = json.dumps(arguments)
    assert path == "airflow_provider_batch.triggers.task.AzureBatchTaskTrigger"
    assert SECRET not in text
    assert "t0ps3cret" not in text
    assert arguments["skip_on_exit_code"] == [3]
    again = AzureBatchTaskTrigger(**json.loads(text))
    assert again.serialize() == (path, arguments)
    assert again._submission().key == only_task(worker.batch)
    assert again._submission().etag == worker.batch.task(only_task(worker.batch))["eTag"]
    assert again._options().deadline is not None


def test_a_deferral_closes_its_connection(worker: Worker) -> None:
    deferred(worker)
    assert worker.hooks_open == 0


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (TaskOutcome("j", "t", "success", 0), None),
        (TaskOutcome("j", "t", "failure", 1), BatchTaskFailedError),
        (TaskOutcome("j", "t", "failure", 99), AirflowSkipException),
        (TaskOutcome("j", "t", "failure", 77), AirflowFailException),
    ],
)
def test_an_end_that_a_trigger_saw_is_the_end_that_a_worker_sees(
    outcome: TaskOutcome, error: type[Exception] | None
) -> None:
    found = operator(skip_on_exit_code=99, fail_on_exit_code=77)
    event = json.loads(json.dumps(Ending.of_outcome(outcome, ExitCodeRules((99,), (77,))).as_json()))
    if error is None:
        assert found.execute_complete(context(), event) == outcome.as_json()
    else:
        with pytest.raises(error):
            found.execute_complete(context(), event)


@pytest.mark.parametrize("cls", [BatchTaskLostError, BatchDeadlineError, AzureBatchError])
def test_an_error_that_a_trigger_saw_is_raised_as_itself(cls: type[AzureBatchError]) -> None:
    event = Ending.of_error(cls("why")).as_json()
    with pytest.raises(cls, match="why") as caught:
        operator().execute_complete(context(), event)
    assert caught.type is cls


def test_a_retry_that_airflow_resumes_with_the_event_of_the_failed_try_begins_anew(worker: Worker) -> None:
    ti = TaskInstance()
    with pytest.raises(TaskDeferred) as caught:
        operator(deferrable=True).execute(context(ti))
    event = Ending.of_error(AzureBatchError("the first try")).as_json()
    resumed = {"event": event, **(caught.value.kwargs or {})}
    with pytest.raises(AzureBatchError, match="the first try"):
        operator(deferrable=True).execute_complete(context(ti), **resumed)
    ti.try_number += 1
    with pytest.raises(TaskDeferred):
        operator(deferrable=True).execute_complete(context(ti), **resumed)


def test_a_resumption_without_an_event_is_an_error() -> None:
    with pytest.raises(AzureBatchError, match="no event"):
        operator().execute_complete(context(), None)


# --- a kill -----------------------------------------------------------------------------------------------


def test_a_kill_before_anything_happened_does_nothing(worker: Worker) -> None:
    operator().on_kill()
    assert worker.batch.requests == []


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("place", [{}, {"batch_job_id": "nightly"}], ids=["own job", "given job"])
def test_a_kill_while_the_task_is_watched_ends_it_and_the_watch(
    worker: Worker, place: dict[str, Any], moving: bool
) -> None:
    worker.batch.moving_etags = moving
    found = operator(**place)
    when_running(worker, None)
    worker.process.at(30, found.on_kill)
    with pytest.raises(Stopped):
        found.execute(context())
    assert worker.batch.live_tasks() == []
    assert worker.batch.active_jobs() == ["nightly"]
    assert worker.hooks_open == 0


@MODES
@pytest.mark.parametrize("place", [{}, {"batch_job_id": "nightly"}], ids=["own job", "given job"])
@pytest.mark.parametrize("operation", ["get_job", "create_job", "create_task", "update_job", "get_task"])
def test_a_kill_in_the_middle_of_a_submission_leaves_nothing_although_airflow_goes_on(
    worker: Worker, operation: str, place: dict[str, Any], deferrable: bool
) -> None:
    found = operator(deferrable=deferrable, **place)
    killed = []

    def kill(batch: FakeBatch) -> None:
        killed.append(operation)
        found.on_kill()

    worker.batch.before(operation, kill)
    if place and operation in ("create_job", "update_job"):
        pytest.skip("a given job is neither created nor changed")
    if not place and deferrable and operation == "get_task":
        pytest.skip("the task of a new job is not read before the triggerer does")
    with pytest.raises(Stopped):
        found.execute(context())
    assert killed
    assert worker.batch.live_tasks() == []
    assert worker.batch.active_jobs() == ["nightly"]


def test_a_kill_leaves_the_tasks_of_others_alone(worker: Worker) -> None:
    worker.batch.tasks["nightly", "other"] = {"id": "other", "state": "active", "eTag": "0xO"}
    found = operator(batch_job_id="nightly")
    worker.process.at(30, found.on_kill)
    with pytest.raises(Stopped):
        found.execute(context())
    assert [key.batch_task_id for key in worker.batch.live_tasks()] == ["other"]
    assert worker.batch.jobs["nightly"]["state"] == "active"


@pytest.mark.parametrize("moving", [False, True])
def test_a_late_kill_of_an_earlier_try_leaves_the_task_of_the_next_try_alone(
    worker: Worker, moving: bool
) -> None:
    worker.batch.moving_etags = moving
    when_running(worker, None)
    first = operator()

    def next_try_and_kill() -> None:
        with pytest.raises(TaskDeferred):
            operator(deferrable=True).execute(context(TaskInstance(try_number=2)))
        first.on_kill()

    worker.process.at(30, next_try_and_kill)
    with pytest.raises(Stopped):
        first.execute(context())
    assert worker.batch.live_tasks() == [only_task(worker.batch)]


def test_a_signal_after_the_deferral_leaves_the_task_to_its_trigger(worker: Worker) -> None:
    found = operator(deferrable=True)
    with pytest.raises(TaskDeferred):
        found.execute(context())
    worker.batch.requests.clear()
    found.on_kill()
    assert worker.batch.requests == []


# --- whose work it is -------------------------------------------------------------------------------------


def test_the_identity_is_that_of_the_task_instance(worker: Worker) -> None:
    trigger = deferred(worker, TaskInstance(map_index=4, max_tries=3))
    work = ids.WorkIdentity("dep", "etl", "manual__1", "split", 4, "2026-01-01T00:00:00.000000+00:00", 3)
    assert trigger.submission["key"] == {
        "batch_job_id": ids.job_id(work),
        "batch_task_id": ids.task_id(work),
    }


def test_a_run_in_a_fresh_account_starts_from_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    one = deferred(Worker(monkeypatch, account())).submission["key"]
    other = deferred(Worker(monkeypatch, account())).submission["key"]
    assert one == other
