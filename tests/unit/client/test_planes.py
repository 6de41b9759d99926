"""One port for both planes: each request goes where it can be done, or nowhere."""

from __future__ import annotations

import pytest

from airflow_provider_batch.client.account import ManagementSettings
from airflow_provider_batch.client.planes import BothPlanes
from airflow_provider_batch.client.wire import http_request
from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import AzureBatchConfigurationError
from tests.unit.domain.fake_batch import FakeBatch
from tests.unit.domain.plans import POOL_BODY

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
WITH_IDENTITY = requests.create_pool(
    {
        **POOL_BODY,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": IDENTITY}]},
    }
)


def no_management() -> ManagementSettings:
    raise AzureBatchConfigurationError("the connection names no resource_group; fill the field in")


def test_what_the_data_plane_can_do_asks_nothing_of_the_other() -> None:
    batch = FakeBatch()
    BothPlanes(batch, no_management).send(requests.create_pool(POOL_BODY))
    assert "p1" in batch.pools


def test_a_pool_with_identities_is_refused_with_the_reason_and_not_created_without_them() -> None:
    batch = FakeBatch()
    with pytest.raises(AzureBatchConfigurationError, match=r"^pool\.identity: .* names no resource_group"):
        BothPlanes(batch, no_management).send(WITH_IDENTITY)
    assert batch.requests == []


def test_no_session_of_the_data_plane_sends_what_is_for_the_other() -> None:
    with pytest.raises(AzureBatchConfigurationError, match="create_pool is for the management plane"):
        http_request(WITH_IDENTITY)
