"""Ids of gallery images and subnets that cannot be such are refused where they are written."""

from __future__ import annotations

from typing import Any

import azure.batch.models as sdk
import pytest

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import (
    NetworkConfiguration,
    PoolSpec,
    VmImage,
    job_to_rest,
    pool_to_rest,
)

GROUP = "/subscriptions/s/resourceGroups/g/providers"
IMAGE = f"{GROUP}/Microsoft.Compute/galleries/films/images/render"
SUBNET = f"{GROUP}/Microsoft.Network/virtualNetworks/films/subnets/batch"
REFERENCE = "pool.virtualMachineConfiguration.imageReference"


def gallery(image_id: str) -> PoolSpec:
    image = VmImage.compute_gallery(image_id, node_agent_sku_id="batch.node.el 9")
    return PoolSpec(pool_id="p", vm_size="standard_d2s_v5", image=image)


def in_subnet(subnet_id: str) -> PoolSpec:
    network = NetworkConfiguration(subnet_id=subnet_id)
    return PoolSpec(
        pool_id="p", vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), network_configuration=network
    )


def refusal(pool: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        pool_to_rest(pool)
    return caught.value


@pytest.mark.parametrize(
    "image_id",
    [
        IMAGE,
        f"{IMAGE}/versions/1.2.3",
        IMAGE.upper(),
        f"{GROUP}/Microsoft.Compute/images/render",
        "/SharedGalleries/s-films/Images/render",
        "/sharedgalleries/s-films/images/render/versions/latest",
        "/CommunityGalleries/films-1/Images/render/Versions/1.0.0",
        "{{ var.value.image }}",
    ],
)
def test_the_id_of_a_gallery_image_is_taken_without_regard_to_case(image_id: str) -> None:
    machine = pool_to_rest(gallery(image_id))["virtualMachineConfiguration"]
    assert list(machine["imageReference"].values()) == [image_id]


@pytest.mark.parametrize(
    ("image_id", "field", "part"),
    [
        ("films", "virtualMachineImageId", "Microsoft.Compute/galleries/<gallery>/images/<image>"),
        ("/subscriptions/.../images/films", "virtualMachineImageId", "(sharedGalleryImageId)"),
        (f"{IMAGE}/versions", "virtualMachineImageId", "[/versions/<version>]"),
        (SUBNET, "virtualMachineImageId", "the resource id of an image"),
        ("/SharedGalleries/films", "sharedGalleryImageId", "/SharedGalleries/<gallery>/images/<image>"),
        ("/CommunityGalleries/f", "communityGalleryImageId", "/CommunityGalleries/<gallery>/images/<image>"),
    ],
)
def test_what_is_no_id_of_a_gallery_image_is_refused(image_id: str, field: str, part: str) -> None:
    error = refusal(gallery(image_id))
    assert error.path == f"{REFERENCE}.{field}"
    assert part in error.problem
    assert error.problem.endswith(f"found {image_id!r}")


@pytest.mark.parametrize("subnet_id", [SUBNET, SUBNET.lower(), "{{ var.value.subnet }}"])
def test_the_id_of_a_subnet_is_taken_without_regard_to_case(subnet_id: str) -> None:
    assert pool_to_rest(in_subnet(subnet_id))["networkConfiguration"] == {"subnetId": subnet_id}


@pytest.mark.parametrize("subnet_id", ["default", SUBNET.partition("/subnets")[0], f"{SUBNET}/more", IMAGE])
def test_what_is_no_id_of_a_subnet_is_refused(subnet_id: str) -> None:
    error = refusal(in_subnet(subnet_id))
    assert error.path == "pool.networkConfiguration.subnetId"
    assert "virtualNetworks/<network>/subnets/<subnet>" in error.problem


def test_the_models_of_the_sdk_are_held_to_the_same() -> None:
    reference = sdk.BatchVmImageReference(virtual_machine_image_id="films")
    machine = sdk.VirtualMachineConfiguration(image_reference=reference, node_agent_sku_id="batch.node.el 9")
    pool = sdk.BatchPoolCreateOptions(
        id="p", vm_size="standard_d2s_v5", virtual_machine_configuration=machine
    )
    assert refusal(pool).path == f"{REFERENCE}.virtualMachineImageId"


def test_the_subnet_of_a_job_is_held_to_the_same() -> None:
    with pytest.raises(SpecError) as caught:
        job_to_rest({"id": "j", "poolInfo": {"poolId": "p"}, "networkConfiguration": _network("default")})
    assert caught.value.path == "job.networkConfiguration.subnetId"
    job = {"id": "j", "poolInfo": {"poolId": "p"}, "networkConfiguration": _network(SUBNET)}
    assert job_to_rest(job) == job


def _network(subnet_id: str) -> dict[str, Any]:
    return {"subnetId": subnet_id, "skipWithdrawFromVNet": True}
