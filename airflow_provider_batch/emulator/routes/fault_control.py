"""``/_emulator/faults``: make requests fail on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.routes.control_requests import ControlKey, json_object, number_of
from airflow_provider_batch.emulator.routes.request_faults import Action, RequestFault, RequestFaults, When
from airflow_provider_batch.emulator.routes.table import OPERATIONS

MAX_DELAY_SECONDS = 600.0
"""Longest delay of an answer."""

_CODES = {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}
_NAMES = frozenset(operation.name for operation in OPERATIONS)
_Choice = TypeVar("_Choice", bound=Enum)


class FaultRoutes:
    """The addresses of faults that requests meet."""

    def __init__(self, faults: RequestFaults, key: ControlKey) -> None:
        self._faults = faults
        self._key = key

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/_emulator/faults", self.listed, methods=["GET"]),
            Route("/_emulator/faults", self.add, methods=["POST"]),
            Route("/_emulator/faults", self.clear, methods=["DELETE"]),
            Route("/_emulator/faults/{id:int}", self.remove, methods=["DELETE"]),
        ]

    async def listed(self, _request: Request) -> Response:
        """Say which faults wait, and how many requests have met each."""
        return JSONResponse({"value": [fault_json(fault) for fault in self._faults.all()]})

    async def add(self, request: Request) -> Response:
        """Add a fault; the body has the properties of :class:`RequestFault` in camel case."""
        self._key.check(request)
        fault = self._faults.add(**parse_fault(await json_object(request)))
        return JSONResponse(fault_json(fault), status_code=201)

    async def clear(self, request: Request) -> Response:
        """Forget all faults."""
        self._key.check(request)
        self._faults.clear()
        return Response(status_code=204)

    async def remove(self, request: Request) -> Response:
        """Forget one fault."""
        self._key.check(request)
        if not self._faults.remove(request.path_params["id"]):
            raise errors.resource_not_found()
        return Response(status_code=204)


def fault_json(fault: RequestFault) -> dict[str, Any]:
    """Write a fault."""
    return {
        "id": fault.id,
        "action": fault.action.value,
        "operation": fault.operation,
        "path": fault.path,
        "skip": fault.skip,
        "times": fault.times,
        "when": fault.when.value,
        "status": fault.status,
        "code": fault.code,
        "message": fault.message,
        "retryAfter": fault.retry_after,
        "seconds": fault.seconds,
        "met": fault.met,
    }


def parse_fault(body: dict[str, Any]) -> dict[str, Any]:
    """
    Read a fault.

    :raises ServiceError: ``UnsupportedProperty``, ``InvalidPropertyValue``.
    """
    unknown = sorted(set(body) - set(_PROPERTIES))
    if unknown:
        raise errors.unsupported_property(unknown[0])
    fault = {_PROPERTIES[name][0]: _PROPERTIES[name][1](body, name) for name in body}
    fault.setdefault("action", Action.ANSWER)
    fault.setdefault("code", _CODES.get(fault.get("status", 503), "InternalError"))
    return fault


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body[name]
    if not isinstance(value, str) or "\n" in value or "\r" in value:
        raise errors.invalid_property_value(name, str(value), "A string of one line is expected")
    return value


def _optional_text(body: Mapping[str, Any], name: str) -> str | None:
    return None if body[name] is None else _text(body, name)


def _operation(body: Mapping[str, Any], name: str) -> str:
    value = _text(body, name)
    if value != "*" and value not in _NAMES:
        reason = "The name of an operation is expected, as in GET /_emulator/requests, or *"
        raise errors.invalid_property_value(name, value, reason)
    return value


def _choice(of: type[_Choice]) -> Callable[[Mapping[str, Any], str], _Choice]:
    def parse(body: Mapping[str, Any], name: str) -> _Choice:
        try:
            return of(body[name])
        except ValueError:
            reason = f"One of {', '.join(str(choice.value) for choice in of)} is expected"
            raise errors.invalid_property_value(name, str(body[name]), reason) from None

    return parse


def _whole(least: int, most: int) -> Callable[[dict[str, Any], str], int]:
    return lambda body, name: int(number_of(body, name, least, most))


def _times(body: dict[str, Any], name: str) -> int | None:
    return None if body[name] is None else int(number_of(body, name, 1, 1_000_000))


_PROPERTIES: Mapping[str, tuple[str, Callable[[dict[str, Any], str], Any]]] = {
    "action": ("action", _choice(Action)),
    "operation": ("operation", _operation),
    "path": ("path", _text),
    "skip": ("skip", _whole(0, 1_000_000)),
    "times": ("times", _times),
    "when": ("when", _choice(When)),
    "status": ("status", _whole(400, 599)),
    "code": ("code", _text),
    "message": ("message", _text),
    "retryAfter": ("retry_after", _optional_text),
    "seconds": ("seconds", lambda body, name: number_of(body, name, 0, MAX_DELAY_SECONDS)),
}
