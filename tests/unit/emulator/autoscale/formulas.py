"""Shorthand for tests of formulas."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_batch.emulator.autoscale import Evaluation, Inputs, Metric, evaluate

#: a Tuesday
NOW = datetime(2030, 1, 1, 12, 30, 15, tzinfo=timezone.utc)


def sampled(*values: float, age: float = 0.0, current: float | None = None) -> Metric:
    """A metric with a sample each 30 s, of which the last is so many seconds old."""
    last = NOW - timedelta(seconds=age)
    count = len(values)
    times = [last - timedelta(seconds=30 * (count - 1 - i)) for i in range(count)]
    return Metric(list(zip(times, values, strict=True)), current)


def run(formula: str, **more: Any) -> Evaluation:
    """Evaluate at a fixed moment; metrics are named without the dollar sign."""
    options = {name: more.pop(name) for name in tuple(more) if name in Inputs.__dataclass_fields__}
    metrics = {f"${name}": metric for name, metric in more.items()}
    return evaluate(formula, Inputs(NOW, metrics=metrics, **options))


def value(expression: str, **more: Any) -> Any:
    """The value of an expression."""
    evaluation = run(f"x = {expression}", **more)
    assert evaluation.error is None, evaluation.error
    return evaluation.variables["x"]


def error(expression: str, **more: Any) -> str:
    """What is wrong with an expression."""
    found = run(f"x = {expression}", **more).error
    assert found is not None, f"{expression} has a value"
    return str(found)
