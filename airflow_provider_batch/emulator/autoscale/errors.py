"""What can be wrong with a formula, and where."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A place in a formula, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """Return the place as the service writes it."""
        return f"Line {self.line}, Col {self.column}"


_BEGINNING = Position(1, 1)


class FormulaError(Exception):
    """
    Base: a formula was refused or failed.

    :param reason: without the place.
    :param position: where; the beginning when the formula as a whole is meant.
    """

    #: the service's code and message
    code = "AutoScalingFormulaEvaluationError"
    message = "The specified auto-scaling formula has evaluation error"

    def __init__(self, reason: str, position: Position = _BEGINNING) -> None:
        super().__init__(f"{position}: {reason}")
        self.reason = reason
        self.position = position

    @property
    def detail(self) -> str:
        """Place and reason, as the service writes them under the name ``Message``."""
        return str(self)


class FormulaTooLongError(FormulaError):
    """The formula has more characters than may be."""

    code = "AutoScalingFormulaTooLong"
    message = "The specified auto-scaling formula exceeds lengths limit."


class FormulaSyntaxError(FormulaError):
    """The formula is not of the language; known before anything is evaluated."""

    code = "AutoScalingFormulaSyntaxError"
    message = "The specified auto-scaling formula has a syntax error."


class FormulaEvaluationError(FormulaError):
    """A statement has no value: an unknown name, wrong types, a value out of range."""


class InsufficientSampleDataError(FormulaError):
    """A formula wanted more samples than there are."""

    code = "InsufficientSampleData"
    message = "Autoscale evaluation failed due to insufficient sample data"
