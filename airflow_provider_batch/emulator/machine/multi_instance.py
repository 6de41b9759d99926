"""
Tasks on several nodes: all instances begin at once or none does, and one fate is for all.

Each instance is a run of its own. First all of them run the coordination command; when every one has
succeeded, the primary runs the task's own command, while the processes that the others have left behind live
on. The primary's end, or the first failure of any instance, decides; the others are released, and the task is
judged when the last one is gone.

Source: reference of the service, sections 2.5 and 4.8. In the recording the subtasks end with the primary,
not with their own command.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_batch.emulator.machine import jobs, nodes, preparation, tallies
from airflow_provider_batch.emulator.machine.instructions import ProceedRun, RunKind
from airflow_provider_batch.emulator.machine.launching import launch_together
from airflow_provider_batch.emulator.machine.runs import Ending, InstanceGroup, Run, RunEnd
from airflow_provider_batch.emulator.machine.tables import TaskPassage
from airflow_provider_batch.emulator.machine.transitions import move_task
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.multi_instance import PRIMARY, Subtask
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import SubtaskState, TaskResult
from airflow_provider_batch.emulator.model.tasks import Task, TaskFiles, TaskNode


def takes_gangs(pool: Pool) -> bool:
    """Whether tasks on several nodes can run in a pool at all."""
    return pool.spec.enable_inter_node_communication and pool.spec.task_slots_per_node == 1


# --- the beginning ------------------------------------------------------------------------------------


def start(world: World, pool: Pool, job: Job, task: Task, chosen: Sequence[Node]) -> None:
    """
    Give every instance of a task its node, and start them all, once every node is prepared for the job.

    :param chosen: one node for each instance, the primary's first; each has room.
    """
    directory = f"{job.directory}/{task.id}"
    runs = [_run_on(world, job, task, node, number) for number, node in enumerate(chosen)]
    primary = runs[PRIMARY]
    group = InstanceGroup({number: run.id for number, run in enumerate(runs)})
    world.groups[primary.id] = group
    places = [TaskNode(pool.id, node.id, directory) for node in chosen]
    _leave_old_files(world, task, places)
    for run, node in zip(runs, chosen, strict=True):
        run.group = primary.id
        group.places[run.id] = (run.pool_key, run.node_key)
        group.uncoordinated.add(run.id)
        if preparation.is_awaited(world, job, node):
            group.unprepared.add(run.id)
    for run in runs:
        run.held = bool(group.unprepared)
    state = SubtaskState.PREPARING if group.unprepared else SubtaskState.RUNNING
    tallies.count(world, job, task, -1)
    if group.unprepared:
        move_task(world, task, TaskPassage.PREPARE)
    else:
        launch_together(world, job, task, group)
    task.run_id, task.node, task.files_at, task.files = primary.id, places[0], places[0], TaskFiles.KEPT
    task.subtasks = [
        Subtask(number, pool.id, chosen[number].id, directory, runs[number].id, state, world.now)
        for number in range(1, len(chosen))
    ]
    tallies.count(world, job, task, 1)
    for run, node in zip(runs, chosen, strict=True):
        nodes.occupy(world, pool, node, run, task)


def _run_on(world: World, job: Job, task: Task, node: Node, number: int) -> Run:
    run = Run(
        world.serial(),
        RunKind.TASK if number == PRIMARY else RunKind.SUBTASK,
        id_key(node.pool_id),
        id_key(node.id),
        id_key(job.id),
        job.serial,
        id_key(task.id),
        task.serial,
        task.spec.required_slots,
    )
    world.runs[run.id] = run
    job.runs.add(run.id)
    return run


def _leave_old_files(world: World, task: Task, places: Sequence[TaskNode]) -> None:
    """Remove what an earlier run left on other nodes."""
    for old in task.directories:
        if old not in places:
            jobs.delete_directory(world, old.pool_id, old.node_id, old.directory)


def subtask_started(world: World, run: Run) -> None:
    """Take note that an instance other than the primary has begun."""
    run.started_at = world.now
    nodes.remember_start(world.node_of(run), run.id, world.now)
    subtask = _subtask(world, run)
    if subtask is not None:
        _move(subtask, SubtaskState.RUNNING, world)
        subtask.start_time = world.now


def coordinated(world: World, run: Run) -> None:
    """Take note that an instance is coordinated; the last one lets the primary go on."""
    if run.group is None:
        raise AssertionError(f"run {run.id} is no instance")
    group = world.groups[run.group]
    group.uncoordinated.discard(run.id)
    primary = group.runs.get(PRIMARY)
    if primary is not None and not group.uncoordinated and world.runs[primary].ending is None:
        world.instruct(ProceedRun(primary))


# --- the end ------------------------------------------------------------------------------------------


def over(world: World, run: Run, end: RunEnd) -> InstanceGroup | None:
    """
    Take note that an instance is gone.

    :return: the group, when this was the last of it.
    """
    if run.group is None:
        raise AssertionError(f"run {run.id} is no instance")
    group = world.groups[run.group]
    number = next(number for number, run_id in group.runs.items() if run_id == run.id)
    del group.runs[number]
    group.uncoordinated.discard(run.id)
    _decide(group, run, end, number)
    subtask = _subtask(world, run)
    if subtask is not None:
        _complete(world, subtask, run, end)
    if group.end is not None or group.ending is not None:
        for other in sorted(group.runs.values()):
            world.end_run(other, Ending.RELEASE)
    if group.runs:
        return None
    del world.groups[run.group]
    return group


def _decide(group: InstanceGroup, run: Run, end: RunEnd, number: int) -> None:
    if run.ending is Ending.RELEASE:
        return
    if run.ending is not None:
        # What happens to a node after an instance has decided makes no difference; what a user wants does.
        if group.end is None or run.ending >= Ending.WALL_CLOCK:
            group.ending = run.ending if group.ending is None else max(group.ending, run.ending)
    elif (number == PRIMARY or not end.is_good) and group.end is None and group.ending is None:
        group.end = end


def _complete(world: World, subtask: Subtask, run: Run, end: RunEnd) -> None:
    _move(subtask, SubtaskState.COMPLETED, world)
    subtask.run_id = None
    subtask.end_time = world.now
    is_killed = run.ending is not None and not (run.ending is Ending.RELEASE and end.exit_code == 0)
    if is_killed:
        subtask.failure_info = failures.task_ended()
    else:
        subtask.exit_code = end.exit_code
        subtask.failure_info = end.failure
        if end.failure is None and end.exit_code != 0:
            subtask.failure_info = failures.failure_exit_code()
    subtask.result = TaskResult.SUCCESS if subtask.failure_info is None else TaskResult.FAILURE


def _subtask(world: World, run: Run) -> Subtask | None:
    task = world.task_of(run)
    subtasks = () if task is None else task.subtasks
    return next((subtask for subtask in subtasks if subtask.run_id == run.id), None)


def _move(subtask: Subtask, state: SubtaskState, world: World) -> None:
    if subtask.state is not state:
        subtask.previous_state = subtask.state
        subtask.previous_state_transition_time = subtask.state_transition_time
        subtask.state, subtask.state_transition_time = state, world.now


def remember_ends(world: World, group: InstanceGroup, task: Task) -> None:
    """Write the end of a task into the recent tasks of those of its nodes that are still there."""
    for run_id, (pool_key, node_key) in sorted(group.places.items()):
        pool = world.state.pools.get(pool_key)
        node = None if pool is None else pool.nodes.get(node_key)
        if node is not None:
            nodes.remember_end(node, run_id, task)
