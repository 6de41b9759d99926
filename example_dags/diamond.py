"""
Four tasks as one Azure Batch job: the smallest graph whose edges Batch holds by itself.

The group becomes one Batch job. ``launch`` gives Batch all four tasks at once, each with the tasks that it
depends on, so Batch starts ``smallest`` and ``largest`` the moment ``numbers`` has succeeded, without asking
Airflow. The tasks in Airflow mirror what happens in Batch: each shows the output of its Batch task and ends
as it does, and none of them needs a worker. ``finish`` ends the job.
"""

from __future__ import annotations

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

# [START howto_job_task_group]
# One node: the tasks share files through the node's shared folder.
ONE_NODE = PoolSpec(
    pool_id="examples",
    vm_size="standard_d2s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=4,
)


def shell(commands: str) -> str:
    """Run commands in a folder that all tasks of this run share."""
    return f"/bin/bash -c 'work=$AZ_BATCH_NODE_SHARED_DIR/$RUN; mkdir -p $work && cd $work && {commands}'"


with (
    DAG(
        "diamond",
        description="Four tasks as one Batch job",
        schedule=None,
        catchup=False,
        default_args={"environment": {"RUN": "diamond-{{ run_id }}"}, "poll_interval": 1},
        doc_md=__doc__,
        tags=["azure-batch", "example"],
    ) as dag,
    AzureBatchJobTaskGroup(group_id="report", batch_pool=ONE_NODE),
):
    numbers = AzureBatchTaskOperator(
        task_id="numbers", command_line=shell("shuf -i 1-1000 -n 100 > numbers.txt")
    )
    smallest = AzureBatchTaskOperator(
        task_id="smallest", command_line=shell("sort -n numbers.txt | head -n 1 > smallest.txt")
    )
    largest = AzureBatchTaskOperator(
        task_id="largest", command_line=shell("sort -n numbers.txt | tail -n 1 > largest.txt")
    )
    report = AzureBatchTaskOperator(
        task_id="report",
        command_line=shell("echo from $(cat smallest.txt) to $(cat largest.txt)"),
    )
    numbers >> [smallest, largest] >> report
# [END howto_job_task_group]
