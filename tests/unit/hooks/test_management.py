"""A connection that cannot ask the management plane says everything that it lacks."""

from __future__ import annotations

import pytest

from airflow_provider_batch.client.account import AccountSettings, DefaultChain, ManagementSettings, SharedKey
from airflow_provider_batch.exceptions import AzureBatchConfigurationError
from airflow_provider_batch.hooks import management
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.hooks.management import management_settings

URL = "https://films.westeurope.batch.azure.com"
ENTRA = AccountSettings(URL, DefaultChain())
KEY = AccountSettings(URL, SharedKey("films", "a2V5"))


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "has_management_package", lambda: True)


def test_a_connection_that_says_everything_is_asked_with() -> None:
    assert management_settings(BatchConnection(ENTRA, "films", "sub", "rg")) == ManagementSettings(
        ENTRA, "sub", "rg", "films"
    )


@pytest.mark.parametrize(
    ("connection", "reasons"),
    [
        (BatchConnection(KEY, "films", "sub", "rg"), ["account key"]),
        (BatchConnection(ENTRA, "films", None, "rg"), ["names no subscription_id"]),
        (BatchConnection(ENTRA, "films", "sub"), ["names no resource_group"]),
        (BatchConnection(ENTRA, None, "sub", "rg"), ["the account's name"]),
        (BatchConnection(KEY), ["account key", "subscription_id", "resource_group", "the account's name"]),
    ],
)
def test_every_reason_is_told_at_once(connection: BatchConnection, reasons: list[str]) -> None:
    with pytest.raises(AzureBatchConfigurationError) as caught:
        management_settings(connection)
    assert [reason in str(caught.value) for reason in reasons] == [True] * len(reasons)
    assert str(caught.value).count(";") == 2 * len(reasons) - 1


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "has_management_package", lambda: False)
    with pytest.raises(AzureBatchConfigurationError, match=r"install airflow-provider-batch\[management\]"):
        management_settings(BatchConnection(ENTRA, "films", "sub", "rg"))
