"""
The management plane (Azure Resource Manager): the one place where its client is made and its errors are read.

Needs the extra ``[management]``. Few requests go this way, so its pipeline is the vendor's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.mgmt.batch import BatchManagementClient

from airflow_provider_batch.client.account import ManagementSettings
from airflow_provider_batch.client.credentials import sync_credential
from airflow_provider_batch.client.http_log import HTTP_LOGGER
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.service_errors import ErrorBody, error_class, read_error
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchPermissionError,
    BatchServiceError,
    BatchUnavailableError,
)

__all__ = ["management_client", "management_error"]

#: what Azure Resource Manager itself answers, before the request reaches Batch
_RESOURCE_MANAGER_CODES: dict[str, type[BatchServiceError]] = {
    "AuthenticationFailed": BatchAuthenticationError,
    "AuthorizationFailed": BatchPermissionError,
    "ExpiredAuthenticationToken": BatchAuthenticationError,
    "InvalidAuthenticationToken": BatchAuthenticationError,
    "InvalidAuthenticationTokenTenant": BatchAuthenticationError,
    "LinkedAuthorizationFailed": BatchPermissionError,
}


@contextmanager
def management_client(settings: ManagementSettings, **options: Any) -> Iterator[BatchManagementClient]:
    """
    Open the vendor's client, and close it and its credential.

    :param settings: which account, as whom.
    :param options: further arguments of the client, such as time limits.
    """
    address = settings.account.cloud.management_url
    credential = sync_credential(settings.account)
    try:
        with BatchManagementClient(
            credential,
            settings.subscription_id,
            base_url=address,
            credential_scopes=[f"{address}/.default"],
            user_agent="airflow-provider-batch",
            logger=HTTP_LOGGER,
            **options,
        ) as client:
            yield client
    finally:
        credential.close()


def management_error(error: AzureError, operation: str, settings: ManagementSettings) -> AzureBatchError:
    """
    Map an error of the vendor's pipeline.

    :param error: what the pipeline raised.
    :param operation: what was asked for.
    :param settings: which account, as whom.
    """
    response: Any = error.response if isinstance(error, HttpResponseError) else None
    if response is None:
        return BatchUnavailableError(
            f"{operation} got no answer from the management plane ({settings.account.cloud.management_url}, "
            f"auth_method {settings.account.credential.kind}): {redact(str(error.message)).strip()}"
        )
    body = _error_body(response)
    if body.code is None and response.status_code >= 500:
        return BatchUnavailableError(
            f"the management plane failed on {operation} (HTTP {response.status_code})"
        )
    kind = error_class(body.code) or _RESOURCE_MANAGER_CODES.get(body.code or "", BatchServiceError)
    return kind(
        code=body.code,
        message=f"the management plane says: {redact(body.message)}",
        status=response.status_code,
        operation=operation,
        details=[(name, redact(value)) for name, value in body.details],
        request_id=response.headers.get("x-ms-request-id"),
    )


def _error_body(response: Any) -> ErrorBody:
    """Read the error object of Azure Resource Manager, whose details are errors themselves."""
    try:
        found = json.loads(response.text()).get("error")
    except (ValueError, AttributeError):
        return ErrorBody()
    body = read_error(found)
    details = found.get("details") if isinstance(found, dict) else None
    pairs = [(str(each.get("code")), str(each.get("message"))) for each in details or ()]
    return replace(body, details=tuple(pairs))
