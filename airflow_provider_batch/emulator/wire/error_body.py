"""The body of an error answer."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.times import format_time

_METADATA = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"


def render_error(error: ServiceError, links: Links, request_id: str, now: datetime) -> bytes:
    """Write an error as the service does; the message carries the request's id and time."""
    body = {"odata.metadata": links.metadata(_METADATA), **error_json(error, request_id, now)}
    return json.dumps(body).encode("utf-8")


def error_json(error: ServiceError, request_id: str, now: datetime) -> dict[str, Any]:
    """The JSON of an error, as it also stands in the results of a task collection."""
    text = f"{error.message}\nRequestId:{request_id}\nTime:{format_time(now)}"
    body: dict[str, Any] = {"code": error.code, "message": {"lang": "en-US", "value": text}}
    if error.values:
        body["values"] = [{"key": key, "value": value} for key, value in error.values]
    return body
