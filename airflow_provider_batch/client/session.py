"""
A session with one Batch account: the vendor's pipeline, our requests and our errors.

It, and its async twin (:mod:`airflow_provider_batch.client.async_session`), send through
``BatchClient.send_request``, which runs the vendor's whole pipeline (signature or token, user agent, request
ids, tracing), and not through the generated methods, because

- every ``begin_*`` method starts a daemon thread that polls the service, wanted or not;
- a download raises without the service's code, since its body is a stream that the SDK does not read;
- ``begin_terminate_job`` without options raises before any request, and the like;
- one pure mapping serves the sync and the async client, and what is sent is data that a test can compare.

Each worker imports the SDK anew, which is most of what a short task costs there; so the twin, which only the
triggerer needs, is a module of its own.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from azure.batch import BatchClient
from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from airflow_provider_batch.client import errors, retries, wire
from airflow_provider_batch.client.account import AccountSettings, SharedKey, is_loopback
from airflow_provider_batch.client.credentials import sync_credential
from airflow_provider_batch.client.http_log import HTTP_LOGGER
from airflow_provider_batch.client.subnets import check_subnet
from airflow_provider_batch.client.tokens import TokenPolicy
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.exceptions import BatchUnavailableError

__all__ = ["BatchSession", "answer_of", "authentication", "is_unread_error", "options_of"]

CONNECT_TIMEOUT_SECONDS = 10
#: Greatest silence of the service within an answer; it gives up itself after 30 seconds.
READ_TIMEOUT_SECONDS = 60


class BatchSession:
    """
    A :class:`~airflow_provider_batch.client.ports.BatchPort` to a Batch account.

    Making one sends nothing.

    :param settings: account and identity.
    :param transport: HTTP transport of azure-core; for tests that listen in.
    """

    def __init__(self, settings: AccountSettings, transport: Any = None) -> None:
        self._settings = settings
        self._credential = sync_credential(settings)
        self._client = BatchClient(
            settings.account_url,
            self._credential,
            retry_policy=retries.BatchRetryPolicy(),
            per_retry_policies=[_ErrorBody()],
            **authentication(settings, self._credential, TokenPolicy),
            **options_of(settings, transport),
        )

    def send(self, request: Request) -> Answer:
        """
        Send one request; see :meth:`~airflow_provider_batch.client.ports.BatchPort.send`.

        :param request: what to send.
        """
        check_subnet(request, self._settings)
        try:
            response = self._client.send_request(
                wire.http_request(request),
                stream=request.answer == "bytes",
                retry_on_methods=retries.repeatable_methods(request),
            )
            with response:
                if request.answer == "bytes":
                    content = wire.bounded(response.iter_bytes(), wire.asked_bytes(request))
                else:
                    content = response.content
        except AzureError as error:
            raise errors.translate(error, request, self._settings) from errors.shown_cause(error)
        return answer_of(request, self._settings, response, content)

    def close(self) -> None:
        """Close connections and the credential."""
        self._client.close()
        close = getattr(self._credential, "close", None)
        if close is not None:
            close()


def answer_of(request: Request, settings: AccountSettings, response: Any, content: bytes) -> Answer:
    """
    Map a response; what is no answer of the service is an error.

    :param request: what was sent.
    :param settings: account and identity.
    :param response: response of the SDK.
    :param content: its body.
    """
    try:
        return wire.answer(request, response.headers, content)
    except ValueError as error:
        headers = {name.lower(): value for name, value in response.headers.items()}
        problem = errors.not_batch(request, settings, response.status_code, headers)
        raise BatchUnavailableError(problem) from error


def authentication(settings: AccountSettings, credential: Any, token_policy: Any) -> dict[str, Any]:
    """
    Return how to sign in: with tokens of the account's cloud; the SDK itself signs with a shared key.

    :param settings: account and identity.
    :param credential: the SDK's credential.
    :param token_policy: class of the policy that adds the token.
    """
    if isinstance(settings.credential, SharedKey):
        return {}
    return {"authentication_policy": token_policy(credential, settings.cloud.scope)}


def options_of(settings: AccountSettings, transport: Any) -> dict[str, Any]:
    """
    Return the options that both clients of the SDK are built with.

    :param settings: account and identity.
    :param transport: HTTP transport; None for the SDK's own.
    """
    options: dict[str, Any] = {
        "connection_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": READ_TIMEOUT_SECONDS,
        # Batch never redirects; whoever does is not Batch and gets no second, newly signed request.
        "permit_redirects": False,
        "logger": HTTP_LOGGER,
        "user_agent": "airflow-provider-batch",
    }
    if _is_local(settings):
        options["use_env_settings"] = False  # a proxy of the environment cannot reach our loopback
    if transport is not None:
        options["transport"] = transport
    return options


def _is_local(settings: AccountSettings) -> bool:
    return is_loopback(urlsplit(settings.account_url).hostname or "")


def is_unread_error(response: Any) -> bool:
    """
    Tell whether an answer is an error whose body was not read.

    The SDK raises on an unsuccessful answer before anybody can read the body of a stream, and logs a warning
    with a traceback for each. A policy reads it first, so that the code of the service is known.

    :param response: response of the SDK.
    """
    return response.status_code >= 300 and not response.is_stream_consumed


class _ErrorBody(HTTPPolicy[Any, Any]):
    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        response = self.next.send(request)
        if is_unread_error(response.http_response):
            response.http_response.read()
        return response
