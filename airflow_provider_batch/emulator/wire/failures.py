"""``failureInfo`` of tasks and start tasks."""

from __future__ import annotations

from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.wire.fields import Json, name_values, present


def failure_json(failure: FailureInfo | None) -> Json | None:
    """Write why a task failed; absent when it did not."""
    if failure is None:
        return None
    return present(
        category=failure.category.value,
        code=failure.code,
        message=failure.message,
        details=name_values(failure.details),
    )
