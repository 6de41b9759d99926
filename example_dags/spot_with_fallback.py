"""
Cheap nodes that Azure may take back, and dedicated ones in their place while it has none to give.

The pool asks for spot nodes, one for each task. When Azure takes nodes back (preempts them), Batch runs
their tasks again by itself, on any node of the pool; that is no failure and no retry, neither in Batch nor
in Airflow. While spot nodes are missing, the formula asks for dedicated ones, at most
``max_dedicated_nodes``, and goes back to spot when Azure has some again.

A task that may be run again must be able to begin anew: let it write its result at its end, or carry on
from what it has saved. ``max_wall_clock_time`` counts for each run of its own; ``execution_timeout`` bounds
all of them.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import Autoscale, PoolSpec, VmImage

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

with DAG(
    "spot_with_fallback",
    description="Spot nodes, and dedicated ones while there are none",
    schedule=None,
    catchup=False,
    params={"command": "echo part $PART"},
    default_args={"deferrable": True, "poll_interval": 1},
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    # [START howto_spot_with_fallback]
    pool = AzureBatchCreatePoolOperator(
        task_id="pool",
        batch_pool=PoolSpec(
            pool_id="spot-with-fallback",
            vm_size="standard_d2s_v5",
            image=VmImage.ubuntu("22.04"),
            autoscale=Autoscale.spot_with_fallback(max_nodes=20, max_dedicated_nodes=5),
        ),
        wait_until_usable=False,
    )
    simulate = AzureBatchTaskOperator.partial(
        task_id="simulate",
        batch_pool_id="spot-with-fallback",
        command_line="/bin/bash -c '{{ params.command }}'",
        execution_timeout=timedelta(hours=12),
    ).expand(environment=[{"PART": part} for part in ("north", "south")])
    pool >> simulate
    # [END howto_spot_with_fallback]
