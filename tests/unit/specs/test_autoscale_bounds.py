"""The most that a formula can ask for is read from its text, and is none when the text could do otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.specs import Autoscale, PoolSpec, VmImage, pool_to_rest
from airflow_provider_batch.specs.autoscale_bounds import Bounds, bounds_of
from airflow_provider_batch.specs.autoscale_nodes import SpotWithFallback
from airflow_provider_batch.specs.autoscale_rules import FixedNodes, PendingTasks, WorkingHours, greatest
from tests.unit.specs.test_autoscale import run, sampled, targets

FALLBACK = Autoscale.spot_with_fallback(50, min_dedicated_nodes=2, max_dedicated_nodes=10)


@pytest.mark.parametrize(
    ("autoscale", "bounds"),
    [
        (Autoscale.pending_tasks(20), Bounds(20, 20, 0)),
        (Autoscale.pending_tasks(20, spot=True, step_up=4, step_down=2), Bounds(20, 0, 20)),
        (Autoscale.working_hours(peak=10, off_peak=1), Bounds(10, 10, 0)),
        (Autoscale.resource_usage(7, min_nodes=2), Bounds(7, 7, 0)),
        (FALLBACK, Bounds(50, 10, 48)),
        (Autoscale.spot_with_fallback(50), Bounds(50, 50, 50)),
        (Autoscale.spot_with_fallback(50, min_dedicated_nodes=2), Bounds(50, 50, 48)),
        (Autoscale.spot_with_fallback(50, max_dedicated_nodes=0), Bounds(50, 0, 50)),
        (Autoscale.spot_with_fallback(5, max_dedicated_nodes=10), Bounds(5, 5, 5)),
        (
            Autoscale.of(greatest(PendingTasks(), WorkingHours(peak=2)).at_most(9), max_nodes=30),
            Bounds(30, 30, 0),
        ),
    ],
)
def test_a_formula_from_rules_has_the_bounds_of_its_rules(autoscale: Autoscale, bounds: Bounds) -> None:
    assert bounds_of(autoscale.formula) == bounds


def test_the_bounds_outlive_the_way_through_rest_and_lines_of_another_system() -> None:
    pool = PoolSpec(
        pool_id="p",
        vm_size="standard_d2s_v5",
        image=VmImage.ubuntu("22.04"),
        autoscale=Autoscale.pending_tasks(20),
    )
    formula = pool_to_rest(pool)["autoScaleFormula"]
    assert bounds_of(formula) == bounds_of(formula.replace("\n", "\r\n").rstrip()) == Bounds(20, 20, 0)


@pytest.mark.parametrize(
    "formula",
    [
        "$TargetDedicatedNodes = 10;",
        "$TargetDedicatedNodes = min(10, $PendingTasks.GetSample(1));",
        FALLBACK.formula + "$TargetDedicatedNodes = 99;\n",
        FALLBACK.formula.replace("// [removal]", "$TargetDedicatedNodes=99;\n// [removal]"),
        FALLBACK.formula.replace("// [spot with", "limits_nodes = 99;\n// [spot with"),
        FALLBACK.formula.replace("min(50, ", "min(present_nodes, "),
        FALLBACK.formula.replace("min(10, spot_replaced)", "spot_replaced * 2"),
        "",
    ],
)
def test_a_formula_that_was_written_or_changed_by_hand_has_none(formula: str) -> None:
    assert bounds_of(formula) is None


kinds = st.one_of(
    st.booleans(),
    st.builds(
        SpotWithFallback,
        min_dedicated_nodes=st.integers(0, 3),
        max_dedicated_nodes=st.one_of(st.none(), st.integers(3, 12)),
    ),
)


@given(kinds, st.integers(3, 30), st.integers(0, 60), st.integers(0, 40), st.integers(0, 40))
def test_no_evaluation_goes_beyond_the_bounds(
    spot: bool | SpotWithFallback, most: int, wanted: int, dedicated: int, low_priority: int
) -> None:
    autoscale = Autoscale.of(FixedNodes(wanted), max_nodes=most, spot=spot)
    found = bounds_of(autoscale.formula)
    assert found is not None
    evaluation = run(
        autoscale,
        dedicated=dedicated,
        spot=low_priority,
        CurrentLowPriorityNodes=sampled(float(low_priority // 2)),
        PreemptedNodeCount=sampled(0.0),
    )
    asked = targets(evaluation)
    assert sum(asked) <= found.nodes == most
    assert asked[0] <= found.dedicated
    assert asked[1] <= found.spot
