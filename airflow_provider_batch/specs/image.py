"""What runs on a node: operating system image, and the node agent that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import ClassVar, Final, TypeVar

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.base import Spec, rest

T = TypeVar("T")

_UBUNTU: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "22.04": ("0001-com-ubuntu-server-jammy", "22_04-lts"),
        "24.04": ("ubuntu-24_04-lts", "server"),
    }
)
_UBUNTU_HPC: Final[Mapping[str, str]] = MappingProxyType({"22.04": "2204", "24.04": "2404"})


@dataclass(frozen=True, kw_only=True, eq=False)
class VmImage(Spec):
    """
    A Marketplace image (publisher, offer, sku) or a Compute Gallery image (its id), with its node agent.

    Two images are equal when their names are, without regard to case: the service answers in another case
    than it was asked.

    Example::

        VmImage.ubuntu("22.04")
        VmImage.compute_gallery("/subscriptions/.../images/films", node_agent_sku_id="batch.node.el 9")
        VmImage(
            publisher="almalinux", offer="almalinux-x86_64", sku="9-gen2", node_agent_sku_id="batch.node.el 9"
        )

    :param node_agent_sku_id: the Batch node agent for the operating system, as the service lists it
        (``az batch pool supported-images list``).
    :param publisher: of a Marketplace image.
    :param offer: of a Marketplace image.
    :param sku: of a Marketplace image.
    :param version: of a Marketplace image; the service takes the latest when it is left out.
    :param virtual_machine_image_id: resource id of a Compute Gallery image in the own subscription.
    :param shared_gallery_image_id: unique id of an image of a shared gallery.
    :param community_gallery_image_id: unique id of an image of a community gallery.
    """

    definition: ClassVar[str] = "VirtualMachineConfiguration"

    node_agent_sku_id: str = field(metadata=rest("nodeAgentSKUId"))
    publisher: str | None = field(default=None, metadata=rest("imageReference.publisher"))
    offer: str | None = field(default=None, metadata=rest("imageReference.offer"))
    sku: str | None = field(default=None, metadata=rest("imageReference.sku"))
    version: str | None = field(default=None, metadata=rest("imageReference.version"))
    virtual_machine_image_id: str | None = field(
        default=None, metadata=rest("imageReference.virtualMachineImageId")
    )
    shared_gallery_image_id: str | None = field(
        default=None, metadata=rest("imageReference.sharedGalleryImageId")
    )
    community_gallery_image_id: str | None = field(
        default=None, metadata=rest("imageReference.communityGalleryImageId")
    )

    @classmethod
    def ubuntu(cls, release: str) -> VmImage:
        """
        Canonical's Ubuntu server image.

        :param release: ``22.04`` or ``24.04``.
        :raises SpecError: no other release has an image that Batch verified.
        """
        offer, sku = _known(_UBUNTU, release, "VmImage.ubuntu")
        return cls(
            publisher="canonical",
            offer=offer,
            sku=sku,
            version="latest",
            node_agent_sku_id=f"batch.node.ubuntu {release}",
        )

    @classmethod
    def ubuntu_hpc(cls, release: str) -> VmImage:
        """
        Microsoft's Ubuntu image with a container runtime and drivers: what pools that run containers need.

        :param release: ``22.04`` or ``24.04``.
        :raises SpecError: there is no image for another release.
        """
        return cls(
            publisher="microsoft-dsvm",
            offer="ubuntu-hpc",
            sku=_known(_UBUNTU_HPC, release, "VmImage.ubuntu_hpc"),
            version="latest",
            node_agent_sku_id=f"batch.node.ubuntu {release}",
        )

    @classmethod
    def compute_gallery(cls, image_id: str, *, node_agent_sku_id: str) -> VmImage:
        """
        An image of a Compute Gallery, private, shared or community.

        :param image_id: resource id of the image or of one version, or the unique id of a shared
            (``/SharedGalleries/...``) or community (``/CommunityGalleries/...``) image.
        :param node_agent_sku_id: the node agent for the image's operating system.
        """
        start = image_id.lower()
        if start.startswith("/sharedgalleries/"):
            return cls(shared_gallery_image_id=image_id, node_agent_sku_id=node_agent_sku_id)
        if start.startswith("/communitygalleries/"):
            return cls(community_gallery_image_id=image_id, node_agent_sku_id=node_agent_sku_id)
        return cls(virtual_machine_image_id=image_id, node_agent_sku_id=node_agent_sku_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VmImage) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, ...]:
        names = {entry.name: getattr(self, entry.name) or "" for entry in fields(self)}
        if names["publisher"] and not names["version"]:
            names["version"] = "latest"
        return tuple(name.lower() for name in names.values())


def _known(images: Mapping[str, T], release: str, path: str) -> T:
    if release not in images:
        raise SpecError(
            path,
            f"knows {', '.join(images)}, not {release!r}; name the image with VmImage(publisher=..., ...)",
        )
    return images[release]
