"""
A pool for one run: made by a setup, deleted by a teardown, also when the run fails.

``create_pool`` waits until two nodes can run tasks, not merely until the pool is steady. ``delete_pool`` runs
whatever became of the work, and is the only one that may delete this pool. A pool that never becomes ready is
deleted by ``create_pool`` itself, since Airflow does not run the teardown of a setup that failed; so is one
whose ``create_pool`` is killed or runs out of time. When the time of the whole run is up, Airflow skips the
teardown as well: then the callback of the DAG deletes the pool.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator, AzureBatchDeletePoolOperator
from airflow_provider_batch.operators.run_cleanup import AzureBatchRunCleanup
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, StartTask, VmImage

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

# A run's id has characters that an id in Batch cannot have.
POOL_ID = "run-{{ run_id | replace(':', '') | replace('.', '') | replace('+', '') }}"

with DAG(
    "ephemeral_pool",
    description="A pool for one run",
    schedule=None,
    catchup=False,
    params={"start_task": "true", "command": "echo done"},
    dagrun_timeout=timedelta(hours=2),
    on_failure_callback=AzureBatchRunCleanup(),
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    # [START howto_ephemeral_pool]
    create_pool = AzureBatchCreatePoolOperator(
        task_id="create_pool",
        batch_pool=PoolSpec(
            pool_id=POOL_ID,
            vm_size="standard_d2s_v5",
            image=VmImage.ubuntu("22.04"),
            target_low_priority_nodes=2,
            start_task=StartTask(command_line="/bin/bash -c '{{ params.start_task }}'"),
        ),
        delete_on_kill=True,
        delete_on_failure=True,
        poll_interval=5,
    )
    work = AzureBatchTaskOperator(
        task_id="work",
        batch_pool_id="{{ ti.xcom_pull('create_pool')['batch_pool_id'] }}",
        command_line="/bin/bash -c '{{ params.command }}'",
        poll_interval=1,
    )
    delete_pool = AzureBatchDeletePoolOperator(task_id="delete_pool", batch_pool_id=POOL_ID, poll_interval=5)
    create_pool >> work >> delete_pool.as_teardown(setups=create_pool)
    # [END howto_ephemeral_pool]
