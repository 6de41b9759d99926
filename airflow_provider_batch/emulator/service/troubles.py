"""Troubles with nodes, resizes and tasks, for those who test a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import fault_events as faults
from airflow_provider_batch.emulator.machine.events import Event
from airflow_provider_batch.emulator.wire.fields import Json

_MAX_SECONDS = 86_400
_MAX_COUNT = 100_000


class Troubles:
    """Everything that ``/_emulator/pools`` and ``/_emulator/jobs`` do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def node(self, verb: str, pool_id: str, node_id: str, body: Json) -> None:
        """
        Let something happen to a node.

        :param verb: one of :data:`NODE_VERBS`.
        :raises ServiceError: ``PoolNotFound``, ``NodeNotFound``, ``OperationNotValidOnNode``; a property that
            makes no sense.
        """
        event, properties = NODE_VERBS[verb]
        given = _given(body, properties)
        with self._engine.reading() as state:
            node = state.node(pool_id, node_id)
            self._engine.feed(event(self._engine.now(), node.pool_id, node.id, **given))

    def pool(self, verb: str, pool_id: str, body: Json) -> None:
        """
        Let something happen to a pool later, which need not exist yet.

        :param verb: one of :data:`POOL_VERBS`.
        """
        event, properties = POOL_VERBS[verb]
        self._engine.feed(event(self._engine.now(), pool_id, **_given(body, properties)))

    def task(self, verb: str, job_id: str, task_id: str, body: Json) -> None:
        """
        Let something happen to a task.

        :param verb: one of :data:`TASK_VERBS`.
        :raises ServiceError: ``JobNotFound``, ``TaskNotFound``.
        """
        _given(body, {})
        with self._engine.reading() as state:
            task = state.task(job_id, task_id)
            self._engine.feed(TASK_VERBS[verb](self._engine.now(), task.job_id, task.id))


_Property = tuple[str, Callable[[str, Any], Any]]


def _given(body: Json, properties: Mapping[str, _Property]) -> Json:
    unknown = sorted(set(body) - set(properties))
    if unknown:
        raise errors.unsupported_property(unknown[0])
    return {properties[name][0]: properties[name][1](name, value) for name, value in body.items()}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise errors.invalid_property_value(name, str(value), "A string is expected")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise errors.invalid_property_value(name, str(value), "An array of strings is expected")
    return tuple(value)


def _number(least: float, most: float, kind: type[int] | type[float]) -> Callable[[str, Any], float]:
    def parse(name: str, value: Any) -> float:
        if type(value) not in (int, kind) or not least <= value <= most:
            reason = f"A number from {least:g} to {most:g} is expected"
            raise errors.invalid_property_value(name, str(value), reason)
        return kind(value)

    return parse


_seconds = _number(0, _MAX_SECONDS, float)
_count = _number(0, _MAX_COUNT, int)
_exit_code = _number(-(2**31), 2**31 - 1, int)

NODE_VERBS: Mapping[str, tuple[Callable[..., Event], Mapping[str, _Property]]] = {
    "preempt": (faults.PreemptNode, {"seconds": ("seconds", _seconds)}),
    "break": (faults.BreakNode, {"code": ("code", _text), "message": ("message", _text)}),
    "miss": (faults.MissNode, {}),
    "recover": (faults.RecoverNode, {}),
    "upgrade": (faults.UpgradeNode, {}),
    "losefiles": (faults.LoseFiles, {}),
}
POOL_VERBS: Mapping[str, tuple[Callable[..., Event], Mapping[str, _Property]]] = {
    "failstarttask": (
        faults.FailStartTask,
        {"nodeIds": ("node_ids", _texts), "exitCode": ("exit_code", _exit_code), "times": ("times", _count)},
    ),
    "failresize": (
        faults.FailResize,
        {"code": ("code", _text), "message": ("message", _text), "nodes": ("nodes", _count)},
    ),
}
TASK_VERBS: Mapping[str, Callable[..., Event]] = {
    "freeze": faults.FreezeTask,
    "unfreeze": faults.UnfreezeTask,
}
