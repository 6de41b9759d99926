"""Start tasks: what a node runs whenever it has booted, before it takes tasks or beside them."""

from __future__ import annotations

from airflow_provider_batch.emulator.machine import nodes
from airflow_provider_batch.emulator.machine.instructions import RunKind, RunProcess
from airflow_provider_batch.emulator.machine.runs import Run
from airflow_provider_batch.emulator.machine.tables import NodePassage
from airflow_provider_batch.emulator.machine.transitions import move_node
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.assumptions import RerunOutput
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.nodes import Node, StartTaskInfo
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeState, StartTaskState, TaskResult

START_TASK_DIRECTORY = "startup"


def begin(world: World, pool: Pool, node: Node) -> None:
    """Let a node that has booted run its pool's start task, or be ready at once."""
    spec = pool.spec.start_task
    if spec is None:
        node.start_task, node.start_task_info = None, None
        nodes.be_ready(world, pool, node)
        return
    node.start_task = pool.spec.definition.get("startTask")
    node.start_task_info = StartTaskInfo(StartTaskState.RUNNING, world.now)
    if spec.wait_for_success:
        move_node(node, NodePassage.AWAIT_START_TASK, world.now)
    else:
        nodes.be_ready(world, pool, node)
    _run(world, pool, node)


def run_again(world: World, pool: Pool, node: Node) -> None:
    """Run a start task again whose process was lost; that is no retry."""
    _info(node).start_time = world.now
    _run(world, pool, node)


def _run(world: World, pool: Pool, node: Node) -> None:
    # The spec may have changed meanwhile: a retry runs what the pool says now, as a reboot would.
    spec = pool.spec.start_task
    if spec is None:
        _finish(world, pool, node, exit_code=0, failure=None)
        return
    fault = world.faults.take_start_task(id_key(pool.id), id_key(node.id))
    if fault is not None:
        _info(node).retry_count = max(0, spec.max_task_retry_count)
        _finish(world, pool, node, exit_code=fault.exit_code, failure=failures.failure_exit_code())
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
            registries=pool.spec.registries,
        )
    )


def ended(world: World, run: Run, exit_code: int | None, failure: FailureInfo | None) -> None:
    """Take note of a start task's end: run it again, or judge the node by it."""
    pool = world.state.pools[run.pool_key]
    node = world.node_of(run)
    info = _info(node)
    spec = pool.spec.start_task
    retries = 0 if spec is None else spec.max_task_retry_count
    may_retry = run.ending is None and failure is None and (retries == -1 or info.retry_count < retries)
    if exit_code != 0 and may_retry:
        info.retry_count += 1
        info.last_retry_time = world.now
        info.start_time = world.now
        _run(world, pool, node)
        return
    if run.ending is not None:
        exit_code, failure = None, failures.task_ended()
    elif failure is None and exit_code != 0:
        failure = failures.failure_exit_code()
    _finish(world, pool, node, exit_code=exit_code, failure=failure)


def _finish(
    world: World, pool: Pool, node: Node, *, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """Write down a start task's end, and let a waiting node go on or fail."""
    info = _info(node)
    info.state = StartTaskState.COMPLETED
    info.end_time = world.now
    info.exit_code = exit_code
    info.failure_info = failure
    info.result = TaskResult.SUCCESS if failure is None else TaskResult.FAILURE
    if node.state is not NodeState.WAITING_FOR_START_TASK:
        return
    if failure is None:
        nodes.be_ready(world, pool, node)
    else:
        move_node(node, NodePassage.START_TASK_FAILED, world.now)
        nodes.update_capacity(world, pool, node)


def _info(node: Node) -> StartTaskInfo:
    if node.start_task_info is None:
        raise AssertionError(f"node {node.id} runs a start task that it never began")
    return node.start_task_info
