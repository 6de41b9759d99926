"""Evaluations of formulas as JSON."""

from __future__ import annotations

from airflow_provider_batch.emulator.model.autoscale import AutoScaleError, AutoScaleRun
from airflow_provider_batch.emulator.wire.fields import Json, name_values, present
from airflow_provider_batch.emulator.wire.times import format_time


def auto_scale_run_json(run: AutoScaleRun) -> Json:
    """Write an evaluation."""
    return present(
        timestamp=format_time(run.timestamp),
        results=run.results,
        error=None if run.error is None else _error(run.error),
    )


def _error(error: AutoScaleError) -> Json:
    return present(code=error.code, message=error.message, values=name_values(error.values))
