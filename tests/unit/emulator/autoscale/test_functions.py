"""Functions, each as the documentation has it."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest

from airflow_provider_batch.emulator.autoscale.values import Timestamp
from tests.unit.emulator.autoscale.formulas import NOW, error, run, sampled, value

VECTOR = "vec(4, 1, 3, 2)"


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (f"avg({VECTOR})", 2.5),
        (f"avg({VECTOR}, 5)", 3),
        ("avg(1, 2, 3)", 2),
        (f"len({VECTOR}, 7)", 5),
        ("len()", 0),
        ("lg(8)", 3),
        ("ln(1)", 0),
        ("log(1000)", 3),
        (f"max({VECTOR}, 3.5)", 4),
        (f"min(3, {VECTOR})", 1),
        ("norm(3, 4)", 5),
        (f"range({VECTOR})", 3),
        ("std(2, 4, 4, 4, 5, 5, 7, 9)", math.sqrt(32 / 7)),
        (f"sum({VECTOR})", 10),
        ("sum()", 0),
        (f"val({VECTOR}, 0)", 4),
        (f"val({VECTOR}, 3)", 2),
        ("ceil(1.2)", 2),
        ("ceil(-1.2)", -1),
        ("floor(1.8)", 1),
        ("floor(-1.2)", -2),
        ("round(2.5)", 3),
        ("round(-2.5)", -3),
        ("round(2.4999)", 2),
        ("round(0.49999999999999994)", 0),
        (f"percentile({VECTOR}, 50)", 2),
        (f"percentile({VECTOR}, 51)", 3),
        (f"percentile({VECTOR}, 0)", 1),
        (f"percentile({VECTOR}, 100)", 4),
    ],
)
def test_function_gives_a_double(expression: str, wanted: float):
    found = value(expression)
    assert isinstance(found, float)
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("lg(vec(8, 2))", (3, 1)),
        ("ln(vec(1))", (0,)),
        ("log(10, 100)", (1, 2)),
        ("ceil(vec(1.2, 2))", (2, 2)),
        ("floor(1.8, vec(2.2))", (1, 2)),
        ("round(vec(0.5, 1.4))", (1, 1)),
        ("vec(1, vec(2, 3))", (1, 2, 3)),
    ],
)
def test_function_of_a_list_gives_a_vector(expression: str, wanted: tuple[float, ...]):
    found = value(expression)
    assert isinstance(found, tuple)
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(("expression", "wanted"), [("ln(0)", -math.inf), ("ceil(1/0)", math.inf)])
def test_function_keeps_infinities(expression: str, wanted: float):
    assert value(expression) == wanted
    assert math.isnan(value("lg(-1)"))


@pytest.mark.parametrize("name", ["avg", "max", "min", "range", "ceil", "lg"])
def test_function_of_nothing_fails(name: str):
    assert f"{name} needs 1 or more values, found 0" in error(f"{name}()")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("std(1)", "std needs 2 or more values"),
        ("avg(TimeInterval_Day)", "avg takes doubles and vectors, not a timeinterval"),
        ('max("a")', "max takes doubles and vectors, not a string"),
        ("val(vec(1), 1)", "no element 1 in a vector of 1"),
        ("val(vec(1), -1)", "no element -1"),
        ("val(1, 0)", "val takes a doubleVec and a double, not (double, double)"),
        ("val(vec(1))", "val takes a doubleVec and a double, not (doubleVec)"),
        ("percentile(vec(), 5)", "percentile needs"),
        ("percentile(vec(1), 101)", "percentile needs"),
        ("sqrt(4)", "Undefined function: sqrt"),
        ("rand(1)", "rand takes no arguments"),
        ("stop(1)", "stop takes no arguments"),
        ("time(1)", "time takes one string"),
        ('time("a", "b")', "time takes one string"),
    ],
)
def test_function_refuses_what_it_does_not_take(expression: str, reason: str):
    assert reason in error(expression)


def test_time_without_or_with_empty_text_is_now():
    assert value("time()") == value('time("")') == Timestamp.of(NOW)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2029", (2029, 1, 1)),
        ("2029-03", (2029, 3, 1)),
        ("2029-03-04", (2029, 3, 4)),
        ("2029-03-04T05:06Z", (2029, 3, 4, 5, 6)),
        ("2029-03-04T05:06:07+02:00", (2029, 3, 4, 3, 6, 7)),
        ("2029-03-04T05:06:07.5Z", (2029, 3, 4, 5, 6, 7, 500_000)),
        ("Sun, 04 Mar 2029 05:06:07 GMT", (2029, 3, 4, 5, 6, 7)),
    ],
)
def test_time_reads_w3c_and_rfc_1123(text: str, wanted: tuple[int, ...]):
    assert value(f'time("{text}")') == Timestamp.of(datetime(*wanted, tzinfo=timezone.utc))  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2029-13-01",
        "2029-03-04T05:06",
        "2029-03-04 05:06Z",
        "2029-03-04T05:06:07.12345678Z",
        "0000",
        "Sun, 32 Mar 2029 05:06:07 GMT",
    ],
)
def test_time_refuses_other_forms(text: str):
    assert "neither W3C-DTF nor RFC 1123" in error(f'time("{text}")')


def test_random_numbers_lie_between_0_and_1_and_follow_from_the_seed():
    first, again, other = (value("vec(rand(), rand())", seed=seed) for seed in ("a", "a", "b"))
    assert first == again != other
    assert all(0 <= number < 1 for number in first)
    assert len(set(first)) == 2


def test_stop_ends_the_evaluation_with_what_was_assigned_so_far():
    found = run("$TargetDedicatedNodes = 3; x = 1 ? stop() : 0; $TargetDedicatedNodes = 9;")
    assert (found.error, found.target_dedicated_nodes, dict(found.variables)) == (None, 3, {})


def test_plain_variable_of_the_service_may_stand_in_a_list():
    assert value("max(1, $PendingTasks)", PendingTasks=sampled(3, 7)) == 7
