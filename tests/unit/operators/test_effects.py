"""The same effects on a worker and in a triggerer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Effect, Log, Now, Random, Save, Sleep
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.operators.effects import Stopped, WorkerEffects
from airflow_provider_batch.triggers.effects import TriggerEffects


class Port:
    def __init__(self) -> None:
        self.sent: list[Request] = []

    def send(self, request: Request) -> Answer:
        self.sent.append(request)
        return Answer(json={"id": "j"})

    def close(self) -> None:
        """Nothing to give back."""


class AsyncPort(Port):
    async def send(self, request: Request) -> Answer:  # type: ignore[override]
        return super().send(request)

    async def close(self) -> None:  # type: ignore[override]
        """Nothing to give back."""


LOGGER = logging.getLogger("tests.effects")


def on_a_worker(effect: Effect) -> Any:
    return WorkerEffects(Port(), LOGGER)(effect)


def in_a_triggerer(effect: Effect) -> Any:
    async def save(state: dict[str, Any]) -> None:
        """Kept nowhere."""

    return asyncio.run(TriggerEffects(AsyncPort(), LOGGER, save)(effect))


BOTH = pytest.mark.parametrize("perform", [on_a_worker, in_a_triggerer])
Perform = Callable[[Effect], Any]


@BOTH
def test_a_request_is_sent_and_answered(perform: Perform) -> None:
    assert perform(requests.get_job("j")).json == {"id": "j"}


@BOTH
def test_the_time_is_in_utc(perform: Perform) -> None:
    before = datetime.now(timezone.utc)
    assert before <= perform(Now()) <= datetime.now(timezone.utc)


@BOTH
def test_jitter_is_a_number_from_0_to_1(perform: Perform) -> None:
    assert 0 <= perform(Random()) < 1


@BOTH
@pytest.mark.parametrize("effect", [Sleep(0), Save({"run": None}), Log("x")])
def test_what_gives_nothing_back_gives_none(perform: Perform, effect: Effect) -> None:
    assert perform(effect) is None


@BOTH
def test_output_is_logged_as_it_is_with_its_level(perform: Perform, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER.name)
    for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        perform(Log("100%s {x} %d", level))
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        (level, "100%s {x} %d") for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    ]


def test_a_flow_that_is_to_stop_does_nothing_more() -> None:
    port = Port()
    with pytest.raises(Stopped):
        WorkerEffects(port, LOGGER, lambda: True)(requests.get_job("j"))
    assert port.sent == []


def test_to_stop_is_no_error_that_a_flow_could_take_for_an_answer() -> None:
    assert not issubclass(Stopped, Exception)
