from __future__ import annotations

import json
import pickle
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import PoolSpec, VmImage, fingerprint, pool_differences, pool_to_rest

UBUNTU: dict[str, Any] = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
GALLERY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/films/images/i"


@pytest.mark.parametrize(
    ("image", "reference", "agent"),
    [
        (
            VmImage.ubuntu("22.04"),
            {
                "publisher": "canonical",
                "offer": "0001-com-ubuntu-server-jammy",
                "sku": "22_04-lts",
                "version": "latest",
            },
            "batch.node.ubuntu 22.04",
        ),
        (
            VmImage.ubuntu("24.04"),
            {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"},
            "batch.node.ubuntu 24.04",
        ),
        (
            VmImage.ubuntu_hpc("24.04"),
            {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404", "version": "latest"},
            "batch.node.ubuntu 24.04",
        ),
        (
            VmImage.compute_gallery(GALLERY, node_agent_sku_id="a"),
            {"virtualMachineImageId": GALLERY},
            "a",
        ),
        (
            VmImage.compute_gallery("/SharedGalleries/g/images/i", node_agent_sku_id="a"),
            {"sharedGalleryImageId": "/SharedGalleries/g/images/i"},
            "a",
        ),
        (
            VmImage.compute_gallery("/CommunityGalleries/g/images/i", node_agent_sku_id="a"),
            {"communityGalleryImageId": "/CommunityGalleries/g/images/i"},
            "a",
        ),
    ],
)
def test_an_image_becomes_its_reference_and_node_agent(image, reference, agent):
    assert image.to_rest() == {"imageReference": reference, "nodeAgentSKUId": agent}


def test_an_unknown_release_is_refused_with_those_that_are_known():
    with pytest.raises(SpecError, match=r"VmImage\.ubuntu: knows 22\.04, 24\.04, not '19\.04'"):
        VmImage.ubuntu("19.04")


def test_images_are_compared_without_case():
    lower = VmImage(
        publisher="canonical", offer="ubuntuserver", sku="18.04-lts", node_agent_sku_id="batch.node.x"
    )
    upper = VmImage(
        publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", node_agent_sku_id="Batch.Node.X"
    )
    assert lower == upper
    assert hash(lower) == hash(upper)
    assert lower != VmImage.ubuntu("22.04")


def test_no_version_is_the_latest_version():
    named = VmImage(publisher="a", offer="b", sku="c", version="latest", node_agent_sku_id="d")
    assert named == VmImage(publisher="a", offer="b", sku="c", node_agent_sku_id="d")
    assert named != VmImage(publisher="a", offer="b", sku="c", version="1", node_agent_sku_id="d")


# --- what is looked up when the pool is created --------------------------------------------------


def test_the_newest_image_is_json_that_stays_the_same_when_it_is_read_again():
    image = VmImage.newest(
        publisher="Canonical",
        offer="ubuntu-*",
        sku="server*",
        os_type="Linux",
        capabilities=["DockerCompatible"],
        support_left=timedelta(days=90),
    )
    pool = PoolSpec(pool_id="p", vm_size="standard_d2s_v5", image=image).to_rest()
    machine = pool["virtualMachineConfiguration"]
    assert machine == {
        "imageReference": {"publisher": "Canonical", "offer": "ubuntu-*", "sku": "server*"},
        "newestImage": {"osType": "linux", "capabilities": ["DockerCompatible"], "supportLeft": "P90D"},
    }
    assert pool_to_rest(json.loads(json.dumps(pool))) == pool


def test_offer_and_sku_of_the_newest_image_may_be_any():
    image = VmImage.newest(publisher="canonical")
    assert image.to_rest() == {
        "imageReference": {"publisher": "canonical", "offer": "*", "sku": "*"},
        "newestImage": {},
    }


def test_templates_may_stand_in_a_newest_image():
    image = VmImage.newest(publisher="{{ params.publisher }}", support_left="{{ params.left }}")
    assert image.to_rest()["newestImage"] == {"supportLeft": "{{ params.left }}"}


def test_newest_images_are_equal_when_all_that_is_asked_is():
    image = VmImage.newest(publisher="canonical", sku="server*", support_left=timedelta(days=1))
    same = VmImage.newest(publisher="Canonical", sku="Server*", support_left=timedelta(hours=24))
    assert image == same
    assert hash(image) == hash(same)
    assert pickle.loads(pickle.dumps(image)) == image  # noqa: S301 - made here
    assert image != VmImage.newest(publisher="canonical", sku="server*")
    assert VmImage.newest(**UBUNTU) != VmImage(**UBUNTU)


@pytest.mark.parametrize(
    ("image", "path", "problem"),
    [
        (VmImage(**{**UBUNTU, "sku": "server*"}), "imageReference.sku", "only VmImage.newest"),
        (VmImage(virtual_machine_image_id=GALLERY), "nodeAgentSKUId", "required and missing"),
        (
            VmImage(virtual_machine_image_id=GALLERY, newest_image={}),
            "imageReference.virtualMachineImageId",
            "contradicts newestImage",
        ),
        (
            VmImage(**UBUNTU, version="1", newest_image={}),
            "imageReference.version",
            "contradicts newestImage",
        ),
        (VmImage.newest(publisher="a", os_type="beos"), "newestImage.osType", "linux, windows"),
        (VmImage.newest(publisher="a", support_left="soon"), "newestImage.supportLeft", "soon"),
        (VmImage(**UBUNTU, newest_image={"os": "linux"}), "newestImage.os", "osType"),
        (VmImage.newest(publisher=" "), "imageReference.publisher", "must not be empty"),
    ],
)
def test_what_cannot_be_looked_up_is_refused_while_the_dag_is_parsed(image, path, problem):
    with pytest.raises(SpecError) as caught:
        image.to_rest()
    assert caught.value.path == f"VmImage.{path}"
    assert problem in caught.value.problem


def pool(image: VmImage | dict[str, Any]) -> dict[str, Any]:
    return PoolSpec(pool_id="p", vm_size="standard_d2s_v5", image=image).to_rest()


def existing(agent: str = "batch.node.ubuntu 24.04", **names: str) -> dict[str, Any]:
    return pool({"imageReference": {**UBUNTU, "version": "latest", **names}, "nodeAgentSKUId": agent})


@pytest.mark.parametrize(
    "image",
    [
        VmImage(**UBUNTU),
        VmImage.newest(publisher="CANONICAL"),
        VmImage.newest(publisher="canonical", offer="Ubuntu-2?_04-LTS", sku="s*", support_left="P30D"),
        VmImage.newest(publisher="*", node_agent_sku_id="batch.node.ubuntu*"),
    ],
)
def test_a_pool_that_has_what_was_asked_for_is_as_described(image):
    assert pool_differences(pool(image), existing()) == []
    assert (
        pool_differences(pool(image), existing(agent="BATCH.NODE.UBUNTU 24.04", publisher="Canonical")) == []
    )


@pytest.mark.parametrize(
    ("image", "differences"),
    [
        (
            VmImage.newest(publisher="canonical", offer="ubuntu-26*"),
            ["imageReference.offer: wanted 'ubuntu-26*', found 'ubuntu-24_04-lts'"],
        ),
        (
            VmImage.newest(publisher="canonical", node_agent_sku_id="*26.04"),
            ["nodeAgentSKUId: wanted '*26.04', found 'batch.node.ubuntu 24.04'"],
        ),
        (VmImage(**{**UBUNTU, "sku": "gone"}), ["imageReference.sku: wanted 'gone', found 'server'"]),
    ],
)
def test_a_pool_that_has_another_image_is_told_by_field(image, differences):
    found = pool_differences(pool(image), existing())
    assert found == [f"virtualMachineConfiguration.{line}" for line in differences]


def test_a_gallery_image_is_no_newest_image():
    gallery = pool({"imageReference": {"virtualMachineImageId": GALLERY}, "nodeAgentSKUId": "a"})
    wanted = pool(VmImage.newest(publisher="*"))
    assert len(pool_differences(wanted, gallery)) == 3


def test_the_fingerprint_is_of_what_was_asked_for():
    prints = {
        fingerprint(pool(image))
        for image in (
            VmImage(**UBUNTU),
            VmImage.newest(**UBUNTU),
            VmImage.newest(**UBUNTU, support_left="P30D"),
            VmImage.newest(**{**UBUNTU, "sku": "server*"}),
        )
    }
    assert len(prints) == 4
    assert fingerprint(pool(VmImage.newest(publisher="A"))) == fingerprint(
        pool(VmImage.newest(publisher="a"))
    )
