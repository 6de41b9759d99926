"""
The formula that decides the size of a pool: tried out, switched on, switched off; each is safe to repeat.

The service evaluates a formula without effect only on a pool that scales automatically. For another pool the
first evaluation is the one of switching it on; when that fails, it is switched off again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log
from airflow_provider_batch.domain.pool_changes import CHANGE_PATIENCE, read_pool, when_steady
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.exceptions import (
    AutoScaleFormulaError,
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchServiceError,
)
from airflow_provider_batch.specs.autoscale_error import locate_error

__all__ = [
    "Evaluation",
    "disable_autoscale",
    "enable_autoscale",
    "evaluate_formula",
    "formula_refusal",
    "read_evaluation",
    "try_formula",
]

_REFUSED = frozenset(
    {"AutoScalingFormulaSyntaxError", "AutoScalingFormulaTooLong", "AutoScaleFormulaTooLong"}
)


@dataclass(frozen=True)
class Evaluation:
    """
    What a formula comes to.

    :param results: values of its variables by name, targets too, as the service writes them.
    :param timestamp: time of the evaluation, as the service sent it.
    """

    results: Mapping[str, str]
    timestamp: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON, with the targets as numbers."""
        return {
            "results": dict(self.results),
            "timestamp": self.timestamp,
            "target_dedicated_nodes": _target(self.results, "$TargetDedicatedNodes", "$TargetDedicated"),
            "target_low_priority_nodes": _target(
                self.results, "$TargetLowPriorityNodes", "$TargetLowPriority"
            ),
        }


def _target(results: Mapping[str, str], *names: str) -> int | None:
    for name in names:
        if name in results:
            return int(float(results[name]))
    return None


def read_evaluation(formula: str, run: Mapping[str, Any]) -> Evaluation:
    """
    Read the service's evaluation of a formula.

    :param formula: the formula.
    :param run: ``autoScaleRun``, or the answer of an evaluation.
    :raises AutoScaleFormulaError: it could not be evaluated; the message shows the line.
    """
    error = run.get("error")
    if isinstance(error, Mapping):
        values = [str(v.get("value")) for v in error.get("values") or () if isinstance(v, Mapping)]
        raise _formula_error(formula, str(error.get("code")), str(error.get("message")), values)
    pairs = (part.partition("=") for part in str(run.get("results") or "").split(";"))
    results = {name.strip(): value.strip() for name, _, value in pairs if name.strip()}
    return Evaluation(results, run.get("timestamp"))


def _formula_error(
    formula: str, code: str, message: str, details: list[str], path: str = "auto_scale_formula"
) -> AutoScaleFormulaError:
    text = "; ".join(details) or message
    place = locate_error(formula, text)
    return AutoScaleFormulaError(redact(f"{path}: {code}: {place or text}"))


def evaluate_formula(batch_pool_id: str, formula: str | None = None) -> Flow[Evaluation]:
    """
    Flow: try a formula out on a pool that scales automatically; nothing is changed.

    :param batch_pool_id: the pool.
    :param formula: the formula; None for the pool's own.
    :raises AutoScaleFormulaError: it cannot be evaluated.
    :raises AzureBatchConfigurationError: the pool does not scale automatically.
    """
    pool = yield from read_pool(batch_pool_id)
    if not pool.get("enableAutoScale"):
        raise AzureBatchConfigurationError(
            f"batch_pool_id: pool {batch_pool_id!r} does not scale automatically, and the service evaluates "
            "formulas only on pools that do; enable it first."
        )
    text = formula if formula is not None else str(pool.get("autoScaleFormula"))
    try:
        answer: Answer = yield requests.evaluate_pool_auto_scale(batch_pool_id, text)
    except BatchServiceError as error:
        if (refusal := formula_refusal(text, error)) is not None:
            raise refusal from error
        raise
    return read_evaluation(text, answer.json)


def try_formula(batch_pool_id: str, formula: str | None = None) -> Flow[Evaluation]:
    """
    Flow: try a formula out as :func:`evaluate_formula` does, and say what it comes to.

    :param batch_pool_id: the pool.
    :param formula: the formula; None for the pool's own.
    """
    evaluation = yield from evaluate_formula(batch_pool_id, formula)
    whose = "its own formula" if formula is None else "the formula"
    yield Log(
        f"Pool {batch_pool_id}: {whose} comes to {_words(evaluation)} now. Nothing was changed; the returned "
        "XCom has all its variables."
    )
    return evaluation


def enable_autoscale(
    batch_pool_id: str,
    formula: str,
    evaluation_interval: str | None = None,
    patience: float = CHANGE_PATIENCE,
) -> Flow[Evaluation]:
    """
    Flow: let a formula decide the size of a pool.

    :param batch_pool_id: the pool.
    :param formula: the formula.
    :param evaluation_interval: time between two evaluations, ISO 8601; None to leave it.
    :param patience: seconds to wait for another change of the pool to end.
    :return: its first evaluation.
    :raises AutoScaleFormulaError: it cannot be evaluated; the pool scales as it did before.
    """
    pool = yield from read_pool(batch_pool_id)
    scales = bool(pool.get("enableAutoScale"))
    if scales:
        evaluation = yield from evaluate_formula(batch_pool_id, formula)
        same = evaluation_interval in (None, pool.get("autoScaleEvaluationInterval"))
        if same and pool.get("autoScaleFormula") == formula:
            yield Log(f"Pool {batch_pool_id} scales by this formula already.")
            return evaluation
    body = {"autoScaleFormula": formula}
    if evaluation_interval is not None:
        body["autoScaleEvaluationInterval"] = evaluation_interval
    try:
        yield from when_steady(batch_pool_id, requests.enable_pool_auto_scale(batch_pool_id, body), patience)
    except BatchServiceError as error:
        if (refusal := formula_refusal(formula, error)) is not None:
            raise refusal from error
        raise
    if not scales:
        evaluation = yield from _first_evaluation(batch_pool_id, formula)
    yield Log(f"Pool {batch_pool_id} scales by formula now; it comes to {_words(evaluation)}.")
    return evaluation


def _first_evaluation(batch_pool_id: str, formula: str) -> Flow[Evaluation]:
    try:
        return (yield from evaluate_formula(batch_pool_id, formula))
    except AutoScaleFormulaError:
        yield from disable_autoscale(batch_pool_id)
        raise


def formula_refusal(
    formula: str, error: BatchServiceError, path: str = "auto_scale_formula"
) -> AutoScaleFormulaError | None:
    """
    Return what the service says of a formula that it does not take; None when it refused something else.

    :param formula: the formula of the request.
    :param error: the refusal.
    :param path: what the formula is called in the message.
    """
    if error.code not in _REFUSED:
        return None
    details = [value for _, value in error.details]
    return _formula_error(formula, str(error.code), error.message, details, path)


def _words(evaluation: Evaluation) -> str:
    targets = evaluation.as_json()
    dedicated, spot = (targets[f"target_{kind}_nodes"] for kind in ("dedicated", "low_priority"))
    return f"{dedicated or 0} dedicated and {spot or 0} spot nodes"


def disable_autoscale(batch_pool_id: str, patience: float = CHANGE_PATIENCE) -> Flow[None]:
    """
    Flow: let a pool keep the size that it has.

    :param batch_pool_id: the pool.
    :param patience: seconds to wait for another change of the pool to end.
    """
    pool = yield from read_pool(batch_pool_id)
    if not pool.get("enableAutoScale"):
        yield Log(f"Pool {batch_pool_id} does not scale automatically.")
        return
    try:
        yield from when_steady(batch_pool_id, requests.disable_pool_auto_scale(batch_pool_id), patience)
    except BatchConflictError as error:
        # Somebody else was quicker.
        if error.code not in ("OperationNotValidOnPool", "OperationInvalidForCurrentState"):
            raise
    yield Log(
        f"Pool {batch_pool_id} does not scale automatically any more; the nodes that it has stay, and bill."
    )
