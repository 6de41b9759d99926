"""Quotas are read from the emulator's management plane, which stands in for Azure Resource Manager."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_batch.client.account import AccountSettings, ClientSecret, DefaultChain, SharedKey
from airflow_provider_batch.domain.quotas import Quotas
from airflow_provider_batch.emulator import DEFAULT_RESOURCE_GROUP, DEFAULT_SUBSCRIPTION_ID
from airflow_provider_batch.exceptions import BatchUnavailableError
from airflow_provider_batch.hooks import quotas as hook_quotas
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.hooks.quotas import account_quotas
from tests.contract.management_clients import StaticToken, TokensOverPlainHttp
from tests.emulator_process import ACCOUNT_NAME, EmulatorProcess

SETTINGS = AccountSettings("https://devbatch.westeurope.batch.azure.com", DefaultChain())
LOG = logging.getLogger(__name__)


def read(emulator: EmulatorProcess, account_name: str = ACCOUNT_NAME) -> Quotas:
    from airflow_provider_batch.client.account_quotas import read_quotas

    return read_quotas(
        SETTINGS,
        DEFAULT_SUBSCRIPTION_ID,
        DEFAULT_RESOURCE_GROUP,
        account_name,
        credential=StaticToken(),
        base_url=emulator.url,
        per_call_policies=[TokensOverPlainHttp()],
    )


def test_quotas_are_those_of_the_account(emulator: EmulatorProcess) -> None:
    pytest.importorskip("azure.mgmt.batch")
    assert read(emulator) == Quotas(10_000, 10_000, 500, 1_000)


def test_an_account_that_is_not_there_has_no_quotas(emulator: EmulatorProcess) -> None:
    pytest.importorskip("azure.mgmt.batch")
    with pytest.raises(BatchUnavailableError, match="does not tell the quotas"):
        read(emulator, "another")


@pytest.mark.parametrize(
    "connection",
    [
        BatchConnection(AccountSettings(SETTINGS.account_url, SharedKey("a", "a2V5")), "a", "sub", "rg"),
        BatchConnection(SETTINGS, "a", None, "rg"),
        BatchConnection(SETTINGS, "a", "sub", None),
    ],
)
def test_a_connection_without_management_asks_nobody(
    connection: BatchConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook_quotas, "import_module", None)
    assert account_quotas(connection, LOG) is None


def test_quotas_that_cannot_be_read_are_no_error(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("azure.mgmt.batch")
    secret = ClientSecret("t", "c", "s")
    nowhere = AccountSettings(SETTINGS.account_url, secret, "https://127.0.0.1:1")
    with caplog.at_level("INFO"):
        assert account_quotas(BatchConnection(nowhere, "a", "sub", "rg"), LOG) is None
    assert "Quotas are not looked at" in caplog.text
