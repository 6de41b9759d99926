"""Creation of a pool through the management plane; it takes the right to write pools of the account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError

from airflow_provider_batch.client import management
from airflow_provider_batch.client.account import ManagementSettings
from airflow_provider_batch.domain.management_pool import management_pool
from airflow_provider_batch.exceptions import BatchConflictError

__all__ = ["create_pool"]

_LIMITS = {"connection_timeout": 10, "read_timeout": 60, "retry_total": 3}
_PRECONDITION_FAILED = 412


def create_pool(settings: ManagementSettings, body: Mapping[str, Any]) -> None:
    """
    Create a pool; one of that id that exists is never changed. May be repeated.

    :param settings: which account, as whom.
    :param body: the pool (REST JSON of the data plane).
    :raises BatchConflictError: ``PoolExists``, also for a repetition of what had been done.
    :raises AzureBatchError: it was refused, or there was no answer.
    """
    name = str(body["id"])
    try:
        with management.management_client(settings, **_LIMITS) as client:
            client.pool.create(
                settings.resource_group,
                settings.account_name,
                name,
                management_pool(body),
                etag="*",
                match_condition=MatchConditions.IfMissing,
            )
    except AzureError as error:
        if isinstance(error, HttpResponseError) and error.status_code == _PRECONDITION_FAILED:
            # The request's only condition is that there is no such pool.
            raise BatchConflictError(
                code="PoolExists",
                message="the management plane says that the pool exists",
                status=_PRECONDITION_FAILED,
                operation="create_pool",
            ) from error
        raise management.management_error(error, "create_pool", settings) from error
