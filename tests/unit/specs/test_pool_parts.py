"""Mounts, disks, security, upgrades and endpoints of a pool become their part of the create body."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from azure.batch import models as sdk

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import (
    AzureFilesMount,
    BlobMount,
    CifsMount,
    DataDisk,
    DiskEncryption,
    InboundEndpoint,
    NetworkConfiguration,
    NetworkRule,
    NfsMount,
    OsDisk,
    PoolSpec,
    SecurityProfile,
    UpgradePolicy,
    VmImage,
)

IMAGE = VmImage.ubuntu("22.04")


def body_of(**parts: Any) -> dict[str, Any]:
    """The create body of a pool with these parts; the vendor's model of it says the same."""
    body = PoolSpec(pool_id="p", vm_size="standard_d2s_v5", image=IMAGE, **parts).to_rest()
    assert sdk.BatchPoolCreateOptions(body).as_dict() == body
    return body


def machine_of(**parts: Any) -> dict[str, Any]:
    """What stands beside the image."""
    machine = body_of(**parts)["virtualMachineConfiguration"]
    return {name: value for name, value in machine.items() if name not in IMAGE.to_rest()}


def test_each_kind_of_mount_has_its_own_element():
    mounts = [
        BlobMount(
            account_name="films",
            container_name="frames",
            relative_mount_path="frames",
            identity_resource_id="/subscriptions/s/films",
        ),
        AzureFilesMount(
            account_name="films",
            azure_file_url="https://films.file.core.windows.net/scratch",
            account_key="key",
            relative_mount_path="scratch",
        ),
        NfsMount(source="10.0.0.9:/films", relative_mount_path="nfs", mount_options="-o vers=4.1"),
        CifsMount(source="//10.0.0.9/films", username="u", password="p", relative_mount_path="cifs"),
    ]
    assert body_of(mounts=mounts)["mountConfiguration"] == [
        {
            "azureBlobFileSystemConfiguration": {
                "accountName": "films",
                "containerName": "frames",
                "relativeMountPath": "frames",
                "identityReference": {"resourceId": "/subscriptions/s/films"},
            }
        },
        {
            "azureFileShareConfiguration": {
                "accountName": "films",
                "azureFileUrl": "https://films.file.core.windows.net/scratch",
                "accountKey": "key",
                "relativeMountPath": "scratch",
            }
        },
        {
            "nfsMountConfiguration": {
                "source": "10.0.0.9:/films",
                "relativeMountPath": "nfs",
                "mountOptions": "-o vers=4.1",
            }
        },
        {
            "cifsMountConfiguration": {
                "source": "//10.0.0.9/films",
                "username": "u",
                "password": "p",
                "relativeMountPath": "cifs",
            }
        },
    ]


def test_blob_mount_with_two_ways_to_reach_the_storage_is_refused():
    mount = BlobMount(
        account_name="a", container_name="c", relative_mount_path="m", account_key="k", sas_key="s"
    )
    with pytest.raises(SpecError, match="mountConfiguration"):
        body_of(mounts=[mount])


def test_secrets_of_mounts_are_not_in_the_representation():
    mounts = (
        BlobMount(account_name="a", container_name="c", relative_mount_path="m", account_key="hidden"),
        BlobMount(account_name="a", container_name="c", relative_mount_path="m", sas_key="hidden"),
        AzureFilesMount(
            account_name="a", azure_file_url="https://a", account_key="hidden", relative_mount_path="m"
        ),
        CifsMount(source="//a", username="u", password="hidden", relative_mount_path="m"),
    )
    assert "hidden" not in repr(mounts)


def test_disks_and_their_encryption():
    assert machine_of(
        os_disk=OsDisk(disk_size_gb=128, storage_account_type="standardssd_lrs", encryption_set_id="/d"),
        data_disks=[DataDisk(lun=0, disk_size_gb=512, caching="readonly")],
        disk_encryption=DiskEncryption(
            targets=["osdisk", "temporarydisk"], key_url="https://v/k", identity_resource_id="/i"
        ),
    ) == {
        "osDisk": {
            "diskSizeGB": 128,
            "managedDisk": {"storageAccountType": "standardssd_lrs", "diskEncryptionSet": {"id": "/d"}},
        },
        "dataDisks": [{"lun": 0, "diskSizeGB": 512, "caching": "readonly"}],
        "diskEncryptionConfiguration": {
            "targets": ["osdisk", "temporarydisk"],
            "customerManagedKey": {"keyUrl": "https://v/k", "identityReference": {"resourceId": "/i"}},
        },
    }


def test_ephemeral_disk_is_in_the_cache_of_the_machine():
    assert machine_of(os_disk=OsDisk.ephemeral()) == {
        "osDisk": {"caching": "readonly", "ephemeralOSDiskSettings": {"placement": "cachedisk"}}
    }


def test_trusted_launch_has_secure_boot_and_a_virtual_tpm():
    assert machine_of(
        security_profile=SecurityProfile.trusted_launch(encryption_at_host=True), node_placement="zonal"
    ) == {
        "securityProfile": {
            "securityType": "trustedLaunch",
            "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
            "encryptionAtHost": True,
        },
        "nodePlacementConfiguration": {"policy": "zonal"},
    }


def test_upgrades_wait_for_idle_nodes():
    policy = UpgradePolicy(
        mode="rolling",
        enable_automatic_os_upgrade=True,
        wait_for_idle_nodes=True,
        max_batch_percent=20,
        pause_between_batches=timedelta(minutes=1),
    )
    assert body_of(upgrade_policy=policy)["upgradePolicy"] == {
        "mode": "rolling",
        "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True, "osRollingUpgradeDeferral": True},
        "rollingUpgradePolicy": {"maxBatchInstancePercent": 20, "pauseTimeBetweenBatches": "PT1M"},
    }


def test_endpoints_have_their_rules():
    endpoint = InboundEndpoint(
        name="web",
        backend_port=8080,
        frontend_port_range_start=60000,
        frontend_port_range_end=60119,
        rules=[NetworkRule(priority=150, access="deny", source_address_prefix="*")],
    )
    network = NetworkConfiguration(inbound_endpoints=[endpoint])
    assert body_of(network_configuration=network)["networkConfiguration"] == {
        "endpointConfiguration": {
            "inboundNATPools": [
                {
                    "name": "web",
                    "backendPort": 8080,
                    "protocol": "tcp",
                    "frontendPortRangeStart": 60000,
                    "frontendPortRangeEnd": 60119,
                    "networkSecurityGroupRules": [
                        {"priority": 150, "access": "deny", "sourceAddressPrefix": "*"}
                    ],
                }
            ]
        }
    }


def test_order_of_jobs_goes_with_the_fill_type():
    assert body_of(node_fill_type="pack", job_default_order="creationtime")["taskSchedulingPolicy"] == {
        "nodeFillType": "pack",
        "jobDefaultOrder": "creationtime",
    }


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"security_profile": SecurityProfile(security_type="none")}, "securityProfile.securityType"),
        ({"upgrade_policy": UpgradePolicy(mode="never")}, "upgradePolicy.mode"),
        ({"upgrade_policy": UpgradePolicy(mode="rolling", max_batch_percent=101)}, "maxBatchInstancePercent"),
        ({"os_disk": OsDisk(caching="always")}, "osDisk.caching"),
        ({"data_disks": [DataDisk(lun=0, disk_size_gb=0)]}, "dataDisks[0].diskSizeGB"),
        ({"mounts": [NfsMount(source="s", relative_mount_path="m")] * 11}, "mountConfiguration"),
        ({"node_placement": "local"}, "nodePlacementConfiguration.policy"),
    ],
)
def test_part_that_the_service_would_refuse_is_refused_with_its_path(parts: dict[str, Any], path: str):
    with pytest.raises(SpecError) as refused:
        body_of(**parts)
    assert path in str(refused.value)
