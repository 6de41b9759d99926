"""Nodes: from their creation over the start task to their leaving, and the slots on them."""

from __future__ import annotations

import hashlib
from datetime import datetime

from airflow_provider_batch.emulator.machine.instructions import (
    DeleteDirectory,
    PrepareNode,
    RunKind,
    RunProcess,
)
from airflow_provider_batch.emulator.machine.runs import Ending, Run
from airflow_provider_batch.emulator.machine.tables import NodePassage
from airflow_provider_batch.emulator.machine.timers import NodeTimer
from airflow_provider_batch.emulator.machine.transitions import move_node
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.assumptions import RerunOutput
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.nodes import Node, NodeError, RecentTask, StartTaskInfo
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import (
    NodeDeallocationOption,
    NodeState,
    SchedulingState,
    StartTaskState,
    TaskResult,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import Task

#: tasks that a node remembers
RECENT_TASKS = 10

START_TASK_DIRECTORY = "startup"

_ENDINGS = {
    NodeDeallocationOption.REQUEUE: Ending.REQUEUE,
    NodeDeallocationOption.TERMINATE: Ending.TERMINATE,
}


def create(world: World, pool: Pool, *, is_dedicated: bool) -> None:
    """Add a node to a pool; it boots after a third of the node start time."""
    index = world.pools[pool.serial]
    number = index.nodes_made
    index.nodes_made += 1
    node = Node(
        id=_node_id(world, pool, number, is_dedicated=is_dedicated),
        pool_id=pool.id,
        number=number,
        is_dedicated=is_dedicated,
        vm_size=pool.spec.vm_size,
        state=NodeState.CREATING,
        state_transition_time=world.now,
        allocation_time=world.now,
    )
    pool.nodes[id_key(node.id)] = node
    world.instruct(PrepareNode(pool.id, node.id))
    _wake(world, node)


def _node_id(world: World, pool: Pool, number: int, *, is_dedicated: bool) -> str:
    text = f"{world.settings.seed}/{id_key(pool.id)}/{pool.serial}/{number}"
    return f"tvmps_{hashlib.sha256(text.encode()).hexdigest()}_{'d' if is_dedicated else 'p'}"


def _wake(world: World, node: Node) -> None:
    timer = NodeTimer(id_key(node.pool_id), id_key(node.id))
    world.wake_in(timer, world.settings.node_start_seconds / 3)


def on_timer(world: World, timer: NodeTimer) -> None:
    """Let a node boot, or be up after booting."""
    pool = world.state.pools.get(timer.pool_key)
    node = None if pool is None else pool.nodes.get(timer.node_key)
    if pool is None or node is None:
        return
    if node.state is NodeState.CREATING:
        move_node(node, NodePassage.BOOT, world.now)
        _wake(world, node)
    elif node.state is NodeState.STARTING:
        node.last_boot_time = world.now
        _begin(world, pool, node)


def _begin(world: World, pool: Pool, node: Node) -> None:
    spec = pool.spec.start_task
    if spec is None:
        move_node(node, NodePassage.READY, world.now)
        update_capacity(world, pool, node)
        return
    node.start_task = pool.spec.definition.get("startTask")
    node.start_task_info = StartTaskInfo(StartTaskState.RUNNING, world.now)
    if spec.wait_for_success:
        move_node(node, NodePassage.AWAIT_START_TASK, world.now)
    else:
        move_node(node, NodePassage.READY, world.now)
        update_capacity(world, pool, node)
    _run_start_task(world, pool, node)


def _run_start_task(world: World, pool: Pool, node: Node) -> None:
    # The spec may have changed meanwhile: a retry runs what the pool says now, as a reboot would.
    spec = pool.spec.start_task
    if spec is None:
        finish_start_task(world, pool, node, exit_code=0, failure=None)
        return
    run = Run(world.serial(), RunKind.START_TASK, id_key(pool.id), id_key(node.id))
    world.runs[run.id] = run
    node.runs.add(run.id)
    world.instruct(
        RunProcess(
            run_id=run.id,
            kind=RunKind.START_TASK,
            pool_id=pool.id,
            node_id=node.id,
            is_dedicated=node.is_dedicated,
            directory=START_TASK_DIRECTORY,
            command=spec.command,
            append_output=world.assumptions.rerun_output is RerunOutput.APPEND,
        )
    )


def start_task_ended(world: World, run: Run, exit_code: int | None, failure: FailureInfo | None) -> None:
    """Take note of a start task's end: run it again, or judge the node by it."""
    pool = world.state.pools[run.pool_key]
    node = world.node_of(run)
    info = node.start_task_info
    if info is None:
        raise AssertionError(f"node {node.id} ended a start task that it never began")
    spec = pool.spec.start_task
    retries = 0 if spec is None else spec.max_task_retry_count
    may_retry = run.ending is None and failure is None and (retries == -1 or info.retry_count < retries)
    if exit_code != 0 and may_retry:
        info.retry_count += 1
        info.last_retry_time = world.now
        info.start_time = world.now
        _run_start_task(world, pool, node)
        return
    if run.ending is not None:
        exit_code, failure = None, failures.task_ended()
    elif failure is None and exit_code != 0:
        failure = failures.failure_exit_code()
    finish_start_task(world, pool, node, exit_code=exit_code, failure=failure)


def finish_start_task(
    world: World, pool: Pool, node: Node, *, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """Write down a start task's end, and let a waiting node go on or fail."""
    info = node.start_task_info
    if info is None:
        raise AssertionError(f"node {node.id} ended a start task that it never began")
    info.state = StartTaskState.COMPLETED
    info.end_time = world.now
    info.exit_code = exit_code
    info.failure_info = failure
    info.result = TaskResult.SUCCESS if failure is None else TaskResult.FAILURE
    if node.state is NodeState.WAITING_FOR_START_TASK:
        passage = NodePassage.READY if failure is None else NodePassage.START_TASK_FAILED
        move_node(node, passage, world.now)
        update_capacity(world, pool, node)


# --- slots --------------------------------------------------------------------------------------------


def update_capacity(world: World, pool: Pool, node: Node) -> None:
    """Note how many tasks a node can take now."""
    takes_tasks = (
        node.state in (NodeState.IDLE, NodeState.RUNNING) and node.scheduling_state is SchedulingState.ENABLED
    )
    free = pool.spec.task_slots_per_node - node.used_slots if takes_tasks else 0
    world.pools[pool.serial].capacity.set(id_key(node.id), free)
    if free:
        world.stir(pool.id)


def occupy(world: World, pool: Pool, node: Node, run: Run, task: Task) -> None:
    """Give a node a task."""
    node.runs.add(run.id)
    node.used_slots += run.slots
    node.running_tasks_count += 1
    info = task.execution_info
    node.recent_tasks.append(
        RecentTask(
            task.job_id,
            task.id,
            run.id,
            TaskState.RUNNING,
            retry_count=info.retry_count,
            requeue_count=info.requeue_count,
        )
    )
    del node.recent_tasks[:-RECENT_TASKS]
    if node.state is NodeState.IDLE:
        move_node(node, NodePassage.WORK, world.now)
    update_capacity(world, pool, node)


def release(world: World, pool: Pool, node: Node, run: Run) -> None:
    """Take back the slots of a run that is gone; of a start task it holds none."""
    node.runs.discard(run.id)
    if run.kind is RunKind.TASK:
        node.used_slots -= run.slots
        node.running_tasks_count -= 1
        if node.state is NodeState.RUNNING and node.running_tasks_count == 0:
            move_node(node, NodePassage.REST, world.now)
    update_capacity(world, pool, node)


def remember_start(node: Node, run_id: int, at: datetime) -> None:
    """Write the start of a task's process into the node's recent tasks."""
    for recent in node.recent_tasks:
        if recent.run_id == run_id:
            recent.start_time = at


def remember_end(node: Node, run_id: int, task: Task) -> None:
    """Write a task's end, or its return to the queue, into the node's recent tasks and totals."""
    info = task.execution_info
    if task.state is TaskState.COMPLETED:
        node.total_tasks_run += 1
        node.total_tasks_succeeded += info.result is TaskResult.SUCCESS
    for recent in node.recent_tasks:
        if recent.run_id == run_id:
            recent.task_state = task.state
            recent.end_time = info.end_time
            recent.exit_code = info.exit_code
            recent.result = info.result
            recent.failure_info = info.failure_info
            recent.retry_count = info.retry_count
            recent.requeue_count = info.requeue_count


# --- leaving ------------------------------------------------------------------------------------------


def leave(world: World, pool: Pool, node: Node, option: NodeDeallocationOption) -> None:
    """
    Take a node out of its pool: at once when nothing runs on it, else when the last process is gone.

    May be repeated with a stronger option.
    """
    if node.state is not NodeState.LEAVING_POOL:
        move_node(node, NodePassage.LEAVE, world.now)
        update_capacity(world, pool, node)
    for run_id in sorted(node.runs):
        if world.runs[run_id].kind is RunKind.START_TASK:
            world.end_run(run_id, Ending.TERMINATE)
        elif option in _ENDINGS:
            world.end_run(run_id, _ENDINGS[option])
    drop_if_done(world, pool, node)


def drop_if_done(world: World, pool: Pool, node: Node) -> bool:
    """Remove a leaving node on which nothing runs any more; whether it is gone."""
    if node.state is not NodeState.LEAVING_POOL or node.runs:
        return False
    del pool.nodes[id_key(node.id)]
    world.instruct(DeleteDirectory(pool.id, node.id))
    return True


def lose(world: World, pool: Pool, node: Node) -> None:
    """Make a node unusable; its tasks run again elsewhere, which is not counted."""
    if node.state in (NodeState.UNUSABLE, NodeState.LEAVING_POOL):
        return
    move_node(node, NodePassage.LOSE, world.now)
    node.errors = (NodeError("Unknown", "The node was lost."),)
    update_capacity(world, pool, node)
    world.end_runs(node.runs, Ending.RECOVER)


def is_leaving_with_work(pool: Pool) -> bool:
    """Whether nodes are on their way out."""
    return any(node.state is NodeState.LEAVING_POOL for node in pool.nodes.values())
