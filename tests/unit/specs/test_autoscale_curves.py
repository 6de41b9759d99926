"""What the formulas do to a pool over hours: the curve of its nodes under simulated load."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_batch.specs import Autoscale
from airflow_provider_batch.specs.autoscale_nodes import SpotWithFallback
from airflow_provider_batch.specs.autoscale_rules import PendingTasks, WorkingHours, greatest
from tests.autoscale import page
from tests.autoscale.scenarios import SCENARIOS, Scenario, curve_of, hours, minutes
from tests.autoscale.simulation import Curve, Load, Surroundings, simulate

INTERVAL = minutes(5)


def steady(tasks: int, until: timedelta, cpu_percent: float = 100) -> list[Load]:
    """So many tasks at any time: each is followed by another."""
    return [
        Load(minutes(minute), tasks, minutes(10), cpu_percent) for minute in range(0, until // minutes(1), 10)
    ]


def assert_settled(curve: Curve, since: timedelta) -> None:
    assert curve.changes_of_target(since, curve.points[-1].at) == 0, "the size goes up and down"


# --- pending tasks -------------------------------------------------------------------------------


@pytest.mark.parametrize(("tasks", "slots", "nodes"), [(8, 1, 8), (8, 4, 2), (9, 4, 3), (500, 4, 20)])
def test_pool_has_what_the_load_needs_at_the_second_evaluation(tasks, slots, nodes):
    curve = simulate(
        Autoscale.pending_tasks(max_nodes=20),
        [Load(minutes(1), tasks, hours(3))],
        hours(1),
        Surroundings(slots=slots),
    )
    assert [curve.at(minutes=4).target, curve.at(minutes=5).target] == [0, nodes]
    assert curve.at(minutes=8).usable == nodes
    assert_settled(curve, minutes(5))


def test_pool_is_empty_once_the_grace_time_and_an_interval_are_over():
    curve = simulate(
        Autoscale.pending_tasks(max_nodes=20, grace=minutes(30)), [Load(minutes(0), 8, minutes(20))], hours(2)
    )
    ended = next(point.at for point in curve.points if point.at > minutes(8) and not point.pending)
    assert all(point.nodes == 8 for point in curve.between(ended, ended + minutes(30)))
    assert curve.between(ended + minutes(30) + INTERVAL + minutes(2), hours(2))[0].nodes == 0
    assert curve.points[-1].target == 0


def test_tasks_that_follow_within_the_grace_time_find_their_nodes():
    curve = simulate(
        Autoscale.pending_tasks(max_nodes=20), [Load(minutes(at), 6, minutes(8)) for at in (1, 26)], hours(1)
    )
    assert curve.at(minutes=26).waiting == 0


def test_nodes_with_long_tasks_outlast_a_target_of_nothing():
    curve = simulate(
        Autoscale.working_hours(4, off_peak=0, start=0, end=1), [Load(minutes(0), 3, hours(2))], hours(3)
    )
    assert curve.at(hours=1).target == 0
    assert curve.at(hours=1.9).dedicated == 3
    assert (curve.finished, curve.killed) == (3, 0)
    assert curve.points[-1].nodes == 0


def test_a_formula_that_does_not_wait_for_tasks_would_be_found_out():
    careless = Autoscale.working_hours(4, off_peak=0, start=0, end=1)
    careless = Autoscale(
        formula=careless.formula.replace("= taskcompletion", "= requeue"), evaluation_interval=INTERVAL
    )
    assert simulate(careless, [Load(minutes(0), 3, hours(2))], hours(3)).killed == 3


def test_a_gap_in_the_samples_takes_no_node():
    curve = simulate(
        Autoscale.pending_tasks(max_nodes=20),
        [Load(minutes(0), 6, hours(3))],
        hours(3),
        Surroundings(samples_lost=lambda at: hours(1) <= at < hours(2)),
    )
    assert {point.target for point in curve.between(minutes(40), hours(2.5))} == {6}


def test_initial_nodes_save_the_first_interval():
    load = [Load(minutes(0), 6, minutes(20))]
    first = [
        next(
            point.at
            for point in simulate(
                Autoscale.pending_tasks(max_nodes=20, initial_nodes=initial), load, hours(1)
            ).points
            if point.running
        )
        for initial in (0, 6)
    ]
    assert first == [minutes(8), minutes(3)]


def test_steps_shape_the_curve_on_both_sides():
    curve = simulate(
        Autoscale.pending_tasks(max_nodes=20, step_up=4, step_down=2),
        [Load(minutes(1), 14, hours(1))],
        hours(3),
    )
    targets = [curve.at(minutes=5 * n).target for n in range(6)]
    assert targets == [0, 4, 8, 12, 14, 14]
    falling = [point.target for point in curve.points if point.at > hours(1)]
    steps = {before - after for before, after in pairwise(falling)}
    assert steps == {0, 2}
    assert falling[-1] == 0


def test_steps_up_from_nothing_reach_the_fewest_nodes_at_once():
    curve = simulate(Autoscale.pending_tasks(max_nodes=20, min_nodes=7, step_up=1), [], hours(1))
    assert {point.target for point in curve.points} == {7}


# --- working hours -------------------------------------------------------------------------------


def test_hours_begin_and_end_at_the_evaluation_that_follows():
    (scenario,) = (each for each in SCENARIOS if each.name == "working-hours")
    curve = curve_of(scenario)
    sizes = {hour: curve.at(hours=hour).target for hour in (12, 30.9, 31, 40.9, 41, 54.9, 55, 64.9, 65)}
    assert sizes == {12: 1, 30.9: 1, 31: 10, 40.9: 10, 41: 1, 54.9: 1, 55: 10, 64.9: 10, 65: 1}


# --- use of CPUs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("tasks", "nodes"), [(4, 2), (16, 6), (30, 11), (80, 20)])
def test_use_of_cpus_settles_under_constant_load(tasks, nodes):
    """So many tasks, each using a quarter of a node, at 70 percent."""
    curve = simulate(
        Autoscale.resource_usage(max_nodes=20),
        steady(tasks, hours(4), cpu_percent=25),
        hours(4),
        Surroundings(slots=4),
    )
    assert_settled(curve, hours(2.5))
    assert nodes <= curve.points[-1].target <= nodes + 1


# --- spot with fallback --------------------------------------------------------------------------


def with_spot(given_nodes: int) -> Surroundings:
    return Surroundings(spot_nodes=lambda _: given_nodes)


@pytest.mark.parametrize("given_nodes", [0, 1, 4, 9])
def test_fallback_settles_while_spot_nodes_are_missing(given_nodes):
    curve = simulate(
        Autoscale.spot_with_fallback(max_nodes=20),
        [Load(minutes(0), 10, hours(9))],
        hours(4),
        with_spot(given_nodes),
    )
    assert_settled(curve, hours(1))
    last = curve.points[-1]
    assert last.target == 10
    assert (last.spot, last.dedicated) == (given_nodes, 10 - given_nodes - 1)


def test_fallback_returns_to_spot_nodes_one_by_one_when_there_are_some():
    curve = simulate(
        Autoscale.spot_with_fallback(max_nodes=20),
        steady(10, hours(6)),
        hours(6),
        Surroundings(spot_nodes=lambda at: 2 if minutes(65) <= at < hours(2) else 100),
    )
    assert curve.at(minutes=59).dedicated == 0
    assert curve.at(minutes=90).dedicated >= 6
    assert curve.at(hours=5).dedicated == 0
    falling = [point.target_dedicated for point in curve.between(hours(2.2), hours(5))]
    assert all(after <= before for before, after in pairwise(falling))
    assert curve.killed == 0
    assert curve.preempted > 0


def test_storms_of_preemption_leave_the_sum_within_its_limit():
    curve = simulate(
        Autoscale.spot_with_fallback(max_nodes=12, min_dedicated_nodes=2, max_dedicated_nodes=6),
        steady(20, hours(5)),
        hours(6),
        Surroundings(spot_nodes=lambda at: 0 if at // minutes(17) % 2 else 10),
    )
    assert max(point.target for point in curve.points) == 12
    assert max(point.target_dedicated for point in curve.points) == 6
    assert curve.killed == 0


def test_small_steps_do_not_let_the_fallback_creep():
    curve = simulate(
        Autoscale.pending_tasks(max_nodes=20, spot=SpotWithFallback(), step_up=3, step_down=1),
        [Load(minutes(0), 8, hours(9))],
        hours(4),
        with_spot(3),
    )
    assert {point.target for point in curve.between(hours(1), hours(4))} == {8}


# --- any load ------------------------------------------------------------------------------------

loads = st.lists(
    st.builds(
        Load,
        at=st.integers(0, 120).map(minutes),
        tasks=st.integers(1, 10),
        duration=st.integers(1, 20).map(minutes),
        cpu_percent=st.sampled_from([10.0, 50.0, 100.0]),
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(
    load=loads,
    low=st.integers(0, 3),
    high=st.integers(4, 20),
    slots=st.integers(1, 4),
    grace=st.sampled_from([0, 5, 6, 20, 40]).map(minutes),
    spot=st.sampled_from([False, True, SpotWithFallback(min_dedicated_nodes=1)]),
    steps=st.sampled_from([(None, None), (3, 2), (1, None)]),
    spot_nodes=st.integers(0, 20),
)
def test_under_any_load_the_pool_keeps_its_limits_ends_all_tasks_and_returns(
    load, low, high, slots, grace, spot, steps, spot_nodes
):
    autoscale = Autoscale.pending_tasks(
        high, min_nodes=low, grace=grace, spot=spot, step_up=steps[0], step_down=steps[1]
    )
    given_nodes = 20 if spot is True else spot_nodes
    length = hours(10)
    curve = simulate(autoscale, load, length, Surroundings(slots=slots, spot_nodes=lambda _: given_nodes))
    assert all(low <= point.target <= high for point in curve.points)
    if isinstance(spot, bool):  # a fallback has both while its dedicated nodes wait for their tasks
        assert all(point.nodes <= high for point in curve.points)
    assert (curve.finished, curve.killed) == (sum(each.tasks for each in load), 0)
    assert curve.points[-1].target == low


# --- the documentation ---------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenarios_of_the_documentation_lose_no_task(scenario: Scenario):
    curve = curve_of(scenario)
    assert curve.killed == 0
    assert curve.finished > 0


def test_page_and_images_show_what_the_rules_do():
    """Write them again with ``python -m tests.autoscale.page``."""
    for path, text in page.files():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is of another rule"


def test_composed_rules_keep_some_nodes_warm_and_few_at_night():
    autoscale = Autoscale.of(greatest(PendingTasks().at_most(4), WorkingHours(peak=2)), max_nodes=20)
    curve = simulate(autoscale, [Load(hours(3), 9, hours(1))], hours(24))
    assert max(point.target for point in curve.between(hours(0), hours(8))) == 4
    assert {point.target for point in curve.between(hours(9), hours(17))} == {2}
    assert curve.points[-1].target == 0
