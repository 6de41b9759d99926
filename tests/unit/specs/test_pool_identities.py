"""Identities of a pool: given as resource ids, and known to whatever on the pool needs one."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import (
    AutoPoolSpec,
    BlobMount,
    ContainerConfiguration,
    ContainerRegistry,
    JobSpec,
    PoolSpec,
    ResourceFile,
    StartTask,
    VmImage,
    fingerprint,
    pool_differences,
    pool_to_rest,
)
from airflow_provider_batch.specs.pool_identities import check_references

PLACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
READER, WRITER = f"{PLACE}/reader", f"{PLACE}/writer"


def pool(*identities: str, **more: Any) -> PoolSpec:
    return PoolSpec(
        pool_id="p",
        vm_size="standard_d2s_v5",
        image=VmImage.ubuntu("22.04"),
        user_assigned_identities=identities or None,
        **more,
    )


def found(*identities: str) -> dict[str, Any]:
    """The pool as the service shows it."""
    listed = [{"resourceId": each, "clientId": "c", "principalId": "p"} for each in identities]
    identity = {"identity": {"type": "UserAssigned", "userAssignedIdentities": listed}} if identities else {}
    return {**pool_to_rest(pool()), **identity}


def test_resource_ids_become_the_identity_that_the_service_shows() -> None:
    assert pool_to_rest(pool(READER, WRITER))["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": [{"resourceId": READER}, {"resourceId": WRITER}],
    }
    assert pool_to_rest(PoolSpec(**{**vars(pool()), "user_assigned_identities": READER}))["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": [{"resourceId": READER}],
    }
    assert "identity" not in pool_to_rest(pool())


class Reference:
    """What a value of another task looks like before it is known."""

    def iter_references(self) -> tuple[()]:
        return ()

    def resolve(self, _context: Any) -> str:
        return READER


def test_a_value_that_is_decided_later_stands_for_one_identity() -> None:
    reference: Any = Reference()
    described = PoolSpec(**{**vars(pool()), "user_assigned_identities": reference})
    assert pool_to_rest(described)["identity"]["userAssignedIdentities"] == [{"resourceId": reference}]


@pytest.mark.parametrize("wrong", ["reader", f"{PLACE}/", "/subscriptions/s/resourceGroups/g", f"{READER}/x"])
def test_what_is_no_resource_id_of_an_identity_is_refused(wrong: str) -> None:
    with pytest.raises(SpecError, match=r"userAssignedIdentities\[1\]\.resourceId: must be the resource id"):
        pool_to_rest(pool(READER, wrong))


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "UserAssigned"},
        {"type": "UserAssigned", "userAssignedIdentities": []},
        {"type": "None", "userAssignedIdentities": [{"resourceId": READER}]},
    ],
)
def test_half_an_identity_is_refused(identity: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"pool\.identity\.userAssignedIdentities"):
        pool_to_rest({**pool_to_rest(pool()), "identity": identity})


REGISTRY = ContainerRegistry(registry_server="a.azurecr.io", identity_resource_id=WRITER)
NEEDS = [
    (
        {"container_configuration": ContainerConfiguration(container_registries=[REGISTRY])},
        "virtualMachineConfiguration.containerConfiguration.containerRegistries[0]",
    ),
    (
        {
            "start_task": StartTask(
                command_line="true",
                resource_files=[
                    ResourceFile(
                        http_url="https://a.blob.core.windows.net/c/f",
                        file_path="f",
                        identity_resource_id=WRITER,
                    )
                ],
            )
        },
        "startTask.resourceFiles[0]",
    ),
    (
        {
            "mounts": [
                BlobMount(
                    account_name="a",
                    container_name="c",
                    relative_mount_path="m",
                    identity_resource_id=WRITER,
                )
            ]
        },
        "mountConfiguration[0].azureBlobFileSystemConfiguration",
    ),
]


@pytest.mark.parametrize(("more", "place"), NEEDS)
def test_an_identity_that_is_needed_and_not_the_pools_is_named_with_its_field(
    more: dict[str, Any], place: str
) -> None:
    with pytest.raises(SpecError) as caught:
        pool_to_rest(pool(READER, **more))
    assert caught.value.path == f"pool.{place}.identityReference.resourceId"
    assert "user_assigned_identities" in caught.value.problem
    pool_to_rest(pool(READER, WRITER.upper(), **more))
    pool_to_rest(pool("{{ params.identity }}", **more))


@pytest.mark.parametrize(("more", "place"), NEEDS)
def test_only_a_new_pool_that_is_described_without_identities_has_none(
    more: dict[str, Any], place: str
) -> None:
    body = pool_to_rest(pool(**more))
    with pytest.raises(SpecError, match="the pool has no identity"):
        check_references(body, body, "pool", is_new=True)


def test_a_pool_that_comes_with_a_job_can_have_none() -> None:
    body = {name: value for name, value in pool_to_rest(pool(READER)).items() if name != "id"}
    spec = JobSpec(job_id="j", auto_pool_specification=AutoPoolSpec(pool=body))
    with pytest.raises(SpecError, match="a pool that comes with a job can have no identities") as caught:
        spec.to_rest()
    assert caught.value.path.endswith("autoPoolSpecification.pool.identity")


def test_order_and_case_of_identities_say_nothing() -> None:
    assert pool_differences(pool(READER, WRITER), found(WRITER.lower(), READER.upper())) == []
    assert fingerprint(pool_to_rest(pool(READER, WRITER))) == fingerprint(
        pool_to_rest(pool(WRITER.upper(), READER))
    )
    assert fingerprint(pool_to_rest(pool(READER))) != fingerprint(pool_to_rest(pool(WRITER)))


def test_identities_that_differ_are_named() -> None:
    assert pool_differences(pool(READER), found(WRITER)) == [
        f"identity.userAssignedIdentities[{READER.lower()}]: wanted, not found",
        f"identity.userAssignedIdentities[{WRITER.lower()}]: found, not wanted",
    ]
    assert pool_differences(pool(READER), found()) == [
        "identity.type: wanted 'UserAssigned', found 'None'",
        f"identity.userAssignedIdentities[{READER.lower()}]: wanted, not found",
    ]
    assert pool_differences(pool(), found(WRITER)) == []


def test_a_pool_with_identities_is_for_the_management_plane() -> None:
    assert requests.create_pool(pool_to_rest(pool(READER))).plane == "management"
    assert requests.create_pool(pool_to_rest(pool())).plane == "data"
    without = requests.create_pool({**pool_to_rest(pool()), "identity": {"type": "None"}})
    assert without == requests.create_pool(pool_to_rest(pool()))
