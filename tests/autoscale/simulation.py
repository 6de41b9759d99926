"""
A pool that scales by a formula, in steps of 30 seconds: the formula is run by the emulator's interpreter.

What is simulated is what a formula acts on: nodes are allocated and boot, tasks run in slots, samples are
taken and come out late, Azure takes spot nodes back, and nodes that are to go wait for their tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from airflow_provider_batch.emulator.autoscale import Inputs, Metric, evaluate
from airflow_provider_batch.specs import Autoscale, from_iso8601

STEP = timedelta(seconds=30)
MONDAY = datetime(2026, 3, 2, tzinfo=timezone.utc)
"""Midnight at the beginning of a Monday."""


@dataclass(frozen=True)
class Load:
    """
    Tasks that arrive together.

    :param at: since the beginning.
    :param duration: of each task.
    :param cpu_percent: of a whole node that each task uses while it runs.
    """

    at: timedelta
    tasks: int
    duration: timedelta
    cpu_percent: float = 100


@dataclass(frozen=True)
class Surroundings:
    """
    What the pool meets.

    :param slots: of each node.
    :param allocation: until a node that was asked for belongs to the pool.
    :param boot: from then until it takes tasks.
    :param sample_delay: until a formula sees a sample.
    :param spot_nodes: how many spot nodes Azure gives at a time since the beginning.
    :param samples_lost: whether no sample is taken at a time since the beginning.
    """

    begin: datetime = MONDAY
    slots: int = 1
    allocation: timedelta = timedelta(minutes=1)
    boot: timedelta = timedelta(minutes=2)
    sample_delay: timedelta = timedelta(minutes=1)
    spot_nodes: Callable[[timedelta], int] = lambda _: 10_000
    samples_lost: Callable[[timedelta], bool] = lambda _: False


@dataclass(frozen=True)
class Point:
    """The pool at one time; ``usable`` nodes take tasks, ``dedicated`` and ``spot`` are paid for."""

    at: timedelta
    waiting: int
    running: int
    target_dedicated: int
    target_spot: int
    dedicated: int
    spot: int
    usable: int

    @property
    def target(self) -> int:
        return self.target_dedicated + self.target_spot

    @property
    def nodes(self) -> int:
        return self.dedicated + self.spot

    @property
    def pending(self) -> int:
        return self.waiting + self.running


@dataclass
class _Task:
    duration: timedelta
    cpu_percent: float
    ends: timedelta = timedelta(0)


@dataclass(eq=False)
class _Node:
    spot: bool
    joins: timedelta
    usable_at: timedelta
    tasks: list[_Task] = field(default_factory=list)
    preempted: bool = False
    leaving: bool = False


@dataclass
class Curve:
    """
    What a simulation showed.

    :param killed: tasks that lost their node because the formula said so; never by preemption.
    :param preempted: tasks that lost their node to Azure, and waited again.
    """

    points: list[Point] = field(default_factory=list)
    finished: int = 0
    killed: int = 0
    preempted: int = 0

    def at(self, **since: float) -> Point:
        wanted = timedelta(**since)
        return next(point for point in self.points if point.at >= wanted)

    def between(self, begin: timedelta, end: timedelta) -> list[Point]:
        return [point for point in self.points if begin <= point.at < end]

    @property
    def node_hours(self) -> float:
        return sum(point.nodes for point in self.points) * (STEP / timedelta(hours=1))

    def changes_of_target(self, begin: timedelta, end: timedelta) -> int:
        targets = [(p.target_dedicated, p.target_spot) for p in self.between(begin, end)]
        return sum(before != after for before, after in pairwise(targets))


def simulate(
    autoscale: Autoscale,
    load: Sequence[Load],
    length: timedelta,
    surroundings: Surroundings | None = None,
) -> Curve:
    """
    Run a pool; the formula is evaluated at the beginning and after every interval.

    :raises AssertionError: an evaluation failed.
    """
    simulation = _Simulation(
        autoscale, sorted(load, key=lambda item: item.at), surroundings or Surroundings()
    )
    while simulation.now < length:
        simulation.step()
    return simulation.curve


class _Simulation:
    def __init__(self, autoscale: Autoscale, load: list[Load], surroundings: Surroundings) -> None:
        interval = autoscale.evaluation_interval or timedelta(minutes=15)
        self._interval = from_iso8601(interval) if isinstance(interval, str) else interval
        self._formula = autoscale.formula
        self._load = load
        self._surroundings = surroundings
        self._queue: list[_Task] = []
        self._nodes: list[_Node] = []
        self._targets = {False: 0, True: 0}
        self._samples: dict[str, list[tuple[datetime, float]]] = {}
        self._next_evaluation = timedelta(0)
        self._option = "requeue"
        self.now = timedelta(0)
        self.curve = Curve()

    def step(self) -> None:
        self._finish_tasks()
        self._take_spot_nodes_back()
        while self._load and self._load[0].at <= self.now:
            arriving = self._load.pop(0)
            self._queue += [_Task(arriving.duration, arriving.cpu_percent) for _ in range(arriving.tasks)]
        self._remove_leaving()
        self._start_tasks()
        self._sample()
        if self.now >= self._next_evaluation:
            self._next_evaluation = self.now + self._interval
            self._evaluate()
        self._record()
        self.now += STEP

    # --- tasks ----------------------------------------------------------------------------------------

    def _finish_tasks(self) -> None:
        for node in self._nodes:
            left = [task for task in node.tasks if task.ends > self.now]
            self.curve.finished += len(node.tasks) - len(left)
            node.tasks = left

    def _usable(self) -> list[_Node]:
        return [node for node in self._nodes if node.usable_at <= self.now and not node.preempted]

    def _start_tasks(self) -> None:
        free = [node for node in self._usable() if not node.leaving]
        while self._queue:
            node = min(free, key=lambda node: len(node.tasks), default=None)
            if node is None or len(node.tasks) >= self._surroundings.slots:
                return
            task = self._queue.pop(0)
            task.ends = self.now + task.duration
            node.tasks.append(task)

    # --- nodes ----------------------------------------------------------------------------------------

    def _current(self, spot: bool) -> list[_Node]:
        return [node for node in self._nodes if node.spot == spot and node.joins <= self.now]

    def _take_spot_nodes_back(self) -> None:
        allowed = self._surroundings.spot_nodes(self.now)
        joined = self._current(spot=True)
        for index, node in enumerate(joined):
            if index >= allowed and not node.preempted:
                node.preempted = True
                self.curve.preempted += len(node.tasks)
                self._queue[:0] = node.tasks
                node.tasks = []
            elif index < allowed and node.preempted:
                node.preempted, node.usable_at = False, self.now + self._surroundings.boot

    def _approach(self, spot: bool) -> None:
        """Add nodes, or choose those that leave: first what runs nothing."""
        target = self._targets[spot]
        nodes = [node for node in self._nodes if node.spot == spot]
        for node in nodes:
            node.leaving = False
        for _ in range(target - len(nodes)):
            joins = self.now + self._surroundings.allocation
            self._nodes.append(_Node(spot, joins, joins + self._surroundings.boot))
        idle_first = sorted(nodes, key=lambda node: (not node.preempted, len(node.tasks)))
        for node in idle_first[: max(0, len(nodes) - target)]:
            node.leaving = True
        self._remove_leaving()

    def _remove_leaving(self) -> None:
        waits = self._option == "taskcompletion"
        gone = [node for node in self._nodes if node.leaving and not (waits and node.tasks)]
        for node in gone:
            self.curve.killed += len(node.tasks)
            self._queue[:0] = node.tasks
            self._nodes.remove(node)

    # --- formula --------------------------------------------------------------------------------------

    def _figures(self) -> dict[str, float]:
        usable = self._usable()
        running = sum(len(node.tasks) for node in self._nodes)
        figures = {
            "$ActiveTasks": len(self._queue),
            "$RunningTasks": running,
            "$PendingTasks": len(self._queue) + running,
            "$CurrentDedicatedNodes": len(self._current(spot=False)),
            "$CurrentLowPriorityNodes": len(self._current(spot=True)),
            "$PreemptedNodeCount": sum(node.preempted for node in self._nodes),
            "$UsableNodeCount": len(usable),
        }
        if usable:
            used = [min(100.0, sum(task.cpu_percent for task in node.tasks)) for node in usable]
            return {**figures, "$CPUPercent": sum(used) / len(used)}
        return {name: float(value) for name, value in figures.items()}

    def _sample(self) -> None:
        if self._surroundings.samples_lost(self.now):
            return
        for name, value in self._figures().items():
            self._samples.setdefault(name, []).append((self._surroundings.begin + self.now, float(value)))

    def _evaluate(self) -> None:
        metrics = {name: Metric(samples) for name, samples in self._samples.items()}
        metrics["$TaskSlotsPerNode"] = Metric(current=float(self._surroundings.slots))
        evaluation = evaluate(
            self._formula,
            Inputs(
                now=self._surroundings.begin + self.now,
                target_dedicated_nodes=self._targets[False],
                target_low_priority_nodes=self._targets[True],
                metrics=metrics,
                sample_delay=self._surroundings.sample_delay,
            ),
        )
        assert evaluation.error is None, f"{evaluation.error}\n{self._formula}"
        self._option = evaluation.node_deallocation_option
        targets = {False: evaluation.target_dedicated_nodes, True: evaluation.target_low_priority_nodes}
        self._targets = targets
        self._approach(spot=False)
        self._approach(spot=True)

    def _record(self) -> None:
        self.curve.points.append(
            Point(
                at=self.now,
                waiting=len(self._queue),
                running=sum(len(node.tasks) for node in self._nodes),
                target_dedicated=self._targets[False],
                target_spot=self._targets[True],
                dedicated=len(self._current(spot=False)),
                spot=sum(not node.preempted for node in self._current(spot=True)),
                usable=len(self._usable()),
            )
        )
