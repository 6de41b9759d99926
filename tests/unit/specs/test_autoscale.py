"""What the rules of automatic scaling write, and what they refuse."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.autoscale import METRICS, Evaluation, Inputs, Metric, evaluate
from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import Autoscale, PoolSpec, VmImage, pool_to_rest
from airflow_provider_batch.specs.autoscale_error import locate_error
from airflow_provider_batch.specs.autoscale_nodes import SpotWithFallback
from airflow_provider_batch.specs.autoscale_rules import (
    WEEKDAYS,
    FixedNodes,
    PendingTasks,
    ResourceUsage,
    Rule,
    WorkingHours,
    greatest,
    least,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
"""A Wednesday."""


def sampled(value: float, now: datetime = NOON, samples: int = 60) -> Metric:
    return Metric([(now - timedelta(seconds=30 * i), value) for i in reversed(range(samples))])


def run(
    autoscale: Autoscale, *, now: datetime = NOON, dedicated: int = 0, spot: int = 0, **metrics: Metric
) -> Evaluation:
    metrics.setdefault("TaskSlotsPerNode", Metric(current=1))
    found = evaluate(
        autoscale.formula,
        Inputs(
            now=now,
            target_dedicated_nodes=dedicated,
            target_low_priority_nodes=spot,
            metrics={f"${name}": metric for name, metric in metrics.items()},
        ),
    )
    assert found.error is None, found.error
    return found


def targets(found: Evaluation) -> tuple[int, int]:
    return found.target_dedicated_nodes, found.target_low_priority_nodes


# --- pending tasks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tasks", "slots", "nodes"), [(0, 4, 0), (1, 4, 1), (4, 4, 1), (5, 4, 2), (400, 4, 50), (3, 1, 3)]
)
def test_tasks_get_the_nodes_whose_slots_hold_them(tasks, slots, nodes):
    rule = Autoscale.pending_tasks(max_nodes=50)
    found = run(rule, PendingTasks=sampled(tasks), TaskSlotsPerNode=Metric(current=slots))
    assert targets(found) == (nodes, 0)


def test_tasks_per_node_goes_before_the_slots_of_the_pool_also_in_the_grace_time():
    rule = Autoscale.pending_tasks(max_nodes=50, tasks_per_node=2)
    assert "$TaskSlotsPerNode" not in rule.formula
    assert targets(run(rule, PendingTasks=sampled(10), TaskSlotsPerNode=Metric(current=8))) == (5, 0)


def test_without_samples_the_pool_keeps_its_size():
    assert targets(run(Autoscale.pending_tasks(max_nodes=50), dedicated=7)) == (7, 0)


def test_a_new_pool_begins_with_its_initial_nodes():
    assert targets(run(Autoscale.pending_tasks(max_nodes=50, initial_nodes=3))) == (3, 0)


def test_a_sample_of_long_ago_is_none():
    old = sampled(40, now=NOON - timedelta(minutes=20))
    rule = Autoscale.pending_tasks(max_nodes=50, grace=timedelta(0))
    assert targets(run(rule, dedicated=2, PendingTasks=old)) == (2, 0)


@pytest.mark.parametrize(("minutes_ago", "nodes"), [(14, 6), (16, 0)])
def test_nodes_that_tasks_needed_within_the_grace_time_stay(minutes_ago, nodes):
    samples = [
        (NOON - timedelta(seconds=30 * i), 6.0 if i >= minutes_ago * 2 else 0.0) for i in reversed(range(90))
    ]
    rule = Autoscale.pending_tasks(max_nodes=50)
    assert targets(run(rule, dedicated=6, PendingTasks=Metric(samples))) == (nodes, 0)
    assert targets(run(rule, dedicated=0, PendingTasks=Metric(samples))) == (0, 0), "grace adds no node"


def test_steps_bound_the_change_and_the_limits_hold_all_the_same():
    rule = Autoscale.pending_tasks(max_nodes=50, min_nodes=8, step_up=5, step_down=2, grace=timedelta(0))
    assert targets(run(rule, dedicated=10, PendingTasks=sampled(40))) == (15, 0)
    assert targets(run(rule, dedicated=20, PendingTasks=sampled(0))) == (18, 0)
    assert targets(run(rule, dedicated=9, PendingTasks=sampled(0))) == (8, 0)
    assert targets(run(rule, dedicated=0, PendingTasks=sampled(40))) == (8, 0)
    assert targets(run(rule, dedicated=70, PendingTasks=sampled(40))) == (50, 0)


def test_running_tasks_are_waited_for():
    assert run(Autoscale.pending_tasks(max_nodes=1)).node_deallocation_option == "taskcompletion"


# --- working hours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "clock", "nodes"),
    [
        (2, "07:59", 1),
        (2, "08:00", 9),
        (6, "17:59", 9),
        (6, "18:00", 1),
        (7, "12:00", 1),
        (8, "12:00", 1),
    ],
)
def test_hours_of_the_week(day, clock, nodes):
    """The second of March 2026 is a Monday."""
    now = datetime.fromisoformat(f"2026-03-{day:02d}T{clock}:00+00:00")
    assert targets(run(Autoscale.working_hours(9, off_peak=1), now=now)) == (nodes, 0)


@pytest.mark.parametrize(
    ("moment", "nodes"),
    [
        ("2026-03-06T21:00", 0),  # Friday, 21:30 on the clock
        ("2026-03-06T21:30", 3),  # Friday, 22:00
        ("2026-03-07T05:29", 3),  # Saturday, 05:59: the night of Friday
        ("2026-03-07T05:30", 0),
        ("2026-03-08T21:30", 3),  # Sunday
        ("2026-03-09T05:29", 3),
        ("2026-03-09T21:30", 0),  # Monday
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(moment, nodes):
    rule = Autoscale.working_hours(
        3, start=22, end=6, weekdays=["sunday", "friday"], utc_offset=timedelta(minutes=30)
    )
    now = datetime.fromisoformat(f"{moment}:00+00:00")
    assert targets(run(rule, now=now)) == (nodes, 0)


@given(
    days=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    start=st.integers(0, 24 * 60 - 1),
    length=st.integers(1, 24 * 60),
    offset=st.integers(-14 * 60, 14 * 60),
    minute=st.integers(0, 7 * 24 * 60),
)
def test_any_hours_are_those_of_a_calendar(days, start, length, offset, minute):
    whole_day = length == 24 * 60
    start = 0 if whole_day else start
    end = (start + length) % (24 * 60)
    rule = Autoscale.working_hours(
        2,
        start=time(start // 60, start % 60),
        end=24 if whole_day else time(end // 60, end % 60),
        weekdays=sorted(days),
        utc_offset=timedelta(minutes=offset),
    )
    now = NOON + timedelta(minutes=minute)
    local = now + timedelta(minutes=offset)
    midnight = local.replace(hour=0, minute=0)
    within = any(
        timedelta(0) <= local - (midnight - timedelta(days=back, minutes=-start)) < timedelta(minutes=length)
        and WEEKDAYS[(midnight - timedelta(days=back)).weekday()] in days
        for back in (0, 1)
    )
    assert targets(run(rule, now=now)) == (2 if within else 0, 0)


def test_sunday_is_known_whether_it_is_0_or_7():
    """The documentation numbers Monday only: no test may be for Sunday's own number."""
    formula = Autoscale.working_hours(1, weekdays=["sunday", "saturday", "tuesday"]).formula
    clock = "hours_clock.weekday"
    assert f"{clock} == 2 || {clock} == 6 || {clock} < 1 || {clock} > 6" in formula


# --- use of CPUs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("percent", "nodes"), [(70, 10), (79, 10), (61, 10), (100, 15), (90, 13), (20, 3)])
def test_use_of_cpus_is_brought_to_what_is_wanted(percent, nodes):
    found = run(
        Autoscale.resource_usage(max_nodes=50),
        dedicated=10,
        CPUPercent=sampled(percent),
        CurrentDedicatedNodes=sampled(8),
        CurrentLowPriorityNodes=sampled(2),
    )
    assert targets(found) == (nodes, 0)


def test_use_of_cpus_that_is_half_unknown_changes_nothing():
    rule = Autoscale.resource_usage(max_nodes=50)
    known: dict[str, Any] = {"CurrentDedicatedNodes": sampled(5), "CurrentLowPriorityNodes": sampled(0)}
    assert targets(run(rule, dedicated=5, CPUPercent=sampled(99, samples=9), **known)) == (5, 0)
    assert targets(run(rule, dedicated=5, CPUPercent=sampled(99, samples=10), **known)) == (8, 0)


# --- spot ----------------------------------------------------------------------------------------


def spot_metrics(current: float, preempted: float = 0) -> dict[str, Any]:
    return {"CurrentLowPriorityNodes": sampled(current), "PreemptedNodeCount": sampled(preempted)}


def test_spot_asks_for_spot_nodes_only():
    assert targets(run(Autoscale.pending_tasks(max_nodes=9, spot=True), PendingTasks=sampled(4))) == (0, 4)


@pytest.mark.parametrize(
    ("asked", "there", "preempted", "expected", "why"),
    [
        ((0, 0), 0, 0, (0, 10), "spot is asked for first"),
        ((0, 10), 10, 0, (0, 10), "all are there"),
        ((0, 10), 10, 4, (3, 7), "taken back: one is asked for again"),
        ((0, 10), 6, 0, (3, 7), "never given"),
        ((3, 7), 6, 0, (3, 7), "still missing: the same again"),
        ((3, 7), 7, 0, (2, 8), "the one is there: the next is asked for"),
        ((0, 10), 0, 0, (9, 1), "none at all"),
    ],
)
def test_dedicated_nodes_stand_in_for_missing_spot_nodes(asked, there, preempted, expected, why):
    rule = Autoscale.spot_with_fallback(max_nodes=50)
    found = run(
        rule,
        dedicated=asked[0],
        spot=asked[1],
        PendingTasks=sampled(10),
        **spot_metrics(there, preempted),
    )
    assert targets(found) == expected, why


def test_a_single_node_is_dedicated_while_there_is_no_spot_node():
    rule = Autoscale.spot_with_fallback(max_nodes=50)
    metrics: dict[str, Any] = {"PendingTasks": sampled(1), **spot_metrics(0)}
    assert targets(run(rule, **metrics)) == (0, 1)
    assert targets(run(rule, spot=1, **metrics)) == (1, 0)
    assert targets(run(rule, dedicated=1, **metrics)) == (1, 0)


def test_fallback_keeps_its_bounds():
    rule = Autoscale.spot_with_fallback(max_nodes=50, min_dedicated_nodes=2, max_dedicated_nodes=4)
    assert targets(run(rule, PendingTasks=sampled(10), **spot_metrics(0))) == (2, 8)
    assert targets(run(rule, dedicated=2, spot=8, PendingTasks=sampled(10), **spot_metrics(0))) == (4, 6)
    assert targets(run(rule, PendingTasks=sampled(1), **spot_metrics(0))) == (1, 0)


def test_without_samples_the_kinds_of_nodes_stay():
    assert targets(run(Autoscale.spot_with_fallback(max_nodes=50), dedicated=3, spot=7)) == (3, 7)


# --- composition ---------------------------------------------------------------------------------


def test_the_greatest_and_the_least_of_rules_with_bounds():
    rule = greatest(
        least(PendingTasks(), FixedNodes(8)), PendingTasks(tasks_per_node=4).at_most(12).at_least(2)
    )
    nodes = {
        tasks: targets(run(Autoscale.of(rule, max_nodes=50), PendingTasks=sampled(tasks)))[0]
        for tasks in (0, 5, 20, 40, 100)
    }
    assert nodes == {0: 2, 5: 5, 20: 8, 40: 10, 100: 12}


def test_hours_choose_between_rules():
    rule = Autoscale.of(WorkingHours(peak=PendingTasks(), off_peak=PendingTasks().at_most(2)), max_nodes=50)
    assert targets(run(rule, PendingTasks=sampled(30))) == (30, 0)
    assert targets(
        run(rule, PendingTasks=sampled(30, NOON + timedelta(hours=9)), now=NOON + timedelta(hours=9))
    ) == (2, 0)


def test_a_rule_that_occurs_twice_has_variables_of_its_own():
    rule = Autoscale.of(greatest(FixedNodes(1), FixedNodes(2), FixedNodes(2)), max_nodes=5)
    assert "// [fixed 3] always 2 nodes\nfixed3_nodes = 2;" in rule.formula
    assert targets(run(rule)) == (2, 0)


def test_rules_are_values():
    assert greatest(PendingTasks(), FixedNodes(1)) == greatest(PendingTasks(), FixedNodes(1))
    hours = WorkingHours(peak=1, weekdays=["tuesday", "monday"])
    assert hours == WorkingHours(peak=1, weekdays=("monday", "tuesday", "monday"))
    assert hash(hours) == hash(WorkingHours(peak=1, weekdays=("monday", "tuesday")))


def test_the_same_rules_write_the_same_formula_which_the_pool_takes():
    autoscale = Autoscale.pending_tasks(max_nodes=50, spot=True)
    assert autoscale == Autoscale.pending_tasks(max_nodes=50, spot=True)
    pool = PoolSpec(
        pool_id="p", vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), autoscale=autoscale
    )
    body = pool_to_rest(pool)
    assert body["enableAutoScale"] is True
    assert body["autoScaleFormula"] == autoscale.formula
    assert body["autoScaleEvaluationInterval"] == "PT5M"


# --- any rule ------------------------------------------------------------------------------------

spans = st.integers(300, 24 * 60 * 60).map(lambda seconds: timedelta(seconds=seconds))
sizes = st.integers(0, 40)
simple_rules = st.one_of(
    st.builds(PendingTasks, tasks_per_node=st.none() | st.integers(1, 64), initial_nodes=sizes),
    st.builds(
        WorkingHours,
        peak=sizes,
        off_peak=sizes,
        start=st.integers(0, 12),
        end=st.integers(13, 24),
        weekdays=st.lists(st.sampled_from(WEEKDAYS), min_size=1),
        utc_offset=st.integers(-840, 840).map(lambda minutes: timedelta(minutes=minutes)),
    ),
    st.builds(
        ResourceUsage,
        cpu_percent=st.integers(30, 70),
        tolerance=st.integers(0, 29),
        window=spans,
    ),
    st.builds(FixedNodes, sizes),
)


def composed(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda rules: greatest(*rules)),
        st.lists(inner, min_size=2, max_size=3).map(lambda rules: least(*rules)),
        st.builds(lambda rule, nodes: rule.at_most(nodes), inner, sizes),
        st.builds(lambda rule, nodes: rule.at_least(nodes), inner, sizes),
        st.builds(lambda rule, span: rule.with_grace(span), inner, st.just(timedelta(0)) | spans),
        st.builds(WorkingHours, peak=inner, off_peak=inner),
    )


rules = st.recursive(simple_rules, composed, max_leaves=5)
fallbacks = st.builds(
    SpotWithFallback,
    min_dedicated_nodes=st.integers(0, 5),
    max_dedicated_nodes=st.none() | st.integers(5, 40),
)
metrics = st.dictionaries(
    st.sampled_from([name.removeprefix("$") for name in METRICS if name != "$TaskSlotsPerNode"]),
    st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 1e6)), max_size=6).map(
        lambda samples: Metric(sorted((NOON - timedelta(seconds=30 * ago), value) for ago, value in samples))
    ),
)


@given(
    rule=rules,
    limits=st.tuples(st.integers(0, 30), st.integers(30, 60)),
    spot=st.booleans() | fallbacks,
    steps=st.tuples(st.none() | st.integers(1, 9), st.none() | st.integers(1, 9)),
    present=st.tuples(st.integers(0, 80), st.integers(0, 80)),
    slots=st.integers(1, 256),
    metrics=metrics,
)
def test_any_formula_is_evaluated_and_stays_within_its_limits(
    rule, limits, spot, steps, present, slots, metrics
):
    low, high = limits
    autoscale = Autoscale.of(
        rule, min_nodes=low, max_nodes=high, spot=spot, step_up=steps[0], step_down=steps[1]
    )
    nothing: dict[str, Any] = {}
    for measured in (nothing, metrics):
        found = run(
            autoscale,
            dedicated=present[0],
            spot=present[1],
            **{**measured, "TaskSlotsPerNode": Metric(current=slots)},
        )
        dedicated, low_priority = targets(found)
        assert low <= dedicated + low_priority <= high
        assert found.node_deallocation_option == "taskcompletion"
        if isinstance(spot, SpotWithFallback):
            assert min(spot.min_dedicated_nodes, low) <= dedicated
        else:
            assert (dedicated if spot else low_priority) == 0


def test_a_composition_that_the_service_would_refuse_is_refused_here():
    many = greatest(*[PendingTasks(tasks_per_node=n) for n in range(1, 60)])
    with pytest.raises(
        SpecError, match=r"^Autoscale\.of: becomes a formula of [\d,]+ characters, the service"
    ):
        Autoscale.of(many, max_nodes=5)
    many = greatest(*[FixedNodes(n) for n in range(96)])
    with pytest.raises(
        SpecError, match=r"becomes a formula of 102 statements, the service takes 100; compose"
    ):
        Autoscale.of(many, max_nodes=5)


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_nodes": 0}, r"^Autoscale\.pending_tasks\.max_nodes: must be at least 1, found 0"),
        ({"max_nodes": "{{ n }}"}, r"max_nodes: must be an integer, found '\{\{ n \}\}'"),
        ({"max_nodes": True}, r"max_nodes: must be an integer, found True"),
        ({"max_nodes": 2, "min_nodes": 3}, r"min_nodes: is 3, above max_nodes 2"),
        ({"max_nodes": 2, "min_nodes": -1}, r"min_nodes: must be at least 0"),
        ({"max_nodes": 2, "step_up": 0}, r"step_up: must be at least 1"),
        ({"max_nodes": 2, "step_down": 0}, r"step_down: must be at least 1"),
        ({"max_nodes": 2, "tasks_per_node": 0}, r"PendingTasks\.tasks_per_node: must be at least 1"),
        ({"max_nodes": 2, "grace": timedelta(days=2)}, r"with_grace\.grace: must be 5 min to 24 h"),
        ({"max_nodes": 2, "grace": timedelta(minutes=1)}, r"with_grace\.grace: must be 5 min to 24 h"),
        ({"max_nodes": 2, "grace": timedelta(seconds=300.5)}, r"must be whole seconds"),
        ({"max_nodes": 2, "grace": 5}, r"must be a timedelta, found 5"),
        ({"max_nodes": 2, "spot": "yes"}, r"spot: must be true, false or SpotWithFallback"),
        ({"max_nodes": 2, "spot": SpotWithFallback(min_dedicated_nodes=3)}, r"is 3, above max_nodes 2"),
    ],
)
def test_values_out_of_range_are_refused_with_the_field(arguments: dict[str, Any], message: str):
    with pytest.raises(SpecError, match=message):
        Autoscale.pending_tasks(**arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Autoscale.working_hours(2, start=9, end=9), r"WorkingHours\.end: is the same as start"),
        (lambda: Autoscale.working_hours(2, start=24), r"WorkingHours\.start: must be 0 to 23, found 24"),
        (lambda: Autoscale.working_hours(2, end=time(1, 1, 1)), r"end: must be whole minutes"),
        (lambda: Autoscale.working_hours(2, weekdays=["Mon"]), r"weekdays: knows monday, .*; found 'Mon'"),
        (lambda: Autoscale.working_hours(2, weekdays=[]), r"weekdays: must not be empty"),
        (lambda: Autoscale.working_hours(2, utc_offset=timedelta(hours=15)), r"must be 0 s to 14 h"),
        (lambda: Autoscale.working_hours(2, utc_offset=timedelta(seconds=9)), r"must be whole minutes"),
        (lambda: Autoscale.working_hours(-1), r"WorkingHours\.peak: must be at least 0"),
        (lambda: Autoscale.resource_usage(9, min_nodes=0), r"min_nodes: must be at least 1"),
        (lambda: Autoscale.resource_usage(9, cpu_percent=95), r"the pool could never shrink, or never grow"),
        (lambda: Autoscale.resource_usage(9, cpu_percent=100), r"cpu_percent: must be 1 to 99, found 100"),
        (lambda: Autoscale.resource_usage(9, window=timedelta(minutes=1)), r"window: must be 5 min to 24 h"),
        (lambda: greatest(PendingTasks()), r"greatest: takes two or more rules, found 1"),
        (lambda: least(PendingTasks(), 3), r"least\[1\]: must be a rule"),  # type: ignore[arg-type]
        (lambda: Autoscale.of("x", max_nodes=3), r"Autoscale\.of\.rule: must be a rule"),  # type: ignore[arg-type]
        (lambda: PendingTasks().at_most(-1), r"at_most\.nodes: must be at least 0"),
        (lambda: PendingTasks().at_least(None), r"at_least\.nodes: must be an integer"),  # type: ignore[arg-type]
        (
            lambda: SpotWithFallback(min_dedicated_nodes=4, max_dedicated_nodes=3),
            r"SpotWithFallback\.max_dedicated_nodes: is 3, below min_dedicated_nodes 4",
        ),
    ],
)
def test_rules_that_cannot_be_are_refused_with_the_field(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_an_interval_out_of_range_is_refused_with_the_pool():
    autoscale = Autoscale.pending_tasks(max_nodes=2, evaluation_interval=timedelta(minutes=4))
    with pytest.raises(SpecError, match=r"autoScaleEvaluationInterval: must be PT5M to P7D, found PT4M"):
        autoscale.to_rest()


# --- errors of evaluations -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "instead", "rule"),
    [
        ("$TargetDedicatedNodes +", "undefined_thing +", "present"),
        ("$PendingTasks.GetSample(1)", "nothing_there", "pending tasks"),
        ("hours_clock.hour", "hours_clock.our", "hours"),
        ("min(9,", "mini(9,", "limits"),
        ("= taskcompletion", "= whenever", "removal"),
    ],
)
def test_an_error_leads_to_the_rule_that_wrote_the_line(broken, instead, rule):
    autoscale = Autoscale.of(greatest(PendingTasks(), WorkingHours(peak=2)), max_nodes=9)
    assert broken in autoscale.formula
    formula = autoscale.formula.replace(broken, instead)
    found = evaluate(
        formula,
        Inputs(now=NOON, metrics={"$PendingTasks": sampled(4), "$TaskSlotsPerNode": Metric(current=1)}),
    )
    assert found.error is not None
    place = locate_error(formula, found.error.detail)
    assert place is not None
    assert place.rule == rule
    assert instead.split()[-1].strip("=(, ")[:4] in place.text
    assert str(place).startswith(f"rule [{rule}], line {place.line}, column {place.column}: ")


def test_an_error_in_a_formula_of_ones_own_has_a_line_and_no_rule():
    place = locate_error("// mine\n$x = y;", "Line 2, Col 6: Undefined symbol: y")
    assert place is not None
    assert (place.line, place.column, place.rule, place.text) == (2, 6, None, "$x = y;")
    assert str(place) == "line 2, column 6: Undefined symbol: y: $x = y;"


def test_a_place_outside_the_formula_has_no_text():
    place = locate_error("$x = 1;", "Line 9, Col 1")
    assert place is not None
    assert (place.text, place.reason) == ("", "")


def test_an_error_without_a_place_has_none():
    assert locate_error("$x = 1;", "The formula is too long") is None


def test_every_section_is_named_and_every_statement_stands_in_one():
    formula = Autoscale.of(greatest(PendingTasks(), WorkingHours(peak=2)), max_nodes=9).formula
    sections = re.findall(r"^// \[(.+?)\] \S", formula, re.MULTILINE)
    assert sections == ["present", "pending tasks", "hours", "greatest", "limits", "kind of nodes", "removal"]
    for number, line in enumerate(formula.splitlines(), 1):
        if line and not line.startswith("//"):
            place = locate_error(formula, f"Line {number}, Col 1: x")
            assert place is not None
            assert place.rule in sections


def test_the_error_that_the_documentation_shows_is_of_the_rule_that_it_names():
    formula = Autoscale.pending_tasks(max_nodes=20).formula
    found = evaluate(
        formula.replace("ceil", "ceiling"),
        Inputs(now=NOON, metrics={"$PendingTasks": sampled(4), "$TaskSlotsPerNode": Metric(current=1)}),
    )
    assert found.error is not None
    assert found.error.detail.startswith("Line 9, Col 7: ")
    place = locate_error(formula, "Line 9, Col 7: Undefined function: ceil")
    assert place is not None
    assert place.rule == "pending tasks"
