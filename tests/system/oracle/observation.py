"""What happened in a run: as Airflow shows it, and as the tasks noted it themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.waiting import wait_for
from tests.system.conftest import Stack
from tests.system.oracle.shapes import Node, Shape, pairs, trace_name

#: a scheduler that starts a few hundred tasks on two busy cores
RUN_LIMIT_SECONDS = 1000.0
#: rules that let a task start while its parents still run
EAGER_TO_START = frozenset({"one_success", "one_failed", "one_done", "always"})


@dataclass(frozen=True)
class Execution:
    """
    One time that a task ran, in nanoseconds since 1970.

    :param end: None when it was ended from outside.
    """

    start: int
    end: int | None


@dataclass(frozen=True)
class Outcome:
    """
    A finished run.

    :param state: of the run.
    :param tasks: state and try number of each task instance, by its trace name.
    :param executions: how often and when each task instance ran; by trace name, oldest first.
    """

    state: str
    tasks: Mapping[str, tuple[str | None, int]]
    executions: Mapping[str, Sequence[Execution]]

    @property
    def runs(self) -> Mapping[str, int]:
        """How often each task instance ran."""
        return {name: len(found) for name, found in self.executions.items()}


def run_all(stack: Stack, dag_ids: Sequence[str]) -> Mapping[str, str]:
    """
    Start one run of each DAG, all at once, and return when all have ended.

    :return: run ids by DAG id.
    """
    # A file's DAGs appear together.
    for dag_id in {dag_id.partition("_")[0]: dag_id for dag_id in dag_ids}.values():
        stack.airflow.wait_for_dag(dag_id)
    # Started before any of them can run: an Airflow on SQLite that is busy with tasks answers too late.
    run_ids = {dag_id: stack.rest.trigger(dag_id, {}) for dag_id in dag_ids}
    for kind in sorted({dag_id.partition("_")[0] for dag_id in dag_ids}):
        stack.rest.unpause_all(f"{kind}_%")

    def unfinished() -> list[str]:
        stack.services.check()
        states = stack.rest.run_states()
        return [run[0] for run in run_ids.items() if states[run] not in ("success", "failed")]

    try:
        wait_for(
            lambda: not unfinished(),
            "the end of all runs",
            limit_seconds=RUN_LIMIT_SECONDS,
            interval_seconds=2,
        )
    except TimeoutError as error:
        raise TimeoutError(f"{error}; these still run: {unfinished()}") from error
    return run_ids


def observe(stack: Stack, shape: Shape, dag_id: str, run_id: str) -> Outcome:
    """Read what happened in the only run of a DAG; launch and finish are nobody's business here."""
    written = set(shape.by_id)
    instances = [task for task in stack.rest.task_instances(dag_id, run_id) if task.task_id in written]
    names = {trace_name(task.task_id, task.map_index): task for task in instances}
    folders = [
        stack.airflow.home / "oracle" / dag_id,
        *stack.batch_root.glob(f"**/oracle/*/shared/{dag_id}"),
    ]
    return Outcome(
        state=stack.rest.run_state(dag_id, run_id),
        tasks={name: (task.state, task.try_number) for name, task in names.items()},
        executions=_executions(folders),
    )


def _executions(folders: Iterable[Path]) -> dict[str, list[Execution]]:
    return {
        trace.name: _read(trace.read_text().splitlines())
        for folder in folders
        if folder.is_dir()
        for trace in folder.iterdir()
    }


def _read(lines: Iterable[str]) -> list[Execution]:
    found: list[Execution] = []
    for word, time in (line.split() for line in lines):
        if word == "start":
            found.append(Execution(int(time), None))
        else:
            found[-1] = Execution(found[-1].start, int(time))
    return found


def out_of_order(shape: Shape, outcome: Outcome) -> list[str]:
    """Tell which tasks started before a parent had ended for which they should have waited."""
    found = []
    for parent, child in _task_edges(shape):
        if shape.by_id[child].rule in EAGER_TO_START:
            continue
        ends = [run.end or run.start for run in _runs_of(shape.by_id[parent], outcome)]
        starts = [run.start for run in _runs_of(shape.by_id[child], outcome)]
        if ends and starts and min(starts) < max(ends):
            found.append(f"{child} started {(max(ends) - min(starts)) / 1e9:.3f} s before {parent} ended")
    return found


def _runs_of(node: Node, outcome: Outcome) -> list[Execution]:
    return [
        execution
        for name, executions in outcome.executions.items()
        if name == node.task_id or name.rpartition("-")[0] == node.task_id
        for execution in executions
    ]


def _task_edges(shape: Shape) -> list[tuple[str, str]]:
    """Edges between two tasks; what an edge of a group means is Airflow's business."""
    drawn = pairs(f"{shape.edges}; {shape.edges_after}")
    return [edge for edge in drawn if set(edge) <= set(shape.by_id)]
