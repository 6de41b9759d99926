"""What the emulator's own addresses have in common: who may write there, and how bodies are read."""

from __future__ import annotations

import hmac
import json
from typing import Any

from starlette.requests import Request

from airflow_provider_batch.emulator import errors

KEY_HEADER = "x-batch-emulator-key"
"""Carries the account key of a write."""


class ControlKey:
    """The account key, which a write must carry in a header that no web page can send unasked."""

    def __init__(self, key: str) -> None:
        self._key = key

    def check(self, request: Request) -> None:
        """
        Refuse a request without the key.

        :raises ServiceError: ``AuthenticationFailed``.
        """
        sent = request.headers.get(KEY_HEADER, "")
        if not hmac.compare_digest(sent.encode(), self._key.encode()):
            raise errors.authentication_failed(f"{KEY_HEADER} must carry the account key.")


async def json_object(request: Request) -> dict[str, Any]:
    """
    Return the body of a request.

    :raises ServiceError: ``InvalidRequestBody``.
    """
    try:
        body: object = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise errors.invalid_request_body("It is not JSON") from None
    if not isinstance(body, dict):
        raise errors.invalid_request_body("It is not a JSON object")
    return body


def number_of(body: dict[str, Any], name: str, least: float, most: float) -> float:
    """
    Return a number of a body.

    :raises ServiceError: ``MissingRequiredProperty``, ``InvalidPropertyValue``.
    """
    value = body.get(name)
    if value is None:
        raise errors.missing_required_property(name)
    if type(value) not in (int, float) or not least <= value <= most:
        reason = f"A number from {least:g} to {most:g} is expected"
        raise errors.invalid_property_value(name, str(value), reason)
    return float(value)
