"""Whole formulas: those of the documentation, results, and what is wrong with broken ones."""

from __future__ import annotations

import pytest

from airflow_provider_batch.emulator.autoscale import (
    FormulaEvaluationError,
    FormulaSyntaxError,
    FormulaTooLongError,
    check_formula,
)
from tests.unit.emulator.autoscale.formulas import error, run, sampled, value

PENDING = """
startingNumberOfVMs = 1;
maxNumberofVMs = 25;
pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
pendingTaskSamples = pendingTaskSamplePercent < 70 ? startingNumberOfVMs :
    avg($PendingTasks.GetSample(180 * TimeInterval_Second));
$TargetDedicatedNodes=min(maxNumberofVMs, pendingTaskSamples);
$NodeDeallocationOption = taskcompletion;
"""


@pytest.mark.parametrize(
    ("samples", "wanted"), [((), 1), ((9, 9, 9, 9), 1), ((9, 9, 9, 9, 9), 9), ((40,) * 6, 25), ((0,) * 6, 0)]
)
def test_formula_on_pending_tasks_follows_them_when_there_are_enough_samples(
    samples: tuple[float, ...], wanted: int
):
    found = run(PENDING, PendingTasks=sampled(*samples))
    assert found.error is None
    assert found.target_dedicated_nodes == wanted
    assert found.node_deallocation_option == "taskcompletion"


def test_formula_on_preempted_nodes_replaces_them():
    formula = """
        maxNumberofVMs = 25;
        $TargetDedicatedNodes = min(maxNumberofVMs, $PreemptedNodeCount.GetSample(180 * TimeInterval_Second));
        $TargetLowPriorityNodes = min(maxNumberofVMs , maxNumberofVMs - $TargetDedicatedNodes);
        $NodeDeallocationOption = taskcompletion;
    """
    found = run(formula, PreemptedNodeCount=sampled(3, 3, 3, 3, 3, 3))
    assert (found.target_dedicated_nodes, found.target_low_priority_nodes) == (3, 22)


def test_formula_by_time_shows_its_variables_in_the_order_of_the_documentation():
    found = run(
        """$curTime = time();
        $workHours = $curTime.hour >= 8 && $curTime.hour < 18;
        $isWeekday = $curTime.weekday >= 1 && $curTime.weekday <= 5;
        $isWorkingWeekdayHour = $workHours && $isWeekday;
        $TargetDedicatedNodes = $isWorkingWeekdayHour ? 20:10;"""
    )
    assert found.results == (
        "$TargetDedicatedNodes=20;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;"
        "$curTime=2030-01-01T12:30:15.000Z;$isWeekday=1;$isWorkingWeekdayHour=1;$workHours=1"
    )


def test_formula_with_comments_and_line_breaks_is_read():
    formula = """// Get pending tasks for the past 15 minutes.
    $samples = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 15);
    $tasks = $samples < 70 ? max(0,$PendingTasks.GetSample(1)) : max( $PendingTasks.GetSample(1),
        avg($PendingTasks.GetSample(TimeInterval_Minute * 15))); // ; not the end
    $targetVMs = $tasks > 0? $tasks:max(0, $TargetDedicatedNodes/2);
    $TargetDedicatedNodes = max(0, min($targetVMs, 20));
    $NodeDeallocationOption = taskcompletion;"""
    assert run(formula, PendingTasks=sampled(8)).target_dedicated_nodes == 8
    assert run(formula, PendingTasks=sampled(0), target_dedicated_nodes=7).target_dedicated_nodes == 3


def test_initial_size_lasts_for_a_while():
    formula = """$TargetDedicatedNodes = 4;
    lifespan         = time() - time("Tue, 01 Jan 2030 12:25:15 GMT");
    span             = TimeInterval_Minute * 60;
    startup          = TimeInterval_Minute * 10;
    ratio            = 50;
    $TargetDedicatedNodes = (lifespan > startup ? (max($RunningTasks.GetSample(span, ratio),
        $ActiveTasks.GetSample(span, ratio)) == 0 ? 0 : $TargetDedicatedNodes) : 4);"""
    assert run(formula).results == (
        "$TargetDedicatedNodes=4;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;"
        "$lifespan=00:05:00;$ratio=50;$span=01:00:00;$startup=00:10:00"
    )


# --- variables ----------------------------------------------------------------------------------------


def test_targets_are_what_they_were_when_the_formula_does_not_set_them():
    found = run("x = $TargetDedicatedNodes + 1", target_dedicated_nodes=3, target_low_priority_nodes=2)
    assert (found.target_dedicated_nodes, found.target_low_priority_nodes) == (3, 2)
    assert (found.node_deallocation_option, found.variables["x"]) == ("requeue", 4)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("$TargetDedicated = 5", (5, 0)),
        ("$TargetLowPriority = 5", (0, 5)),
        ("$TargetDedicatedNodes = 4; $TargetDedicated = 5", (4, 0)),
        ("$TargetLowPriority = 5; $TargetLowPriorityNodes = $TargetLowPriorityNodes + 1", (0, 6)),
    ],
)
def test_full_name_of_a_target_counts_before_its_alias(formula: str, wanted: tuple[int, int]):
    found = run(formula)
    assert (found.target_dedicated_nodes, found.target_low_priority_nodes) == wanted


def test_target_drops_its_fraction():
    found = run("$TargetDedicatedNodes = 7 / 2; x = $TargetDedicatedNodes")
    assert (found.target_dedicated_nodes, found.variables["x"]) == (3, 3.5)
    assert found.results.startswith("$TargetDedicatedNodes=3;")


def test_dollar_sign_of_a_users_variable_may_be_left_out():
    assert run("$a = 1; b = a + $a; $TargetDedicatedNodes = $b").target_dedicated_nodes == 2


def test_variable_may_have_the_name_of_a_function():
    # From a recorded answer: $round=3.
    assert run("$round = round(2.6); $TargetDedicatedNodes = $round").target_dedicated_nodes == 3


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion", "retaineddata"])
def test_nodes_leave_as_the_formula_says(option: str):
    assert run(f"$NodeDeallocationOption = {option};").node_deallocation_option == option


@pytest.mark.parametrize(
    ("formula", "detail"),
    [
        ("something_useless", "Line 1, Col 1: Undefined symbol: something_useless"),
        ("$something_useless", "Line 1, Col 1: Undefined symbol: something_useless"),
        ("x = 1;\n  y = z;", "Line 2, Col 7: Undefined symbol: z"),
        ("$PendingTasks = 1", "Line 1, Col 1: Variable is read-only: $PendingTasks"),
        ("TimeInterval_Day = 1", "Line 1, Col 1: A constant cannot be assigned to: TimeInterval_Day"),
        ("TargetDedicatedNodes = 1", "Line 1, Col 1: Undefined symbol: TargetDedicatedNodes"),
        ("x = PendingTasks", "Line 1, Col 5: Undefined symbol: PendingTasks"),
        (
            "$TargetDedicatedNodes = vec(1)",
            "Line 1, Col 1: $TargetDedicatedNodes takes a double, not a doubleVec",
        ),
        ("$NodeDeallocationOption = 1", "Line 1, Col 1: $NodeDeallocationOption cannot be 1"),
        ('$NodeDeallocationOption = "soon"', "Line 1, Col 1: $NodeDeallocationOption cannot be soon"),
        ("x = 1; $TargetDedicatedNodes = 0 - 1", "Line 1, Col 8: $TargetDedicatedNodes cannot be -1"),
        ("$TargetLowPriority = 1 / 0", "Line 1, Col 1: $TargetLowPriorityNodes cannot be Infinity"),
        ("$TargetDedicatedNodes = 1e10", "Line 1, Col 1: $TargetDedicatedNodes cannot be 10000000000"),
    ],
)
def test_failed_evaluation_says_where_and_changes_nothing(formula: str, detail: str):
    found = run(formula, target_dedicated_nodes=2)
    assert isinstance(found.error, FormulaEvaluationError)
    assert found.error.detail.startswith(detail)
    assert found.error.code == "AutoScalingFormulaEvaluationError"
    assert (found.target_dedicated_nodes, found.node_deallocation_option) == (2, "requeue")


def test_failed_evaluation_shows_the_values_of_that_moment():
    found = run("$TargetDedicatedNodes = 5; a = 1; b = c", target_dedicated_nodes=2)
    assert found.results == (
        "$TargetDedicatedNodes=5;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;$a=1"
    )
    assert found.target_dedicated_nodes == 2


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("12", "12"),
        ("0.5", "0.5"),
        ("-3", "-3"),
        ("1e20", "1E+20"),
        ("0/0", "NaN"),
        ("-1/0", "-Infinity"),
        ("vec(1, 2.5)", "[1,2.5]"),
        ('"some text"', "some text"),
        ("taskcompletion", "taskcompletion"),
        ("-TimeInterval_Day * 1.5", "-1.12:00:00"),
        ("TimeInterval_100ns", "00:00:00.0000001"),
    ],
)
def test_results_show_each_type(expression: str, text: str):
    assert run(f"x = {expression}").results.endswith(f";$x={text}")


# --- syntax -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "detail"),
    [
        ("", "Line 1, Col 1: The formula has no statement"),
        (" ;; // nothing", "Line 1, Col 15: The formula has no statement"),
        ("x = ", "Line 1, Col 5: Unexpected end of the formula: a value is expected"),
        ("x = 1 y = 2", "Line 1, Col 7: Unexpected 'y': ';' is expected"),
        ("x = (1 + 2", "Line 1, Col 11: Unexpected end of the formula: ')' is expected"),
        ("x = 1;\ny = 1 ? 2;", "Line 2, Col 10: Unexpected ';': ':' is expected"),
        ("x = max(1,)", "Line 1, Col 11: Unexpected ')': a value is expected"),
        ("x = 5 % 2", "Line 1, Col 7: Unexpected character: %"),
        ("x = [1, 2]", "Line 1, Col 5: Unexpected character: ["),
        ('x = "abc', "Line 1, Col 5: A string has no closing quote"),
        ("x = time().$year", "Line 1, Col 12: Unexpected '$year': a member is expected"),
        ("1 = x", "Line 1, Col 3: Unexpected '=': ';' is expected"),
        ("x = = 1", "Line 1, Col 5: Unexpected '=': a value is expected"),
        ("x = +1", "Line 1, Col 5: Unexpected '+': a value is expected"),
    ],
)
def test_broken_formula_is_refused_with_its_place(formula: str, detail: str):
    with pytest.raises(FormulaSyntaxError) as caught:
        check_formula(formula)
    assert caught.value.detail == detail
    found = run(formula)
    assert found.error is not None
    assert found.error.code == "AutoScalingFormulaSyntaxError"


def test_formula_may_have_8192_characters():
    check_formula("x=1;".ljust(8192))
    with pytest.raises(FormulaTooLongError):
        check_formula("x=1;".ljust(8193))


def test_formula_may_have_100_statements():
    check_formula("x=1;" * 100)
    with pytest.raises(FormulaSyntaxError, match="more than 100 statements"):
        check_formula("x=1;" * 101)


def test_long_sum_is_evaluated():
    assert value("+".join(["1"] * 4000)) == 4000


@pytest.mark.parametrize("opening", ["(", "-", "!", "max(", "1?", "1?1:"])
def test_deep_nesting_is_refused(opening: str):
    assert "nested too deeply" in error(opening * 1000 + "1")


def test_long_chain_of_members_is_refused():
    assert "nested too deeply" in error("x" + ".a" * 4000)


def test_last_semicolon_may_be_left_out():
    assert run("$TargetDedicatedNodes = 1").target_dedicated_nodes == 1
