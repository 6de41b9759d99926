"""What runs on a node: operating system image, and the node agent that fits it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import ClassVar, Final, TypeVar

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.base import Duration, Json, Spec, plain, rest

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

    What is not known before, the newest image or a node agent, is looked up in the service's list of
    supported images when the pool is created.

    Two images are equal when their names are, without regard to case: the service answers in another case
    than it was asked.

    Example::

        VmImage.ubuntu("22.04")
        VmImage.newest(publisher="canonical", offer="ubuntu-24_04-lts", sku="server*")
        VmImage(publisher="debian", offer="debian-12", sku="12-gen2")
        VmImage.compute_gallery("/subscriptions/.../images/films", node_agent_sku_id="batch.node.el 9")
        VmImage(
            publisher="almalinux", offer="almalinux-x86_64", sku="9-gen2", node_agent_sku_id="batch.node.el 9"
        )

    :param node_agent_sku_id: the Batch node agent for the operating system, as the service lists it
        (``az batch pool supported-images list``). That of a Marketplace image may be left out; a gallery
        image must have it, since the service lists no gallery images.
    :param publisher: of a Marketplace image.
    :param offer: of a Marketplace image.
    :param sku: of a Marketplace image.
    :param version: of a Marketplace image; the service takes the latest when it is left out.
    :param virtual_machine_image_id: resource id of a Compute Gallery image in the own subscription.
    :param shared_gallery_image_id: unique id of an image of a shared gallery.
    :param community_gallery_image_id: unique id of an image of a community gallery.
    :param newest_image: what else the image must have that :meth:`newest` looks for.
    """

    definition: ClassVar[str] = "VirtualMachineConfiguration"

    node_agent_sku_id: str | None = field(default=None, metadata=rest("nodeAgentSKUId"))
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
    newest_image: Json | None = None

    @classmethod
    def newest(
        cls,
        *,
        publisher: str,
        offer: str = "*",
        sku: str = "*",
        node_agent_sku_id: str | None = None,
        os_type: str | None = None,
        capabilities: Sequence[str] | str | None = None,
        support_left: Duration | None = None,
    ) -> VmImage:
        """
        The newest verified Marketplace image that matches, found when the pool is created.

        Names are compared without case; ``*`` stands for any characters and ``?`` for one. Only images count
        that the service has verified and still supports. *Newest* goes by the numbers in the names: first
        those of the node agent (``batch.node.ubuntu 24.04`` is newer than ``22.04``), then of the offer, then
        of the SKU, each compared as numbers (``10`` is newer than ``9``); ``gen1``, ``gen2`` and ``x86_64``
        are no versions. Of several images of one version, it is the one with the fewest words in its name
        (``server`` before ``server-gen1``), and of these the last by name (``gen2`` before ``gen1``).

        A pool that exists fits as long as its image matches, whatever has appeared since: delete it to have
        the newest.

        Example::

            VmImage.newest(
                publisher="microsoft-dsvm", offer="ubuntu-hpc", capabilities=["DockerCompatible"]
            )

        :param publisher: for example ``canonical``.
        :param offer: for example ``ubuntu-24_04-lts``.
        :param sku: for example ``server*``.
        :param node_agent_sku_id: for example ``batch.node.ubuntu*``; any when left out. Patterns that match
            several distributions are refused, since none is newer than another.
        :param os_type: ``linux`` or ``windows``.
        :param capabilities: what the service's list must say of it, such as ``DockerCompatible`` or
            ``NvidiaTeslaDriverInstalled``; compared without case.
        :param support_left: how long the service must go on supporting it; an image without a known end
            has enough.
        """
        conditions = {"osType": os_type, "capabilities": capabilities, "supportLeft": support_left}
        return cls(
            publisher=publisher,
            offer=offer,
            sku=sku,
            node_agent_sku_id=node_agent_sku_id,
            newest_image={name: value for name, value in conditions.items() if value is not None},
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
        names["newest_image"] = _text(self.newest_image)
        if names["publisher"] and not names["version"]:
            names["version"] = "latest"
        return tuple(name.lower() for name in names.values())


def _text(conditions: Json | None) -> str:
    return "" if conditions is None else json.dumps(plain(conditions, ""), sort_keys=True, default=str)


def _known(images: Mapping[str, T], release: str, path: str) -> T:
    if release not in images:
        raise SpecError(
            path,
            f"knows {', '.join(images)}, not {release!r}; name the image with VmImage(publisher=..., ...)",
        )
    return images[release]
