"""Nodes: their creation, the slots on them, and their leaving."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from airflow_provider_batch.emulator.machine.instructions import (
    DeleteDirectory,
    PrepareNode,
    RunKind,
)
from airflow_provider_batch.emulator.machine.runs import Ending, Run
from airflow_provider_batch.emulator.machine.tables import NODE, NodePassage
from airflow_provider_batch.emulator.machine.timers import NodeTimer
from airflow_provider_batch.emulator.machine.transitions import move_node
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.nodes import Node, NodeError, NodeUsage, RecentTask
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import (
    NodeDeallocationOption,
    NodeState,
    SchedulingState,
    TaskResult,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskFiles

#: tasks that a node remembers
RECENT_TASKS = 10

#: how long the account remembers the machines that its nodes used
USAGE_KEPT = timedelta(days=30)

_LOOK_AGAIN = timedelta(minutes=1)

ENDINGS = {
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
    world.instruct(PrepareNode(pool.id, node.id, pool.spec.mounts))
    hold(world, node)
    wake(world, node, world.settings.node_start_seconds / 3)


def _node_id(world: World, pool: Pool, number: int, *, is_dedicated: bool) -> str:
    text = f"{world.settings.seed}/{id_key(pool.id)}/{pool.serial}/{number}"
    return f"tvmps_{hashlib.sha256(text.encode()).hexdigest()}_{'d' if is_dedicated else 'p'}"


def wake(world: World, node: Node, seconds: float) -> None:
    """Hear of a node after a number of seconds; what it waited for before is over."""
    node.wakes += 1
    world.wake_in(NodeTimer(id_key(node.pool_id), id_key(node.id), node.wakes), seconds)


def be_ready(world: World, pool: Pool, node: Node) -> None:
    """Let a node that is up take tasks, unless scheduling is disabled."""
    disabled = node.scheduling_state is SchedulingState.DISABLED
    move_node(node, NodePassage.GO_OFFLINE if disabled else NodePassage.READY, world.now)
    update_capacity(world, pool, node)


# --- the machine that is held for a node --------------------------------------------------------------


def hold(world: World, node: Node) -> None:
    """Begin to count a node's use of a machine."""
    node.held_since = world.now


def let_go(world: World, node: Node) -> None:
    """Note how long a machine was held for a node, for the account's usage metrics."""
    if node.held_since is None:
        return
    usage = world.state.usage
    usage.append(NodeUsage(node.pool_id, node.vm_size, node.held_since, world.now))
    node.held_since = None
    while usage[0].end < world.now - USAGE_KEPT:
        usage.popleft()


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
            task.state,
            world.instance_number(run),
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
    if run.kind in (RunKind.TASK, RunKind.SUBTASK):
        node.used_slots -= run.slots
        node.running_tasks_count -= 1
        if node.state is NodeState.RUNNING and node.running_tasks_count == 0:
            disabled = node.scheduling_state is SchedulingState.DISABLED
            move_node(node, NodePassage.GO_OFFLINE if disabled else NodePassage.REST, world.now)
    update_capacity(world, pool, node)


def remember_start(node: Node, run_id: int, at: datetime) -> None:
    """Write the start of a task's process into the node's recent tasks."""
    for recent in node.recent_tasks:
        if recent.run_id == run_id:
            recent.task_state = TaskState.RUNNING
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
        node.wakes += 1
        update_capacity(world, pool, node)
    node.keeps_files = option is NodeDeallocationOption.RETAINED_DATA
    end_work(world, node, ENDINGS.get(option))
    drop_if_done(world, pool, node)


def end_work(world: World, node: Node, ending: Ending | None) -> None:
    """
    End what runs on a node, since the node goes.

    :param ending: of the tasks; None to let them run to their end, as only the start task may not.
    """
    for run_id in sorted(node.runs):
        if world.runs[run_id].kind in (RunKind.START_TASK, RunKind.PACKAGES):
            world.end_run(run_id, Ending.TERMINATE)
        elif ending is not None:
            world.end_run(run_id, ending)


def drop_if_done(world: World, pool: Pool, node: Node) -> bool:
    """Remove a leaving node on which nothing runs any more; whether it is gone."""
    if node.state is not NodeState.LEAVING_POOL or node.runs or must_keep_files(world, node):
        return False
    let_go(world, node)
    forget_files(world, node)
    del pool.nodes[id_key(node.id)]
    world.instruct(DeleteDirectory(pool.id, node.id))
    return True


def must_keep_files(world: World, node: Node) -> bool:
    """
    Whether a node has to wait for the retention times of the files on it; it is looked at again then.

    Files may also be deleted, and retention times changed, so it is looked at now and then too.
    """
    if not node.keeps_files:
        return False
    waits = [
        _retention_left(world, task)
        for task in tasks_with_files_on(world, node)
        if task.state is TaskState.COMPLETED
    ]
    longest = max(waits, default=timedelta(0))
    if longest <= timedelta(0):
        node.keeps_files = False
        return False
    wake(world, node, min(longest, _LOOK_AGAIN).total_seconds())
    return True


def _retention_left(world: World, task: Task) -> timedelta:
    """How long a completed task's files have to stay."""
    end, retention = task.execution_info.end_time, task.spec.constraints.retention_time
    due = None if end is None or retention is None else world.later(end, retention)
    return timedelta.max if due is None else due - world.now


def tasks_with_files_on(world: World, node: Node) -> list[Task]:
    """Return the tasks whose files lie on a node."""
    key = (id_key(node.pool_id), id_key(node.id))
    return [
        task
        for job in world.state.jobs.values()
        for task in job.tasks.values()
        if task.files_at is not None and (id_key(task.files_at.pool_id), id_key(task.files_at.node_id)) == key
    ]


def forget_files(world: World, node: Node) -> None:
    """Note that the files of all tasks on a node are gone."""
    for task in tasks_with_files_on(world, node):
        task.files, task.files_at = TaskFiles.LOST, None


LOST = NodeError("Unknown", "The node was lost.")


def lose(world: World, pool: Pool, node: Node, error: NodeError | None = LOST) -> None:
    """
    Make a node unusable; its tasks run again elsewhere, which is not counted.

    A node that is leaving, or has no machine, stays as it is.

    :param error: why; None when contact was lost for good.
    """
    if (node.state, NodePassage.LOSE) not in NODE:
        return
    move_node(node, NodePassage.LOSE, world.now)
    node.wakes += 1
    node.errors = () if error is None else (error,)
    update_capacity(world, pool, node)
    world.end_runs(node.runs, Ending.RECOVER)


def is_leaving_with_work(pool: Pool) -> bool:
    """Whether nodes are on their way out."""
    return any(node.state is NodeState.LEAVING_POOL for node in pool.nodes.values())
