"""A watch reports how its own task ended, whatever else happens, and leaves nothing running unseen."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.domain import polling
from airflow_provider_batch.domain import watch as watches
from airflow_provider_batch.domain.flow import Look, drive
from airflow_provider_batch.domain.outcome import TaskOutcome
from airflow_provider_batch.domain.requests import Answer, terminate_task
from airflow_provider_batch.domain.submission import Submission, TaskPlan, submit
from airflow_provider_batch.domain.termination import await_end, terminate
from airflow_provider_batch.domain.watch import TaskHeldBackError, WatchOptions, watch
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchDeadlineError,
    BatchPoolUnusableError,
    BatchServiceError,
    BatchTaskLostError,
    BatchUnavailableError,
)
from tests.unit.domain.fake_batch import START, Crash, FakeBatch, Process, service_error
from tests.unit.domain.plans import account, given, own

UNAVAILABLE = BatchUnavailableError("the connection broke off")
REFUSED = BatchAuthenticationError(
    code="AuthenticationFailed", message="no", status=403, operation="get_task"
)
PLANS = pytest.mark.parametrize("plan", [own(), given()], ids=["own job", "given job"])


class Scene:
    """A submitted task, the account, and the process that watches."""

    def __init__(self, plan: TaskPlan | None = None) -> None:
        self.batch = account()
        self.submission: Submission = Process(self.batch).drive(submit(plan or own()))
        self.key = self.submission.key
        self.process = Process(self.batch)
        self.batch.requests.clear()

    def watch(self, **options: Any) -> TaskOutcome:
        saved = options.pop("saved", None)
        outcome: TaskOutcome = self.process.drive(watch(self.submission, WatchOptions(**options), saved))
        return outcome

    def runs_at(self, seconds: float, **arguments: Any) -> None:
        self.process.at(seconds, lambda: self.batch.run(self.key, **arguments))

    def ends_at(self, seconds: float, exit_code: int | None = 0, **arguments: Any) -> None:
        self.process.at(seconds, lambda: self.batch.complete(self.key, exit_code, **arguments))

    def prints_at(self, seconds: float, text: str, stream: str = "stdout") -> None:
        self.process.at(seconds, lambda: self.batch.write(self.key, **{stream: text.encode()}))

    @property
    def state(self) -> str:
        return str(self.batch.task(self.key)["state"])

    def lines(self) -> list[str]:
        lines = [line for _, text in self.process.logs for line in text.split("\n")]
        return [line for line in lines if line.startswith(("stdout | ", "stderr | "))]


# --- ends -----------------------------------------------------------------------------------------------


@PLANS
@pytest.mark.parametrize(("exit_code", "result"), [(0, "success"), (3, "failure")])
def test_the_end_of_the_task_is_the_end_of_the_watch(plan: TaskPlan, exit_code: int, result: str) -> None:
    scene = Scene(plan)
    scene.runs_at(3)
    scene.prints_at(4, "hello\nbye")
    scene.ends_at(20, exit_code)
    outcome = scene.watch()
    assert (outcome.result, outcome.exit_code, outcome.key) == (result, exit_code, scene.key)
    assert (outcome.node_id, outcome.batch_pool_id) == ("node-1", "p1")
    assert scene.lines() == ["stdout | hello", "stdout | bye"]
    assert "terminate_task" not in scene.batch.operations()


def test_an_end_that_an_earlier_try_answered_for_is_not_taken_again() -> None:
    scene = Scene(given())
    scene.batch.complete(scene.key, 1)
    end = scene.batch.task(scene.key)["executionInfo"]["endTime"]
    scene.submission = replace(scene.submission, stale_end=end)

    def again() -> None:
        scene.batch.task(scene.key).update(state="active", executionInfo={})

    scene.process.at(10, again)
    scene.ends_at(20, 0)
    assert scene.watch().succeeded


def test_a_second_failure_after_a_reactivation_counts() -> None:
    scene = Scene(given())
    scene.batch.complete(scene.key, 1)
    scene.batch.now += timedelta(seconds=1)
    submission = scene.process.drive(submit(given()))
    scene.submission = submission
    assert submission.stale_end is not None
    scene.ends_at(20, 1)
    assert scene.watch().exit_code == 1


def test_a_stale_end_in_a_job_that_ended_is_lost_and_not_waited_for_for_ever() -> None:
    scene = Scene(given())
    scene.batch.complete(scene.key, 1)
    end = scene.batch.task(scene.key)["executionInfo"]["endTime"]
    scene.submission = replace(scene.submission, stale_end=end)
    scene.batch.end_job("nightly")
    with pytest.raises(BatchTaskLostError):
        scene.watch()


@PLANS
def test_a_task_that_is_gone_is_lost(plan: TaskPlan) -> None:
    scene = Scene(plan)
    scene.runs_at(3)
    scene.process.at(10, scene.batch.tasks.clear)
    with pytest.raises(BatchTaskLostError, match=scene.key.batch_task_id):
        scene.watch()


def test_the_own_job_of_a_lost_task_is_ended() -> None:
    scene = Scene(own())
    scene.process.at(10, scene.batch.tasks.clear)
    with pytest.raises(BatchTaskLostError):
        scene.watch()
    assert scene.batch.active_jobs() == ["nightly"]


def test_a_given_job_is_never_ended() -> None:
    scene = Scene(given())
    scene.process.at(10, scene.batch.tasks.clear)
    with pytest.raises(BatchTaskLostError):
        scene.watch()
    assert scene.batch.active_jobs() == ["nightly"]


def test_a_job_that_is_gone_means_that_the_task_is_lost() -> None:
    scene = Scene(own())
    scene.process.at(5, scene.batch.tasks.clear)
    scene.process.at(5, scene.batch.jobs.clear)
    with pytest.raises(BatchTaskLostError):
        scene.watch()


@PLANS
def test_a_task_whose_job_ended_before_it_ran_is_lost(plan: TaskPlan) -> None:
    scene = Scene(plan)
    scene.process.at(5, lambda: scene.batch.end_job(scene.key.batch_job_id, "MaxWallClockTimeExpiry"))
    with pytest.raises(BatchTaskLostError, match="MaxWallClockTimeExpiry"):
        scene.watch()


def test_a_task_that_its_ending_job_still_runs_is_watched_to_its_end() -> None:
    scene = Scene(own())
    job = scene.batch.jobs[scene.key.batch_job_id]
    scene.process.at(9, lambda: job.update(state="terminating"))

    def started_meanwhile(batch: FakeBatch) -> None:
        batch.run(scene.key)

    scene.batch.before("get_job", started_meanwhile)
    scene.ends_at(30, 0)
    assert scene.watch().succeeded


def test_a_job_that_could_not_be_told_to_end_is_ended_with_its_task() -> None:
    scene = Scene(own())
    scene.batch.jobs[scene.key.batch_job_id]["onAllTasksComplete"] = "noaction"
    scene.submission = replace(scene.submission, end_job=True)
    scene.ends_at(5, 0)
    assert scene.watch().succeeded
    assert scene.batch.active_jobs() == ["nightly"]


# --- answers that say nothing -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [UNAVAILABLE, service_error("TooManyRequests"), REFUSED])
def test_polls_without_an_answer_are_no_result(error: AzureBatchError) -> None:
    scene = Scene()
    scene.batch.fail("get_task", error, times=4)
    scene.ends_at(200, 0)
    assert scene.watch().succeeded
    said = [text for _, text in scene.process.logs if "No answer" in text]
    assert len(said) == 1
    assert "The Batch service answers again." in scene.process.text


def test_an_answer_that_is_not_the_services_gets_patience_too() -> None:
    scene = Scene()
    proxy = BatchServiceError(code=None, message="<html>", status=404, operation="get_task")
    scene.batch.fail("get_task", proxy, times=3)
    scene.ends_at(100, 0)
    assert scene.watch().succeeded


def test_the_wait_that_the_service_asked_for_is_kept() -> None:
    scene = Scene()
    scene.batch.fail("get_task", service_error("TooManyRequests", retry_after=90.0))
    scene.ends_at(10, 0)
    scene.watch()
    assert scene.process.sleeps[0] >= 90.0


def test_credentials_that_stay_refused_end_the_watch_after_a_while() -> None:
    scene = Scene()
    scene.runs_at(0)
    scene.batch.fail("get_task", REFUSED, times=1000)
    with pytest.raises(BatchAuthenticationError):
        scene.watch()
    waited = (scene.batch.now - START).total_seconds()
    assert polling.REFUSAL_PATIENCE < waited < polling.REFUSAL_PATIENCE + 2 * polling.MAX_BACKOFF
    assert scene.state == "completed"


def test_refusals_with_answers_in_between_start_their_patience_anew() -> None:
    scene = Scene()
    scene.runs_at(0)
    for second in range(0, 1200, 150):
        scene.process.at(second + 1, lambda: scene.batch.fail("get_task", REFUSED))
    scene.ends_at(1300, 0)
    assert scene.watch().succeeded


def test_a_request_that_is_refused_for_good_ends_task_and_watch() -> None:
    scene = Scene()
    scene.runs_at(0)
    scene.batch.fail("get_task", service_error("InvalidPropertyValue"))
    with pytest.raises(BatchServiceError, match="InvalidPropertyValue"):
        scene.watch()
    assert scene.state == "completed"


class OwnFault(Exception):
    """A fault of ours, in any effect."""


@pytest.mark.parametrize("operation", ["get_task", "download_task_file"])
def test_whatever_is_raised_terminates_the_task_first(operation: str) -> None:
    scene = Scene()
    scene.runs_at(0)
    scene.batch.fail(operation, OwnFault())
    with pytest.raises(OwnFault):
        scene.watch()
    assert scene.state == "completed"


def test_a_process_that_dies_terminates_nothing() -> None:
    scene = Scene()
    scene.runs_at(0)
    scene.batch.fail("get_task", Crash())
    with pytest.raises(Crash):
        scene.watch()
    assert scene.state == "active"
    assert "terminate_task" not in scene.batch.operations()


# --- the deadline -----------------------------------------------------------------------------------------


@PLANS
def test_the_deadline_terminates_the_task_and_then_fails(plan: TaskPlan) -> None:
    scene = Scene(plan)
    scene.runs_at(3)
    deadline = START + timedelta(seconds=60)
    with pytest.raises(BatchDeadlineError, match="execution_timeout"):
        scene.watch(deadline=deadline)
    assert scene.state == "completed"
    assert deadline <= scene.batch.now <= deadline + timedelta(seconds=1)


def test_the_deadline_holds_while_the_service_does_not_answer() -> None:
    scene = Scene()
    scene.batch.fail("get_task", UNAVAILABLE, times=10_000)
    deadline = START + timedelta(seconds=600)
    with pytest.raises(BatchDeadlineError):
        scene.watch(deadline=deadline)
    assert scene.batch.now <= deadline + timedelta(seconds=5)


def test_a_task_that_ended_before_its_deadline_and_after_the_last_look_counts() -> None:
    scene = Scene()
    scene.runs_at(1)
    scene.prints_at(58, "last words\n")
    scene.ends_at(59, 0)
    outcome = scene.watch(poll_interval=50.0, deadline=START + timedelta(seconds=60))
    assert outcome.succeeded
    assert "stdout | last words" in scene.lines()


def test_a_stale_end_at_the_deadline_is_no_end() -> None:
    scene = Scene(given())
    scene.batch.complete(scene.key, 1)
    end = scene.batch.task(scene.key)["executionInfo"]["endTime"]
    scene.submission = replace(scene.submission, stale_end=end)
    with pytest.raises(BatchDeadlineError):
        scene.watch(deadline=START + timedelta(seconds=5))


# --- waiting ----------------------------------------------------------------------------------------------


def broken(batch: FakeBatch, **node: Any) -> None:
    batch.nodes["p1"] = [{"id": "n1", "state": "starttaskfailed", **node}]


def test_a_pool_that_looks_hopeless_twice_ends_task_and_watch() -> None:
    scene = Scene()
    broken(scene.batch, startTaskInfo={"result": "Failure", "exitCode": 9})
    with pytest.raises(BatchPoolUnusableError, match="exit code 9"):
        scene.watch()
    assert scene.state == "completed"
    assert scene.batch.active_jobs() == ["nightly"]


def test_the_pool_of_a_job_that_was_not_told_when_it_was_created_is_looked_at_too() -> None:
    scene = Scene()
    scene.submission = replace(scene.submission, batch_pool_id=None)
    scene.batch.jobs[scene.key.batch_job_id]["executionInfo"] = {"poolId": "p1"}
    broken(scene.batch, startTaskInfo={"result": "Failure", "exitCode": 9})
    with pytest.raises(BatchPoolUnusableError, match="exit code 9"):
        scene.watch(deadline=START + timedelta(minutes=10))


def test_a_task_that_nothing_holds_back_and_is_not_run_is_given_up_by_its_mirror() -> None:
    scene = Scene()
    scene.batch.nodes["p1"] = [{"id": "n1", "state": "idle"}]
    with pytest.raises(TaskHeldBackError, match="1 of them idle"):
        scene.watch(may_be_blocked=False)
    assert scene.state == "completed"


def test_a_task_that_only_a_list_shows_as_waiting_is_not_given_up() -> None:
    """The looks of a mirror come from lists, which lag."""
    scene = Scene()
    scene.batch.nodes["p1"] = [{"id": "n1", "state": "idle"}]
    scene.ends_at(60, 0)
    flow = watch(scene.submission, WatchOptions(may_be_blocked=False))

    def perform(effect: Any) -> Any:
        if isinstance(effect, Look) and (scene.batch.now - START).total_seconds() < 300:
            return Answer(json={"id": scene.key.batch_task_id, "state": "active"})
        return scene.process(effect)

    assert drive(flow, perform).succeeded


@pytest.mark.parametrize(
    ("job", "node", "options"),
    [
        pytest.param({"maxParallelTasks": 1}, "idle", {"may_be_blocked": False}, id="limit of the job"),
        pytest.param({}, "running", {"may_be_blocked": False}, id="no idle node"),
        pytest.param({}, "idle", {}, id="its parents may hold it"),
    ],
)
def test_a_task_that_may_have_to_wait_is_waited_for(
    job: dict[str, Any], node: str, options: dict[str, Any]
) -> None:
    scene = Scene()
    scene.batch.jobs[scene.key.batch_job_id].update(job)
    scene.batch.nodes["p1"] = [{"id": "n1", "state": node}]
    scene.ends_at(400, 0)
    assert scene.watch(**options).succeeded


def test_a_pool_that_looks_hopeless_once_is_waited_for() -> None:
    scene = Scene()
    broken(scene.batch)
    scene.process.at(12, lambda: scene.batch.nodes["p1"][0].update(state="idle"))
    scene.ends_at(200, 0)
    assert scene.watch().succeeded


def test_a_pool_whose_nodes_are_out_of_sight_is_waited_for() -> None:
    scene = Scene()
    scene.batch.nodes["p1"] = [{"id": "n1", "state": "unknown"}]
    scene.ends_at(600, 0)
    assert scene.watch().succeeded


def test_a_hopeless_look_before_a_run_does_not_count_after_it() -> None:
    scene = Scene()
    broken(scene.batch)
    scene.runs_at(11)
    scene.process.at(20, lambda: scene.batch.task(scene.key).update(state="active"))
    scene.process.at(22, lambda: scene.batch.nodes["p1"][0].update(state="idle"))
    scene.ends_at(200, 0)
    assert scene.watch().succeeded


def test_a_quota_that_leaves_the_pool_without_nodes_ends_the_watch() -> None:
    scene = Scene()
    errors = [{"code": "AccountCoreQuotaReached", "message": "quota"}]
    scene.batch.pools["p1"].update(resizeErrors=errors, currentDedicatedNodes=0)
    with pytest.raises(BatchPoolUnusableError, match="AccountCoreQuotaReached"):
        scene.watch()


def test_an_old_resize_error_of_a_pool_with_nodes_means_nothing() -> None:
    scene = Scene()
    errors = [{"code": "AccountCoreQuotaReached", "message": "quota"}]
    scene.batch.pools["p1"].update(resizeErrors=errors, currentDedicatedNodes=1)
    scene.batch.nodes["p1"] = [{"id": "n1", "state": "running"}]
    scene.ends_at(300, 0)
    assert scene.watch().succeeded
    assert "1 usable node, " in scene.process.text


def test_a_pool_that_scales_itself_is_never_hopeless() -> None:
    scene = Scene()
    broken(scene.batch)
    scene.batch.pools["p1"]["enableAutoScale"] = True
    scene.ends_at(300, 0)
    assert scene.watch().succeeded


@pytest.mark.parametrize("operation", ["get_pool", "list_nodes", "get_job"])
@pytest.mark.parametrize("error", [service_error("PoolBeingDeleted"), UNAVAILABLE, REFUSED])
def test_an_explanation_that_cannot_be_had_ends_nothing(operation: str, error: AzureBatchError) -> None:
    scene = Scene()
    scene.batch.fail(operation, error, times=1000)
    scene.ends_at(500, 0)
    assert scene.watch().succeeded


def test_a_pool_that_goes_between_two_looks_at_it_does_not_make_the_task_lost() -> None:
    scene = Scene()
    scene.batch.before("list_nodes", lambda batch: batch.pools.clear())
    scene.ends_at(300, 0)
    assert scene.watch().succeeded


def test_the_log_says_once_why_the_task_waits() -> None:
    scene = Scene()
    scene.batch.pools["p1"].update(
        allocationState="resizing", targetDedicatedNodes=4, currentDedicatedNodes=0
    )
    scene.ends_at(400, 0)
    scene.watch()
    said = [text for _, text in scene.process.logs if text.startswith("Waiting:")]
    assert said == ["Waiting: pool p1: 0 of 4 nodes allocated, none listed yet."]


def test_a_task_that_waits_for_another_says_for_which() -> None:
    scene = Scene(given())
    scene.batch.task(scene.key)["dependsOn"] = {"taskIds": ["parent", "ghost"]}
    scene.batch.tasks["nightly", "parent"] = {"id": "parent", "state": "active", "eTag": "0xP"}
    scene.process.at(39, lambda: scene.batch.task(scene.key).pop("dependsOn"))
    scene.ends_at(40, 0)
    scene.watch()
    assert "it depends on parent (active), ghost (does not exist)" in scene.process.text


# --- output -----------------------------------------------------------------------------------------------


def test_a_retry_by_batch_starts_the_output_anew_and_says_so_once() -> None:
    scene = Scene()
    scene.runs_at(1)
    scene.prints_at(2, "first\n")

    def fails_and_waits() -> None:
        task = scene.batch.task(scene.key)
        task["state"] = "active"
        task["executionInfo"]["retryCount"] = 1

    scene.process.at(10, fails_and_waits)
    scene.runs_at(20, node="node-2", retry_count=1)
    scene.prints_at(21, "second\n")
    scene.ends_at(30, 0)
    assert scene.watch().succeeded
    assert scene.lines() == ["stdout | first", "stdout | second"]
    said = [text for _, text in scene.process.logs if "runs again" in text]
    assert len(said) == 1
    assert "node-2" in said[0]


def test_offsets_are_saved_every_30_seconds_and_at_the_end() -> None:
    scene = Scene()
    scene.runs_at(0.5)
    for second in range(1, 100):
        scene.prints_at(second, f"line {second}\n")
    scene.ends_at(100, 0)
    scene.watch()
    times = [(time - START).total_seconds() for time, _ in scene.process.saved]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 4 <= len(times) <= 6
    assert all(gap >= watches.SAVE_EVERY for gap in gaps[:-1])
    assert max(gaps) <= watches.SAVE_EVERY + 5
    assert scene.process.saved[-1][1]["stdout"] == sum(len(f"line {n}\n") for n in range(1, 100))


def test_a_watch_that_resumes_goes_on_where_it_saved() -> None:
    scene = Scene()
    scene.batch.run(scene.key)
    scene.batch.write(scene.key, stdout=b"shown\nnew\n")
    run = f"node-1/{scene.batch.task(scene.key)['executionInfo']['startTime']}/0/0"
    scene.ends_at(5, 0)
    scene.watch(saved={"run": run, "stdout": 6, "stderr": 0})
    assert scene.lines() == ["stdout | new"]
    assert "resumes after a restart" in scene.process.text


def test_files_that_are_gone_do_not_change_the_result() -> None:
    scene = Scene()
    scene.runs_at(1)
    scene.batch.fail("download_task_file", service_error("NodeNotFound"), times=1000)
    scene.ends_at(30, 0)
    assert scene.watch().succeeded
    assert ("WARNING", "Output is not available from the node (NodeNotFound).") in scene.process.logs


def test_a_failure_explains_itself() -> None:
    scene = Scene()
    scene.runs_at(1)
    scene.prints_at(2, "Traceback\nValueError: no\n", "stderr")
    details = [
        {"name": "BlobSource", "value": "https://a/b?sig=c2VjcmV0LXNpZ25hdHVyZS12YWx1ZS0xMjM0NTY3ODkw"}
    ]
    scene.ends_at(
        30,
        127,
        failure={"category": "UserError", "code": "FailureExitCode", "message": "m", "details": details},
    )
    outcome = scene.watch()
    level, text = scene.process.logs[-1]
    assert level == "ERROR"
    for part in (
        str(scene.key),
        "FailureExitCode",
        "exit code: 127",
        "node-1",
        "p1",
        "PATH",
        "ValueError: no",
    ):
        assert part in text
    assert "c2VjcmV0" not in text
    assert "c2VjcmV0" not in str(outcome.as_json())


def said_of_an_end(scene: Scene, how: Callable[[], Any], seconds: float = 30) -> str:
    scene.runs_at(1)
    scene.process.at(seconds, how)
    assert not scene.watch().succeeded
    return scene.process.logs[-1][1]


@pytest.mark.parametrize(
    ("reason", "next_step"),
    [("MaxWallClockTimeExpiry", "raise constraints.maxWallClockTime"), ("tidied up by hand", "tidied up")],
)
def test_a_task_that_was_ended_with_its_job_says_so_and_why_the_job_ended(
    reason: str, next_step: str
) -> None:
    scene = Scene(given())
    said = said_of_an_end(scene, lambda: scene.batch.end_job(scene.key.batch_job_id, reason))
    assert f"Batch job {scene.key.batch_job_id} was ended ({reason})" in said
    assert next_step in said
    assert "likely cause" not in said


@pytest.mark.parametrize(("plan", "trouble"), [(own(), None), (given(), None), (given(), UNAVAILABLE)])
def test_a_task_that_was_ended_alone_blames_no_job(plan: TaskPlan, trouble: Exception | None) -> None:
    scene = Scene(plan)

    def somebody_ends_it() -> None:
        scene.batch._terminate_task(terminate_task(scene.key), *scene.batch._key(scene.key))
        if trouble is not None:
            scene.batch.fail("get_job", trouble)

    said = said_of_an_end(scene, somebody_ends_it)
    assert "was ended (" not in said
    assert "likely cause: the task was terminated" in said


@pytest.mark.parametrize("category", ["UserError", "ServerError"])
def test_a_task_whose_own_time_was_up_was_not_ended_by_the_job_that_it_took_along(category: str) -> None:
    """Its exit conditions may end the job, which then says ``TaskFailed``."""
    scene = Scene(given())

    def its_failure_ends_the_job() -> None:
        scene.batch.end_job(scene.key.batch_job_id, "TaskFailed")
        scene.batch.task(scene.key)["executionInfo"]["failureInfo"]["category"] = category

    said = said_of_an_end(scene, its_failure_ends_the_job)
    assert ("was ended (TaskFailed)" in said) is (category == "UserError")


def test_a_job_that_ended_long_after_its_task_has_not_ended_it() -> None:
    scene = Scene(given())
    key = scene.batch._key(scene.key)

    def an_hour_before_its_job() -> None:
        scene.batch._terminate_task(terminate_task(scene.key), *key)
        scene.batch.end_job(scene.key.batch_job_id)
        scene.batch.jobs[scene.key.batch_job_id]["executionInfo"]["endTime"] = "2099-01-01T00:00:00Z"

    assert "likely cause: the task was terminated" in said_of_an_end(scene, an_hour_before_its_job)


# --- ending it early ----------------------------------------------------------------------------------------


def end(scene: Scene) -> bool:
    ended: bool = scene.process.drive(terminate(scene.submission, "test"))
    return ended


@PLANS
def test_termination_ends_the_task(plan: TaskPlan) -> None:
    scene = Scene(plan)
    scene.batch.run(scene.key)
    assert end(scene) is True
    assert end(scene) is False
    assert scene.state == "completed"


@PLANS
def test_a_task_that_a_later_try_took_over_is_left_alone(plan: TaskPlan) -> None:
    scene = Scene(plan)
    scene.batch.run(scene.key)
    Process(scene.batch).drive(submit(plan))
    assert end(scene) is False
    assert scene.state == "running"


def test_a_task_that_was_run_again_is_left_alone() -> None:
    scene = Scene(given())
    scene.batch.complete(scene.key, 1)
    Process(scene.batch).drive(submit(given()))
    assert end(scene) is False
    assert scene.state == "active"


@PLANS
def test_a_task_whose_etag_a_node_moved_is_ended_while_it_is_ours(plan: TaskPlan) -> None:
    scene = Scene(plan)
    scene.batch.moving_etags = True
    scene.batch.run(scene.key)
    scene.process.still_ours = lambda seen: seen.json["state"] == "running"
    assert end(scene) is True
    assert scene.state == "completed"


def test_a_task_that_is_written_after_it_was_found_to_be_ours_is_asked_for_again() -> None:
    scene = Scene(given())
    scene.batch.moving_etags = True
    scene.batch.run(scene.key)
    answers = [True, False]

    def still_ours(seen: Answer) -> bool:
        Process(scene.batch).drive(submit(given()))
        return answers.pop(0)

    scene.process.still_ours = still_ours
    assert end(scene) is False
    assert scene.state == "running"
    assert answers == []


def test_a_task_of_which_no_write_of_ours_is_known_is_looked_at_first() -> None:
    scene = Scene(given())
    scene.submission = replace(scene.submission, etag=None)
    assert end(scene) is False
    assert scene.state == "active"
    scene.process.still_ours = lambda seen: True
    assert end(scene) is True
    sent = [request for request in scene.batch.requests if request.operation == "terminate_task"]
    assert "If-Match" in sent[-1].headers


def test_a_time_limit_ends_a_task_whose_etag_a_node_moved() -> None:
    scene = Scene(given())
    scene.batch.moving_etags = True
    scene.process.still_ours = lambda seen: True
    scene.runs_at(1)
    with pytest.raises(BatchDeadlineError):
        scene.watch(deadline=START + timedelta(seconds=60))
    assert scene.state == "completed"


@pytest.mark.parametrize(("dies_after", "ended"), [(7.0, True), (60.0, False)])
def test_a_kill_waits_for_the_end_of_a_task_that_dies_slowly_up_to_its_patience(
    dies_after: float, ended: bool
) -> None:
    scene = Scene(given())
    scene.batch.run(scene.key)
    scene.process.at(dies_after, lambda: scene.batch.complete(scene.key, 137))
    assert scene.process.drive(await_end(scene.key, patience=20.0)) is ended
    assert scene.batch.now - START <= timedelta(seconds=21)


def test_a_termination_without_an_answer_is_tried_again() -> None:
    scene = Scene()
    scene.batch.fail("terminate_task", UNAVAILABLE, times=2)
    assert end(scene) is True
    assert scene.state == "completed"


def test_a_termination_that_fails_for_good_says_that_the_task_may_run_on() -> None:
    scene = Scene(given())
    scene.batch.fail("terminate_task", UNAVAILABLE, times=100)
    assert end(scene) is False
    assert any(level == "ERROR" and "may run on" in text for level, text in scene.process.logs)


@pytest.mark.parametrize(
    "before",
    [
        lambda scene: None,
        lambda scene: scene.batch.complete(scene.key, 0),
        lambda scene: scene.batch.tasks.clear(),
        lambda scene: scene.batch.fail("terminate_task", UNAVAILABLE, when="after"),
    ],
    ids=["running", "ended", "deleted", "answer lost"],
)
def test_a_job_that_is_to_end_with_its_task_is_ended(before: Callable[[Scene], None]) -> None:
    scene = Scene(own())
    scene.batch.jobs[scene.key.batch_job_id]["onAllTasksComplete"] = "noaction"
    scene.submission = replace(scene.submission, end_job=True)
    before(scene)
    end(scene)
    assert scene.batch.active_jobs() == ["nightly"]
