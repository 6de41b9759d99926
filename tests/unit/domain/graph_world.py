"""
Two small worlds that run the same graph: Airflow's trigger rules, and Batch with what we planned for it.

They share nothing with the compiler but its vocabulary. The rules follow ``TriggerRuleDep`` of Airflow 3.3.2,
read from its source; 2.11.2 differs in nothing that matters here. Both worlds take their steps in a random
order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from airflow_provider_batch.domain.graph import (
    UNKNOWN_WIDTH,
    Graph,
    Member,
    compile_graph,
    succeeded_before,
)
from airflow_provider_batch.domain.graph_blocks import dependencies, integer_blocks, planned_ids

LAUNCH = "launch"
SKIP = 99

SUCCESS, FAILED, SKIPPED, UPSTREAM_FAILED, RUN = "success", "failed", "skipped", "upstream_failed", "run"

RULES = (
    "all_done_min_one_success",
    "all_done_setup_success",
    "all_failed",
    "all_skipped",
    "always",
    "none_skipped",
    "one_done",
    "one_failed",
    "one_success",
)
FOREIGN_RULES = ("all_success", "all_success", "all_done", "none_failed", "one_success", "one_failed")

Instance = tuple[str, int]


@dataclass(frozen=True)
class Attempt:
    """One run of a member: its exit code, and whether it is judged a failure after exit code 0."""

    exit_code: int = 0
    fails_later: bool = False


@dataclass(frozen=True)
class Foreign:
    """A task outside the group, and how it ends when it runs."""

    task_id: str
    upstream: frozenset[str]
    trigger_rule: str
    outcome: str


@dataclass(frozen=True)
class Scenario:
    """A graph, and how every run in it ends; runs without a script exit with 0."""

    members: tuple[Member, ...]
    foreign: tuple[Foreign, ...] = ()
    before_launch: frozenset[str] = frozenset()
    script: Mapping[Instance, tuple[Attempt, ...]] = field(default_factory=dict)
    list_limit: int = 60_000

    def attempts(self, instance: Instance) -> tuple[Attempt, ...]:
        member = self.by_id[instance[0]]
        return tuple(self.script.get(instance, ())) + (Attempt(),) * (1 + member.retries)

    @property
    def by_id(self) -> dict[str, Member]:
        return {member.task_id: member for member in self.members}

    @property
    def widths(self) -> dict[str, int | None]:
        return {member.task_id: member.width for member in self.members}

    def compiled(self) -> Graph:
        upstream = {task.task_id: task.upstream for task in self.foreign} | {LAUNCH: self.before_launch}
        rules = {task.task_id: task.trigger_rule for task in self.foreign} | {LAUNCH: "all_success"}
        return compile_graph(self.members, succeeded_before(LAUNCH, upstream, rules))


def instances(width: int | None) -> list[int]:
    """Map indexes of Airflow's task instances; a task mapped over nothing has one, which is skipped."""
    if width is None or width == 0:
        return [-1]
    return list(range(2 if width == UNKNOWN_WIDTH else width))


# --- Airflow ---------------------------------------------------------------------------------------------


def all_success(c: Counter[str], total: int) -> str | None:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return UPSTREAM_FAILED
    if c[SKIPPED]:
        return SKIPPED
    return RUN if c[SUCCESS] == total else None


def all_failed(c: Counter[str], total: int) -> str | None:
    if c[SUCCESS] or c[SKIPPED]:
        return SKIPPED
    return RUN if c[FAILED] + c[UPSTREAM_FAILED] == total else None


def all_done(c: Counter[str], total: int) -> str | None:
    return RUN if c.total() == total else None


def all_done_min_one_success(c: Counter[str], total: int) -> str | None:
    if c[SKIPPED]:
        return SKIPPED
    if c.total() < total:
        return None
    return RUN if c[SUCCESS] else UPSTREAM_FAILED


def none_failed(c: Counter[str], total: int) -> str | None:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return UPSTREAM_FAILED
    return RUN if c[SUCCESS] + c[SKIPPED] == total else None


def none_failed_min_one_success(c: Counter[str], total: int) -> str | None:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return UPSTREAM_FAILED
    if c[SKIPPED] == total:
        return SKIPPED
    return RUN if c[SUCCESS] + c[SKIPPED] == total else None


def none_skipped(c: Counter[str], total: int) -> str | None:
    if c[SKIPPED]:
        return SKIPPED
    return RUN if c.total() == total else None


def all_skipped(c: Counter[str], total: int) -> str | None:
    if c[SUCCESS] or c[FAILED] or c[UPSTREAM_FAILED]:
        return SKIPPED
    return RUN if c[SKIPPED] == total else None


def one_success(c: Counter[str], total: int) -> str | None:
    if c[SUCCESS]:
        return RUN
    if c.total() < total:
        return None
    return SKIPPED if c[SKIPPED] == total else UPSTREAM_FAILED


def one_failed(c: Counter[str], total: int) -> str | None:
    if c[FAILED] or c[UPSTREAM_FAILED]:
        return RUN
    return SKIPPED if c.total() == total else None


def one_done(c: Counter[str], total: int) -> str | None:
    if c[SUCCESS] or c[FAILED]:
        return RUN
    return SKIPPED if c.total() == total else None


AIRFLOW_RULES = {
    "all_success": all_success,
    "all_failed": all_failed,
    "all_done": all_done,
    "all_done_min_one_success": all_done_min_one_success,
    "all_done_setup_success": all_done,  # no setup is a direct upstream of such a member
    "none_failed": none_failed,
    "none_failed_min_one_success": none_failed_min_one_success,
    "none_skipped": none_skipped,
    "all_skipped": all_skipped,
    "one_success": one_success,
    "one_failed": one_failed,
    "one_done": one_done,
}


@dataclass
class AirflowRun:
    """
    A DAG run: launch, the members and the tasks around them, as Airflow alone would run them.

    :ivar states: end state of every instance.
    :ivar runs: how often an instance ran.
    :ivar ended_before_launch: what had ended when launch started.
    """

    scenario: Scenario
    random: Random
    states: dict[Instance, str] = field(default_factory=dict)
    runs: Counter[Instance] = field(default_factory=Counter)
    ended_before_launch: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._foreign = {task.task_id: task for task in self.scenario.foreign}
        self._members = self.scenario.by_id
        waiting = [(task_id, -1) for task_id in (*self._foreign, LAUNCH)]
        waiting += [(m.task_id, index) for m in self._members.values() for index in instances(m.width)]
        running: set[Instance] = set()
        while waiting or running:
            decided = [(one, verdict) for one in waiting if (verdict := self._verdict(one))]
            steps = [*decided, *((one, "end") for one in sorted(running))]
            assert steps, f"Airflow is stuck: {waiting}"
            instance, step = self.random.choice(steps)
            if step == "end":
                if self._end_run(instance):
                    running.remove(instance)
                continue
            waiting.remove(instance)
            if step == RUN:
                running.add(instance)
                if instance[0] == LAUNCH:
                    self.ended_before_launch = frozenset(task_id for task_id, _ in self.states)
            else:
                self.states[instance] = step

    def _upstream(self, task_id: str) -> tuple[str, set[str]]:
        if task_id == LAUNCH:
            return "all_success", set(self.scenario.before_launch)
        if task_id in self._foreign:
            return self._foreign[task_id].trigger_rule, set(self._foreign[task_id].upstream)
        member = self._members[task_id]
        if not member.upstream:
            return "all_success", {LAUNCH}
        root = not member.upstream & self._members.keys()
        add_launch = root and member.trigger_rule == "all_success"
        return member.trigger_rule, set(member.upstream) | ({LAUNCH} if add_launch else set())

    def _verdict(self, instance: Instance) -> str | None:
        rule, upstream = self._upstream(instance[0])
        if rule == "always" or not upstream:
            return RUN
        if self._below_launch(instance[0]):
            launched = self.states.get((LAUNCH, -1))
            if launched != SUCCESS:  # the constraint of an indirect setup
                return {FAILED: UPSTREAM_FAILED, None: None}.get(launched, launched)
        counted = [one for task_id in upstream for one in self._instances(task_id)]
        ended = Counter(self.states[one] for one in counted if one in self.states)
        return AIRFLOW_RULES[rule](ended, len(counted))

    def _below_launch(self, task_id: str) -> bool:
        if task_id not in self._members:
            return False
        upstream = self._upstream(task_id)[1]
        return LAUNCH in upstream or any(self._below_launch(parent) for parent in upstream)

    def _instances(self, task_id: str) -> list[Instance]:
        width = self._members[task_id].width if task_id in self._members else None
        return [(task_id, index) for index in instances(width)]

    def _end_run(self, instance: Instance) -> bool:
        """End one run of an instance; tell whether it was the last one."""
        task_id = instance[0]
        if task_id not in self._members:
            self.states[instance] = self._foreign[task_id].outcome if task_id in self._foreign else SUCCESS
            return True
        member = self._members[task_id]
        if member.width == 0:
            self.states[instance] = SKIPPED
            return True
        attempt = self.scenario.attempts(instance)[self.runs[instance]]
        self.runs[instance] += 1
        if attempt.exit_code == 0 and not attempt.fails_later:
            self.states[instance] = SUCCESS
        elif attempt.exit_code == SKIP and member.skips:
            self.states[instance] = SKIPPED
        elif self.runs[instance] > member.retries:
            self.states[instance] = FAILED
        return instance in self.states


# --- Batch -----------------------------------------------------------------------------------------------


@dataclass
class BatchTask:
    """One planned Batch task; ``exit_code`` is None until a run has ended."""

    instance: Instance
    parents: list[str]
    state: str = "active"
    runs: int = 0
    exit_code: int | None = None


@dataclass
class BatchRun:
    """
    The job of a group: what launch added, run by Batch, with mirrors that reactivate what Airflow retries.

    A task starts at any moment at which its parents satisfy it, also between two runs of a parent.
    """

    scenario: Scenario
    graph: Graph
    airflow: AirflowRun
    random: Random

    def __post_init__(self) -> None:
        self.tasks = planned_job(self.scenario, self.graph)
        while steps := [(task, step) for task in self.tasks.values() if (step := self._next(task))]:
            task, step = self.random.choice(steps)
            if step == "start":
                if task.runs == 0:
                    self._check_start(task)
                task.state = "running"
            elif step == "end":
                task.exit_code = self.scenario.attempts(task.instance)[task.runs].exit_code
                task.runs += 1
                task.state = "completed"
            else:
                task.state, task.exit_code = "active", None
        self._check_end()

    def _next(self, task: BatchTask) -> str | None:
        if task.state == "running":
            return "end"
        if task.state == "active":
            return "start" if all(self._satisfies(self.tasks[parent]) for parent in task.parents) else None
        return "reactivate" if task.exit_code and task.runs < self.airflow.runs[task.instance] else None

    def _satisfies(self, parent: BatchTask) -> bool:
        if parent.state != "completed":
            return False
        return parent.exit_code == 0 or parent.instance[0] in self.graph.satisfy

    def _check_start(self, task: BatchTask) -> None:
        assert self.airflow.runs[task.instance], f"Batch ran {task.instance}, which Airflow does not run"
        by_instance = {other.instance: other for other in self.tasks.values()}
        for parent in self.scenario.by_id[task.instance[0]].upstream:
            if parent not in self.scenario.by_id:
                assert parent in self.airflow.ended_before_launch, (
                    f"{task.instance} ran before {parent} ended"
                )
                continue
            for index in instances(self.scenario.by_id[parent].width):
                other = by_instance.get((parent, index))
                assert other, f"{task.instance} ran without its parent {parent}"
                ended = other.state == "completed" and other.runs == self.airflow.runs[other.instance]
                assert ended, f"{task.instance} ran before {other.instance} had ended"

    def _check_end(self) -> None:
        for task in self.tasks.values():
            expected = self.airflow.runs[task.instance]
            if self.scenario.by_id[task.instance[0]].edges_late:  # runs after exit code 0 are new Batch tasks
                expected = min(expected, 1)
                task.runs = min(task.runs, 1)
            assert task.runs == expected, f"{task.instance} ran {task.runs} times, {expected} in Airflow"


def hashed_id(task_id: str, map_index: int) -> str:
    return f"{task_id}-{map_index}-hashed"


def planned_job(scenario: Scenario, graph: Graph) -> dict[str, BatchTask]:
    """All Batch tasks that launch adds, by id."""
    blocks = integer_blocks(graph, scenario.widths, list_limit=scenario.list_limit)
    planned_id = planned_ids(hashed_id, blocks)
    depends_on = dependencies(graph, scenario.widths, blocks, planned_id)
    tasks: dict[str, BatchTask] = {}
    for task_id in graph.eager:
        width = scenario.widths[task_id]
        for index in [-1] if width is None else range(width):
            batch_task_id = planned_id(task_id, index)
            assert batch_task_id not in tasks
            tasks[batch_task_id] = BatchTask((task_id, index), parent_ids(depends_on(task_id)))
    return tasks


def parent_ids(depends_on: Mapping[str, Any] | None) -> list[str]:
    """Every id that a ``dependsOn`` names, as the service reads it."""
    if depends_on is None:
        return []
    assert depends_on
    assert all(depends_on.values())
    ranges = [range(one["start"], one["end"] + 1) for one in depends_on.get("taskIdRanges", ())]
    return [*depends_on.get("taskIds", ()), *(str(number) for numbers in ranges for number in numbers)]


# --- random scenarios ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taste:
    """
    What one scenario is made of.

    Each has only some of the features, and those often: with all of them in each, hardly a native edge would
    be left, and two rare features would never meet.
    """

    rules: tuple[str, ...]
    widths: tuple[int | None, ...]
    retries: tuple[int, ...]
    density: float
    foreign: float
    skips: float
    late: float
    edges_late: float
    failures: float

    @classmethod
    def draw(cls, random: Random) -> Taste:
        choice = random.choice
        none_failed = ("none_failed", "none_failed_min_one_success")
        held = choice(((), none_failed, ("all_done",), (*none_failed, "all_done")))
        return cls(
            rules=("all_success", *held, *choice(((), (), (), RULES))),
            widths=choice(((None,), (None, None, 1, 2, 3), (None, None, None, 0, UNKNOWN_WIDTH))),
            retries=choice(((0,), (0, 0, 1, 2))),
            density=choice((0.2, 0.6)),
            foreign=choice((0.0, 0.0, 0.2)),
            skips=choice((0.0, 0.0, 0.4)),
            late=choice((0.0, 0.0, 0.2)),
            edges_late=choice((0.0, 0.0, 0.3)),
            failures=choice((0.1, 0.4)),
        )


def scenario(random: Random) -> Scenario:
    """Draw a graph and its script."""
    taste = Taste.draw(random)
    foreign: list[Foreign] = []
    for number in range(random.randint(1, 3) if taste.foreign else 0):
        upstream = frozenset(task.task_id for task in foreign if random.random() < 0.6)
        outcome = random.choice((SUCCESS, SUCCESS, FAILED, SKIPPED))
        foreign.append(Foreign(f"f{number}", upstream, random.choice(FOREIGN_RULES), outcome))
    known = [task.task_id for task in foreign]
    before_launch = frozenset(task_id for task_id in known if random.random() < 0.6)
    members: list[Member] = []
    for number in range(random.randint(2, 6)):
        members.append(_member(f"m{number}", members, known, taste, random))
    script = {
        (member.task_id, index): tuple(_attempt(member, taste, random) for _ in range(1 + member.retries))
        for member in members
        for index in instances(member.width)
    }
    return Scenario(
        tuple(members), tuple(foreign), before_launch, script, list_limit=random.choice((20, 60_000))
    )


def _member(task_id: str, members: list[Member], foreign: list[str], taste: Taste, random: Random) -> Member:
    upstream = {member.task_id for member in members if random.random() < taste.density}
    upstream |= {id_ for id_ in foreign if random.random() < taste.foreign}
    return Member(
        task_id,
        frozenset(upstream),
        trigger_rule=random.choice(taste.rules),
        width=random.choice(taste.widths),
        retries=random.choice(taste.retries),
        skips=random.random() < taste.skips,
        late=("its value is not known",) if random.random() < taste.late else (),
        edges_late=("it is judged later",) if random.random() < taste.edges_late else (),
    )


def _attempt(member: Member, taste: Taste, random: Random) -> Attempt:
    fails = random.random() < taste.failures
    if fails and member.edges_late and random.random() < 0.5:
        return Attempt(0, fails_later=True)
    return Attempt(random.choice((1, SKIP, SKIP) if member.skips else (1, 2, SKIP)) if fails else 0)
