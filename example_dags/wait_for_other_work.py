"""
Begin when the work of somebody else is done: of another team, a script, ``az batch``.

Nothing here has been submitted by Airflow. Each sensor says in its log what it waits for, and fails, with
the reason, when what it waits for has failed. The three ways to wait are those of all sensors:

* ``poke`` holds a worker slot: for seconds.
* ``reschedule`` holds one for the time of a look: for hours, also without a triggerer.
* ``deferrable=True`` waits in the triggerer, where sensors that look at the same thing share their
  requests.

What does not exist yet is waited for; ``must_exist=True`` makes it an error.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_batch.sensors.job import AzureBatchJobSensor
from airflow_provider_batch.sensors.pool import AzureBatchPoolSensor
from airflow_provider_batch.sensors.task import AzureBatchTaskSensor

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

with DAG(
    "wait_for_other_work",
    description="Begin when the work of somebody else is done",
    schedule=None,
    catchup=False,
    params={"batch_pool_id": "render", "batch_job_id": "film"},
    default_args={"timeout": timedelta(hours=6).total_seconds()},
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    # [START howto_wait_for_other_work]
    pool_is_ready = AzureBatchPoolSensor(
        task_id="pool_is_ready", batch_pool_id="{{ params.batch_pool_id }}", nodes=1, poke_interval=5
    )
    frames_are_split = AzureBatchTaskSensor(
        task_id="frames_are_split",
        batch_job_id="{{ params.batch_job_id }}",
        batch_task_ids=["split"],
        mode="reschedule",
        poke_interval=10,
    )
    film_is_done = AzureBatchJobSensor(
        task_id="film_is_done", batch_job_id="{{ params.batch_job_id }}", deferrable=True, poll_interval=5
    )

    @task
    def publish(film: Any) -> str:
        """Go on with what the sensor returns."""
        return f"published {film['batch_job_id']}"

    pool_is_ready >> frames_are_split >> film_is_done
    publish(film_is_done.output)
    # [END howto_wait_for_other_work]
