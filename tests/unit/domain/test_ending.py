"""What a trigger saw is what a worker raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch import exceptions
from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.outcome import ExitCodeRules, TaskOutcome
from airflow_provider_batch.domain.verdict import Verdict
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchServiceError,
    BatchTaskFailedError,
    BatchThrottledError,
    MemberRenderingError,
    SpecError,
)
from tests.unit.domain.test_outcome import OUTCOMES


def one_of(cls: type[AzureBatchError]) -> AzureBatchError:
    if issubclass(cls, BatchServiceError):
        arguments: dict[str, Any] = {
            "code": "Code",
            "message": "why",
            "status": 409,
            "operation": "get_task",
            "details": [("name", "value")],
            "request_id": "id",
        }
        if cls is BatchThrottledError:
            arguments["retry_after"] = 3.5
        return cls(**arguments)
    if cls is SpecError:
        return SpecError("batch_pool.vmSize", "is missing")
    if cls is MemberRenderingError:
        return MemberRenderingError("frame", 3, "is undefined")
    if cls is BatchTaskFailedError:
        return BatchTaskFailedError("failed", {"exit_code": 1})
    return cls("why it failed")


ERRORS = [getattr(exceptions, name) for name in exceptions.__all__]


def travelled(ending: Ending) -> Ending:
    return Ending.from_json(json.loads(json.dumps(ending.as_json())))


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_comes_back_as_itself(cls: type[AzureBatchError]) -> None:
    error = one_of(cls)
    ending = travelled(Ending.of_error(error))
    assert ending.verdict is Verdict.FAILED
    back = ending.error()
    assert type(back) is cls
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_an_error_of_a_release_that_we_do_not_know_is_told_by_its_text() -> None:
    ending = Ending(Verdict.FAILED, "why", error_type="BatchNewError")
    assert type(ending.error()) is AzureBatchError
    assert "BatchNewError: why" in str(ending.error())


@pytest.mark.parametrize("name", ["Any", "Mapping", "__name__", ""])
def test_a_name_that_is_no_error_of_ours_is_not_called(name: str) -> None:
    assert type(Ending(Verdict.FAILED, "why", error_type=name).error()) is AzureBatchError


@given(
    OUTCOMES.map(lambda o: TaskOutcome(**{**vars(o), "start_time": None, "end_time": None})), st.booleans()
)
def test_an_outcome_travels_whole(outcome: TaskOutcome, skip: bool) -> None:
    rules = ExitCodeRules(skip=(outcome.exit_code,) if skip and outcome.exit_code else ())
    ending = Ending.of_outcome(outcome, rules)
    assert travelled(ending) == ending
    if not outcome.succeeded:
        error = travelled(ending).error()
        assert isinstance(error, BatchTaskFailedError)
        assert TaskOutcome.from_json(error.outcome) == outcome


def test_an_ending_of_an_earlier_release_can_be_read() -> None:
    data = {"verdict": "failed", "message": "m", "outcome": None, "error_type": "BatchDeadlineError"}
    assert type(Ending.from_json(data).error()) is exceptions.BatchDeadlineError
