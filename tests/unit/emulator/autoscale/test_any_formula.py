"""Whatever is written, a formula is evaluated or refused; and what is evaluated is computed rightly."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_batch.emulator.autoscale import METRICS, Evaluation, Inputs, Metric, evaluate
from tests.unit.emulator.autoscale.formulas import NOW, run, sampled
from tests.unit.emulator.autoscale.test_formulas import PENDING

QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- expressions of any kind, mostly ill-typed --------------------------------------------------------

_NAMES = st.sampled_from(
    ["x", "$y", "$TargetDedicatedNodes", "$TargetLowPriority", "$NodeDeallocationOption", *METRICS[:4]]
)
_LEAVES = st.one_of(
    st.integers(0, 200).map(str),
    st.floats(0, 1e12, allow_nan=False).map(repr),
    st.sampled_from(
        ["TimeInterval_Minute", "TimeInterval_Year", "time()", "rand()", "stop()", "taskcompletion"]
    ),
    st.sampled_from(['"a"', '"2029-01-01"', '""', "vec()", "vec(1, 2)"]),
    _NAMES,
)
_FUNCTIONS = st.sampled_from(
    [
        "avg",
        "ceil",
        "floor",
        "len",
        "lg",
        "ln",
        "log",
        "max",
        "min",
        "norm",
        "percentile",
        "range",
        "round",
        "std",
        "sum",
        "val",
        "vec",
        "time",
    ]
)
_METHODS = st.sampled_from(
    ["GetSample", "GetSamplePercent", "GetSamplePeriod", "Count", "HistoryBeginTime", "No"]
)
_SIGNS = st.sampled_from(["+", "-", "*", "/", "<", "<=", "==", ">=", ">", "!=", "&&", "||"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("({} {} {})".format, inner, _SIGNS, inner),
        st.builds("{} {} {}".format, inner, _SIGNS, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("-{}".format, inner),
        st.builds("!{}".format, inner),
        st.builds("{}({})".format, _FUNCTIONS, arguments),
        st.builds("{}.{}({})".format, st.sampled_from(METRICS[:4]), _METHODS, arguments),
        st.builds("({}).{}".format, inner, st.sampled_from(["year", "weekday", "second", "no"])),
    )


EXPRESSIONS = st.recursive(_LEAVES, _larger, max_leaves=12)
FORMULAS = st.lists(st.builds("{} = {};".format, _NAMES, EXPRESSIONS), min_size=1, max_size=6).map("\n".join)
SAMPLES = st.lists(st.floats(-1e6, 1e6), max_size=12)


def _evaluated(formula: str, samples: list[float]) -> Evaluation:
    metrics = {name: sampled(*samples) for name in METRICS[:3]} | {METRICS[3]: Metric(current=1.0)}
    inputs = Inputs(NOW, 2, 1, metrics, seed="s")
    found = evaluate(formula, inputs)
    # The same again: nothing but the inputs decides.
    assert str(evaluate(formula, inputs).results) == found.results
    if found.error is not None:
        assert (found.target_dedicated_nodes, found.target_low_priority_nodes) == (2, 1)
        assert found.node_deallocation_option == "requeue"
        lines = formula.split("\n")
        assert 1 <= found.error.position.line <= len(lines)
        assert 1 <= found.error.position.column <= len(lines[found.error.position.line - 1]) + 1
    else:
        assert found.target_dedicated_nodes >= 0
        assert found.target_low_priority_nodes >= 0
    return found


@QUICK
@given(FORMULAS, SAMPLES)
def test_any_formula_is_evaluated_or_refused(formula: str, samples: list[float]):
    _evaluated(formula, samples)


@QUICK
@given(st.text(st.sampled_from('$x1.e+-*/<>=!?:;,()&| "\n\\%[]aT_'), max_size=60))
@example("1e999;")
@example("$x = 1e999 * TimeInterval_Day")
@example("x = -1e999; y = round(x); z = val(vec(1), x); w = percentile(vec(1), x / x);")
def test_any_text_is_evaluated_or_refused(text: str):
    _evaluated(text, [1.0])


@QUICK
@given(st.data())
def test_any_damage_to_a_formula_is_survived(data: st.DataObject):
    at = data.draw(st.integers(0, len(PENDING) - 1))
    end = data.draw(st.integers(at, min(len(PENDING), at + 8)))
    put = data.draw(st.text(st.sampled_from('();=?:,.$"1a \n+-<&'), max_size=4))
    _evaluated(PENDING[:at] + put + PENDING[end:], [3.0] * 6)


# --- arithmetic against Python ------------------------------------------------------------------------

_ORACLE: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
    "&&": lambda a, b: bool(a) and bool(b),
    "||": lambda a, b: bool(a) or bool(b),
    "/": lambda a, b: (
        a / b if b else (math.nan if not a else math.copysign(math.inf, a) * math.copysign(1, b))
    ),
}


def _python(sign: str, left: tuple[str, float], right: tuple[str, float]) -> tuple[str, float]:
    return f"({left[0]} {sign} {right[0]})", float(_ORACLE[sign](left[1], right[1]))


SUMS = st.recursive(
    st.integers(0, 50).map(lambda number: (str(number), float(number)))
    | st.floats(0, 100, allow_nan=False).map(lambda number: (repr(number), number)),
    lambda inner: st.one_of(
        st.builds(_python, st.sampled_from(sorted(_ORACLE)), inner, inner),
        inner.map(lambda operand: (f"-{operand[0]}", -operand[1])),
        inner.map(lambda operand: (f"!{operand[0]}", float(operand[1] == 0))),
        st.builds(
            lambda c, a, b: (f"({c[0]} ? {a[0]} : {b[0]})", a[1] if c[1] != 0 else b[1]), inner, inner, inner
        ),
    ),
    max_leaves=15,
)


@QUICK
@given(SUMS)
def test_arithmetic_agrees_with_python(pair: tuple[str, float]):
    expression, wanted = pair
    found = run(f"x = {expression}")
    assert found.error is None
    seen = found.variables["x"]
    assert seen == wanted or (math.isnan(wanted) and math.isnan(float(seen)))  # type: ignore[arg-type]


@QUICK
@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.lists(_SIGNS, min_size=5, max_size=5))
def test_precedence_agrees_with_python(numbers: list[int], signs: list[str]):
    """Python has C's precedence for these, comparisons aside, which it chains."""
    signs = [sign for sign in signs if sign in "+-*"]
    expression = str(numbers[0])
    for sign, number in zip(signs, numbers[1:], strict=False):
        expression += f" {sign} {number}"
    assert run(f"x = {expression}").variables["x"] == eval(expression)  # noqa: S307
