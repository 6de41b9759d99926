"""Automatic scaling: when formulas are evaluated, what they see, and what becomes of what they say."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.autoscale_events import DisableAutoScale, EnableAutoScale
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.autoscale import AutoScale, AutoScaleRun, AutoScaleSettings
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.pools import Pool, PoolResize
from airflow_provider_batch.emulator.model.states import AllocationState, DisableTasks, NodeState
from tests.unit.emulator.machine.simulation import Simulation

MINUTE = 60.0
PENDING = """
enough = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second) >= 70;
$TargetDedicatedNodes = min(4, enough ? max($PendingTasks.GetSample(180 * TimeInterval_Second)) : 0);
$NodeDeallocationOption = taskcompletion;
"""


def scaled(machine: Simulation, formula: str, minutes: int = 5, **spec: Any) -> Pool:
    """A pool that was created with a formula, steady."""
    settings = AutoScaleSettings(formula, timedelta(minutes=minutes))
    return machine.pool(nodes=0, auto_scale=settings, **spec)


def scaling(pool: Pool) -> AutoScale:
    assert pool.auto_scale is not None
    return pool.auto_scale


def last_run(pool: Pool) -> AutoScaleRun:
    run = scaling(pool).run
    assert run is not None
    return run


def enable(machine: Simulation, formula: str | None, minutes: int | None = None) -> None:
    interval = None if minutes is None else timedelta(minutes=minutes)
    machine.do(EnableAutoScale, "p", formula, interval)


def latest(pool: Pool) -> dict[str, float]:
    return {name: samples[-1][1] for name, samples in scaling(pool).metrics.samples.items()}


# --- creation and evaluation --------------------------------------------------------------------------


def test_pool_created_with_a_formula_has_its_targets_at_once(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = 2; $TargetLowPriorityNodes = 1;")
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (2, 1)
    assert last_run(pool).results == (
        "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue"
    )


def test_formula_is_evaluated_at_its_interval_and_not_before(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = $TargetDedicatedNodes + 1;", minutes=10)
    machine.pass_time(10 * MINUTE - 10)
    assert pool.target_dedicated_nodes == 1
    machine.pass_time(10)
    assert pool.target_dedicated_nodes == 2
    machine.pass_time(10 * MINUTE)
    assert len(machine.nodes()) == 3


def test_failed_evaluation_leaves_the_pool_and_says_why(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = 2;")
    machine.pass_time(MINUTE)
    modified = pool.last_modified
    enable(machine, "$TargetDedicatedNodes = 5; x = nothing;")
    assert pool.target_dedicated_nodes == 2
    assert pool.last_modified > modified
    error = last_run(pool).error
    assert error is not None
    assert (error.code, error.values) == (
        "AutoScalingFormulaEvaluationError",
        (("Message", "Line 1, Col 32: Undefined symbol: nothing"),),
    )
    machine.pass_time(5 * MINUTE)
    assert len(machine.nodes()) == 2


def test_evaluation_does_not_move_the_etag(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = $TargetDedicatedNodes + 1;")
    modified = pool.last_modified
    machine.pass_time(20 * MINUTE)
    assert pool.last_modified == modified


def test_targets_beyond_the_quota_end_in_a_resize_error():
    machine = Simulation(MachineSettings(node_start_seconds=3.0, dedicated_core_quota=4))
    pool = scaled(machine, "$TargetDedicatedNodes = 5;")
    assert (pool.target_dedicated_nodes, len(machine.nodes())) == (5, 2)
    assert [error.code for error in pool.resize_errors] == ["AccountCoreQuotaReached"]


def test_pool_without_its_nodes_is_tried_again_at_the_next_evaluation():
    machine = Simulation(MachineSettings(node_start_seconds=3.0, dedicated_core_quota=4))
    machine.pool("other", 2)
    pool = scaled(machine, "$TargetDedicatedNodes = 2;")
    assert pool.resize_errors
    machine.do(events.ResizePool, "other", PoolResize(0))
    machine.pass_time(5 * MINUTE + 3)
    assert len(machine.nodes()) == 2
    assert not pool.resize_errors


def test_failed_evaluation_resizes_nothing_although_nodes_are_missing():
    machine = Simulation(MachineSettings(node_start_seconds=3.0, dedicated_core_quota=4))
    machine.pool("other", 2)
    pool = scaled(machine, "$TargetDedicatedNodes = 2;")
    enable(machine, "$TargetDedicatedNodes = nothing;")
    machine.do(events.ResizePool, "other", PoolResize(0))
    machine.pass_time(20 * MINUTE)
    assert (pool.target_dedicated_nodes, len(machine.nodes())) == (2, 0)
    assert pool.resize_errors


def test_resize_errors_stay_when_the_formula_comes_back_to_what_the_pool_has():
    """As reported of the service: nothing is resized then, and only a resize clears them."""
    machine = Simulation(MachineSettings(node_start_seconds=3.0, dedicated_core_quota=0))
    pool = scaled(machine, "$TargetDedicatedNodes = time().minute < 5 ? 2 : 0;")
    machine.pass_time(10 * MINUTE)
    assert (pool.target_dedicated_nodes, len(machine.nodes())) == (0, 0)
    assert pool.resize_errors


@pytest.mark.parametrize(
    ("option", "left", "requeued"),
    [("requeue", 1, True), ("terminate", 1, False), ("taskcompletion", 2, False)],
)
def test_nodes_leave_as_the_formula_says(machine: Simulation, option: str, left: int, requeued: bool):
    formula = f"$TargetDedicatedNodes = time().minute < 5 ? 2 : 1; $NodeDeallocationOption = {option};"
    pool = scaled(machine, formula)
    machine.job()
    machine.task("1")
    machine.task("2")
    machine.pass_time(5 * MINUTE)
    machine.end_killed()
    machine.pass_time(1)
    assert len(machine.nodes()) == left
    states = {
        task.id: task.execution_info.requeue_count for task in machine.machine.state.job("j").tasks.values()
    }
    assert any(states.values()) is requeued
    assert pool.allocation_state is (AllocationState.RESIZING if left == 2 else AllocationState.STEADY)


def test_evaluation_during_a_resize_takes_its_place_when_it_wants_something_else(machine: Simulation):
    formula = """$TargetDedicatedNodes = time().minute < 5 ? 2 : time().minute < 10 ? 1 : 3;
    $NodeDeallocationOption = taskcompletion;"""
    pool = scaled(machine, formula)
    machine.job()
    machine.task("1")
    machine.task("2")
    machine.pass_time(5 * MINUTE)
    assert pool.allocation_state is AllocationState.RESIZING
    machine.pass_time(5 * MINUTE)
    assert pool.target_dedicated_nodes == 3
    assert sum(node.state is not NodeState.LEAVING_POOL for node in machine.nodes()) == 3


def test_evaluation_during_a_resize_lets_it_go_on_when_it_wants_the_same():
    machine = Simulation(MachineSettings(node_start_seconds=30 * MINUTE))
    pool = scaled(machine, "$TargetDedicatedNodes = 2;", resize_timeout=timedelta(hours=1))
    machine.pass_time(10 * MINUTE)
    assert len(pool.nodes) == 2


# --- samples ------------------------------------------------------------------------------------------


def test_new_pool_has_no_samples(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = avg($PendingTasks.GetSample(1));")
    error = last_run(pool).error
    assert error is not None
    assert error.code == "InsufficientSampleData"


def test_sample_is_taken_each_30_seconds_and_a_day_is_kept(machine: Simulation):
    pool = scaled(machine, "x = 1")
    machine.pass_time(5 * MINUTE)
    assert len(scaling(pool).metrics.samples["$PendingTasks"]) == 10
    assert scaling(pool).metrics.limit == 24 * 3600 / 30


def test_scaling_that_is_enabled_again_is_sampled_once(machine: Simulation):
    pool = scaled(machine, "x = 1")
    machine.do(DisableAutoScale, "p")
    enable(machine, "x = 2")
    machine.pass_time(5 * MINUTE)
    assert len(scaling(pool).metrics.samples["$PendingTasks"]) == 10


def test_history_is_bounded():
    machine = Simulation(MachineSettings(node_start_seconds=3.0, sample_limit=4))
    pool = scaled(machine, "x = 1")
    machine.pass_time(5 * MINUTE)
    assert {len(samples) for samples in scaling(pool).metrics.samples.values()} == {4}


def test_tasks_are_counted_as_they_stand(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = 1", task_slots_per_node=2)
    machine.job()
    machine.task("good")
    machine.task("bad")
    machine.exit("good")
    machine.exit("bad", 1)
    for number in range(3):
        machine.task(f"t{number}")
    machine.task("blocked", depends_on=TaskDependencies(("t0",)))
    machine.job("elsewhere", "q")
    machine.task("x", "elsewhere")
    machine.pass_time(30)
    seen = latest(pool)
    assert {name: seen[f"${name}"] for name in ("ActiveTasks", "RunningTasks", "PendingTasks")} == {
        "ActiveTasks": 1,
        "RunningTasks": 2,
        "PendingTasks": 3,
    }
    assert (seen["$SucceededTasks"], seen["$FailedTasks"], seen["$TaskSlotsPerNode"]) == (1, 1, 2)


def test_tasks_of_a_job_that_ends_are_not_active(machine: Simulation):
    pool = scaled(machine, "x = 1")
    machine.job()
    machine.task("t")
    machine.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    machine.pass_time(30)
    assert latest(pool)["$ActiveTasks"] == 1
    machine.do(events.TerminateJob, "j", "why")
    machine.pass_time(30)
    assert latest(pool)["$ActiveTasks"] == 0


def test_nodes_are_counted_as_they_stand(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = 2; $TargetLowPriorityNodes = 1")
    machine.do(events.NodeLost, "p", machine.nodes()[0].id)
    machine.pass_time(30)
    seen = latest(pool)
    assert (seen["$CurrentDedicatedNodes"], seen["$CurrentLowPriorityNodes"]) == (2, 1)
    assert (seen["$UsableNodeCount"], seen["$SampleNodeCount"], seen["$PreemptedNodeCount"]) == (2, 3, 0)


def test_use_of_the_nodes_is_sampled_while_there_are_nodes(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = time().minute < 5 ? 0 : 1")
    machine.pass_time(4 * MINUTE)
    assert "$CPUPercent" not in scaling(pool).metrics.samples
    machine.pass_time(5 * MINUTE)
    assert latest(pool)["$CPUPercent"] == 0.5


def test_plain_node_count_is_that_of_the_moment(machine: Simulation):
    pool = machine.pool(nodes=2)
    enable(machine, "$TargetDedicatedNodes = $CurrentDedicatedNodes;")
    assert last_run(pool).error is None
    assert (pool.target_dedicated_nodes, len(machine.nodes())) == (2, 2)


# --- users --------------------------------------------------------------------------------------------


def test_enabling_on_a_pool_of_fixed_size_evaluates_at_once(machine: Simulation):
    pool = machine.pool(nodes=1)
    enable(machine, "$TargetDedicatedNodes = 3;")
    assert scaling(pool).settings.evaluation_interval == timedelta(minutes=15)
    assert pool.allocation_state is AllocationState.RESIZING
    machine.pass_time(3)
    assert len(machine.nodes()) == 3


def test_enabling_passes_through_resizing_although_nothing_changes(machine: Simulation):
    pool = machine.pool(nodes=1)
    machine.pass_time(MINUTE)
    enable(machine, "$TargetDedicatedNodes = 1;")
    assert pool.allocation_state is AllocationState.STEADY
    assert pool.allocation_state_transition_time == machine.now
    machine.pass_time(MINUTE)
    machine.do(DisableAutoScale, "p")
    assert pool.allocation_state_transition_time == machine.now


def test_new_interval_begins_a_new_schedule_and_a_new_formula_keeps_the_old_one(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = 0;", minutes=10)
    machine.pass_time(5 * MINUTE)
    enable(machine, "$TargetDedicatedNodes = time().minute;")
    assert pool.target_dedicated_nodes == 5
    machine.pass_time(5 * MINUTE)
    assert pool.target_dedicated_nodes == 10
    machine.pass_time(2 * MINUTE)
    enable(machine, None, 20)
    assert pool.target_dedicated_nodes == 12
    machine.pass_time(19 * MINUTE)
    assert pool.target_dedicated_nodes == 12
    machine.pass_time(MINUTE)
    assert pool.target_dedicated_nodes == 32


def test_disabling_keeps_the_targets_and_ends_samples_and_evaluations(machine: Simulation):
    pool = scaled(machine, "$TargetDedicatedNodes = $TargetDedicatedNodes + 1;")
    machine.do(DisableAutoScale, "p")
    machine.pass_time(60 * MINUTE)
    assert (pool.auto_scale, pool.target_dedicated_nodes) == (None, 1)
    assert machine.timers.next_due() is None
    machine.do(events.ResizePool, "p", PoolResize(0))


def test_pool_that_scales_takes_no_targets_from_users(machine: Simulation):
    scaled(machine, "$TargetDedicatedNodes = 1;")
    node = machine.nodes()[0]
    assert machine.refused(events.ResizePool, "p", PoolResize(2)) == "OperationNotValidOnPool"
    assert machine.refused(events.StopPoolResize, "p") == "OperationNotValidOnPool"
    remove = PoolResize().node_deallocation_option
    assert machine.refused(events.RemoveNodes, "p", (node.id,), remove) == "OperationNotValidOnPool"


def test_enabling_is_refused_when_it_cannot_be(machine: Simulation):
    machine.pool(nodes=1)
    ten = timedelta(minutes=10)
    assert machine.refused(EnableAutoScale, "q", "x = 1", None) == "PoolNotFound"
    assert machine.refused(EnableAutoScale, "p", None, ten) == "InvalidAutoScalingSettings"
    assert machine.refused(DisableAutoScale, "p") == "OperationNotValidOnPool"
    stale = Conditions(if_match="0x0")
    assert machine.refused(EnableAutoScale, "p", "x = 1", None, conditions=stale) == "ConditionNotMet"
    machine.do(events.ResizePool, "p", PoolResize(2))
    assert machine.refused(EnableAutoScale, "p", "x = 1", None) == "PoolBeingResized"
    machine.pass_time(3)
    enable(machine, "x = 1")
    machine.pass_time(30)
    assert machine.refused(EnableAutoScale, "p", None, None) == "InvalidAutoScalingSettings"


def test_enabling_again_needs_a_pause_of_30_seconds(machine: Simulation):
    machine.pool(nodes=1)
    enable(machine, "x = 1")
    machine.pass_time(29)
    assert machine.refused(EnableAutoScale, "p", "x = 2", None) == "TooManyEnableAutoScaleRequests"
    machine.do(DisableAutoScale, "p")
    assert machine.refused(EnableAutoScale, "p", "x = 2", None) == "TooManyEnableAutoScaleRequests"
    machine.pass_time(1)
    enable(machine, "x = 2")


def test_deleted_pool_is_not_evaluated_any_more(machine: Simulation):
    scaled(machine, "$TargetDedicatedNodes = 1;")
    machine.do(events.DeletePool, "p")
    machine.pool(nodes=0)
    machine.pass_time(60 * MINUTE)
    assert machine.nodes() == []


def test_state_can_be_pickled(machine: Simulation):
    scaled(machine, PENDING)
    machine.pass_time(5 * MINUTE)
    assert pickle.loads(pickle.dumps(machine.machine.world)).state == machine.machine.state  # noqa: S301


# --- load ---------------------------------------------------------------------------------------------


def test_pool_grows_with_its_tasks_and_shrinks_when_they_are_done(machine: Simulation):
    """The documentation's formula on pending tasks, over an hour of load that comes and goes."""
    pool = scaled(machine, PENDING)
    machine.job()
    sizes = []

    def work(minutes: int) -> None:
        """Let each running task take two minutes."""
        for _ in range(minutes // 2):
            machine.pass_time(2 * MINUTE)
            for task_id in machine.running():
                machine.exit(task_id)
            machine.end_killed()
        sizes.append(len(machine.nodes()))

    work(10)
    for number in range(40):
        machine.task(f"t{number}")
    work(6)
    work(10)
    work(30)
    assert sizes == [0, 4, 4, 0]
    assert pool.allocation_state is AllocationState.STEADY
    job = machine.machine.state.job("j")
    assert (job.counts.tasks.succeeded, job.counts.tasks.failed) == (40, 0)
    assert all(task.execution_info.requeue_count == 0 for task in job.tasks.values())
