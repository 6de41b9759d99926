"""
One mapping from the errors of the vendor's pipeline to ours, by the service's code.

Which class a code belongs to stands in :mod:`~airflow_provider_batch.domain.service_errors`.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from airflow_provider_batch.client.account import AccountSettings
from airflow_provider_batch.client.tokens import TokenError
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import Request
from airflow_provider_batch.domain.service_errors import ErrorBody, error_class, read_error
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchConflictError,
    BatchServiceError,
    BatchThrottledError,
    BatchUnavailableError,
)

__all__ = ["not_batch", "service_error", "shown_cause", "translate"]

_SIGN_IN_REMEDY = (
    "Check the key or the identity in the Airflow connection, and the clock of this machine: a signature "
    "holds for minutes."
)


def error_body(content: bytes) -> ErrorBody:
    """
    Read an error body.

    :param content: the body of an unsuccessful response; anything may stand there.
    """
    try:
        return read_error(json.loads(content))
    except ValueError:
        return ErrorBody()


def translate(error: AzureError, request: Request, settings: AccountSettings) -> AzureBatchError:
    """
    Map an error of the vendor's pipeline.

    :param error: what the pipeline raised.
    :param request: what was sent.
    :param settings: account and identity, for the message.
    """
    if isinstance(error, TokenError):
        return _token_error(error, request, settings)
    response: Any = error.response if isinstance(error, HttpResponseError) else None
    if response is not None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code < 300:  # it announced JSON and sent something else
            return BatchUnavailableError(not_batch(request, settings, response.status_code, headers))
        return service_error(request, settings, response.status_code, headers, _content(response))
    return BatchUnavailableError(
        f"{request.operation} got no answer from {settings.account_url}: {_transport_cause(error, settings)}"
    )


def shown_cause(error: AzureError) -> AzureError | None:
    """
    Return what a traceback is to show beneath our error: nothing where ours has all that the service said.

    :param error: what the pipeline raised.
    """
    response: Any = error.response if isinstance(error, HttpResponseError) else None
    return None if response is not None and response.status_code >= 300 else error


def service_error(
    request: Request, settings: AccountSettings, status: int, headers: Mapping[str, str], content: bytes
) -> AzureBatchError:
    """
    Map an unsuccessful response.

    :param request: what was sent.
    :param settings: the account, for the message.
    :param status: HTTP status.
    :param headers: response headers, names in lower case.
    :param content: the body.
    """
    body = error_body(content)
    arguments: dict[str, Any] = {
        "code": body.code,
        "message": redact(body.message) or _without_body(settings, status, headers),
        "status": status,
        "operation": request.operation,
        "details": [(name, redact(value)) for name, value in body.details],
        "request_id": headers.get("request-id"),
    }
    retry_after = _seconds(headers.get("retry-after"))
    kind = _kind(body.code, status, retry_after)
    if kind is None:
        code = body.code or "no error code"
        return BatchUnavailableError(
            f"{settings.account_url} failed on {request.operation} ({code}, HTTP {status}): "
            f"{arguments['message']}"
        )
    if kind is BatchAuthenticationError:
        arguments["message"] = f"{arguments['message']} {_SIGN_IN_REMEDY}"
    if kind is BatchThrottledError:
        return BatchThrottledError(retry_after=retry_after, **arguments)
    return kind(**arguments)


def _kind(code: str | None, status: int, retry_after: float | None) -> type[BatchServiceError] | None:
    """Choose the class of a service error; None for a failure of the server itself."""
    known = error_class(code)
    if known is not None:
        return known
    if status == 429 or (status == 503 and retry_after is not None):
        return BatchThrottledError
    if status == 401:
        # What a proxy of the service answers about a token has no code; 401 means this and nothing else.
        return BatchAuthenticationError
    if status == 409 and code:
        # A new kind of conflict: whoever catches a conflict reads its code.
        return BatchConflictError
    return None if status >= 500 else BatchServiceError


def not_batch(request: Request, settings: AccountSettings, status: int, headers: Mapping[str, str]) -> str:
    """
    Say that something answered that is not Azure Batch.

    :param request: what was sent.
    :param settings: the account.
    :param status: HTTP status.
    :param headers: response headers, names in lower case.
    """
    return f"{request.operation}: {_without_body(settings, status, headers)}"


def _without_body(settings: AccountSettings, status: int, headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "no content type")
    text = f"{settings.account_url} answered HTTP {status} ({kind}), which is not an answer of Azure Batch"
    if location := headers.get("location"):
        text += f", and points to {redact(location)}"
    return f"{text}; is this the account URL, https://<account>.<region>.batch.azure.com?"


def _content(response: Any) -> bytes:
    try:
        return bytes(response.content)
    except AzureError:
        return b""  # it broke off while the body was read: the status is all we know


def _token_error(error: TokenError, request: Request, settings: AccountSettings) -> BatchAuthenticationError:
    kind = settings.credential.kind
    return BatchAuthenticationError(
        code=None,
        message=f"no access token could be had with auth_method {kind} ({settings.credential}) from "
        f"{settings.authority}: {redact(str(error.message)).strip()}",
        status=None,
        operation=request.operation,
    )


def _transport_cause(error: AzureError, settings: AccountSettings) -> str:
    host = urlsplit(settings.account_url).hostname
    text = redact(str(error.message)).strip()
    causes = list(_causes(error))
    if any(_is_name_error(cause) for cause in causes):
        return (
            f"the name {host} cannot be resolved; is the account URL right, and is there a private endpoint?"
        )
    if any(isinstance(cause, ssl.SSLError) or "SSLError" in type(cause).__name__ for cause in causes):
        return f"no TLS connection ({text})"
    if isinstance(error, (ServiceRequestTimeoutError, ServiceResponseTimeoutError)) or any(
        isinstance(cause, TimeoutError) for cause in causes
    ):
        return f"time-out ({text})"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes) or "refused" in text:
        return "the connection was refused; does something listen there?"
    kind = "the connection failed" if isinstance(error, ServiceRequestError) else "the connection broke off"
    return f"{kind} ({text})"


def _is_name_error(cause: BaseException) -> bool:
    # aiohttp and urllib3 wrap the error of the resolver in classes of their own.
    names = {kind.__name__ for kind in type(cause).__mro__}
    return isinstance(cause, socket.gaierror) or bool(
        names & {"NameResolutionError", "ClientConnectorDNSError"}
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk all that an error wraps: causes, contexts, arguments, and urllib3's reasons."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [current.__cause__, current.__context__, *current.args]
        inner += [getattr(current, name, None) for name in ("inner_exception", "reason", "os_error")]
        waiting += [item for item in inner if isinstance(item, BaseException)]


def _seconds(text: str | None) -> float | None:
    """Read a Retry-After in seconds; the service does not send dates there."""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
