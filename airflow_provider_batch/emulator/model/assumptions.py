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
from random import Random
from typing import Any

MAX_SECONDS = 3600.0
"""Longest delay that can be assumed."""

SEEDED_SECONDS = (0.0, 0.5, 2.0)
"""Delays among which a seed chooses."""


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


class UndeclaredDependencies(str, Enum):
    """How a task with dependencies is refused by a job without ``usesTaskDependencies``."""

    #: what users report
    UNSUPPORTED_PROPERTY = "UnsupportedProperty"
    #: what the documentation says
    NOT_SPECIFIED_ON_JOB = "TaskDependenciesNotSpecifiedOnJob"


class EmptyJob(str, Enum):
    """What becomes of a job with ``terminatejob`` to which nobody adds a task."""

    COMPLETES = "completes"
    STAYS_ACTIVE = "stays_active"


class DeletedParent(str, Enum):
    """What becomes of those who wait for a task that is deleted."""

    BLOCKS = "blocks"
    SATISFIES = "satisfies"


class RecoveryCounts(str, Enum):
    """Whether ``requeueCount`` counts a run that was lost with its node."""

    NO = "no"
    YES = "yes"


class KilledExitCode(str, Enum):
    """The exit code of a task whose process was ended."""

    NONE = "none"
    SIGKILL = "137"


class WallClockCode(str, Enum):
    """The failure code of a task that ran too long; newer agents have one of its own, of unknown name."""

    TASK_ENDED = "TaskEnded"
    OWN = "TaskMaxWallClockTimeReached"


class BadCredentials(str, Enum):
    """The HTTP status of a request that does not prove who it is from."""

    #: 401 without credentials, 403 with wrong ones
    BY_CAUSE = "by_cause"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"


class LongCollection(str, Enum):
    """How a collection of more than 100 tasks is refused."""

    INVALID_VALUE = "InvalidPropertyValue"
    TOO_LARGE = "RequestBodyTooLarge"


class TaskOrder(str, Enum):
    """The order of the tasks in a list."""

    ID = "id"
    CREATION = "creation"


class ScaledPoolResize(str, Enum):
    """How a resize is refused while the pool scales automatically."""

    NOT_VALID_ON_POOL = "OperationNotValidOnPool"
    INVALID_STATE = "OperationInvalidForCurrentState"


class FileModeText(str, Enum):
    """How the mode of a file is written."""

    PREFIXED = "0o100644"
    PLAIN = "100644"


class RetryAfter(str, Enum):
    """How ``Retry-After`` says when to come again."""

    SECONDS = "seconds"
    DATE = "date"


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
    undeclared_dependencies: UndeclaredDependencies = field(
        default=UndeclaredDependencies.UNSUPPORTED_PROPERTY,
        metadata=_about("the code for dependsOn without usesTaskDependencies", "sections 4.5 and 10"),
    )
    empty_job: EmptyJob = field(
        default=EmptyJob.COMPLETES,
        metadata=_about("a job with terminatejob to which nobody adds a task", "sections 3.4 and 10"),
    )
    deleted_parent: DeletedParent = field(
        default=DeletedParent.BLOCKS,
        metadata=_about("those who wait for a task that is deleted", "sections 4.5 and 10"),
    )
    recovery_counts: RecoveryCounts = field(
        default=RecoveryCounts.NO,
        metadata=_about("requeueCount of a task whose node was lost", "sections 4.3 and 10"),
    )
    killed_exit_code: KilledExitCode = field(
        default=KilledExitCode.NONE,
        metadata=_about("the exit code of a task whose process was ended", "sections 4.2 and 10"),
    )
    wall_clock_code: WallClockCode = field(
        default=WallClockCode.TASK_ENDED,
        metadata=_about("the failure code of a task that ran too long", "sections 4.2 and 10"),
    )
    bad_credentials: BadCredentials = field(
        default=BadCredentials.BY_CAUSE,
        metadata=_about("the status of a request with bad credentials", "sections 7.1 and 10"),
    )
    long_collection: LongCollection = field(
        default=LongCollection.INVALID_VALUE,
        metadata=_about("the code for more than 100 tasks in a collection", "sections 4.9 and 10"),
    )
    task_order: TaskOrder = field(
        default=TaskOrder.ID,
        metadata=_about("the order of the tasks in a list", "sections 1.6 and 10"),
    )
    scaled_pool_resize: ScaledPoolResize = field(
        default=ScaledPoolResize.NOT_VALID_ON_POOL,
        metadata=_about("the code for a resize of a pool that scales automatically", "sections 7.4 and 10"),
    )
    file_mode: FileModeText = field(
        default=FileModeText.PREFIXED,
        metadata=_about("the text of a file's mode", "sections 2.7 and 10"),
    )
    retry_after: RetryAfter = field(
        default=RetryAfter.SECONDS,
        metadata=_about("the units of Retry-After", "section 10"),
    )

    @classmethod
    def chosen_by(cls, seed: int) -> Assumptions:
        """One answer to each question, chosen by a number: the same number chooses the same answers."""
        choice = Random(seed)  # noqa: S311 - to be repeated, not to be kept secret
        answers: dict[str, Any] = {
            fact.name: choice.choice(
                list(type(fact.default)) if isinstance(fact.default, Enum) else SEEDED_SECONDS
            )
            for fact in fields(cls)
        }
        return cls(**answers)

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
