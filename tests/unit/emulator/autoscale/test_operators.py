"""Operators and types, as the tables of the documentation have them."""

from __future__ import annotations

import math
from itertools import product

import pytest

from airflow_provider_batch.emulator.autoscale.values import TimeInterval, Timestamp, kind_of
from tests.unit.emulator.autoscale.formulas import NOW, error, value

#: an expression of each type
OF = {
    "double": "2",
    "doubleVec": "vec(4, 6)",
    "string": '"a"',
    "timestamp": "time()",
    "timeinterval": "TimeInterval_Minute",
}
_COMPARISONS = ("<", "<=", "==", ">=", ">", "!=")
#: the table of the documentation: operands, operators, type of the result
TABLE = {
    ("double", "double"): {**dict.fromkeys("+-*/", "double"), "&&": "double", "||": "double"},
    ("doubleVec", "double"): dict.fromkeys("+-*/", "doubleVec"),
    ("doubleVec", "doubleVec"): dict.fromkeys("+-*/", "doubleVec"),
    ("double", "timeinterval"): {"*": "timeinterval"},
    ("timeinterval", "double"): dict.fromkeys("*/", "timeinterval"),
    ("timeinterval", "timeinterval"): dict.fromkeys("+-", "timeinterval"),
    ("timeinterval", "timestamp"): {"+": "timestamp"},
    ("timestamp", "timeinterval"): {"+": "timestamp"},
    ("timestamp", "timestamp"): {"-": "timeinterval"},
}
for _kind in ("double", "string", "timestamp", "timeinterval"):
    TABLE[_kind, _kind] = {**TABLE.get((_kind, _kind), {}), **dict.fromkeys(_COMPARISONS, "double")}


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", *_COMPARISONS, "&&", "||"])
@pytest.mark.parametrize(("left", "right"), list(product(OF, OF)))
def test_operator_takes_exactly_the_types_of_the_table(left: str, sign: str, right: str):
    expression = f"{OF[left]} {sign} {OF[right]}"
    wanted = TABLE.get((left, right), {}).get(sign)
    if wanted is None:
        assert error(expression).endswith(f"Operator {sign} is not defined for {left} and {right}")
    else:
        assert kind_of(value(expression)) == wanted


@pytest.mark.parametrize("kind", OF)
@pytest.mark.parametrize(("sign", "takes"), [("-", ("double", "timeinterval")), ("!", ("double",))])
def test_sign_before_its_operand_takes_exactly_the_types_of_the_table(
    kind: str, sign: str, takes: tuple[str, ...]
):
    expression = f"{sign}{OF[kind]}"
    if kind in takes:
        assert kind_of(value(expression)) == kind
    else:
        assert f"Operator {sign} is not defined for {kind}" in error(expression)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("8 / 2 / 2", 2),
        ("-2 * -3", 6),
        ("1 + 1 < 3", 1),
        ("1 < 2 == 1", 1),
        ("1 == 2 < 3", 1),
        ("0 && 1 || 1", 1),
        ("1 || 1 && 0", 1),
        ("1 == 1 && 2 == 3", 0),
        ("!0 + 1", 2),
        ("!5", 0),
        ("0 ? 1 : 0 ? 2 : 3", 3),
        ("1 ? 0 ? 1 : 2 : 3", 2),
        ("-1 ? 1 : 2", 1),
        ("1 < 2 ? 10 : 20", 10),
        ("1.5e1 + .5", 15.5),
        ('"a" < "b"', 1),
        ('"a" == "A"', 0),
    ],
)
def test_precedence_is_that_of_c(expression: str, wanted: float):
    assert value(expression) == wanted


def test_vector_meets_a_number_or_a_vector_element_by_element():
    assert value("vec(1, 2, 3) * 2") == (2, 4, 6)
    assert value("vec(6, 8) / vec(2, 4)") == (3, 2)
    assert "different lengths: 2 and 3" in error("vec(1, 2) + vec(1, 2, 3)")


@pytest.mark.parametrize(("expression", "wanted"), [("1 / 0", math.inf), ("-1 / 0", -math.inf)])
def test_division_by_zero_is_an_infinity(expression: str, wanted: float):
    assert value(expression) == wanted
    assert math.isnan(value("0 / 0"))


def test_ternary_evaluates_only_the_side_that_it_takes():
    assert value("1 ? 5 : $PendingTasks.GetSample(1)") == 5
    assert "A condition is a double" in error('"a" ? 1 : 2')


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("Zero", 0),
        ("100ns", 1e-7),
        ("Microsecond", 1e-6),
        ("Millisecond", 1e-3),
        ("Second", 1),
        ("Minute", 60),
        ("Hour", 3600),
        ("Day", 86_400),
        ("Week", 604_800),
        ("Year", 31_536_000),
    ],
)
def test_interval_has_its_constants(name: str, seconds: float):
    assert value(f"TimeInterval_{name}") == TimeInterval(round(seconds * 1e7))


def test_intervals_and_times_are_computed_with():
    assert value("time() + 90 * TimeInterval_Second") == Timestamp(Timestamp.of(NOW).ticks + 900_000_000)
    assert value("TimeInterval_Hour / 4 == 15 * TimeInterval_Minute") == 1
    assert value("time() - (time() + -TimeInterval_Day) == TimeInterval_Day") == 1


@pytest.mark.parametrize(
    ("member", "wanted"),
    [("year", 2030), ("month", 1), ("day", 1), ("hour", 12), ("minute", 30), ("second", 15), ("weekday", 2)],
)
def test_timestamp_has_its_members(member: str, wanted: float):
    assert value(f"time().{member}") == wanted


def test_monday_is_weekday_1():
    assert value('time("2029-12-31").weekday') == 1


@pytest.mark.parametrize("expression", ["time().week", "(1).year", "TimeInterval_Day.hour"])
def test_nothing_has_other_members(expression: str):
    assert "has no member" in error(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "TimeInterval_Year * 1e9",
        "TimeInterval_Day / 0",
        "time() + TimeInterval_Year * 9000",
        "-1e300 * TimeInterval_Day",
    ],
)
def test_time_out_of_range_is_an_error(expression: str):
    assert "out of range" in error(expression)
