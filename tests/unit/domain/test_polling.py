"""How often is asked, and what a failure of asking means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain import polling
from airflow_provider_batch.domain.polling import MAX_BACKOFF, QUICK, Pace, is_refusal, is_transient
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchPermissionError,
    BatchServiceError,
    BatchUnavailableError,
)
from tests.unit.domain.fake_batch import service_error

RANDOM = st.floats(0, 1, exclude_max=True)
INTERVALS = st.floats(0.01, 3600)
UNAVAILABLE = BatchUnavailableError("x")


def service(status: int | None, code: str | None = "SomeCode") -> BatchServiceError:
    return BatchServiceError(code=code, message="m", status=status, operation="get_task")


@given(INTERVALS, st.lists(RANDOM, min_size=1, max_size=30))
def test_a_wait_never_exceeds_the_interval_and_is_never_nothing(
    interval: float, randoms: list[float]
) -> None:
    pace = Pace(interval)
    assert all(0 < pace.wait(random) <= interval for random in randoms)


def test_waits_grow_to_the_interval_and_a_change_makes_them_quick_again() -> None:
    pace = Pace(5.0)
    waits = [pace.wait(0) for _ in range(8)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (QUICK, 5.0)
    pace.changed()
    assert pace.wait(0) == QUICK


@given(INTERVALS, st.integers(1, 3000), RANDOM)
def test_a_backoff_is_bounded_and_not_shorter_than_a_quick_poll(
    interval: float, failures: int, random: float
) -> None:
    pace = Pace(interval)
    for _ in range(failures % 40):
        pace.wait_after(UNAVAILABLE, 0)
    assert QUICK * (1 - polling.JITTER) <= pace.wait_after(UNAVAILABLE, random) <= MAX_BACKOFF


def test_an_answer_ends_the_backoff() -> None:
    pace = Pace(5.0)
    first = pace.wait_after(UNAVAILABLE, 0)
    assert pace.wait_after(UNAVAILABLE, 0) == 2 * first
    pace.wait(0)
    assert pace.wait_after(UNAVAILABLE, 0) == first


@given(st.floats(0, 10_000), RANDOM)
def test_the_service_is_never_asked_sooner_than_it_asked_for(asked: float, random: float) -> None:
    assert Pace(1.0).wait_after(service_error("TooManyRequests", retry_after=asked), random) >= asked


@pytest.mark.parametrize(
    ("error", "transient", "refusal"),
    [
        (UNAVAILABLE, True, False),
        (service_error("TooManyRequests"), True, False),
        (service(500), True, False),
        (service(503), True, False),
        (service(400), False, False),
        (service(None), False, False),
        (service(404, None), False, True),
        (service_error("TaskCompleted"), False, False),
        (service_error("ConditionNotMet"), False, False),
        (BatchAuthenticationError(code="A", message="", status=403, operation="x"), False, True),
        (BatchPermissionError(code="A", message="", status=403, operation="x"), False, True),
        (AzureBatchError("x"), False, False),
    ],
)
def test_what_a_failed_poll_means(error: AzureBatchError, transient: bool, refusal: bool) -> None:
    assert is_transient(error) is transient
    assert is_refusal(error) is refusal
