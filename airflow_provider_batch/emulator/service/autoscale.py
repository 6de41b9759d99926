"""Automatic scaling of pools: enable, disable, evaluate; and settings of pools that are created with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.autoscale import (
    FormulaSyntaxError,
    FormulaTooLongError,
    check_formula,
)
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine.autoscale_evaluation import evaluate, run_of
from airflow_provider_batch.emulator.machine.autoscale_events import DisableAutoScale, EnableAutoScale
from airflow_provider_batch.emulator.model.autoscale import DEFAULT_EVALUATION_INTERVAL, AutoScaleSettings
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.states import PoolState
from airflow_provider_batch.emulator.service.checks import check_between
from airflow_provider_batch.emulator.wire.autoscale import auto_scale_run_json
from airflow_provider_batch.emulator.wire.fields import Json

_INTERVALS = (timedelta(minutes=5), timedelta(hours=168))
_TARGETS = ("targetDedicatedNodes", "targetLowPriorityNodes")


class AutoScaling:
    """The operations on a pool's automatic scaling."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def enable(self, pool_id: str, body: Json, conditions: Conditions) -> datetime:
        """Let a pool scale by a formula, or change its formula or interval."""
        formula = body.get("autoScaleFormula")
        if formula is not None:
            _check_formula(formula)
        interval = _interval(body)
        with self._engine.reading() as state:
            now = self._engine.now()
            self._engine.feed(EnableAutoScale(now, pool_id, formula, interval, conditions=conditions))
            return state.pool(pool_id).last_modified

    def disable(self, pool_id: str, conditions: Conditions) -> datetime:
        """Let a pool keep its targets."""
        with self._engine.reading() as state:
            self._engine.feed(DisableAutoScale(self._engine.now(), pool_id, conditions=conditions))
            return state.pool(pool_id).last_modified

    def evaluate(self, pool_id: str, body: Json) -> Json:
        """Evaluate a formula on a pool and change nothing; what is wrong with it is in the answer."""
        formula = body["autoScaleFormula"]
        with self._engine.reading() as state:
            pool = state.pool(pool_id)
            if pool.state is PoolState.DELETING:
                raise errors.pool_being_deleted()
            if pool.auto_scale is None:
                raise errors.operation_not_valid_on_pool("Automatic scaling is not enabled on the pool")
            now = self._engine.now()
            evaluation = evaluate(pool, pool.auto_scale, formula, now)
        if isinstance(evaluation.error, FormulaTooLongError):
            raise errors.auto_scaling_formula_too_long()
        return auto_scale_run_json(run_of(evaluation, now))


def auto_scale_of(body: Mapping[str, Any]) -> AutoScaleSettings | None:
    """
    Return the settings of a pool that is created to scale automatically; None for a pool of fixed targets.

    :raises ServiceError: ``InvalidPropertyValue``, ``MissingRequiredProperty``, and those of the formula.
    """
    if not body.get("enableAutoScale"):
        _refuse(body, ("autoScaleFormula", "autoScaleEvaluationInterval"), "It needs enableAutoScale")
        return None
    _refuse(body, _TARGETS, "A pool that scales automatically takes its targets from the formula")
    if "autoScaleFormula" not in body:
        raise errors.missing_required_property("autoScaleFormula")
    _check_formula(body["autoScaleFormula"])
    return AutoScaleSettings(body["autoScaleFormula"], _interval(body) or DEFAULT_EVALUATION_INTERVAL)


def _refuse(body: Mapping[str, Any], names: tuple[str, ...], reason: str) -> None:
    for name in names:
        if name in body:
            raise errors.invalid_property_value(name, str(body[name])[:256], reason)


def _interval(body: Mapping[str, Any]) -> timedelta | None:
    name = "autoScaleEvaluationInterval"
    return check_between(body[name], *_INTERVALS, name) if name in body else None


def _check_formula(formula: str) -> None:
    try:
        check_formula(formula)
    except FormulaTooLongError:
        raise errors.auto_scaling_formula_too_long() from None
    except FormulaSyntaxError as error:
        raise errors.auto_scaling_formula_syntax_error(error.detail) from None
