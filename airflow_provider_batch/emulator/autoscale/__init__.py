"""
The formula language of automatic scaling, as a pure interpreter: formula and measurements in, targets out.

Source: "Create a formula to automatically scale compute nodes in a Batch pool" (Microsoft Learn), and answers
of the service that were recorded. What the page does not list is refused: what passes here passes there.

Usage::

    samples = [(now - timedelta(seconds=30 * i), 12.0) for i in reversed(range(10))]
    evaluation = evaluate(
        "$TargetDedicatedNodes = min(25, avg($PendingTasks.GetSample(TimeInterval_Minute * 3)));",
        Inputs(now=now, metrics={"$PendingTasks": Metric(samples)}),
    )
    evaluation.target_dedicated_nodes  # 12
    evaluation.error  # None
"""

from airflow_provider_batch.emulator.autoscale.errors import (
    FormulaError,
    FormulaEvaluationError,
    FormulaSyntaxError,
    FormulaTooLongError,
    InsufficientSampleDataError,
    Position,
)
from airflow_provider_batch.emulator.autoscale.inputs import METRICS, Inputs, Metric
from airflow_provider_batch.emulator.autoscale.interpreter import Evaluation, evaluate
from airflow_provider_batch.emulator.autoscale.parser import check_formula

__all__ = [
    "METRICS",
    "Evaluation",
    "FormulaError",
    "FormulaEvaluationError",
    "FormulaSyntaxError",
    "FormulaTooLongError",
    "Inputs",
    "InsufficientSampleDataError",
    "Metric",
    "Position",
    "check_formula",
    "evaluate",
]
