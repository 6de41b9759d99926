"""The management plane through azure-mgmt-batch: the account, its keys, its region, who may ask."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.batch import BatchManagementClient
from azure.mgmt.batch.operations import _operations as sdk_operations

from airflow_provider_batch.emulator.model.sizes import cores_of
from airflow_provider_batch.emulator.routes.management_table import (
    MANAGEMENT_OPERATIONS,
    POOL_OPERATION_RESULT,
)
from airflow_provider_batch.emulator.wire.schema import management as management_schema
from tests.contract import management_sdk_schema
from tests.contract.clients import code_of
from tests.contract.management_clients import (
    ACCOUNT,
    ACCOUNT_ID,
    LOCATION,
    Management,
    StaticToken,
    SyncManagement,
    TokensOverPlainHttp,
    managements,
)
from tests.emulator_process import EmulatorProcess, emulator_processes

assumed = pytest.mark.assumed(source="reference of the service, section 9")
sdk_says = pytest.mark.assumed(source="azure-mgmt-batch 19.0.0, generated from the 2025-06-01 specification")
recorded = pytest.mark.verified(on="tests of @azure/arm-batch, recorded", api_version="2020-05-01")
ours = pytest.mark.emulator_only


@pytest.fixture(scope="module", params=["sync", "aio"])
def management(request: pytest.FixtureRequest, emulator: EmulatorProcess) -> Iterator[Management]:
    """The vendor SDK's client of the emulator that all contract tests share."""
    yield from managements(request.param, emulator)


@pytest.fixture
def own_emulator(tmp_path: Path) -> Iterator[EmulatorProcess]:
    """An emulator whose account may be changed."""
    yield from emulator_processes(tmp_path / "emulator")


# --- the data about the API ---------------------------------------------------------------------------


@sdk_says
def test_request_schema_is_that_of_the_sdk_models():
    assert management_schema().data == management_sdk_schema.build()


@sdk_says
def test_route_table_is_that_of_the_sdk():
    sdk: dict[str, tuple[str, str]] = {}
    for name, builder in inspect.getmembers(sdk_operations, inspect.isfunction):
        if name.startswith("build_") and name.endswith("_request"):
            source = inspect.getsource(builder)
            method = source.rpartition('HttpRequest(method="')[2].partition('"')[0]
            path = source.partition('_url = "')[2].partition('"')[0]
            sdk[name.removeprefix("build_").removesuffix("_request")] = (method, path)
    ours = {
        operation.name: (operation.method, operation.path)
        for operation in MANAGEMENT_OPERATIONS
        if operation.name != POOL_OPERATION_RESULT
    }
    assert ours == sdk


@ours(reason="docs/emulator.md says so of these, and of no others")
def test_everything_is_served_but_what_the_documentation_says():
    missing = {operation.name for operation in MANAGEMENT_OPERATIONS if operation.handler is None}
    assert missing == {
        "operations_list",
        "batch_account_delete",
        "batch_account_get_detector",
        "batch_account_list_detectors",
        "batch_account_list_outbound_network_dependencies_endpoints",
        *(
            f"private_endpoint_connection_{verb}"
            for verb in ("get", "update", "delete", "list_by_batch_account")
        ),
        *(f"private_link_resource_{verb}" for verb in ("get", "list_by_batch_account")),
        "network_security_perimeter_get_configuration",
        "network_security_perimeter_list_configurations",
        "network_security_perimeter_reconcile_configuration",
    }


# --- the account --------------------------------------------------------------------------------------


@sdk_says
def test_account_says_where_it_is_and_what_it_may(management: Management, emulator: EmulatorProcess):
    account = management.call("batch_account.get", *ACCOUNT)
    assert (account.id, account.name, account.location) == (ACCOUNT_ID, ACCOUNT[1], LOCATION)
    assert account.properties.account_endpoint == emulator.url.removeprefix("http://")
    assert account.properties.provisioning_state == "Succeeded"
    assert account.properties.pool_quota > 0
    assert account.properties.auto_storage is None


@recorded
def test_lists_of_the_subscription_and_of_the_group_hold_the_account(management: Management):
    assert [account.id for account in management.call("batch_account.list")] == [ACCOUNT_ID]
    listed = management.call("batch_account.list_by_resource_group", ACCOUNT[0])
    assert [account.name for account in listed] == [ACCOUNT[1]]


@assumed
def test_names_in_the_address_are_compared_without_regard_to_case(management: Management):
    account = management.call("batch_account.get", ACCOUNT[0].upper(), ACCOUNT[1].upper())
    assert account.id == ACCOUNT_ID


@recorded
def test_another_resource_group_is_not_found(management: Management):
    with pytest.raises(ResourceNotFoundError) as caught:
        management.call("batch_account.get", "does-not-exist", ACCOUNT[1])
    assert code_of(caught.value) == "ResourceGroupNotFound"


@assumed
def test_another_account_is_not_found(management: Management):
    for method, more in (("batch_account.get", ()), ("application.get", ("a",)), ("pool.get", ("p",))):
        with pytest.raises(ResourceNotFoundError) as caught:
            management.call(method, ACCOUNT[0], "another", *more)
        assert code_of(caught.value) == "ResourceNotFound"


@assumed
def test_another_subscription_is_not_found(emulator: EmulatorProcess):
    client = SyncManagement(emulator, subscription_id="11111111-1111-1111-1111-111111111111")
    with pytest.raises(ResourceNotFoundError) as caught:
        client.call("batch_account.get", *ACCOUNT)
    client.close()
    assert code_of(caught.value) == "SubscriptionNotFound"


@sdk_says
def test_account_takes_tags_and_keeps_what_is_not_named(own_emulator: EmulatorProcess):
    client = SyncManagement(own_emulator)
    changed = client.call("batch_account.update", *ACCOUNT, {"tags": {"Name": "tagName"}})
    assert changed.tags == {"Name": "tagName"}
    again = client.call("batch_account.update", *ACCOUNT, {"properties": {"publicNetworkAccess": "Disabled"}})
    client.close()
    assert again.tags == {"Name": "tagName"}
    assert again.properties.public_network_access == "Disabled"


@assumed
def test_creating_the_account_that_there_is_succeeds_at_once(own_emulator: EmulatorProcess):
    client = SyncManagement(own_emulator)
    account = client.call(
        "batch_account.begin_create", *ACCOUNT, {"location": "West Europe", "tags": {"a": "b"}}
    )
    with pytest.raises(HttpResponseError) as caught:
        client.call("batch_account.begin_create", *ACCOUNT, {"location": "eastus"})
    client.close()
    assert (account.location, account.tags) == (LOCATION, {"a": "b"})
    assert code_of(caught.value) == "InvalidPropertyValue"


@ours(reason="an account has one storage account here, named at the start")
def test_another_storage_account_is_refused(management: Management):
    body = {"properties": {"autoStorage": {"storageAccountId": "/subscriptions/s/x/storageAccounts/y"}}}
    with pytest.raises(HttpResponseError) as caught:
        management.call("batch_account.update", *ACCOUNT, body)
    assert code_of(caught.value) == "InvalidPropertyValue"


@assumed
def test_keys_of_auto_storage_cannot_be_synchronised_without_it(management: Management):
    with pytest.raises(ResourceExistsError) as caught:
        management.call("batch_account.synchronize_auto_storage_keys", *ACCOUNT)
    assert code_of(caught.value) == "AccountNotEnabledForAutoStorage"


@assumed
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"nonsense": 1}, "UnsupportedProperty"),
        ({"tags": "x"}, "InvalidPropertyValue"),
        ({"properties": {"allowedAuthenticationModes": ["Nobody"]}}, "InvalidPropertyValue"),
        ([], "InvalidRequestBody"),
    ],
)
def test_bad_change_of_the_account_is_refused(management: Management, body: Any, code: str):
    before = management.call("batch_account.get", *ACCOUNT)
    with pytest.raises(HttpResponseError) as caught:
        management.call("batch_account.update", *ACCOUNT, body)
    assert code_of(caught.value) == code
    assert management.call("batch_account.get", *ACCOUNT) == before


# --- keys ---------------------------------------------------------------------------------------------


def _data_plane(emulator: EmulatorProcess, key: str) -> BatchClient:
    return BatchClient(emulator.url, AzureNamedKeyCredential(emulator.account_name, key), retry_total=0)


def _is_let_in(emulator: EmulatorProcess, key: str) -> bool:
    with _data_plane(emulator, key) as client:
        try:
            list(client.list_pools())
        except HttpResponseError as error:
            return code_of(error) != "AuthenticationFailed"
    return True


@recorded
def test_either_key_signs_requests_and_a_replaced_one_no_more(own_emulator: EmulatorProcess):
    client = SyncManagement(own_emulator)
    keys = client.call("batch_account.get_keys", *ACCOUNT)
    assert (keys.account_name, keys.primary) == (own_emulator.account_name, own_emulator.account_key)
    assert _is_let_in(own_emulator, keys.primary)
    assert _is_let_in(own_emulator, keys.secondary)
    fresh = client.call("batch_account.regenerate_key", *ACCOUNT, {"keyName": "Primary"})
    client.close()
    assert fresh.primary != keys.primary
    assert fresh.secondary == keys.secondary
    assert _is_let_in(own_emulator, fresh.primary)
    assert not _is_let_in(own_emulator, keys.primary)


@assumed
def test_mode_of_authentication_that_is_not_allowed_is_refused(own_emulator: EmulatorProcess):
    client = SyncManagement(own_emulator)
    client.call("batch_account.update", *ACCOUNT, {"properties": {"allowedAuthenticationModes": ["AAD"]}})
    assert not _is_let_in(own_emulator, own_emulator.account_key)
    client.call(
        "batch_account.update", *ACCOUNT, {"properties": {"allowedAuthenticationModes": ["SharedKey"]}}
    )
    client.close()
    assert _is_let_in(own_emulator, own_emulator.account_key)
    with _with_token(own_emulator) as batch, pytest.raises(HttpResponseError) as caught:
        list(batch.list_pools())
    assert code_of(caught.value) == "AuthenticationFailed"


# --- bearer tokens ------------------------------------------------------------------------------------


def _with_token(emulator: EmulatorProcess, **token: str) -> BatchClient:
    return BatchClient(
        emulator.url, StaticToken(**token), per_call_policies=[TokensOverPlainHttp()], retry_total=0
    )


@ours(reason="Entra ID is not emulated, so no token can be verified")
def test_token_opens_both_planes_of_an_account_with_the_public_key(
    emulator: EmulatorProcess, management: Management
):
    with _with_token(emulator) as batch:
        list(batch.list_pools())
    management.call("batch_account.get", *ACCOUNT)


@ours(reason="Entra ID is not emulated, so no token can be verified")
def test_token_may_be_sent_request_by_request_over_plain_http(emulator: EmulatorProcess):
    with BatchClient(emulator.url, StaticToken(), retry_total=0) as batch:
        list(batch.list_pools(enforce_https=False))
        with pytest.raises(ServiceRequestError):
            list(batch.list_pools())


@ours(reason="Entra ID is not emulated, so no token can be verified")
@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c.d", "a..c", ".b.c", "a.b.c;d"])
def test_what_does_not_look_like_a_token_is_refused(emulator: EmulatorProcess, token: str):
    with _with_token(emulator, token=token) as batch, pytest.raises(ClientAuthenticationError) as caught:
        list(batch.list_pools())
    assert code_of(caught.value) == "AuthenticationFailed"


@ours(reason="a token that cannot be verified must not open what a secret key closes")
def test_account_with_a_key_of_its_own_accepts_only_the_token_that_it_was_told(tmp_path: Path):
    key = "c2VjcmV0IGtleQ=="
    arguments = ["--bearer-token", "the.right.token"]
    with EmulatorProcess.start(tmp_path / "a", account_key=key) as emulator:
        with _with_token(emulator) as batch, pytest.raises(ClientAuthenticationError):
            list(batch.list_pools())
        with pytest.raises(ClientAuthenticationError) as caught:
            SyncManagement(emulator).call("batch_account.get_keys", *ACCOUNT)
        assert code_of(caught.value) == "InvalidAuthenticationToken"
    with EmulatorProcess.start(tmp_path / "b", account_key=key, arguments=arguments) as emulator:
        with _with_token(emulator, token="the.right.token") as batch:
            list(batch.list_pools())
        with _with_token(emulator) as batch, pytest.raises(ClientAuthenticationError):
            list(batch.list_pools())


@assumed
def test_management_plane_takes_no_signature(emulator: EmulatorProcess):
    client = BatchManagementClient(
        StaticToken(),
        "00000000-0000-0000-0000-000000000000",
        base_url=emulator.url,
        authentication_policy=SansIOHTTPPolicy(),
        retry_total=0,
    )
    with client, pytest.raises(ClientAuthenticationError) as caught:
        client.batch_account.get(*ACCOUNT)
    assert code_of(caught.value) == "AuthenticationFailed"


# --- the region ---------------------------------------------------------------------------------------


@recorded
def test_region_has_a_quota_of_accounts(management: Management):
    assert management.call("location.get_quotas", LOCATION).account_quota >= 1


@assumed
def test_another_region_is_refused(management: Management):
    with pytest.raises(HttpResponseError) as caught:
        management.call("location.get_quotas", "mars")
    assert code_of(caught.value) == "LocationNotAvailableForResourceType"


@recorded
@pytest.mark.parametrize(
    ("name", "reason"),
    [("randombatch8374652387", None), (ACCOUNT[1], "AlreadyExists"), ("No-Name", "Invalid")],
)
def test_availability_of_a_name_is_told(management: Management, name: str, reason: str | None):
    body = {"name": name, "type": "Microsoft.Batch/batchAccounts"}
    found = management.call("location.check_name_availability", LOCATION, body)
    assert (found.name_available, found.reason) == (reason is None, reason)


@sdk_says
def test_sizes_have_as_many_cores_as_pools_count(management: Management):
    sizes = management.call("location.list_supported_virtual_machine_skus", LOCATION, maxresults=7)
    assert len(sizes) > 40
    for size in sizes:
        capabilities = {capability.name: capability.value for capability in size.capabilities}
        assert int(capabilities["vCPUs"]) == cores_of(size.name)


@sdk_says
def test_sizes_are_filtered_by_family(management: Management):
    sizes = management.call(
        "location.list_supported_virtual_machine_skus", LOCATION, filter="familyName eq 'standardDSv3Family'"
    )
    assert {size.family_name for size in sizes} == {"standardDSv3Family"}


# --- versions and what is not served ------------------------------------------------------------------


@assumed
def test_version_of_the_api_that_is_not_known_is_refused(emulator: EmulatorProcess):
    client = SyncManagement(emulator, api_version="2015-01-01")
    with pytest.raises(HttpResponseError) as caught:
        client.call("batch_account.get", *ACCOUNT)
    client.close()
    assert code_of(caught.value) == "InvalidApiVersionParameter"


@ours(reason="valid in Azure, not implemented here")
def test_what_is_not_served_says_so(management: Management):
    for method in ("private_link_resource.list_by_batch_account", "batch_account.list_detectors"):
        with pytest.raises(HttpResponseError) as caught:
            management.call(method, *ACCOUNT)
        assert (caught.value.status_code, code_of(caught.value)) == (501, "NotImplemented")
