"""
Writes formula text: sections under a comment that names the rule, one variable for each step of a rule.

The language: "Create a formula to automatically scale compute nodes in a Batch pool" (Microsoft
Learn). Only what its older editions list too is used, ``ceil`` and ``$TaskSlotsPerNode`` apart.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, Final

from airflow_provider_batch.exceptions import SpecError

#: characters of a formula that the service takes
MAX_CHARACTERS: Final = 8_192
#: statements of a formula that the service takes
MAX_STATEMENTS: Final = 100
#: longest look into the past: the documentation does not say how long samples are kept
MAX_LOOK_BACK: Final = timedelta(hours=24)
#: a sample is out after a minute or so; one that is older than this says nothing of now
RECENT: Final = timedelta(minutes=5)
#: what the formula calls the number of nodes that the pool has been asked to have
PRESENT: Final = "present_nodes"

_WIDTH: Final = 80
_HEAD: Final = "// Written by airflow-provider-batch: change the rules in the DAG, not this text."


class FormulaWriter:
    """
    Collects the sections of a formula; the same calls always give the same text.

    Names are made unique: the second section ``grace`` is ``grace 2``, its variables begin with ``grace2_``.
    """

    def __init__(self) -> None:
        self._lines: list[str] = [_HEAD]
        self._statements = 0
        self._sections: Counter[str] = Counter()
        self._prefix = ""

    def section(self, name: str, explanation: str) -> None:
        """
        Begin a section.

        :param name: of the rule; its first word, the prefix of its variables, belongs to this rule alone.
        :param explanation: what the section does, in one line.
        """
        self._sections[name] += 1
        count = self._sections[name]
        number = str(count) if count > 1 else ""
        self._prefix = f"{name.split()[0]}{number}"
        title = f"{name} {number}" if number else name
        self._lines += ["", f"// [{title}] {explanation}"]

    def let(self, name: str, expression: str) -> str:
        """Write a statement that names a value, and give the name that it has in the formula."""
        variable = f"{self._prefix}_{name}"
        self.assign(variable, expression)
        return variable

    def assign(self, variable: str, expression: str) -> None:
        """Write a statement; a long choice between two values takes three lines."""
        statement = f"{variable} = {expression};"
        condition, question, values = statement.partition(" ? ")
        if question and len(statement) > _WIDTH:
            chosen, _, otherwise = values.rpartition(" : ")
            self._lines += [condition, f"    ? {chosen}", f"    : {otherwise}"]
        else:
            self._lines.append(statement)
        self._statements += 1

    def text(self, path: str) -> str:
        """
        Give the formula.

        :param path: what is composed, for messages.
        :raises SpecError: it is longer than the service takes.
        """
        text = "\n".join(self._lines) + "\n"
        for found, most, unit in (
            (len(text), MAX_CHARACTERS, "characters"),
            (self._statements, MAX_STATEMENTS, "statements"),
        ):
            if found > most:
                raise SpecError(
                    path,
                    f"becomes a formula of {found:,} {unit}, the service takes {most:,}; compose fewer rules",
                )
        return text


def sampled(*metrics: str, window: timedelta = RECENT) -> str:
    """Write how many percent of the samples there are, of the metric that has the fewest."""
    percents = [f"{metric}.GetSamplePercent({interval(window)})" for metric in metrics]
    return percents[0] if len(percents) == 1 else f"min({', '.join(percents)})"


def latest(metric: str) -> str:
    """Write the last sample, whose age is bounded by a look at :func:`sampled` before."""
    return f"max({metric}.GetSample(1))"


def interval(span: timedelta) -> str:
    """Write a span in the largest unit that has no fraction."""
    seconds = round(span.total_seconds())
    for unit, size in (("Hour", 3_600), ("Minute", 60)):
        if seconds % size == 0:
            return f"TimeInterval_{unit} * {seconds // size}"
    return f"TimeInterval_Second * {seconds}"


def spoken(span: timedelta) -> str:
    """Write a span for a reader, for example ``1 h 30 min``."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --- checks of parameters ------------------------------------------------------------------------


def check_count(path: str, value: Any, least: int = 0, most: int | None = None) -> None:
    """
    Check a number of things.

    :raises SpecError: it is out of range or no integer; a template is none, since the formula is written when
        the DAG is parsed.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(path, f"must be an integer, found {value!r}")
    if value < least or (most is not None and value > most):
        wanted = f"at least {least}" if most is None else f"{least} to {most}"
        raise SpecError(path, f"must be {wanted}, found {value}")


def check_span(path: str, value: Any, least: timedelta, most: timedelta) -> None:
    """
    Check a span of time.

    :raises SpecError: it is no timedelta of whole seconds, or out of range.
    """
    if not isinstance(value, timedelta):
        raise SpecError(path, f"must be a timedelta, found {value!r}")
    if value.microseconds:
        raise SpecError(path, f"must be whole seconds, found {value}")
    if not least <= value <= most:
        raise SpecError(path, f"must be {spoken(least)} to {spoken(most)}, found {value}")
