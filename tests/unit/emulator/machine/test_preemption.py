"""Preemption: tasks of a job that allows it make room for those of jobs with a higher priority."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.model.special_tasks import JobPreparationTask
from airflow_provider_batch.emulator.model.states import TaskState
from tests.unit.emulator.machine.simulation import COMMAND, Simulation


def test_more_important_job_takes_the_slot_of_one_that_allows_it(machine: Simulation) -> None:
    machine.pool()
    machine.job("low", allow_task_preemption=True)
    victim = machine.task("v", "low")
    machine.job("high", priority=1)
    machine.task("t", "high")
    machine.end_killed()
    assert machine.running("high") == ["t"]
    assert victim.state is TaskState.ACTIVE
    assert victim.execution_info.requeue_count == 1
    assert victim.execution_info.last_requeue_time == machine.now
    machine.exit("t", job_id="high")
    assert machine.running("low") == ["v"]


def test_running_tasks_stay_where_preemption_is_not_allowed(machine: Simulation) -> None:
    machine.pool()
    machine.job("low")
    machine.task("v", "low")
    machine.job("high", priority=1000)
    machine.task("t", "high")
    assert not machine.killed
    machine.exit("v", job_id="low")
    assert machine.running("high") == ["t"]


def test_jobs_of_equal_priority_do_not_preempt_each_other(machine: Simulation) -> None:
    machine.pool()
    machine.job("a", allow_task_preemption=True)
    machine.task("v", "a")
    machine.job("b", allow_task_preemption=True)
    machine.task("t", "b")
    assert not machine.killed


def test_no_more_tasks_are_preempted_than_make_room(machine: Simulation) -> None:
    machine.pool(nodes=2, task_slots_per_node=2)
    machine.job("low", allow_task_preemption=True)
    for name in ("a", "b", "c", "d"):
        machine.task(name, "low")
    machine.job("high", priority=1)
    machine.task("t", "high")
    assert len(machine.killed) == 1
    machine.pass_time(1.0)
    machine.task("later", "low")
    assert len(machine.killed) == 1, "one that is dying makes room enough"
    machine.end_killed()
    assert machine.running("high") == ["t"]
    assert len(machine.running("low")) == 3


def test_large_task_gets_its_room_though_the_slots_come_free_one_by_one(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    machine.job("low", allow_task_preemption=True)
    machine.task("a", "low")
    machine.task("b", "low")
    machine.job("high", priority=1)
    machine.task("t", "high", required_slots=2)
    assert len(machine.killed) == 2
    machine.end(min(machine.killed), 137)
    assert machine.running("low") == ["b"], "the free slot is promised"
    machine.end_killed()
    assert machine.running("high") == ["t"]


def test_least_important_and_newest_task_goes_first(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=3)
    machine.job("least", priority=-5, allow_task_preemption=True)
    machine.job("low", allow_task_preemption=True)
    machine.task("old", "least")
    machine.task("new", "least")
    machine.task("v", "low")
    machine.job("high", priority=1)
    machine.task("t", "high")
    machine.end_killed()
    assert machine.running("least") == ["old"]
    assert machine.running("low") == ["v"]


def test_no_task_is_preempted_in_vain(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    machine.job("low", allow_task_preemption=True)
    machine.job("fixed", priority=1)
    machine.task("v", "low")
    machine.task("stays", "fixed")
    machine.job("high", priority=2)
    machine.task("large", "high", required_slots=2)
    assert not machine.killed


def test_max_parallel_tasks_limits_what_is_preempted(machine: Simulation) -> None:
    machine.pool(task_slots_per_node=2)
    machine.job("low", allow_task_preemption=True)
    machine.task("a", "low")
    machine.task("b", "low")
    machine.job("high", priority=1, max_parallel_tasks=1)
    machine.task("s", "high")
    machine.task("t", "high")
    assert len(machine.killed) == 1


def test_new_priority_holds_for_tasks_that_wait(machine: Simulation) -> None:
    machine.pool()
    machine.job("low", allow_task_preemption=True)
    machine.task("v", "low")
    high = machine.job("high")
    machine.task("t", "high")
    assert not machine.killed
    machine.do(events.UpdateJob, "high", replace(high.spec, priority=1))
    machine.end_killed()
    assert machine.running("high") == ["t"]


def test_job_that_begins_to_allow_it_is_preempted(machine: Simulation) -> None:
    machine.pool()
    low = machine.job("low")
    machine.task("v", "low")
    machine.job("high", priority=1)
    machine.task("t", "high")
    machine.do(events.UpdateJob, "low", replace(low.spec, allow_task_preemption=True))
    machine.end_killed()
    assert machine.running("high") == ["t"]


def test_preparing_task_makes_room_at_once(machine: Simulation) -> None:
    machine.pool()
    prepares = JobPreparationTask("prep", COMMAND)
    machine.job("low", allow_task_preemption=True, preparation=prepares)
    victim = machine.task("v", "low")
    machine.job("high", priority=1)
    machine.task("t", "high")
    assert machine.running("high") == ["t"]
    assert victim.state is TaskState.ACTIVE
