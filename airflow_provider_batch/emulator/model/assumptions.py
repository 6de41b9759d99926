"""
Facts about the service that its documentation leaves open, each with the answers that are possible.

The defaults are what is taken for true; the other answers are there to prove that a client works under each.
``docs/assumptions.md`` says why each default was chosen, and what a client does when it is wrong.

The only list of these facts: the machine and the services read their fields, ``--assume`` and
``/_emulator/assumptions`` find them here by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any

MAX_SECONDS = 3600.0
"""Longest delay that can be assumed."""


class ForwardReferences(str, Enum):
    """Whether ``dependsOn`` may name a task that neither exists nor comes with the same request."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class ReactivationUnblocks(str, Enum):
    """Whether those whom a failed task has blocked run when it was reactivated and succeeds."""

    YES = "yes"
    NO = "no"


class RerunOutput(str, Enum):
    """Whether a further run of a task begins stdout.txt and stderr.txt anew or continues them."""

    TRUNCATE = "truncate"
    APPEND = "append"


class EnumCase(str, Enum):
    """Whether a few words of the answers have capitals, as they have in recordings up to 2024-02-01."""

    LOWER = "lower"
    CAPITAL = "capital"


class WallClock(str, Enum):
    """Whether each run of a task has the whole of ``maxWallClockTime``, or all its runs together."""

    PER_RUN = "per_run"
    TOTAL = "total"


class PatchActiveJob(str, Enum):
    """Whether a job can be changed while it is active."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class EtagOnNodeChanges(str, Enum):
    """Whether a task's or job's ETag moves when nodes change its state, or by what users do only."""

    STABLE = "stable"
    MOVES = "moves"


def _about(text: str, source: str) -> dict[str, str]:
    return {"about": text, "source": f"reference of the service, {source}"}


@dataclass(frozen=True)
class Assumptions:
    """
    One answer to each open question; immutable.

    :param list_lag: seconds.
    :param stale_counts: seconds.
    """

    forward_references: ForwardReferences = field(
        default=ForwardReferences.ACCEPTED,
        metadata=_about("dependsOn may name tasks that a later request adds", "section 4.5"),
    )
    reactivation_unblocks: ReactivationUnblocks = field(
        default=ReactivationUnblocks.YES,
        metadata=_about(
            "tasks blocked by a failed one run when it is reactivated and succeeds", "sections 4.5 and 10"
        ),
    )
    rerun_output: RerunOutput = field(
        default=RerunOutput.TRUNCATE,
        metadata=_about(
            "what a further run on the same node does to stdout.txt and stderr.txt", "section 5.1"
        ),
    )
    list_lag: float = field(
        default=0.0,
        metadata=_about("seconds until lists show a new or changed task; GET by id is exact", "section 1.6"),
    )
    stale_counts: float = field(
        default=0.0, metadata=_about("seconds by which a job's task counts are late", "section 2.8")
    )
    enum_case: EnumCase = field(
        default=EnumCase.LOWER,
        metadata=_about("casing of status, category, nodeFillType, policy, uploadCondition", "section 1.5"),
    )
    wall_clock: WallClock = field(
        default=WallClock.PER_RUN,
        metadata=_about("what a task's maxWallClockTime is counted for", "sections 4.2 and 10"),
    )
    patch_active_job: PatchActiveJob = field(
        default=PatchActiveJob.ACCEPTED,
        metadata=_about("PATCH and PUT of a job that is active", "section 3.3"),
    )
    etag_on_node_changes: EtagOnNodeChanges = field(
        default=EtagOnNodeChanges.STABLE,
        metadata=_about("ETags of tasks and jobs while nodes work on them", "sections 2.4 and 3.3"),
    )

    def changed(self, name: str, text: str) -> Assumptions:
        """
        Answer one question otherwise.

        :raises KeyError: there is no fact of that name.
        :raises ValueError: no such answer; the text says which there are.
        """
        default = {fact.name: fact.default for fact in fields(self)}[name]
        answer: dict[str, Any] = {name: _parse(name, default, text)}
        return replace(self, **answer)

    def listed(self) -> list[Mapping[str, str | list[str]]]:
        """Every fact with its present answer, the possible ones, and where the question comes from."""
        return [
            {
                "name": fact.name,
                "value": _text(getattr(self, fact.name)),
                "assumed": _text(fact.default),
                "values": [choice.value for choice in type(fact.default)]
                if isinstance(fact.default, Enum)
                else [f"seconds from 0 to {MAX_SECONDS:g}"],
                "about": fact.metadata["about"],
                "source": fact.metadata["source"],
            }
            for fact in fields(self)
        ]


def parse_assumption(assumptions: Assumptions, text: str) -> Assumptions:
    """
    Read ``name=value`` of the command line.

    :raises ValueError: the text says what is wrong.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not name=value")
    try:
        return assumptions.changed(name, value)
    except KeyError:
        known = ", ".join(fact.name for fact in fields(Assumptions))
        raise ValueError(f"there is no fact {name!r}; there are {known}") from None


def _parse(name: str, default: Enum | float, text: str) -> Enum | float:
    if isinstance(default, Enum):
        try:
            return type(default)(text)
        except ValueError:
            choices = " or ".join(str(choice.value) for choice in type(default))
            raise ValueError(f"{name} is {choices}, not {text!r}") from None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"{name} takes seconds from 0 to {MAX_SECONDS:g}, not {text!r}")
    return seconds


def _text(value: Enum | float) -> str:
    return str(value.value) if isinstance(value, Enum) else f"{value:g}"
