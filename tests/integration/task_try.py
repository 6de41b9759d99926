"""
One try of an Airflow task, without an Airflow around it.

What an operator or a trigger sees of its task instance, small enough to crash and repeat at will; the real
thing runs in ``tests/system``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred, TaskInstanceState

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.triggers import task_instance as trigger_task_instance
from airflow_provider_batch.triggers.task import AzureBatchTaskTrigger


@dataclass(frozen=True)
class FakeDagRun:
    """A run, as far as an operator reads it."""

    run_id: str
    start_date: datetime


@dataclass
class FakeTaskInstance:
    """A task instance with XComs in memory."""

    task_id: str
    run_id: str
    dag_id: str = "integration"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    start_date: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        self.xcoms[key] = value

    def next_try(self, *, cleared: bool = False) -> FakeTaskInstance:
        """The task instance of the try after this one, as Airflow numbers it."""
        max_tries = self.try_number if cleared else self.max_tries
        # Airflow clears the XComs where a task starts on a worker; here each try keeps its own.
        return replace(self, try_number=self.try_number + 1, max_tries=max_tries, xcoms={})


class FakeXCom:
    """Stands for Airflow's XCom class in a trigger, over one task instance."""

    def __init__(self, xcoms: dict[str, Any]) -> None:
        self._xcoms = xcoms

    def set(self, key: str, value: Any, **_: Any) -> None:
        self._xcoms[key] = value

    def get_one(self, key: str, **_: Any) -> Any:
        return self._xcoms.get(key)

    async def aset(self, key: str, value: Any, **address: Any) -> None:
        self.set(key, value, **address)

    async def aget_one(self, key: str, **address: Any) -> Any:
        return self.get_one(key, **address)


class EndedByTrigger(Exception):
    """A trigger ended its task in another state than success."""


@dataclass
class TaskTry:
    """
    Runs one try and collects what a person would see.

    :param operator: as the DAG file makes it.
    :param ti: the task instance of this try.
    :param log: the text of the task's log so far.
    """

    operator: AzureBatchTaskOperator
    ti: FakeTaskInstance
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Where Airflow 2 and 3 keep an operator's logger.
        self.operator.__dict__["_log"] = self.operator.__dict__["_cached_logger"] = _logger(self.log)

    @property
    def context(self) -> Any:
        return {"ti": self.ti, "dag_run": FakeDagRun(self.ti.run_id, RUN_STARTED)}

    @property
    def text(self) -> str:
        return "\n".join(self.log)

    def run(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """
        Run the try to its end on this thread, through its trigger when it defers.

        :return: the result of a try that succeeds.
        :raises EndedByTrigger: the trigger ended the try otherwise.
        """
        try:
            return self._execute()
        except TaskDeferred as deferred:
            trigger = self.revived(deferred.trigger)
        return self.finish(asyncio.run(self.fire(trigger, monkeypatch)))

    def defer(self) -> AzureBatchTaskTrigger:
        """Run the try up to its deferral; return the trigger as the triggerer makes it."""
        with pytest.raises(TaskDeferred) as caught:
            self._execute()
        return self.revived(caught.value.trigger)

    def _execute(self) -> Any:
        # Without the guard against calls outside of a task runner, which knows the main thread only.
        return inspect.unwrap(type(self.operator).execute)(self.operator, self.context)

    def revived(self, trigger: Any) -> AzureBatchTaskTrigger:
        """The trigger made anew from its serialised arguments, so that lost state shows."""
        _, arguments = trigger.serialize()
        again = AzureBatchTaskTrigger(**arguments)
        again.task_instance = self.ti  # type: ignore[assignment]
        again._log = _logger(self.log)  # type: ignore[assignment]
        return again

    def kill(self, trigger: AzureBatchTaskTrigger, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the triggerer end a trigger of this task, whose newest try this is, after a kill."""
        monkeypatch.setattr(trigger_task_instance, "XCom", FakeXCom(self.ti.xcoms))
        asyncio.run(trigger._kill())

    async def fire(self, trigger: AzureBatchTaskTrigger, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Run a trigger to its event."""
        monkeypatch.setattr(trigger_task_instance, "XCom", FakeXCom(self.ti.xcoms))
        async for event in trigger.run():
            return event
        raise AssertionError("the trigger ended without an event")

    def finish(self, event: Any) -> Any:
        """Do what Airflow does with the event of a trigger."""
        state = getattr(event, "task_instance_state", None)
        if state is None:
            return self.operator.execute_complete(self.context, event.payload)
        if state != TaskInstanceState.SUCCESS:
            raise EndedByTrigger(state)
        return self.ti.xcoms.get("return_value")


def _logger(lines: list[str]) -> logging.Logger:
    """A logger that writes into a list, as Airflow's would into the file of the task's log."""
    logger = logging.Logger("task", logging.INFO)  # noqa: LOG001 - one of its own for each try
    logger.addHandler(_Collect(lines))
    return logger


class _Collect(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname} {record.getMessage()}")


RUN_STARTED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run ``work`` on a thread; its result or error is put into the list."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, results
