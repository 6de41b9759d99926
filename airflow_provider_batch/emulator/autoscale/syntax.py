"""The parts of a parsed formula."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.autoscale.errors import Position


@dataclass(frozen=True)
class Expression:
    """Base: something that has a value."""

    position: Position


@dataclass(frozen=True)
class Literal(Expression):
    """A number or a string."""

    value: float | str


@dataclass(frozen=True)
class Name(Expression):
    """A variable or a constant, as written."""

    name: str


@dataclass(frozen=True)
class Unary(Expression):
    """An operator before its operand."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """An operator between its operands; the position is the operator's."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Ternary(Expression):
    """``condition ? chosen : otherwise``."""

    condition: Expression
    chosen: Expression
    otherwise: Expression


@dataclass(frozen=True)
class Call(Expression):
    """A function with its arguments."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Member(Expression):
    """``subject.member``; the position is the member's."""

    subject: Expression
    member: str


@dataclass(frozen=True)
class MethodCall(Expression):
    """``subject.method(arguments)``; the position is the method's."""

    subject: Expression
    method: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Statement:
    """
    An expression, mostly with a variable that takes its value.

    :param target: None for an expression alone.
    """

    position: Position
    target: str | None
    expression: Expression
