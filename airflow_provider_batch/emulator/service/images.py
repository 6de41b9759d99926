"""
The images that pools may have, with the node agents that match them: a small, realistic table.

Every task runs on the emulator's own machine, whatever the image; the table exists so that a misspelt image,
or a node agent that does not belong to it, fails here as it does in Azure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.times import parse_time


@dataclass(frozen=True)
class SupportedImage:
    """
    One Marketplace image.

    :param batch_support_end_of_life: time from which on Batch creates no pools with it, as it goes over the
        wire.
    """

    publisher: str
    offer: str
    sku: str
    node_agent_sku_id: str
    os_type: str = "linux"
    verification_type: str = "verified"
    capabilities: tuple[str, ...] = ("NVMe",)
    batch_support_end_of_life: str | None = None


SUPPORTED_IMAGES = (
    SupportedImage(
        "almalinux", "almalinux-x86_64", "8-gen2", "batch.node.el 8", verification_type="unverified"
    ),
    SupportedImage(
        "almalinux", "almalinux-x86_64", "9-gen2", "batch.node.el 9", verification_type="unverified"
    ),
    SupportedImage(
        "canonical",
        "0001-com-ubuntu-server-focal",
        "20_04-lts",
        "batch.node.ubuntu 20.04",
        batch_support_end_of_life="2025-05-31T00:00:00Z",
    ),
    SupportedImage("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", "batch.node.ubuntu 22.04"),
    SupportedImage("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", "batch.node.ubuntu 22.04"),
    SupportedImage("canonical", "ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04"),
    SupportedImage("canonical", "ubuntu-24_04-lts", "server-gen1", "batch.node.ubuntu 24.04"),
    SupportedImage(
        "debian",
        "debian-9",
        "9",
        "batch.node.debian 9",
        verification_type="unverified",
        batch_support_end_of_life="2022-06-30T00:00:00Z",
    ),
    SupportedImage(
        "debian",
        "debian-10",
        "10",
        "batch.node.debian 10",
        batch_support_end_of_life="2024-06-30T00:00:00Z",
    ),
    SupportedImage("debian", "debian-11", "11", "batch.node.debian 11"),
    SupportedImage("debian", "debian-11", "11-gen2", "batch.node.debian 11"),
    SupportedImage("debian", "debian-12", "12", "batch.node.debian 12"),
    SupportedImage("debian", "debian-12", "12-gen2", "batch.node.debian 12"),
    SupportedImage(
        "microsoft-azure-batch",
        "ubuntu-server-container",
        "20-04-lts",
        "batch.node.ubuntu 20.04",
        capabilities=("DockerCompatible",),
        batch_support_end_of_life="2025-05-31T00:00:00Z",
    ),
    SupportedImage(
        "microsoft-dsvm",
        "ubuntu-hpc",
        "2204",
        "batch.node.ubuntu 22.04",
        capabilities=("DockerCompatible", "IntelMPI", "MSMPI", "NvidiaTeslaDriverInstalled"),
    ),
    SupportedImage(
        "microsoft-dsvm",
        "ubuntu-hpc",
        "2404",
        "batch.node.ubuntu 24.04",
        capabilities=("DockerCompatible", "IntelMPI", "MSMPI", "NvidiaTeslaDriverInstalled"),
    ),
    SupportedImage(
        "microsoftwindowsserver",
        "windowsserver",
        "2022-datacenter",
        "batch.node.windows amd64",
        os_type="windows",
    ),
    SupportedImage(
        "microsoftwindowsserver",
        "windowsserver",
        "2022-datacenter-core",
        "batch.node.windows amd64",
        os_type="windows",
    ),
)


def reference_json(image: SupportedImage) -> Json:
    """Write which image it is."""
    return {"publisher": image.publisher, "offer": image.offer, "sku": image.sku, "version": "latest"}


def check_image(configuration: Mapping[str, Any], path: str = "virtualMachineConfiguration") -> None:
    """
    Check that an image is in the table and goes with the node agent.

    :param configuration: ``virtualMachineConfiguration`` of a pool.
    :raises ServiceError: ``InvalidPropertyValue``; ``NotImplemented`` for gallery and managed images, and for
        Windows.
    """
    reference = configuration["imageReference"]
    for name in ("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId"):
        if name in reference:
            raise errors.not_implemented(f"{path}.imageReference.{name}")
    matching = _images_like(reference)
    if not matching:
        shown = " ".join(str(reference.get(name)) for name in ("publisher", "offer", "sku"))
        reason = "The image is not supported; the list of supported images shows those that are"
        raise errors.invalid_property_value(f"{path}.imageReference", shown, reason)
    agent: str = configuration["nodeAgentSKUId"]
    if agent.lower() not in {image.node_agent_sku_id.lower() for image in matching}:
        reason = f"The image needs the node agent {matching[0].node_agent_sku_id!r}"
        raise errors.invalid_property_value(f"{path}.nodeAgentSKUId", agent, reason)
    if matching[0].os_type == "windows":
        raise errors.not_implemented("Windows nodes")


def check_support(configuration: Mapping[str, Any], now: datetime) -> None:
    """
    Check that pools are still created with an image; those that exist keep it.

    :param configuration: ``virtualMachineConfiguration`` of a new pool, checked.
    :raises ServiceError: ``InvalidPropertyValue``.
    """
    for image in _images_like(configuration["imageReference"]):
        end = image.batch_support_end_of_life
        if end is not None and parse_time(end) <= now:
            reason = f"Batch supports the image until {end}"
            path = "virtualMachineConfiguration.imageReference"
            raise errors.invalid_property_value(path, f"{image.publisher} {image.offer} {image.sku}", reason)


def _images_like(reference: Mapping[str, Any]) -> list[SupportedImage]:
    wanted = tuple(str(reference.get(name, "")).lower() for name in ("publisher", "offer", "sku"))
    return [image for image in SUPPORTED_IMAGES if (image.publisher, image.offer, image.sku) == wanted]
