"""Tasks on several nodes: together or not at all, one fate for all."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import ProceedRun
from airflow_provider_batch.emulator.machine.runs import RunEnd
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.multi_instance import MultiInstanceSettings
from airflow_provider_batch.emulator.model.special_tasks import JobPreparationTask, JobReleaseTask
from airflow_provider_batch.emulator.model.states import (
    DisableTasks,
    NodeDeallocationOption,
    NodeState,
    SubtaskState,
    TaskResult,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskConstraints
from tests.unit.emulator.machine.simulation import COMMAND, Simulation


@pytest.fixture
def world() -> Simulation:
    """A pool of three nodes that can work together, and a job."""
    made = Simulation()
    made.pool(nodes=3, enable_inter_node_communication=True)
    made.job()
    return made


def gang(world: Simulation, task_id: str = "t", number: int = 3, **spec: Any) -> Task:
    return world.task(task_id, multi_instance=MultiInstanceSettings(number, "/bin/coordinate"), **spec)


def coordinate_all(world: Simulation, task_id: str = "t") -> None:
    for run_id in world.instances(task_id):
        world.coordinate(run_id)


def all_idle(world: Simulation) -> bool:
    return all(node.state is NodeState.IDLE and not node.used_slots for node in world.nodes())


# --- the beginning ------------------------------------------------------------------------------------


def test_all_instances_begin_at_once_on_nodes_of_their_own(world: Simulation) -> None:
    task = gang(world)
    runs = [world.processes[run_id] for run_id in world.instances()]
    assert task.state is TaskState.RUNNING
    assert {run.node_id for run in runs} == {node.id for node in world.nodes()}
    assert [run.instance.number for run in runs if run.instance] == [0, 1, 2]
    assert all(run.directory == "workitems/j/job-1/t" for run in runs)
    assert [(part.id, part.state) for part in task.subtasks] == [
        (1, SubtaskState.RUNNING),
        (2, SubtaskState.RUNNING),
    ]


def test_every_instance_knows_the_addresses_of_all_the_primarys_first(world: Simulation) -> None:
    gang(world)
    runs = [world.processes[run_id] for run_id in world.instances()]
    addresses = {node.id: node.ip_address for node in world.nodes()}
    wanted = tuple(addresses[run.node_id] for run in runs)
    assert all(run.instance is not None and run.instance.addresses == wanted for run in runs)


@pytest.mark.parametrize("spec", [{}, {"enable_inter_node_communication": True, "task_slots_per_node": 2}])
def test_task_waits_for_ever_in_a_pool_whose_nodes_cannot_work_together(spec: dict[str, Any]) -> None:
    world = Simulation()
    world.pool(nodes=3, **spec)
    world.job()
    task = gang(world)
    world.pass_time(1000.0)
    assert task.state is TaskState.ACTIVE


def test_task_waits_until_there_are_nodes_for_all_instances(world: Simulation) -> None:
    world.task("single")
    gang(world)
    assert world.running() == ["single"]
    world.exit("single")
    assert world.running() == ["t"]


def test_task_that_waits_for_nodes_does_not_hold_others_back(world: Simulation) -> None:
    gang(world, number=4)
    single = world.task("single")
    assert single.state is TaskState.RUNNING


def test_task_on_several_nodes_counts_as_one_against_the_limit_of_its_job() -> None:
    world = Simulation()
    world.pool(nodes=4, enable_inter_node_communication=True)
    world.job(max_parallel_tasks=2)
    tasks = [gang(world, name, 2) for name in ("a", "b")]
    assert [task.state for task in tasks] == [TaskState.RUNNING] * 2
    assert world.task("c").state is TaskState.ACTIVE


def test_node_that_the_task_prefers_gets_the_primary(world: Simulation) -> None:
    wanted = world.nodes()[2]
    task = gang(world, number=2, affinity_id=wanted.affinity_id)
    assert task.node is not None
    assert task.node.node_id == wanted.id


# --- coordination -------------------------------------------------------------------------------------


def test_primary_goes_on_when_the_last_instance_is_coordinated(world: Simulation) -> None:
    gang(world)
    primary, *others = world.instances()
    for run_id in (primary, others[0]):
        world.coordinate(run_id)
    assert not world.proceeded
    world.coordinated.add(others[1])
    assert world.do(events.ProcessCoordinated, others[1]) == [ProceedRun(primary)]


def test_subtasks_end_with_the_primary_and_well(world: Simulation) -> None:
    task = gang(world)
    coordinate_all(world)
    primary, *others = world.instances()
    world.end(primary, 0)
    assert task.state is TaskState.RUNNING
    assert world.killed == set(others)
    for run_id in others:
        world.end(run_id, 0)
    assert task.execution_info.result is TaskResult.SUCCESS
    assert task.execution_info.exit_code == 0
    for part in task.subtasks:
        assert (part.state, part.result, part.exit_code) == (SubtaskState.COMPLETED, TaskResult.SUCCESS, 0)
        assert part.previous_state is SubtaskState.RUNNING
    assert all_idle(world)


def test_exit_code_of_the_task_is_the_primarys(world: Simulation) -> None:
    task = gang(world)
    coordinate_all(world)
    world.end(world.instances()[0], 7)
    world.end_killed()
    assert task.execution_info.exit_code == 7
    assert task.execution_info.failure_info == failures.failure_exit_code()


def test_failed_coordination_of_one_instance_fails_the_task(world: Simulation) -> None:
    task = gang(world)
    primary, bad, other = world.instances()
    world.coordinate(primary)
    world.end(bad, 3)
    assert world.killed == {primary, other}
    world.end_killed()
    assert task.execution_info.exit_code == 3
    assert task.execution_info.failure_info == failures.failure_exit_code()
    assert task.subtasks[0].exit_code == 3
    assert task.subtasks[1].failure_info == failures.task_ended()
    assert all_idle(world)


def test_instance_that_cannot_start_fails_the_task_without_a_retry(world: Simulation) -> None:
    task = gang(world, constraints=TaskConstraints(max_task_retry_count=2))
    run_id = world.instances()[2]
    world._forget(run_id)
    world.do(events.ProcessNotStarted, run_id, failures.blob_not_found("x"))
    world.end_killed()
    assert task.state is TaskState.COMPLETED
    assert task.execution_info.failure_info == failures.blob_not_found("x")
    assert task.subtasks[1].failure_info == failures.blob_not_found("x")


# --- again --------------------------------------------------------------------------------------------


def test_failed_task_runs_again_with_all_its_instances(world: Simulation) -> None:
    task = gang(world, constraints=TaskConstraints(max_task_retry_count=1))
    world.end(world.instances()[1], 1)
    world.end_killed()
    assert task.state is TaskState.RUNNING
    assert task.execution_info.retry_count == 1
    assert len(world.instances()) == 3


def test_task_that_lost_a_node_runs_again_when_there_are_enough(world: Simulation) -> None:
    task = gang(world)
    lost = world.processes[world.instances()[1]].node_id
    world.do(events.NodeLost, "p", lost)
    world.end_killed()
    assert task.state is TaskState.ACTIVE
    assert (task.execution_info.retry_count, task.execution_info.requeue_count) == (0, 0)


def test_removal_of_one_node_requeues_the_task(world: Simulation) -> None:
    task = gang(world)
    node_id = world.processes[world.instances()[2]].node_id
    world.do(events.RemoveNodes, "p", (node_id,), NodeDeallocationOption.REQUEUE)
    world.end_killed()
    assert task.state is TaskState.ACTIVE
    assert task.execution_info.requeue_count == 1


def test_node_that_is_lost_after_the_primarys_end_changes_nothing(world: Simulation) -> None:
    task = gang(world)
    coordinate_all(world)
    primary, other, _ = world.instances()
    world.end(primary, 0)
    world.do(events.NodeLost, "p", world.processes[other].node_id)
    world.end_killed()
    assert task.execution_info.result is TaskResult.SUCCESS


# --- users --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["running", "winding down"])
def test_terminated_task_ends_with_all_its_instances(world: Simulation, when: str) -> None:
    task = gang(world, constraints=TaskConstraints(max_task_retry_count=1))
    if when == "winding down":
        world.end(world.instances()[0], 1)
    world.do(events.TerminateTask, "j", "t")
    world.end_killed()
    assert task.state is TaskState.COMPLETED
    assert task.execution_info.failure_info == failures.task_ended()
    assert all_idle(world)


def test_deleted_task_leaves_no_process_and_no_directory(world: Simulation) -> None:
    gang(world)
    world.do(events.DeleteTask, "j", "t")
    assert len(world.killed) == 3
    assert {(d.node_id, d.directory) for d in world.deleted} == {
        (node.id, "workitems/j/job-1/t") for node in world.nodes()
    }
    world.end_killed()
    assert not world.machine.world.groups
    assert all_idle(world)


def test_disabled_job_requeues_the_task_once(world: Simulation) -> None:
    task = gang(world)
    world.do(events.DisableJob, "j", DisableTasks.REQUEUE)
    world.end_killed()
    assert task.execution_info.requeue_count == 1


@pytest.mark.parametrize("force", [False, True])
def test_ended_job_ends_all_instances(world: Simulation, force: bool) -> None:
    task = gang(world)
    world.do(events.TerminateJob, "j", "why", force)
    world.end_killed()
    assert task.execution_info.failure_info == failures.task_ended()
    assert not world.machine.world.groups
    assert all_idle(world)


def test_files_of_all_instances_go_with_the_job(world: Simulation) -> None:
    gang(world)
    coordinate_all(world)
    world.end(world.instances()[0], 0)
    world.end_killed()
    world.do(events.DeleteJob, "j")
    gone = {d.node_id for d in world.deleted if d.directory == "workitems/j"}
    assert gone == {node.id for node in world.nodes()}


# --- preparation --------------------------------------------------------------------------------------


def prepared_world() -> Simulation:
    world = Simulation()
    world.pool(nodes=2, enable_inter_node_communication=True)
    world.job(preparation=JobPreparationTask("prepare", COMMAND), release=JobReleaseTask("release", COMMAND))
    return world


def preparations(world: Simulation) -> list[int]:
    return [run.run_id for run in world.processes.values() if run.task_id == "prepare"]


def test_no_instance_begins_before_every_node_is_prepared() -> None:
    world = prepared_world()
    task = gang(world, number=2)
    first, second = preparations(world)
    world.end(first, 0)
    assert world.tasks_in(TaskState.PREPARING) == ["t"]
    assert [part.state for part in task.subtasks] == [SubtaskState.PREPARING]
    assert not world.instances()
    world.end(second, 0)
    assert world.running() == ["t"]
    assert len(world.instances()) == 2


def test_failed_preparation_of_one_node_gives_all_nodes_back() -> None:
    world = prepared_world()
    task = gang(world, number=2)
    first, second = preparations(world)
    world.end(first, 0)
    world.end(second, 1)
    assert task.state is TaskState.ACTIVE
    assert all_idle(world)


# --- what is known of one run -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "is_good"),
    [
        (RunEnd(0), True),
        (RunEnd(1), False),
        (RunEnd(), False),
        (RunEnd(0, upload_failure=failures.upload_conflict("x")), False),
    ],
)
def test_run_is_good_only_when_nothing_went_wrong(end: RunEnd, is_good: bool) -> None:
    assert end.is_good is is_good


@pytest.mark.parametrize("exit_code", [0, 1])
def test_failed_upload_fails_the_task_at_once_and_keeps_its_exit_code(
    world: Simulation, exit_code: int
) -> None:
    task = world.task(constraints=TaskConstraints(max_task_retry_count=3))
    run_id = world.run_of("t")
    world._forget(run_id)
    world.do(events.ProcessExited, run_id, exit_code, failures.upload_access_denied("out.txt"))
    info = task.execution_info
    assert (task.state, info.result, info.exit_code) == (TaskState.COMPLETED, TaskResult.FAILURE, exit_code)
    assert info.failure_info == failures.upload_access_denied("out.txt")
    assert info.retry_count == 0


def test_task_whose_upload_failed_can_be_reactivated(world: Simulation) -> None:
    task = world.task()
    run_id = world.run_of("t")
    world._forget(run_id)
    world.do(events.ProcessExited, run_id, 0, failures.upload_timed_out("out.txt"))
    world.do(events.ReactivateTask, "j", "t")
    assert task.state is TaskState.RUNNING
