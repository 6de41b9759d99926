"""
Find the pools that bill for nobody, every hour.

``reap`` looks at the pools that this Airflow has made, in any DAG, and says in its log and its XCom which
of them hold nodes although their runs have ended. It changes nothing as long as ``dry_run`` is true: read
its log for some days, then set it to false. Pools of others it never touches, idle or not.

For a pool that somebody else has made, and that you may resize, there is the sensor: ``until_idle`` waits
until nothing has happened on it for an hour, and then ``shrink`` takes its nodes away. Tasks that come at
the last moment run to their end first. A run in which the pool is used all day ends with the sensor
skipped.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_batch.operators.pools import AzureBatchReapPoolsOperator, AzureBatchResizePoolOperator
from airflow_provider_batch.sensors.idle_pool import AzureBatchIdlePoolSensor

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

GRACE = timedelta(hours=1)

with DAG(
    "reaper",
    description="Find the pools that bill for nobody",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={"batch_pool_id": "render"},
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    # [START howto_reaper]
    reap = AzureBatchReapPoolsOperator(task_id="reap", grace=GRACE, dry_run=True)

    until_idle = AzureBatchIdlePoolSensor(
        task_id="until_idle",
        batch_pool_id="{{ params.batch_pool_id }}",
        grace=GRACE,
        mode="reschedule",
        poke_interval=300,
        timeout=timedelta(hours=12).total_seconds(),
        soft_fail=True,
    )
    shrink = AzureBatchResizePoolOperator(
        task_id="shrink",
        batch_pool_id="{{ params.batch_pool_id }}",
        target_dedicated_nodes=0,
        target_low_priority_nodes=0,
        node_deallocation_option="taskcompletion",
    )
    until_idle >> shrink
    # [END howto_reaper]
