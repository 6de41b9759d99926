"""State, result and exit code are three things."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.outcome import (
    ExitCodeRules,
    Failure,
    TaskOutcome,
    read_outcome,
    run_of,
)
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.verdict import Verdict

KEY = TaskKey("j", "t")
TEXT = st.none() | st.text(max_size=8)
FAILURES = st.builds(
    Failure,
    st.text(max_size=5),
    st.text(max_size=5),
    st.text(max_size=5),
    st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=2).map(tuple),
)
OUTCOMES = st.builds(
    TaskOutcome,
    batch_job_id=st.text(max_size=5),
    batch_task_id=st.text(max_size=5),
    result=st.sampled_from(["success", "failure"]),
    exit_code=st.none() | st.integers(-(2**31), 2**31),
    batch_pool_id=TEXT,
    node_id=TEXT,
    start_time=TEXT,
    end_time=TEXT,
    retry_count=st.integers(0, 5),
    requeue_count=st.integers(0, 5),
    failure=st.none() | FAILURES,
    output_url=TEXT,
)


def task(state: str = "completed", **info: Any) -> dict[str, Any]:
    return {"state": state, "executionInfo": info}


def result(**info: Any) -> str:
    outcome = read_outcome(KEY, task(**info))
    assert outcome is not None
    return outcome.result


@pytest.mark.parametrize("state", ["active", "preparing", "running", "Running", "paused", ""])
def test_a_task_that_has_not_completed_has_no_outcome(state: str) -> None:
    assert read_outcome(KEY, task(state, exitCode=0, result="success")) is None
    assert read_outcome(KEY, {}) is None


@pytest.mark.parametrize(
    ("info", "wanted"),
    [
        ({"result": "success", "exitCode": 0}, "success"),
        ({"result": "Success", "exitCode": 0}, "success"),
        ({"result": "FAILURE", "exitCode": 1}, "failure"),
        ({"result": "failure", "exitCode": 0}, "failure"),
        ({"exitCode": 0}, "success"),
        ({"exitCode": 0, "failureInfo": {"code": "FileUploadMiscError"}}, "failure"),
        ({"exitCode": 1}, "failure"),
        ({}, "failure"),
        ({"result": "partial", "exitCode": 1}, "failure"),
    ],
)
def test_only_a_success_is_a_success(info: dict[str, Any], wanted: str) -> None:
    assert result(**info) == wanted


def test_capitals_of_enums_do_not_matter() -> None:
    found = read_outcome(
        KEY, task("Completed", result="Failure", failureInfo={"category": "UserError", "code": "TaskEnded"})
    )
    assert found is not None
    assert found.failure == Failure("usererror", "TaskEnded")


@given(OUTCOMES)
def test_an_outcome_survives_json(outcome: TaskOutcome) -> None:
    assert TaskOutcome.from_json(json.loads(json.dumps(outcome.as_json()))) == outcome


RULES = ExitCodeRules(skip=(99,), fail_for_good=(2, 3))


def outcome(exit_code: int | None, code: str = "FailureExitCode", result: str = "failure") -> TaskOutcome:
    return TaskOutcome("j", "t", result, exit_code, failure=Failure(code=code))


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (TaskOutcome("j", "t", "success", 0), Verdict.SUCCESS),
        (outcome(1), Verdict.FAILED),
        (outcome(99), Verdict.SKIPPED),
        (outcome(2), Verdict.FAILED_FOR_GOOD),
        (outcome(None, "TaskEnded"), Verdict.FAILED),
        (outcome(99, "FileUploadAccessDenied"), Verdict.FAILED),
        (outcome(2, "TaskEnded"), Verdict.FAILED),
        # An exit condition of the user can make a listed code a success for the service.
        (TaskOutcome("j", "t", "success", 99), Verdict.SUCCESS),
    ],
)
def test_exit_codes_mean_what_the_author_says_when_the_process_ended_by_itself(
    found: TaskOutcome, verdict: Verdict
) -> None:
    assert found.verdict(RULES) is verdict


def test_a_signature_in_a_reason_is_not_kept() -> None:
    secret = "c2VjcmV0LXNpZ25hdHVyZS12YWx1ZS0xMjM0NTY3ODkw"
    url = f"https://a/b?sig={secret}"
    failure = Failure.read({"code": "X", "message": url, "details": [{"name": "BlobSource", "value": url}]})
    assert secret not in repr(failure)


def test_a_run_changes_with_node_start_retry_and_requeue() -> None:
    def running(node: str = "n", start: str = "s", retry: int = 0, requeue: int = 0) -> dict[str, Any]:
        info = {"startTime": start, "retryCount": retry, "requeueCount": requeue}
        return {"executionInfo": info, "nodeInfo": {"nodeId": node}}

    runs = [running(), running("m"), running(start="t"), running(retry=1), running(requeue=1)]
    assert len({run_of(run) for run in runs}) == len(runs)
    assert run_of({"executionInfo": {"retryCount": 0}}) is None
    assert run_of({"executionInfo": {"startTime": "s"}}) is None
