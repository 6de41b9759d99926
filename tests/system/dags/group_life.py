"""Graphs whose members do what a test tells them through files; the tests make things happen to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup

POOL = PoolSpec(
    pool_id="group-life",
    vm_size="standard_d16s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=64,
)


def told(name: str) -> str:
    """
    Command that notes each of its runs, waits while ``<name>.hold`` exists, and then ends.

    ``<name>.failures`` says how many of its runs fail.
    """
    return f"""/bin/bash -c '
cd $LIFE; echo run >> {name}.runs; echo begun {name}
while [ -e {name}.hold ]; do sleep 0.1; done
[ ! -e {name}.failures ] || [ $(grep -c run {name}.runs) -gt $(cat {name}.failures) ] || exit 3
echo ended {name}'"""


def life(name: str, **arguments: Any) -> DAG:
    """Return a DAG whose members find the test's folder in ``LIFE``."""
    return DAG(
        f"group_life_{name}",
        schedule=None,
        catchup=False,
        default_args={
            "environment": {"LIFE": "{{ dag_run.conf['folder'] }}"},
            "poll_interval": 1,
            "retry_delay": timedelta(seconds=0.5),
            **arguments,
        },
        tags=["test"],
    )


def member(name: str) -> AzureBatchTaskOperator:
    """Return a member that is told by files of its name."""
    return AzureBatchTaskOperator(task_id=name, command_line=told(name))


def diamond(connection_id: str = "azure_batch_account_default") -> None:
    """Write the group ``g``: a, then b and c, then d."""
    with AzureBatchJobTaskGroup(group_id="g", batch_pool=POOL, azure_batch_conn_id=connection_id):
        a, b, c, d = (member(name) for name in "abcd")
        a >> [b, c] >> d


with life("diamond") as diamond_dag:
    diamond()

with life("retried", retries=2) as retried_dag:
    diamond()

# Its requests to Batch go through a gate that the test opens and closes.
# launch has the retries of the DAG too
with life("gated", retries=1) as gated_dag:
    diamond(connection_id="gated")

# as all members do in Airflow 3.0 to 3.2
with life("on_workers", deferrable=False) as on_workers_dag:
    diamond()

with life("mapped") as mapped_dag, AzureBatchJobTaskGroup(group_id="g", batch_pool=POOL):
    each = AzureBatchTaskOperator.partial(task_id="m").expand(command_line=[told(f"m{n}") for n in range(3)])
    member("a") >> each >> member("z")

with life("late") as late_dag, AzureBatchJobTaskGroup(group_id="g", batch_pool=POOL):
    cleanup = AzureBatchTaskOperator(task_id="z", command_line=told("z"), trigger_rule="one_failed")
    member("a") >> member("b") >> cleanup
