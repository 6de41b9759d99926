from __future__ import annotations

import pytest

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import VmImage


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
            VmImage.compute_gallery("/subscriptions/s/images/i", node_agent_sku_id="a"),
            {"virtualMachineImageId": "/subscriptions/s/images/i"},
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
