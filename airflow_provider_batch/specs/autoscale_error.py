"""Which rule wrote the line that an error of an evaluation names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACE = re.compile(r"Line\s+(?P<line>\d+),\s*Col\s+(?P<column>\d+)(?::\s*(?P<reason>.*))?", re.DOTALL)
_SECTION = re.compile(r"// \[(?P<rule>[^\]]+)\]")


@dataclass(frozen=True)
class FormulaPlace:
    """
    A place in a formula.

    :param line: counted from 1, as the column.
    :param reason: what the service says of it; may be empty.
    :param text: the line; empty when the formula has fewer.
    :param rule: the rule that wrote the line; None in a formula that no rules wrote.
    """

    line: int
    column: int
    reason: str
    text: str
    rule: str | None

    def __str__(self) -> str:
        """Say it in one line for the log."""
        rule = f"rule [{self.rule}], " if self.rule else ""
        reason = f"{self.reason}: " if self.reason else ""
        return f"{rule}line {self.line}, column {self.column}: {reason}{self.text.strip()}"


def locate_error(formula: str, message: str) -> FormulaPlace | None:
    """
    Find the place that an error names, and the rule that wrote it.

    Example::

        locate_error(autoscale.formula, "Line 9, Col 7: Undefined function: ceil")
        # rule [pending tasks], line 9, column 7: Undefined function: ceil: ? ceil(...)

    :param formula: the text that was evaluated, also as the service gives it back.
    :param message: of the error; the service's value named ``Message``.
    :return: None when the message names no place.
    """
    place = _PLACE.search(message)
    if place is None:
        return None
    line, lines = int(place["line"]), formula.splitlines()
    rule = None
    for text in lines[:line]:
        section = _SECTION.match(text.strip())
        rule = section["rule"] if section else rule
    return FormulaPlace(
        line=line,
        column=int(place["column"]),
        reason=(place["reason"] or "").strip(),
        text=lines[line - 1] if 0 < line <= len(lines) else "",
        rule=rule,
    )
