"""Samples: how many, of which time, and what is said when there are too few."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_batch.emulator.autoscale import InsufficientSampleDataError, Metric
from airflow_provider_batch.emulator.autoscale.values import TimeInterval, Timestamp
from tests.unit.emulator.autoscale.formulas import NOW, error, run, sampled, value

TEN = sampled(*range(10))
MINUTE_OLD = sampled(*range(18), age=60)


def test_count_of_samples_gives_the_latest_oldest_first():
    assert value("$PendingTasks.GetSample(3)", PendingTasks=TEN) == (7, 8, 9)
    assert value("$PendingTasks.GetSample(0)", PendingTasks=TEN) == ()


def test_look_back_gives_the_samples_of_that_time():
    assert value("$PendingTasks.GetSample(TimeInterval_Minute)", PendingTasks=TEN) == (8, 9)
    assert value("$PendingTasks.GetSample(time() + -TimeInterval_Minute)", PendingTasks=TEN) == (8, 9)


@pytest.mark.parametrize(
    "times",
    ["1 * TimeInterval_Minute, 2 * TimeInterval_Minute", "TimeInterval_Minute * 2, TimeInterval_Minute"],
)
def test_look_back_has_two_ends_in_either_order(times: str):
    assert value(f"$PendingTasks.GetSample({times})", PendingTasks=TEN) == (6, 7)


def test_window_without_its_last_minute_has_18_of_20_samples():
    window = "TimeInterval_Minute * 10"
    assert len(value(f"$CPUPercent.GetSample({window})", CPUPercent=MINUTE_OLD)) == 18
    assert value(f"$CPUPercent.GetSamplePercent({window})", CPUPercent=MINUTE_OLD) == 90
    assert len(value(f"$CPUPercent.GetSample({window}, 80)", CPUPercent=MINUTE_OLD)) == 18
    assert len(value(f"$CPUPercent.GetSample({window}, 90)", CPUPercent=MINUTE_OLD)) == 18
    assert error(f"$CPUPercent.GetSample({window}, 95)", CPUPercent=MINUTE_OLD) == (
        "Line 1, Col 5: Insufficient data from data set: $CPUPercent wanted 95%, received 90%"
    )


def test_samples_show_only_after_the_delay():
    delayed = {"PendingTasks": TEN, "sample_delay": timedelta(seconds=60)}
    assert value("$PendingTasks.GetSample(1)", **delayed) == (7,)
    assert value("$PendingTasks.GetSamplePercent(TimeInterval_Minute * 2)", **delayed) == 50
    assert value("$PendingTasks.Count()", **delayed) == 8
    assert value("$PendingTasks", **delayed) == 7


def test_percentage_counts_by_the_period_of_the_samples():
    often = Metric([(NOW - timedelta(seconds=10 * i), 1.0) for i in reversed(range(6))])
    percent = "$PendingTasks.GetSamplePercent(TimeInterval_Minute)"
    assert value(percent, PendingTasks=often, sample_period=timedelta(seconds=10)) == 100
    assert value(percent, PendingTasks=often, sample_period=timedelta(seconds=5)) == 50
    assert value(percent, PendingTasks=often) == 100
    assert value(percent) == 0


def test_history_is_described():
    assert value("$PendingTasks.Count()", PendingTasks=TEN) == 10
    assert value("$PendingTasks.Count()") == 0
    assert value("$PendingTasks.GetSamplePeriod()") == TimeInterval.of(timedelta(seconds=30))
    begin = value("$PendingTasks.HistoryBeginTime()", PendingTasks=TEN)
    assert begin == Timestamp.of(NOW - timedelta(seconds=270))


@pytest.mark.parametrize(
    "expression",
    [
        "$RunningTasks.GetSample(1)",
        "$RunningTasks.GetSample(TimeInterval_Hour)",
        "$RunningTasks",
        "$RunningTasks.HistoryBeginTime()",
    ],
)
def test_without_samples_the_evaluation_stops(expression: str):
    found = run(f"$TargetDedicated = avg({expression})").error
    assert isinstance(found, InsufficientSampleDataError)
    # The text that the service's own example of a failed pool shows, at the same place.
    assert found.detail == (
        "Line 1, Col 24: Insufficient data from data set: $RunningTasks wanted 100%, received 0%"
    )
    assert (found.code, found.message) == (
        "InsufficientSampleData",
        "Autoscale evaluation failed due to insufficient sample data",
    )


def test_more_samples_than_there_are_stop_the_evaluation():
    assert "wanted 100%, received 50%" in error("$PendingTasks.GetSample(20)", PendingTasks=TEN)


def test_plain_read_gives_the_present_value_where_there_is_one():
    assert value("$CurrentDedicatedNodes", CurrentDedicatedNodes=sampled(1, 2, current=5)) == 5


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("GetSample()", "GetSample takes a start and an end"),
        ('GetSample("a")', "takes a timestamp or a timeinterval, not a string"),
        ("GetSample(1, 2)", "takes a timestamp or a timeinterval, not a double"),
        ("GetSample(-1)", "not negative"),
        ("GetSample(TimeInterval_Day, TimeInterval_Day, TimeInterval_Day)", "takes a start and an end"),
        ("GetSample(TimeInterval_Year * 9000)", "looks back too far"),
        ("GetSamplePercent()", "GetSamplePercent takes a start"),
        ("GetSamplePercent(5)", "not a double"),
        ("Count(1)", "Count takes no arguments"),
        ("GetSampleByCount(1)", "$PendingTasks has no method GetSampleByCount"),
    ],
)
def test_method_refuses_what_it_does_not_take(call: str, reason: str):
    assert reason in error(f"$PendingTasks.{call}", PendingTasks=TEN)


@pytest.mark.parametrize("subject", ["$TargetDedicatedNodes", "time()", "(1)", "x"])
def test_only_the_services_variables_have_methods(subject: str):
    assert "have methods" in error(f"{subject}.GetSample(1)")
