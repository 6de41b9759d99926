"""Every sensor in every mode, each waiting for work that a test submits; a DAG for each mode."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_batch.sensors.idle_pool import AzureBatchIdlePoolSensor
from airflow_provider_batch.sensors.job import AzureBatchJobSensor
from airflow_provider_batch.sensors.pool import AzureBatchPoolSensor
from airflow_provider_batch.sensors.task import AzureBatchTaskSensor

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke", "poke_interval": 1},
    "reschedule": {"mode": "reschedule", "poke_interval": 10},
    "deferrable": {"deferrable": True, "poll_interval": 1},
}
NAME = "{{ params.name }}"

for name, how in MODES.items():
    with DAG(f"sensors_{name}", schedule=None, catchup=False, params={"name": "x"}, tags=["test"]) as dag:
        arguments = {**how, "timeout": 120}
        AzureBatchPoolSensor(task_id="nodes", batch_pool_id=NAME, nodes=1, **arguments)
        AzureBatchJobSensor(task_id="job", batch_job_id=NAME, **arguments)
        AzureBatchTaskSensor(task_id="tasks", batch_job_id=NAME, batch_task_ids=["split"], **arguments)
        AzureBatchTaskSensor(task_id="all_tasks", batch_job_id=NAME, **arguments)
    globals()[dag.dag_id] = dag

# It knows no triggerer, and holds no slot while it waits.
with DAG("sensors_idle", schedule=None, catchup=False, params={"name": "x"}, tags=["test"]) as idle:
    AzureBatchIdlePoolSensor(
        task_id="idle", batch_pool_id=NAME, grace=timedelta(seconds=1), **MODES["reschedule"], timeout=120
    )
