"""
Operators for Batch pools and their nodes.

An operator is loaded when it is first named: a DAG uses one or two, and every parse of its file imports them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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

_MODULE_OF: Final = {
    "AzureBatchCreatePoolOperator": "create",
    "AzureBatchDeletePoolOperator": "delete",
    "AzureBatchDisableAutoScaleOperator": "autoscale",
    "AzureBatchEnableAutoScaleOperator": "autoscale",
    "AzureBatchEvaluateAutoScaleOperator": "autoscale",
    "AzureBatchNodeActionOperator": "nodes",
    "AzureBatchReapPoolsOperator": "reap",
    "AzureBatchRemoveNodesOperator": "nodes",
    "AzureBatchResizePoolOperator": "resize",
    "AzureBatchStopPoolResizeOperator": "resize",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
