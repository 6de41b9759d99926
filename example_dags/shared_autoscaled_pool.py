"""
A pool that several DAGs share, and that has as many nodes as their tasks need: none when there are none.

* ``pool`` says what its machines are like, and creates it in the first run; later runs, and other DAGs with
  the same description, adopt it. It waits for no node: without tasks there need not be one.
* ``scale`` says how it is sized. The formula is evaluated before it counts; one that cannot be evaluated
  fails this task, and the pool scales as it did before. To change the formula, change it here.
* ``render`` adds tasks. Batch counts the tasks of all jobs on the pool, so runs at the same time get more
  nodes together, at most two more at each evaluation. Nodes that tasks have needed within the last ten
  minutes stay for those that follow; then the pool goes down to nothing, while nothing in Airflow runs for
  it.

No run deletes the pool: an empty one costs nothing.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.operators.pools import (
    AzureBatchCreatePoolOperator,
    AzureBatchEnableAutoScaleOperator,
)
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import Autoscale, PoolSpec, VmImage

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

with DAG(
    "shared_autoscaled_pool",
    description="Runs that share a pool which sizes itself",
    schedule=None,
    catchup=False,
    params={"command": "echo frame $FRAME"},
    default_args={"deferrable": True, "poll_interval": 1},
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    # [START howto_shared_autoscaled_pool]
    pool = AzureBatchCreatePoolOperator(
        task_id="pool",
        batch_pool=PoolSpec(
            pool_id="shared",
            vm_size="standard_d2s_v5",
            image=VmImage.ubuntu("22.04"),
            task_slots_per_node=2,
        ),
        wait_until_usable=False,
    )
    scale = AzureBatchEnableAutoScaleOperator(
        task_id="scale",
        batch_pool_id="shared",
        auto_scale_formula=Autoscale.pending_tasks(
            max_nodes=20, grace=timedelta(minutes=10), step_up=2, step_down=2
        ),
    )
    render = AzureBatchTaskOperator.partial(
        task_id="render",
        batch_pool_id="shared",
        command_line="/bin/bash -c '{{ params.command }}'",
    ).expand(environment=[{"FRAME": str(number)} for number in range(1, 4)])
    pool >> scale >> render
    # [END howto_shared_autoscaled_pool]
