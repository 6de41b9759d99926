"""Evaluates a formula."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from airflow_provider_batch.emulator.autoscale.errors import (
    FormulaError,
    FormulaEvaluationError,
    InsufficientSampleDataError,
    Position,
)
from airflow_provider_batch.emulator.autoscale.functions import FUNCTIONS, parse_time
from airflow_provider_batch.emulator.autoscale.inputs import METRICS, Inputs, Metric
from airflow_provider_batch.emulator.autoscale.operators import apply_binary, apply_unary
from airflow_provider_batch.emulator.autoscale.parser import parse
from airflow_provider_batch.emulator.autoscale.sampling import SampledMetric, TooFewSamples
from airflow_provider_batch.emulator.autoscale.syntax import (
    Binary,
    Call,
    Expression,
    Literal,
    Member,
    MethodCall,
    Name,
    Statement,
    Ternary,
    Unary,
)
from airflow_provider_batch.emulator.autoscale.values import (
    INTERVALS,
    Timestamp,
    Value,
    format_value,
    kind_of,
    member_of,
)

DEDICATED = "$TargetDedicatedNodes"
LOW_PRIORITY = "$TargetLowPriorityNodes"
DEALLOCATION = "$NodeDeallocationOption"

_ALIASES = {"$TargetDedicated": DEDICATED, "$TargetLowPriority": LOW_PRIORITY}
_SERVICE_NAMES = frozenset({*METRICS, *_ALIASES, DEDICATED, LOW_PRIORITY, DEALLOCATION})
_OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
_CONSTANTS: Mapping[str, Value] = {**INTERVALS, **{option: option for option in _OPTIONS}}
_MAX_TARGET = 2**31 - 1


@dataclass(frozen=True)
class Evaluation:
    """
    What a formula says.

    :param results: the final values of all variables, as the service writes them; with an error, the values
        that they had by then.
    :param target_dedicated_nodes: what it was before when there is an error, as the other two.
    :param node_deallocation_option: ``requeue``, ``terminate``, ``taskcompletion`` or ``retaineddata``.
    :param variables: the user's own variables by name, without the dollar sign.
    :param error: None when the formula was evaluated to its end, or to ``stop()``.
    """

    results: str
    target_dedicated_nodes: int
    target_low_priority_nodes: int
    node_deallocation_option: str = "requeue"
    variables: Mapping[str, Value] = field(default_factory=dict)
    error: FormulaError | None = None


def evaluate(formula: str, inputs: Inputs) -> Evaluation:
    """
    Evaluate a formula; what is wrong with it is in the result, and never raised.

    The same formula and inputs always give the same result.

    :param formula: as in ``autoScaleFormula``.
    """
    run = _Run(inputs)
    try:
        run.execute(parse(formula))
        return run.evaluation()
    except FormulaError as error:
        return run.failed(error)


class _Stopped(Exception):
    """``stop()`` was called."""


class _Run:
    """One evaluation: the variables, and how each kind of expression gets its value."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._random = random.Random(inputs.seed)  # noqa: S311  (no secret: it must be repeatable)
        self._service: dict[str, tuple[Position, Value]] = {}
        self._variables: dict[str, Value] = {}

    # --- the result -----------------------------------------------------------------------------------

    def evaluation(self) -> Evaluation:
        """Return what the formula says; its targets must be possible."""
        dedicated, low_priority = self._target(DEDICATED), self._target(LOW_PRIORITY)
        return Evaluation(
            self._results(), dedicated, low_priority, str(self._read_write(DEALLOCATION)), self._variables
        )

    def failed(self, error: FormulaError) -> Evaluation:
        """Return what a failed formula leaves: nothing changes."""
        inputs = self._inputs
        return Evaluation(
            self._results(),
            inputs.target_dedicated_nodes,
            inputs.target_low_priority_nodes,
            variables=self._variables,
            error=error,
        )

    def _results(self) -> str:
        values: dict[str, Value] = {
            name: self._read_write(name) for name in (DEDICATED, LOW_PRIORITY, DEALLOCATION)
        }
        for name in (DEDICATED, LOW_PRIORITY):
            value = values[name]
            if isinstance(value, float) and math.isfinite(value):
                values[name] = float(math.trunc(value))
        # Recorded answers have the user's variables in alphabetical order.
        values.update((f"${name}", self._variables[name]) for name in sorted(self._variables))
        return ";".join(f"{name}={format_value(value)}" for name, value in values.items())

    def _target(self, name: str) -> int:
        value = self._read_write(name)
        if isinstance(value, float) and 0 <= value <= _MAX_TARGET:
            return math.trunc(value)
        position, _ = self._assigned(name) or (Position(1, 1), value)
        raise FormulaEvaluationError(f"{name} cannot be {format_value(value)}", position)

    # --- statements -----------------------------------------------------------------------------------

    def execute(self, statements: tuple[Statement, ...]) -> None:
        """Execute statements in their order, until ``stop()``."""
        try:
            for statement in statements:
                value = self._value(statement.expression)
                if statement.target is not None:
                    self._assign(statement.position, statement.target, value)
        except _Stopped:
            return

    def _assign(self, position: Position, name: str, value: Value) -> None:
        if name in METRICS:
            raise FormulaEvaluationError(f"Variable is read-only: {name}", position)
        if name in _CONSTANTS:
            raise FormulaEvaluationError(f"A constant cannot be assigned to: {name}", position)
        self._refuse_bare(position, name)
        if name not in _SERVICE_NAMES:
            self._variables[name.removeprefix("$")] = value
        elif name == DEALLOCATION:
            if value not in _OPTIONS:
                raise FormulaEvaluationError(f"{name} cannot be {format_value(value)}", position)
            self._service[name] = (position, value)
        elif isinstance(value, float):
            self._service[name] = (position, value)
        else:
            raise FormulaEvaluationError(f"{name} takes a double, not a {kind_of(value)}", position)

    def _refuse_bare(self, position: Position, name: str) -> None:
        if f"${name}" in _SERVICE_NAMES:
            raise FormulaEvaluationError(f"Undefined symbol: {name}; ${name} is meant?", position)

    # --- variables ------------------------------------------------------------------------------------

    def _assigned(self, name: str) -> tuple[Position, Value] | None:
        """What was assigned last to a read-write variable; the full name counts before its alias."""
        full = _ALIASES.get(name, name)
        aliases = [alias for alias, meant in _ALIASES.items() if meant == full]
        return next((self._service[each] for each in (full, *aliases) if each in self._service), None)

    def _read_write(self, name: str) -> Value:
        assigned = self._assigned(name)
        if assigned is not None:
            return assigned[1]
        if name == DEALLOCATION:
            return _OPTIONS[0]
        inputs = self._inputs
        dedicated = _ALIASES.get(name, name) == DEDICATED
        return float(inputs.target_dedicated_nodes if dedicated else inputs.target_low_priority_nodes)

    def _name(self, expression: Name) -> Value:
        name = expression.name
        if name in METRICS:
            return self._sampled(name, expression.position, SampledMetric.value)
        if name in _SERVICE_NAMES:
            return self._read_write(name)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        self._refuse_bare(expression.position, name)
        plain = name.removeprefix("$")
        if plain not in self._variables:
            # The dollar sign is not in the recorded text.
            raise FormulaEvaluationError(f"Undefined symbol: {plain}", expression.position)
        return self._variables[plain]

    def _sampled(self, name: str, position: Position, look: Callable[[SampledMetric], Value]) -> Value:
        metric = SampledMetric(self._inputs.metrics.get(name, Metric()), self._inputs)
        try:
            return look(metric)
        except TooFewSamples as error:
            raise InsufficientSampleDataError(
                f"Insufficient data from data set: {name} {error}", position
            ) from None

    # --- expressions ----------------------------------------------------------------------------------

    def _value(self, expression: Expression) -> Value:
        try:
            return _VALUES[type(expression)](self, expression)
        except ValueError as error:
            raise FormulaEvaluationError(str(error), expression.position) from None

    def _literal(self, expression: Literal) -> Value:
        return expression.value

    def _unary(self, expression: Unary) -> Value:
        return apply_unary(expression.operator, self._value(expression.operand))

    def _binary(self, expression: Binary) -> Value:
        """Go down the left side without recursion: a sum of thousands is as deep as it is long."""
        chain = [expression]
        while isinstance(chain[-1].left, Binary):
            chain.append(chain[-1].left)
        value = self._value(chain[-1].left)
        for link in reversed(chain):
            # Both sides of && and || are evaluated: the page says nothing of a short cut.
            right = self._value(link.right)
            try:
                value = apply_binary(value, link.operator, right)
            except ValueError as error:
                raise FormulaEvaluationError(str(error), link.position) from None
        return value

    def _ternary(self, expression: Ternary) -> Value:
        condition = self._value(expression.condition)
        if not isinstance(condition, float):
            raise ValueError(f"A condition is a double, not a {kind_of(condition)}")
        return self._value(expression.chosen if condition != 0 else expression.otherwise)

    def _call(self, expression: Call) -> Value:
        name = expression.function
        arguments = [self._value(argument) for argument in expression.arguments]
        if name in FUNCTIONS:
            return FUNCTIONS[name](arguments)
        if name == "time":
            return self._time(arguments)
        if name in ("rand", "stop"):
            if arguments:
                raise ValueError(f"{name} takes no arguments")
            if name == "stop":
                raise _Stopped
            return self._random.random()
        raise ValueError(f"Undefined function: {name}")

    def _time(self, arguments: list[Value]) -> Timestamp:
        if len(arguments) > 1 or not all(isinstance(argument, str) for argument in arguments):
            raise ValueError("time takes one string or nothing")
        if not arguments or arguments[0] == "":
            return Timestamp.of(self._inputs.now)
        return parse_time(str(arguments[0]))

    def _member(self, expression: Member) -> Value:
        subject = self._value(expression.subject)
        if isinstance(subject, Timestamp):
            try:
                return member_of(subject, expression.member)
            except KeyError:
                pass
        raise ValueError(f"A {kind_of(subject)} has no member {expression.member}")

    def _method_call(self, expression: MethodCall) -> Value:
        subject = expression.subject
        if not isinstance(subject, Name) or subject.name not in METRICS:
            raise ValueError(f"Only the service's own read-only variables have methods: {expression.method}")
        arguments = [self._value(argument) for argument in expression.arguments]
        try:
            return self._sampled(
                subject.name, subject.position, lambda metric: metric.call(expression.method, arguments)
            )
        except KeyError:
            raise ValueError(f"{subject.name} has no method {expression.method}") from None


_VALUES: Mapping[type[Expression], Callable[..., Value]] = {
    Literal: _Run._literal,
    Name: _Run._name,
    Unary: _Run._unary,
    Binary: _Run._binary,
    Ternary: _Run._ternary,
    Call: _Run._call,
    Member: _Run._member,
    MethodCall: _Run._method_call,
}
