"""Pools with identities are made through the management plane, and are pools like any other from then on."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive, get_or_none
from airflow_provider_batch.domain.pool_adoption import adopt_pool
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchOwnershipError,
    BatchServiceError,
    SpecError,
)
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator
from airflow_provider_batch.specs import pool_to_rest
from tests.integration.conftest import POOL
from tests.integration.pool_try import PoolTry
from tests.integration.test_task_operator import MakeTry

PLACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
READER, WRITER = f"{PLACE}/reader", f"{PLACE}/writer"

#: a pool with something of everything that the two planes say in other words
WHOLE: dict[str, Any] = {
    **POOL,
    "displayName": "A pool",
    "resizeTimeout": "PT10M",
    "targetDedicatedNodes": 0,
    "enableInterNodeCommunication": True,
    "taskSchedulingPolicy": {"nodeFillType": "pack", "jobDefaultOrder": "creationtime"},
    "metadata": [{"name": "none", "value": "batch"}],
    "userAccounts": [{"name": "me", "password": "secret", "elevationLevel": "admin"}],
    "upgradePolicy": {"mode": "manual"},
    "startTask": {
        "commandLine": "true",
        "userIdentity": {"autoUser": {"scope": "task", "elevationLevel": "admin"}},
        "environmentSettings": [{"name": "username", "value": "nodeAgentSKUId"}],
        "resourceFiles": [
            {
                "httpUrl": "https://a.blob.core.windows.net/c/f",
                "filePath": "f",
                "identityReference": {"resourceId": READER},
            }
        ],
        "maxTaskRetryCount": 2,
        "waitForSuccess": True,
    },
    "networkConfiguration": {
        "dynamicVNetAssignmentScope": "none",
        "endpointConfiguration": {
            "inboundNATPools": [
                {
                    "name": "ssh",
                    "protocol": "tcp",
                    "backendPort": 22,
                    "frontendPortRangeStart": 1000,
                    "frontendPortRangeEnd": 1100,
                    "networkSecurityGroupRules": [
                        {"priority": 150, "access": "allow", "sourceAddressPrefix": "*"}
                    ],
                }
            ]
        },
    },
    "virtualMachineConfiguration": {
        **POOL["virtualMachineConfiguration"],  # type: ignore[dict-item]
        "containerConfiguration": {
            "type": "dockerCompatible",
            "containerRegistries": [
                {"registryServer": "a.azurecr.io", "identityReference": {"resourceId": READER}}
            ],
        },
        "dataDisks": [
            {
                "lun": 0,
                "caching": "readonly",
                "diskSizeGB": 4,
                "managedDisk": {"storageAccountType": "premium_lrs"},
            }
        ],
        "diskEncryptionConfiguration": {"targets": ["temporarydisk"]},
        "nodePlacementConfiguration": {"policy": "zonal"},
        "osDisk": {"ephemeralOSDiskSettings": {"placement": "cachedisk"}},
        "securityProfile": {"securityType": "trustedLaunch", "uefiSettings": {"vTpmEnabled": True}},
    },
    "mountConfiguration": [
        {
            "azureBlobFileSystemConfiguration": {
                "accountName": "a",
                "containerName": "c",
                "relativeMountPath": "m",
                "identityReference": {"resourceId": READER},
            }
        },
        {
            "cifsMountConfiguration": {
                "username": "u",
                "source": "//a/b",
                "relativeMountPath": "n",
                "password": "secret",
            }
        },
    ],
}
SCALED = {
    **{name: value for name, value in POOL.items() if name != "targetDedicatedNodes"},
    "enableAutoScale": True,
    "autoScaleFormula": "$TargetDedicatedNodes = 0;",
    "autoScaleEvaluationInterval": "PT6M",
}
#: what two pools do not have in common, or not at one time
OWN = ("id", "url", "eTag", "odata.metadata", "identity", "autoScaleRun", "lastModified", "allocationState")


def with_identities(body: dict[str, Any], *identities: str) -> dict[str, Any]:
    listed = [{"resourceId": each} for each in identities]
    return {**body, "identity": {"type": "UserAssigned", "userAssignedIdentities": listed}}


@pytest.fixture
def pool_id(hook: AzureBatchHook) -> Iterator[str]:
    """Id of a pool of the test's own; the pool is deleted afterwards."""
    name = f"identities-{uuid.uuid4()}"
    yield name
    for made in (name, f"{name}-data"):
        if found(hook, made) is not None:
            hook.send(requests.delete_pool(made))


def found(hook: AzureBatchHook, pool_id: str) -> dict[str, Any] | None:
    answer = drive(get_or_none(requests.get_pool(pool_id)), effects(hook))
    return None if answer is None else dict(answer.json)


def effects(hook: AzureBatchHook) -> WorkerEffects:
    return WorkerEffects(hook.get_conn(), logging.getLogger(__name__))


def create(body: dict[str, Any], **arguments: Any) -> PoolTry:
    return PoolTry(AzureBatchCreatePoolOperator, {"batch_pool": body, **arguments})


@pytest.mark.usefixtures("management")
@pytest.mark.parametrize("body", [WHOLE, SCALED], ids=["whole", "scaled"])
def test_both_planes_make_the_same_pool_of_one_description(
    body: dict[str, Any], pool_id: str, hook: AzureBatchHook
) -> None:
    checked = pool_to_rest(with_identities({**body, "id": pool_id}, READER))
    hook.send(requests.create_pool(checked))
    data = {name: value for name, value in checked.items() if name != "identity"}
    hook.send(requests.create_pool({**data, "id": f"{pool_id}-data"}))
    one, other = found(hook, pool_id), found(hook, f"{pool_id}-data")
    assert one is not None
    assert other is not None
    differing = [
        name
        for name in {**one, **other}
        if name not in OWN
        and "Time" not in name
        and name != "lastModified"
        and one.get(name) != other.get(name)
    ]
    assert {name: (one.get(name), other.get(name)) for name in differing} == {}
    assert [each["resourceId"] for each in one["identity"]["userAssignedIdentities"]] == [READER]


@pytest.mark.usefixtures("management")
@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "triggerer"])
def test_the_pool_is_created_waited_for_and_adopted(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    body = with_identities({**POOL, "id": pool_id}, READER, WRITER)
    result = create(body, deferrable=deferrable).run(monkeypatch)
    assert (result["pool"], result["nodes"]) == ("created", {"idle": 1})
    metadata = {pair["name"] for pair in (found(hook, pool_id) or {})["metadata"]}
    assert {"airflow_dag_id", "AIRFLOW_BATCH_DEFINITION"} <= metadata
    # Adopting takes no management plane.
    again = with_identities({**POOL, "id": pool_id}, WRITER.upper(), READER)
    monkeypatch.setattr("airflow_provider_batch.hooks.management.has_management_package", lambda: False)
    assert create(again).run(monkeypatch)["pool"] == "adopted"


@pytest.mark.usefixtures("management")
def test_a_pool_with_other_identities_is_refused(pool_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**POOL, "id": pool_id, "targetDedicatedNodes": 0}
    create(with_identities(body, READER), wait_until_usable=False).run(monkeypatch)
    for update in ("never", "allowed"):
        other = create(with_identities(body, WRITER), update=update)
        with pytest.raises(BatchOwnershipError, match=r"Identities\[.*/writer\]: wanted, not found"):
            other.run(monkeypatch)
    with pytest.raises(BatchOwnershipError, match="identity: found, not wanted"):
        create(body).run(monkeypatch)


@pytest.mark.usefixtures("management")
def test_a_pool_that_somebody_creates_meanwhile_is_never_overwritten(
    pool_id: str, hook: AzureBatchHook
) -> None:
    theirs = {**POOL, "id": pool_id, "targetDedicatedNodes": 0, "displayName": "theirs"}
    hook.send(requests.create_pool(theirs))
    ours = with_identities({**theirs, "displayName": "ours"}, READER)
    with pytest.raises(BatchConflictError) as caught:
        hook.send(requests.create_pool(ours))
    assert caught.value.code == "PoolExists"
    assert (found(hook, pool_id) or {})["displayName"] == "theirs"
    with pytest.raises(BatchOwnershipError, match="identity"):
        drive(adopt_pool(ours), effects(hook))


@pytest.mark.usefixtures("management")
def test_a_refusal_of_the_management_plane_keeps_its_code(pool_id: str, hook: AzureBatchHook) -> None:
    body = with_identities({**POOL, "id": pool_id, "vmSize": "nonsense"}, READER)
    with pytest.raises(BatchServiceError, match="the management plane says") as caught:
        hook.send(requests.create_pool(body))
    assert caught.value.code == "InvalidPropertyValue"
    assert "vmSize" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_management_nothing_is_created(
    pool_id: str, hook: AzureBatchHook, make_try: MakeTry, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = with_identities({**POOL, "id": pool_id}, READER)
    with pytest.raises(AzureBatchConfigurationError, match=r"pool\.identity: .*account key.*resource_group"):
        create(body).run(monkeypatch)
    task_try = make_try(batch_pool=body, command_line="true", deferrable=False)
    before = hook.send(requests.list_jobs(("id",))).json["value"]
    with pytest.raises(AzureBatchConfigurationError, match=r"pool\.identity"):
        task_try.run(monkeypatch)
    assert found(hook, pool_id) is None
    assert hook.send(requests.list_jobs(("id",))).json["value"] == before


def test_an_identity_that_no_new_pool_would_have_is_told_before_it_is_created(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = {
        "azureBlobFileSystemConfiguration": {
            "accountName": "a",
            "containerName": "c",
            "relativeMountPath": "m",
            "identityReference": {"resourceId": READER},
        }
    }
    with pytest.raises(SpecError, match=r"pool\.mountConfiguration\[0\].*the pool has no identity"):
        create({**POOL, "id": pool_id, "mountConfiguration": [mount]}).run(monkeypatch)
    assert found(hook, pool_id) is None
