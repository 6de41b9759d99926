"""One try of an operator for pools, without an Airflow around it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive, get_or_none, pages
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator
from airflow_provider_batch.operators.pools.base import PoolOperator
from airflow_provider_batch.triggers import task_instance as trigger_task_instance
from airflow_provider_batch.triggers.pool import AzureBatchPoolTrigger
from tests.integration.conftest import POOL
from tests.integration.task_try import (
    RUN_STARTED,
    EndedByTrigger,
    FakeDagRun,
    FakeTaskInstance,
    FakeXCom,
    TaskTry,
    _logger,
)

both_modes = pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "triggerer"])
FORMULA = "$TargetDedicatedNodes = 2;"


@dataclass
class PoolTry:
    """
    Runs one try and collects what a person would see.

    :param operator_class: what the DAG has.
    :param arguments: as in the DAG file.
    """

    operator_class: type[PoolOperator]
    arguments: dict[str, Any]
    ti: FakeTaskInstance = field(default_factory=lambda: FakeTaskInstance("work", f"run-{uuid.uuid4()}"))
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.arguments.setdefault("poll_interval", 0.2)
        with DAG("integration", schedule=None, start_date=RUN_STARTED):
            self.operator = self.operator_class(task_id="work", **self.arguments)
        self.operator.__dict__["_log"] = self.operator.__dict__["_cached_logger"] = _logger(self.log)

    @property
    def context(self) -> Any:
        return {"ti": self.ti, "dag_run": FakeDagRun(self.ti.run_id, RUN_STARTED)}

    @property
    def text(self) -> str:
        return "\n".join(self.log)

    def execute(self) -> Any:
        """Run the operator as a worker does; it may raise ``TaskDeferred``."""
        return inspect.unwrap(type(self.operator).execute)(self.operator, self.context)

    def defer(self) -> AzureBatchPoolTrigger:
        """Run the try up to its deferral; return the trigger as the triggerer makes it."""
        with pytest.raises(TaskDeferred) as caught:
            self.execute()
        return self.revived(caught.value.trigger)

    def revived(self, trigger: Any) -> AzureBatchPoolTrigger:
        _, arguments = trigger.serialize()
        again = AzureBatchPoolTrigger(**arguments)
        again.task_instance = self.ti  # type: ignore[assignment]
        again._log = _logger(self.log)  # type: ignore[assignment]
        return again

    def run(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Run the try to its end, through its trigger when it defers; return its result."""
        try:
            return self.execute()
        except TaskDeferred as deferred:
            trigger = self.revived(deferred.trigger)
        monkeypatch.setattr(trigger_task_instance, "XCom", FakeXCom(self.ti.xcoms))
        return TaskTry.finish(self, asyncio.run(_first(trigger)))  # type: ignore[arg-type]

    def failure(self, monkeypatch: pytest.MonkeyPatch, expected: type[Exception]) -> str:
        """Run a try that fails, on a worker or in the triggerer; return all that a person is told."""
        with pytest.raises((expected, EndedByTrigger)) as caught:
            self.run(monkeypatch)
        return f"{caught.value}\n{self.text}"

    def kill(self, trigger: AzureBatchPoolTrigger, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the triggerer end a trigger after a kill."""
        monkeypatch.setattr(trigger_task_instance, "XCom", FakeXCom(self.ti.xcoms))
        asyncio.run(trigger._kill())


async def _first(trigger: AzureBatchPoolTrigger) -> Any:
    async for event in trigger.run():
        return event
    raise AssertionError("the trigger ended without an event")


def silent() -> logging.Logger:
    """A logger for flows whose words do not matter."""
    return _logger([])


Make = Callable[..., PoolTry]


# --- pools to try things on ----------------------------------------------------------------------


def tried(operator_class: Any, arguments: dict[str, Any], ti: FakeTaskInstance | None) -> PoolTry:
    return PoolTry(operator_class, arguments) if ti is None else PoolTry(operator_class, arguments, ti)


def create(pool_id: str, ti: FakeTaskInstance | None = None, **arguments: Any) -> PoolTry:
    """One try of the operator that creates a pool."""
    arguments.setdefault("batch_pool", body(pool_id))
    return tried(AzureBatchCreatePoolOperator, arguments, ti)


def body(pool_id: str, nodes: int = 2, **more: Any) -> dict[str, Any]:
    return {**POOL, "id": pool_id, "targetDedicatedNodes": nodes, **more}


def scaled(pool_id: str, formula: str) -> dict[str, Any]:
    fixed = {name: value for name, value in POOL.items() if name != "targetDedicatedNodes"}
    return {**fixed, "id": pool_id, "enableAutoScale": True, "autoScaleFormula": formula}


def found_pool(hook: AzureBatchHook, pool_id: str) -> dict[str, Any] | None:
    look = get_or_none(requests.get_pool(pool_id))
    found: requests.Answer | None = drive(look, WorkerEffects(hook.get_conn(), silent()))
    return None if found is None else dict(found.json)


def existing(hook: AzureBatchHook, pool_id: str) -> dict[str, Any] | None:
    """The pool, unless it is being deleted."""
    found = found_pool(hook, pool_id)
    return None if found is None or found["state"] == "deleting" else found


def node_ids(hook: AzureBatchHook, pool_id: str) -> list[str]:
    nodes = drive(pages(requests.list_nodes(pool_id, ("id",))), WorkerEffects(hook.get_conn(), silent()))
    return [str(node["id"]) for node in nodes]
