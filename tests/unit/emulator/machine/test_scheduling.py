"""Which task starts where: slots, priority, order, spread and pack."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.model.states import NodeFillType, TaskState
from tests.unit.emulator.machine.simulation import Simulation


def _placed(machine: Simulation, *task_ids: str) -> list[int]:
    """Return the numbers of the nodes on which tasks run."""
    numbers = {node.id: node.number for node in machine.nodes()}
    tasks = [machine.machine.state.task("j", task_id) for task_id in task_ids]
    return [numbers[task.node.node_id] for task in tasks if task.node]


def test_tasks_spread_over_nodes(machine: Simulation) -> None:
    machine.pool(nodes=2, task_slots_per_node=2)
    machine.job()
    for task_id in "abcd":
        machine.task(task_id)
    assert _placed(machine, *"abcd") == [0, 1, 0, 1]


def test_tasks_pack_one_node_first(machine: Simulation) -> None:
    machine.pool(nodes=2, task_slots_per_node=2, node_fill_type=NodeFillType.PACK)
    machine.job()
    for task_id in "abc":
        machine.task(task_id)
    assert _placed(machine, *"abc") == [0, 0, 1]


def test_task_prefers_the_node_of_its_affinity_when_it_has_room(machine: Simulation) -> None:
    machine.pool(nodes=2)
    machine.job()
    wanted = machine.nodes()[1].affinity_id
    machine.task("a", affinity_id=wanted)
    machine.task("b", affinity_id=wanted)
    machine.task("c", affinity_id="affinityId")
    assert _placed(machine, "a", "b") == [1, 0]
    assert machine.tasks_in(TaskState.ACTIVE) == ["c"]


def test_task_takes_the_slots_that_it_requires(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=4)
    machine.job()
    machine.task("three", required_slots=3)
    machine.task("two", required_slots=2)
    machine.task("one", required_slots=1)
    assert machine.running() == ["three", "one"]
    machine.exit("three", 0)
    assert machine.running() == ["two", "one"]


def test_task_larger_than_any_node_never_runs_and_holds_nobody_up(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    machine.job()
    machine.task("huge", required_slots=3)
    machine.task("small")
    assert machine.running() == ["small"]


def test_jobs_of_higher_priority_get_the_next_free_slot(machine: Simulation) -> None:
    machine.pool()
    machine.job("low", priority=-1)
    machine.job("high", priority=1)
    machine.task("first", "low")
    machine.task("second", "low")
    machine.task("third", "high")
    machine.exit("first", 0, "low")
    assert machine.running("high") == ["third"]


def test_priority_may_be_changed_later(machine: Simulation) -> None:
    machine.pool()
    for job_id in ("a", "b"):
        machine.job(job_id)
        machine.task("1", job_id)
        machine.task("2", job_id)
    job = machine.machine.state.job("b")
    machine.do(events.UpdateJob, "b", replace(job.spec, priority=10))
    machine.exit("1", 0, "a")
    assert machine.running("b") == ["1"]


def test_job_runs_no_more_tasks_at_once_than_it_may(machine: Simulation) -> None:
    machine.pool(nodes=4)
    job = machine.job(max_parallel_tasks=2)
    for task_id in "abcd":
        machine.task(task_id)
    assert machine.running() == ["a", "b"]
    machine.exit("a", 0)
    assert machine.running() == ["b", "c"]
    machine.do(events.UpdateJob, "j", replace(job.spec, max_parallel_tasks=-1))
    assert machine.running() == ["b", "c", "d"]


def test_tasks_start_in_order_of_creation(machine: Simulation) -> None:
    machine.pool()
    machine.job()
    for task_id in ("b", "a", "c"):
        machine.task(task_id)
    for task_id in ("b", "a", "c"):
        machine.exit(task_id, 0)
    assert machine.started == ["b", "a", "c"]


def test_counts_are_those_of_tasks_and_of_slots(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=4)
    job = machine.job()
    machine.task("good", required_slots=2)
    machine.task("bad")
    machine.task("runs")
    machine.task("waits", required_slots=4)
    machine.exit("good", 0)
    machine.exit("bad", 1)
    tasks, slots = job.counts.tasks, job.counts.slots
    assert (tasks.active, tasks.running, tasks.completed, tasks.succeeded, tasks.failed) == (1, 1, 2, 1, 1)
    assert (slots.active, slots.running, slots.completed, slots.succeeded, slots.failed) == (4, 1, 3, 2, 1)
