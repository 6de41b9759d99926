"""Applications and their packages through azure-mgmt-batch, with Azurite as the linked storage account."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from demo.ports import free_port
from tests.azurite_process import AzuriteProcess
from tests.contract.clients import Batch, batches, code_of, new_id, pool_body
from tests.contract.management_clients import ACCOUNT, ACCOUNT_ID, Management, managements
from tests.contract.raw import send
from tests.contract.test_golden import same_shape
from tests.emulator_process import EmulatorProcess, emulator_processes

assumed = pytest.mark.assumed(source="reference of the service, section 9")
documented = pytest.mark.assumed(source="batch-application-packages, batch-quota-limit")
recorded = pytest.mark.verified(on="tests of @azure/arm-batch, recorded", api_version="2020-05-01")


@pytest.fixture(scope="module")
def stored_emulator(
    azurite: AzuriteProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmulatorProcess]:
    """An emulator with auto storage."""
    root = tmp_path_factory.mktemp("stored-emulator")
    yield from emulator_processes(root, arguments=["--auto-storage", azurite.connection_string])


@pytest.fixture(scope="module", params=["sync", "aio"])
def management(request: pytest.FixtureRequest, stored_emulator: EmulatorProcess) -> Iterator[Management]:
    yield from managements(request.param, stored_emulator)


@pytest.fixture(scope="module", params=["sync", "aio"])
def stored_batch(request: pytest.FixtureRequest, stored_emulator: EmulatorProcess) -> Iterator[Batch]:
    yield from batches(request.param, stored_emulator)


@pytest.fixture
def application_id(management: Management) -> Iterator[str]:
    """An application, deleted with its packages afterwards, since an account may have few."""
    name = new_id("app")
    management.call("application.create", *ACCOUNT, name, {"properties": {"displayName": "An app"}})
    yield name
    delete(management, name)


def delete(management: Management, name: str) -> None:
    """Delete an application with its packages."""
    for package in management.call("application_package.list", *ACCOUNT, name):
        management.call("application_package.delete", *ACCOUNT, name, package.name)
    management.call("application.delete", *ACCOUNT, name)


def upload(url: str, content: bytes = b"content") -> int:
    """Write a blob as any client of Storage would."""
    request = urllib.request.Request(url, content, {"x-ms-blob-type": "BlockBlob"}, method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return int(answer.status)


def active_version(management: Management, application_id: str, version: str, content: bytes = b"x") -> None:
    """Create, upload and activate a version."""
    package = management.call("application_package.create", *ACCOUNT, application_id, version, {})
    assert upload(package.properties.storage_url, content) == 201
    activate(management, application_id, version)


def activate(management: Management, application_id: str, version: str) -> Any:
    return management.call(
        "application_package.activate", *ACCOUNT, application_id, version, {"format": "zip"}
    )


def code_of_call(management: Management, method: str, *arguments: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(HttpResponseError) as caught:
        management.call(method, *ACCOUNT, *arguments)
    return code_of(caught.value)


# --- the life of an application, as it was recorded -----------------------------------------------------


@recorded
def test_life_of_an_application(management: Management):
    name = "my_application_id"
    body = {"properties": {"allowUpdates": True, "displayName": "my_application_name"}}
    assert management.call("application.create", *ACCOUNT, name, body).name == name
    assert management.call("application.get", *ACCOUNT, name).properties.display_name == "my_application_name"
    assert name in [found.name for found in management.call("application.list", *ACCOUNT)]

    first = management.call("application_package.create", *ACCOUNT, name, "v1.0", {})
    assert upload(first.properties.storage_url, b"Hey there!") == 201
    management.call("application_package.create", *ACCOUNT, name, "v2.0", {})
    assert len(management.call("application_package.list", *ACCOUNT, name)) == 2
    assert activate(management, name, "v1.0").properties.state == "Active"
    with pytest.raises(ResourceExistsError) as caught:
        activate(management, name, "v2.0")
    assert code_of(caught.value) == "ApplicationPackageBlobNotFound"

    wanted = {"allowUpdates": False, "displayName": "my_updated_name"}
    refused = {"properties": {**wanted, "defaultVersion": "v2.0"}}
    assert code_of_call(management, "application.update", name, refused) == "RequestedDefaultVersionNotActive"
    untouched = management.call("application.get", *ACCOUNT, name).properties
    assert (untouched.display_name, untouched.allow_updates) == ("my_application_name", True)
    changed = management.call(
        "application.update", *ACCOUNT, name, {"properties": {**wanted, "defaultVersion": "v1.0"}}
    )
    assert changed.properties.default_version == "v1.0"

    management.call("application_package.delete", *ACCOUNT, name, "v1.0")
    assert management.call("application.get", *ACCOUNT, name).properties.default_version is None
    assert code_of_call(management, "application.delete", name) == "ApplicationPackagesNotEmpty"
    management.call("application_package.delete", *ACCOUNT, name, "v2.0")
    management.call("application.delete", *ACCOUNT, name)
    assert code_of_call(management, "application.get", name) == "ApplicationNotFound"


# --- packages -------------------------------------------------------------------------------------------


@assumed
def test_new_version_says_where_to_upload_and_for_how_long(management: Management, application_id: str):
    package = management.call("application_package.create", *ACCOUNT, application_id, "1.0-beta_2", {})
    assert package.id == f"{ACCOUNT_ID}/applications/{application_id}/versions/1.0-beta_2"
    assert package.etag.startswith('W/"0x8')
    properties = package.properties
    assert (properties.state, properties.format, properties.last_activation_time) == ("Pending", None, None)
    assert "sp=rw&" in properties.storage_url
    left = properties.storage_url_expiry - datetime.now(timezone.utc)
    assert timedelta(hours=3, minutes=55) < left <= timedelta(hours=4)


@assumed
def test_active_version_gives_an_address_that_only_reads(management: Management, application_id: str):
    active_version(management, application_id, "1", b"some content")
    properties = management.call("application_package.get", *ACCOUNT, application_id, "1").properties
    assert (properties.state, properties.format) == ("Active", "zip")
    assert properties.last_activation_time is not None
    with urllib.request.urlopen(properties.storage_url, timeout=10) as answer:  # noqa: S310
        assert answer.read() == b"some content"
    with pytest.raises(urllib.error.HTTPError) as caught:
        upload(properties.storage_url)
    with caught.value as refusal:
        assert refusal.code == 403


@assumed
def test_list_of_versions_holds_no_addresses(management: Management, application_id: str):
    for version in ("1", "2", "3"):
        management.call("application_package.create", *ACCOUNT, application_id, version, {})
    found = management.call("application_package.list", *ACCOUNT, application_id, maxresults=2)
    assert [package.name for package in found] == ["1", "2", "3"]
    assert all(package.properties.storage_url is None for package in found)


@documented
def test_active_version_is_replaced_only_where_updates_are_allowed(
    management: Management, application_id: str
):
    active_version(management, application_id, "1")
    replaced = management.call("application_package.create", *ACCOUNT, application_id, "1", {})
    assert replaced.properties.state == "Pending"
    activate(management, application_id, "1")
    management.call("application.update", *ACCOUNT, application_id, {"properties": {"allowUpdates": False}})
    with pytest.raises(ResourceExistsError):
        management.call("application_package.create", *ACCOUNT, application_id, "1", {})
    found = management.call("application_package.get", *ACCOUNT, application_id, "1")
    assert found.properties.state == "Active"


@assumed
@pytest.mark.parametrize("version", ["1/2", "a b", "v" * 65, "é"])
def test_illegal_version_is_refused(management: Management, application_id: str, version: str):
    code = code_of_call(management, "application_package.create", application_id, version, {})
    assert code == "InvalidPropertyValue"
    assert management.call("application_package.list", *ACCOUNT, application_id) == []


@assumed
def test_version_differs_by_more_than_case(management: Management, application_id: str):
    management.call("application_package.create", *ACCOUNT, application_id, "RC", {})
    management.call("application_package.create", *ACCOUNT, application_id, "rc", {})
    names = [found.name for found in management.call("application_package.list", *ACCOUNT, application_id)]
    assert names == ["RC"]


@assumed
def test_only_zip_is_activated(management: Management, application_id: str):
    management.call("application_package.create", *ACCOUNT, application_id, "1", {})
    arguments = (application_id, "1", {"format": "tar"})
    assert code_of_call(management, "application_package.activate", *arguments) == "InvalidPropertyValue"


@assumed
def test_what_is_not_there_is_not_found(management: Management, application_id: str):
    assert code_of_call(management, "application.update", "no-app", {}) == "ApplicationNotFound"
    assert code_of_call(management, "application_package.create", "no-app", "1", {}) == "ApplicationNotFound"
    assert code_of_call(management, "application_package.get", "no-app", "1") == "ApplicationNotFound"
    for method, body in (("get", ()), ("activate", ({"format": "zip"},))):
        code = code_of_call(management, f"application_package.{method}", application_id, "9", *body)
        assert code == "ApplicationPackageNotFound"
    management.call("application_package.delete", *ACCOUNT, application_id, "9")
    management.call("application.delete", *ACCOUNT, "no-app")


@documented
def test_application_has_at_most_forty_packages(management: Management, application_id: str):
    for number in range(40):
        management.call("application_package.create", *ACCOUNT, application_id, str(number), {})
    with pytest.raises(ResourceExistsError):
        management.call("application_package.create", *ACCOUNT, application_id, "40", {})
    assert len(management.call("application_package.list", *ACCOUNT, application_id)) == 40


@documented
def test_account_has_at_most_twenty_applications(management: Management):
    present = len(management.call("application.list", *ACCOUNT))
    names = [new_id("app") for _ in range(20 - present)]
    for name in names:
        management.call("application.create", *ACCOUNT, name, {})
    with pytest.raises(ResourceExistsError):
        management.call("application.create", *ACCOUNT, new_id("app"), {})
    for name in names:
        management.call("application.delete", *ACCOUNT, name)
    assert len(management.call("application.list", *ACCOUNT)) == present


@assumed
@pytest.mark.parametrize("name", ["a b", "a.b", "x" * 65, "é"])
def test_illegal_application_id_is_refused(management: Management, name: str):
    assert code_of_call(management, "application.create", name, {}) == "InvalidPropertyValue"


@assumed
def test_creating_an_application_again_replaces_its_properties_and_keeps_its_packages(
    management: Management, application_id: str
):
    active_version(management, application_id, "1")
    again = management.call(
        "application.create", *ACCOUNT, application_id, {"properties": {"allowUpdates": False}}
    )
    assert (again.properties.display_name, again.properties.allow_updates) == (None, False)
    assert len(management.call("application_package.list", *ACCOUNT, application_id)) == 1


@assumed
def test_keys_of_auto_storage_are_synchronised(management: Management):
    before = management.call("batch_account.get", *ACCOUNT).properties.auto_storage
    management.call("batch_account.synchronize_auto_storage_keys", *ACCOUNT)
    after = management.call("batch_account.get", *ACCOUNT).properties.auto_storage
    assert after.storage_account_id.endswith("/storageAccounts/devstoreaccount1")
    assert after.last_key_sync > before.last_key_sync


@assumed
def test_package_needs_auto_storage(emulator: EmulatorProcess):
    for client in managements("sync", emulator):
        name = new_id("app")
        client.call("application.create", *ACCOUNT, name, {})
        code = code_of_call(client, "application_package.create", name, "1", {})
        client.call("application.delete", *ACCOUNT, name)
        assert code == "AccountNotEnabledForAutoStorage"


@pytest.mark.emulator_only(reason="the storage account of an emulator may be down")
def test_storage_that_cannot_be_reached_changes_nothing_and_shows_no_signature(tmp_path_factory: Any):
    text = f"AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{free_port()}/a"
    root = tmp_path_factory.mktemp("no-storage")
    with EmulatorProcess.start(root, arguments=["--auto-storage", text]) as emulator:
        for client in managements("sync", emulator):
            client.call("application.create", *ACCOUNT, "app", {})
            with pytest.raises(ResourceExistsError) as caught:
                client.call("application_package.create", *ACCOUNT, "app", "1", {})
            assert code_of(caught.value) == "AutoStorageNotUsable"
            assert "sig=" not in str(caught.value)
            assert client.call("application_package.list", *ACCOUNT, "app") == []
        assert "sig=" not in emulator.stderr


# --- the data plane -------------------------------------------------------------------------------------


def zipped(name: str, content: str) -> bytes:
    """A package with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@recorded
def test_data_plane_shows_active_versions_only(
    management: Management, stored_batch: Batch, application_id: str
):
    with pytest.raises(ResourceNotFoundError) as caught:
        stored_batch.call("get_application", application_id)
    assert code_of(caught.value) == "ApplicationNotFound"
    active_version(management, application_id, "1.0")
    management.call("application_package.create", *ACCOUNT, application_id, "2.0", {})
    found = stored_batch.call("get_application", application_id.upper())
    assert (found.id, found.display_name, found.versions) == (application_id, "An app", ["1.0"])
    assert application_id in [each.id for each in stored_batch.call("list_applications", max_results=1)]


@pytest.mark.verified(on="azure-sdk-for-node list_applications", api_version="2020-03-01.11.0")
def test_application_list_has_the_recorded_shape(stored_emulator: EmulatorProcess):
    for client in managements("sync", stored_emulator):
        client.call("application.create", *ACCOUNT, "golden", {})
        active_version(client, "golden", "1.0")
        found = send(stored_emulator, "GET", "/applications").json()
        delete(client, "golden")
    same_shape(
        "application_list", {**found, "value": [each for each in found["value"] if each["id"] == "golden"]}
    )


@assumed
def test_pool_refers_to_packages_by_their_arm_id(
    management: Management, stored_batch: Batch, application_id: str
):
    reference = {"applicationId": f"{ACCOUNT_ID}/applications/{application_id}", "version": "1.0"}

    def create(**more: Any) -> str:
        with pytest.raises(HttpResponseError) as caught:
            stored_batch.call("create_pool", pool_body(new_id("pool"), **more))
        return code_of(caught.value)

    assert create(applicationPackageReferences=[reference]) == "InvalidApplicationPackageReferences"
    active_version(management, application_id, "1.0", zipped("a.txt", "a"))
    no_version = {"applicationId": reference["applicationId"]}
    assert create(applicationPackageReferences=[no_version]) == "InvalidApplicationPackageReferences"
    unknown = {"applicationId": f"{ACCOUNT_ID}/applications/unknown"}
    assert create(applicationPackageReferences=[unknown]) == "ApplicationNotFound"
    name = new_id("pool")
    stored_batch.call("create_pool", pool_body(name, applicationPackageReferences=[reference]))
    pool = stored_batch.call("get_pool", name)
    assert json.loads(json.dumps(pool.application_package_references[0].as_dict())) == reference
    managed = management.call("pool.get", *ACCOUNT, name)
    assert managed.properties.application_packages[0].version == "1.0"
    stored_batch.call("begin_delete_pool", name)
