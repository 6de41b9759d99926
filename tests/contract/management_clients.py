"""azure-mgmt-batch, sync and aio, behind one plain face; and how its clients are pointed to the emulator."""

from __future__ import annotations

import asyncio
import inspect
import operator
from collections.abc import Iterator
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.polling import LROPoller
from azure.mgmt.batch import BatchManagementClient
from azure.mgmt.batch.aio import BatchManagementClient as AioBatchManagementClient

from airflow_provider_batch.emulator import (
    DEFAULT_LOCATION,
    DEFAULT_RESOURCE_GROUP,
    DEFAULT_SUBSCRIPTION_ID,
)
from tests.contract.management_check import ManagementModelCheck
from tests.emulator_process import ACCOUNT_NAME, EmulatorProcess

ACCOUNT = (DEFAULT_RESOURCE_GROUP, ACCOUNT_NAME)
"""The first two arguments of most methods."""

ACCOUNT_ID = (
    f"/subscriptions/{DEFAULT_SUBSCRIPTION_ID}/resourceGroups/{DEFAULT_RESOURCE_GROUP}"
    f"/providers/Microsoft.Batch/batchAccounts/{ACCOUNT_NAME}"
)
LOCATION = DEFAULT_LOCATION
TOKEN = "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl"
"""Looks like a token of Entra ID."""

_FAR_FUTURE = 2**33


class StaticToken:
    """A credential with one token that never expires."""

    def __init__(self, token: str = TOKEN) -> None:
        self._token = AccessToken(token, _FAR_FUTURE)

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return self._token


class AioStaticToken(StaticToken):
    """The same for the aio clients."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes, **options)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> AioStaticToken:
        return self

    async def __aexit__(self, *_error: object) -> None:
        pass


class TokensOverPlainHttp(SansIOHTTPPolicy[Any, Any]):
    """azure-core sends bearer tokens over https only, unless the request says otherwise; so each does."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.context.options["enforce_https"] = False


class SyncManagement:
    """The sync client: pages come as lists, pollers as their result."""

    def __init__(self, emulator: EmulatorProcess, **options: Any) -> None:
        self.check = ManagementModelCheck()
        self.client = BatchManagementClient(
            StaticToken(),
            options.pop("subscription_id", DEFAULT_SUBSCRIPTION_ID),
            base_url=emulator.url,
            per_call_policies=[TokensOverPlainHttp()],
            per_retry_policies=[self.check],
            retry_total=0,
            polling_interval=0.05,
            **options,
        )

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call ``group.method`` to its end."""
        result = operator.attrgetter(method)(self.client)(*arguments, **options)
        if isinstance(result, LROPoller):
            return result.result()
        return list(result) if "list" in method else result

    def close(self) -> None:
        self.client.close()


class AioManagement:
    """The aio client with the same face; every call runs in a loop of its own."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.check = ManagementModelCheck()
        self._loop = asyncio.new_event_loop()
        self.client = self._loop.run_until_complete(self._open(emulator))

    async def _open(self, emulator: EmulatorProcess) -> AioBatchManagementClient:
        return AioBatchManagementClient(
            AioStaticToken(),
            DEFAULT_SUBSCRIPTION_ID,
            base_url=emulator.url,
            per_call_policies=[TokensOverPlainHttp()],
            per_retry_policies=[self.check],
            retry_total=0,
            polling_interval=0.05,
        )

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call ``group.method`` to its end."""
        return self._loop.run_until_complete(self._call(method, arguments, options))

    async def _call(self, method: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        result = operator.attrgetter(method)(self.client)(*arguments, **options)
        if inspect.isawaitable(result):
            result = await result
        if ".begin_" in method:
            return await result.result()
        return [item async for item in result] if "list" in method else result

    def close(self) -> None:
        self._loop.run_until_complete(self.client.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


Management = SyncManagement | AioManagement


def managements(kind: str, emulator: EmulatorProcess) -> Iterator[Management]:
    """The body of a fixture: a client of the wanted kind, closed afterwards."""
    management: Management = SyncManagement(emulator) if kind == "sync" else AioManagement(emulator)
    yield management
    management.close()
