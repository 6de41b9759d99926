"""
A graph whose edges Batch holds ends as the same graph does when Airflow runs every task.

Both are run by a real Airflow; what is compared, and how the two come about, is told in :mod:`oracle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from airflow.providers.common.compat.sdk import TriggerRule

from tests.system.conftest import Stack
from tests.system.oracle.catalogue import shapes
from tests.system.oracle.observation import Outcome, observe, out_of_order, run_all
from tests.system.oracle.shapes import Shape

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

SHAPES = {shape.name: shape for shape in shapes({rule.value for rule in TriggerRule})}


@dataclass(frozen=True)
class Compared:
    """One shape after both of its runs."""

    shape: Shape
    oracle: Outcome
    batch: Outcome


@pytest.fixture(scope="module")
def run_ids(stack: Stack) -> Mapping[str, str]:
    return run_all(stack, [f"{kind}_{name}" for kind in ("oracle", "batch") for name in SHAPES])


@pytest.fixture(scope="module", params=SHAPES)
def compared(request: pytest.FixtureRequest, stack: Stack, run_ids: Mapping[str, str]) -> Compared:
    shape = SHAPES[request.param]
    oracle, batch = (
        observe(stack, shape, dag_id, run_ids[dag_id])
        for dag_id in (f"oracle_{shape.name}", f"batch_{shape.name}")
    )
    return Compared(shape, oracle, batch)


def test_every_task_instance_ends_in_the_state_and_try_that_airflow_alone_gives_it(
    compared: Compared,
) -> None:
    assert compared.batch.tasks == compared.oracle.tasks


def test_the_run_ends_in_the_state_that_airflow_alone_gives_it(compared: Compared) -> None:
    assert compared.batch.state == compared.oracle.state


def test_every_task_instance_runs_as_often_as_with_airflow_alone_and_nothing_else_does(
    compared: Compared,
) -> None:
    assert compared.batch.runs == compared.oracle.runs


def test_no_task_starts_before_its_parents_have_ended(compared: Compared) -> None:
    assert out_of_order(compared.shape, compared.oracle) == []
    assert out_of_order(compared.shape, compared.batch) == []
