"""What Airflow asks of a provider; read by every Airflow process, so it imports next to nothing."""

from __future__ import annotations

from typing import Any

from airflow_provider_batch import __version__
from airflow_provider_batch.hooks.form import CONN_FIELDS, CONNECTION_TYPE, UI_FIELD_BEHAVIOUR

__all__ = ["get_provider_info"]

_NAME = "Azure Batch"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    return {
        "package-name": "airflow-provider-batch",
        "name": _NAME,
        "description": "Run Azure Batch from Apache Airflow: graphs, jobs, pools, tasks, live output.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _NAME,
                "external-doc-url": "https://learn.microsoft.com/azure/batch/",
                "tags": ["azure"],
            }
        ],
        "hooks": [_modules("airflow_provider_batch.hooks.batch")],
        # Of a task group Airflow has nothing to know: its tasks are operators.
        "operators": [
            _modules(
                "airflow_provider_batch.operators.task",
                "airflow_provider_batch.operators.launch",
                "airflow_provider_batch.operators.finish",
                "airflow_provider_batch.operators.pools.autoscale",
                "airflow_provider_batch.operators.pools.create",
                "airflow_provider_batch.operators.pools.delete",
                "airflow_provider_batch.operators.pools.nodes",
                "airflow_provider_batch.operators.pools.reap",
                "airflow_provider_batch.operators.pools.resize",
            )
        ],
        "sensors": [
            _modules(
                "airflow_provider_batch.sensors.idle_pool",
                "airflow_provider_batch.sensors.job",
                "airflow_provider_batch.sensors.pool",
                "airflow_provider_batch.sensors.task",
            )
        ],
        "triggers": [
            _modules(
                "airflow_provider_batch.triggers.task",
                "airflow_provider_batch.triggers.mirror",
                "airflow_provider_batch.triggers.pool",
                "airflow_provider_batch.triggers.sensor",
            )
        ],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "airflow_provider_batch.hooks.batch.AzureBatchHook",
                "hook-name": _NAME,
                "conn-fields": CONN_FIELDS,
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
            }
        ],
        "extra-links": [
            "airflow_provider_batch.links.portal.AzureBatchJobLink",
            "airflow_provider_batch.links.portal.AzureBatchTaskLink",
            "airflow_provider_batch.links.portal.AzureBatchPoolLink",
        ],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": _NAME, "python-modules": list(names)}
