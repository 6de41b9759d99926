"""The DAGs that are compared. A DAG file of a run is one call of a function of this module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup
from benchmarks.event_loop import TriggererOperator, start_args

_START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def source(function: Callable[..., DAG], **arguments: Any) -> str:
    """
    Return the text of a DAG file.

    :param function: one of this module's.
    :param arguments: its arguments.
    """
    values = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return (
        f"from airflow.sdk import DAG\nfrom {function.__module__} import {function.__name__}\n\n"
        f"dag = {function.__name__}({values})\n"
    )


def _dag(dag_id: str) -> DAG:
    return DAG(dag_id, schedule=None, start_date=_START, catchup=False, max_active_tasks=2000)


def _connect(tasks: Sequence[Any], width: int) -> None:
    """Draw all edges from each level of so many tasks to the next one."""
    for index in range(width, len(tasks)):
        first = index // width * width - width
        tasks[index].set_upstream(list(tasks[first : first + width]))


def group(dag_id: str, members: int, width: int, seconds: float, pool: str, **options: Any) -> DAG:
    """
    A group of unmapped members.

    :param members: how many.
    :param width: how many stand in each level; as many as there are members for a flat group.
    :param seconds: how long each one runs.
    :param pool: a pool that exists.
    :param options: further parameters of the group; ``poll_interval`` of the members.
    """
    member = {key: options.pop(key) for key in ("poll_interval", "deferrable") if key in options}
    with _dag(dag_id) as dag, AzureBatchJobTaskGroup("g", batch_pool_id=pool, **options):
        tasks = [
            AzureBatchTaskOperator(task_id=f"t{n}", command_line=f"/bin/sleep {seconds}", **member)
            for n in range(members)
        ]
        _connect(tasks, width)
    return dag


def mapped(dag_id: str, members: int, seconds: float, pool: str) -> DAG:
    """
    A group of one mapped member.

    :param members: how many indexes it has.
    :param seconds: how long each one runs.
    :param pool: a pool that exists.
    """
    commands = [f"/bin/sleep {seconds}"] * members
    with _dag(dag_id) as dag, AzureBatchJobTaskGroup("g", batch_pool_id=pool):
        AzureBatchTaskOperator.partial(task_id="t").expand(command_line=commands)
    return dag


def floor(dag_id: str, members: int, width: int, seconds: float, leaves_result: bool = False) -> DAG:
    """
    The same tasks with triggers that only sleep: what Airflow itself takes.

    :param members: how many.
    :param width: how many stand in each level.
    :param seconds: how long each one runs.
    :param leaves_result: each one leaves a result, as a member of a group does.
    """
    arguments = {"seconds": seconds, "leaves_result": leaves_result}
    with _dag(dag_id) as dag:
        tasks = [
            TriggererOperator(task_id=f"t{n}", trigger="PauseTrigger", arguments=arguments)
            for n in range(members)
        ]
        _connect(tasks, width)
    return dag


def mapped_floor(dag_id: str, members: int, seconds: float, leaves_result: bool = False) -> DAG:
    """
    One mapped task with triggers that only sleep.

    :param members: how many indexes it has.
    :param seconds: how long each one runs.
    :param leaves_result: each one leaves a result, as a member of a group does.
    """
    with _dag(dag_id) as dag:
        arguments = {"seconds": seconds, "leaves_result": leaves_result}
        one = TriggererOperator.partial(task_id="t", trigger="PauseTrigger", arguments=arguments)
        task: Any = one.expand(doc=[str(n) for n in range(members)])
        # Airflow asks the mapped operator, which knows only what its class says.
        task.start_trigger_args = start_args("PauseTrigger", arguments)
        task.start_from_trigger = True
    return dag


def official(
    dag_id: str,
    members: int,
    width: int,
    seconds: float,
    pools: Sequence[str],
    deferrable: bool,
    poll_interval: int | None,
    retries: int,
) -> DAG:
    """
    The same graph with the official operator.

    It waits until all nodes of its pool are idle before it adds a task, and until all tasks of its job have
    ended: so each place in a level has a pool of one node, which is idle when the level begins, and each task
    has a job of its own.

    :param members: how many tasks.
    :param width: how many stand in each level.
    :param seconds: how long each one runs.
    :param pools: one pool that exists for each place in a level.
    :param deferrable: how it waits.
    :param poll_interval: seconds; None for its own default.
    :param retries: retries of each task.
    """
    from airflow.providers.microsoft.azure.operators.batch import AzureBatchOperator

    from benchmarks.official import PromptAzureBatchOperator

    operator: Any = AzureBatchOperator if poll_interval is None else PromptAzureBatchOperator
    options = {} if poll_interval is None else {"poll_interval": poll_interval}
    with _dag(dag_id) as dag:
        tasks = [
            operator(
                task_id=f"t{n}",
                batch_pool_id=pools[n % width],
                batch_pool_vm_size="standard_d64s_v5",
                batch_job_id=f"{dag_id}-{{{{ run_id }}}}-t{n}",
                batch_task_id="task",
                batch_task_command_line=f"/bin/sleep {seconds}",
                vm_publisher="canonical",
                vm_offer="0001-com-ubuntu-server-jammy",
                vm_sku="22_04-lts",
                vm_version="latest",
                vm_node_agent_sku_id="batch.node.ubuntu 22.04",
                target_dedicated_nodes=1,
                deferrable=deferrable,
                retries=retries,
                retry_delay=timedelta(seconds=1),
                **options,
            )
            for n in range(members)
        ]
        _connect(tasks, width)
    return dag


def probe(dag_id: str, samples: str) -> DAG:
    """
    One trigger that notes how late it is woken.

    :param samples: file of the notes.
    """
    with _dag(dag_id) as dag:
        TriggererOperator(task_id="probe", trigger="ProbeTrigger", arguments={"samples": samples})
    return dag
