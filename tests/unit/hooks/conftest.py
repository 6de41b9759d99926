from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.scripted_server import ScriptedServer, scripted_server

KEY = "c2VjcmV0LWFjY291bnQta2V5LWZvci10ZXN0cw=="

Connect = Callable[..., str]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Define an Airflow connection, as the environment does, and return its id."""

    def define(
        account_url: str, login: str | None = "acct", password: str | None = KEY, **extras: str
    ) -> str:
        connection = {
            "conn_type": "azure_batch_account",
            "login": login,
            "password": password,
            "extra": {"account_url": account_url, **extras},
        }
        monkeypatch.setenv("AIRFLOW_CONN_BATCH_TEST", json.dumps(connection))
        return "batch_test"

    return define
