"""Operators for Batch pools and their nodes."""

from airflow_provider_batch.operators.pools.autoscale import (
    AzureBatchDisableAutoScaleOperator,
    AzureBatchEnableAutoScaleOperator,
    AzureBatchEvaluateAutoScaleOperator,
)
from airflow_provider_batch.operators.pools.create import AzureBatchCreatePoolOperator
from airflow_provider_batch.operators.pools.delete import AzureBatchDeletePoolOperator
from airflow_provider_batch.operators.pools.nodes import (
    AzureBatchNodeActionOperator,
    AzureBatchRemoveNodesOperator,
)
from airflow_provider_batch.operators.pools.reap import AzureBatchReapPoolsOperator
from airflow_provider_batch.operators.pools.resize import (
    AzureBatchResizePoolOperator,
    AzureBatchStopPoolResizeOperator,
)

__all__ = [
    "AzureBatchCreatePoolOperator",
    "AzureBatchDeletePoolOperator",
    "AzureBatchDisableAutoScaleOperator",
    "AzureBatchEnableAutoScaleOperator",
    "AzureBatchEvaluateAutoScaleOperator",
    "AzureBatchNodeActionOperator",
    "AzureBatchReapPoolsOperator",
    "AzureBatchRemoveNodesOperator",
    "AzureBatchResizePoolOperator",
    "AzureBatchStopPoolResizeOperator",
]
