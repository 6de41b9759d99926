from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from airflow_provider_batch.client.account import AccountSettings, SharedKey
from airflow_provider_batch.client.async_session import AsyncBatchSession
from airflow_provider_batch.client.session import BatchSession
from tests.scripted_server import ScriptedServer, scripted_server

ACCOUNT = "acct"
KEY = "a2V5a2V5"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def settings(server: ScriptedServer) -> AccountSettings:
    return AccountSettings(server.url, SharedKey(ACCOUNT, KEY))


@pytest.fixture
def session(settings: AccountSettings) -> Iterator[BatchSession]:
    opened = BatchSession(settings)
    yield opened
    opened.close()


@pytest.fixture
async def async_session(settings: AccountSettings) -> AsyncIterator[AsyncBatchSession]:
    opened = AsyncBatchSession(settings)
    yield opened
    await opened.close()
