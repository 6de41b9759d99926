"""
A group whose job brings its pool: the service makes the pool with the job and deletes it with the job.

Nothing in the DAG creates or deletes a pool. ``launch`` creates the job, and the service makes a pool for it,
whose id begins with ``film-``; the log of ``launch`` says which. ``finish`` ends the job, and the pool goes
with it, also after a failure. When Airflow dies for good, the job's time limit ends both: with
``dagrun_timeout`` that is an hour after the run at the latest.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.operators.run_cleanup import AzureBatchRunCleanup
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import AutoPoolSpec, JobSpec, PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

with DAG(
    "auto_pool",
    description="A pool that comes and goes with a job",
    schedule=None,
    catchup=False,
    default_args={"poll_interval": 1},
    dagrun_timeout=timedelta(hours=2),
    on_failure_callback=AzureBatchRunCleanup(),
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    # [START howto_auto_pool]
    brought = JobSpec(
        auto_pool_specification=AutoPoolSpec(
            pool=PoolSpec(vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), target_dedicated_nodes=1),
            auto_pool_id_prefix="film-",
        )
    )
    with AzureBatchJobTaskGroup(group_id="film", batch_job=brought):
        split = AzureBatchTaskOperator(
            task_id="split", command_line="/bin/bash -c 'seq 1 4 > $AZ_BATCH_NODE_SHARED_DIR/frames'"
        )
        merge = AzureBatchTaskOperator(
            task_id="merge", command_line="/bin/bash -c 'wc -l < $AZ_BATCH_NODE_SHARED_DIR/frames'"
        )
        split >> merge
    # [END howto_auto_pool]
