"""No valid property of a create request is dropped in silence: it is shown again, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.emulator.wire.jobs import JOB
from airflow_provider_batch.emulator.wire.pools import POOL
from airflow_provider_batch.emulator.wire.schema import schema
from airflow_provider_batch.emulator.wire.tasks import TASK

AUTOSCALE = ("autoScaleFormula", "autoScaleEvaluationInterval")


@pytest.mark.parametrize(
    ("operation", "shown", "refused"),
    [
        ("create_pool", POOL, AUTOSCALE),
        ("create_job", JOB, ()),
        ("create_task", TASK, ()),
    ],
)
def test_every_property_of_a_create_request_is_shown_or_refused(
    operation: str, shown: dict[str, Any], refused: tuple[str, ...]
):
    known = schema()["models"][schema()["operations"][operation]]
    assert [name for name in known if name not in shown and name not in refused] == []
    assert [name for name in refused if name not in known] == []
