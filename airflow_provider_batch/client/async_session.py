"""The async twin of :mod:`airflow_provider_batch.client.session`, for the triggerer."""

from __future__ import annotations

from typing import Any

from azure.batch.aio import BatchClient
from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, SansIOHTTPPolicy
from yarl import URL

from airflow_provider_batch.client import errors, retries, wire
from airflow_provider_batch.client.account import AccountSettings
from airflow_provider_batch.client.credentials import async_credential
from airflow_provider_batch.client.session import answer_of, authentication, is_unread_error, options_of
from airflow_provider_batch.client.tokens import AsyncTokenPolicy
from airflow_provider_batch.domain.requests import Answer, Request

__all__ = ["AsyncBatchSession"]


class AsyncBatchSession:
    """
    An :class:`~airflow_provider_batch.client.ports.AsyncBatchPort` to a Batch account.

    Making one sends nothing; it is used and closed in one event loop.

    :param settings: account and identity.
    :param transport: async HTTP transport of azure-core; for tests that listen in.
    """

    def __init__(self, settings: AccountSettings, transport: Any = None) -> None:
        self._settings = settings
        self._credential = async_credential(settings)
        self._client = BatchClient(
            settings.account_url,
            self._credential,
            retry_policy=retries.AsyncBatchRetryPolicy(),
            per_retry_policies=[_SignWhatIsSent(), _AsyncErrorBody()],
            **authentication(settings, self._credential, AsyncTokenPolicy),
            **options_of(settings, transport),
        )

    async def send(self, request: Request) -> Answer:
        """
        Send one request; see :meth:`~airflow_provider_batch.client.ports.BatchPort.send`.

        :param request: what to send.
        """
        try:
            response = await self._client.send_request(
                wire.http_request(request),
                stream=request.answer == "bytes",
                retry_on_methods=retries.repeatable_methods(request),
            )
            async with response:
                content = await _async_content(request, response)
        except AzureError as error:
            raise errors.translate(error, request, self._settings) from errors.shown_cause(error)
        return answer_of(request, self._settings, response, content)

    async def close(self) -> None:
        """Close connections and the credential."""
        await self._client.close()
        close = getattr(self._credential, "close", None)
        if close is not None:
            await close()


async def _async_content(request: Request, response: Any) -> bytes:
    if request.answer != "bytes":
        return bytes(response.content)
    collected = wire.Bounded(wire.asked_bytes(request))
    async for chunk in response.iter_bytes():
        if collected.add(chunk):
            break
    return collected.content()


class _SignWhatIsSent(SansIOHTTPPolicy[Any, Any]):
    """
    Write the URL as aiohttp will; placed before the policy that signs.

    aiohttp sends some characters of a path, such as ``(`` or ``:``, as they are although they come encoded; a
    signature of the encoded path would be refused.
    """

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.http_request.url = str(URL(request.http_request.url))


class _AsyncErrorBody(AsyncHTTPPolicy[Any, Any]):
    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        response = await self.next.send(request)
        if is_unread_error(response.http_response):
            await response.http_response.read()
        return response
