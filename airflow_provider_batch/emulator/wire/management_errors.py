"""The body of an error answer of the management plane."""

from __future__ import annotations

import json
from datetime import datetime

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.wire.times import format_time

#: what Azure Resource Manager itself says, before it asks Batch: without a target, and in its own words
_ARM_CODES = frozenset(
    {
        "AuthenticationFailed",
        "InvalidApiVersionParameter",
        "InvalidAuthenticationToken",
        "LocationNotAvailableForResourceType",
        "MissingApiVersionParameter",
        "ResourceGroupNotFound",
        "ResourceNotFound",
        "SubscriptionNotFound",
    }
)


def render_management_error(error: ServiceError, request_id: str, now: datetime) -> bytes:
    """Write an error as Azure Resource Manager does, or as Batch does behind it."""
    if error.code in _ARM_CODES:
        return json.dumps({"error": {"code": error.code, "message": error.message}}).encode("utf-8")
    body: dict[str, object] = {
        "code": error.code,
        "message": f"{error.message}\nRequestId:{request_id}\nTime:{format_time(now)}",
        "target": "BatchAccount",
    }
    if error.values:
        body["details"] = [{"code": key, "message": value} for key, value in error.values]
    return json.dumps({"error": body}).encode("utf-8")
