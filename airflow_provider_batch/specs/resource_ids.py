"""What the resource ids of a pool's image and of subnets look like, so that another id is refused early."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.templates import decided_later

__all__ = ["check_image_id", "check_subnet_id"]

_GROUP: Final = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
_IMAGE: Final = r"/images/[^/]+(/versions/[^/]+)?"
_SHARED: Final = "/SharedGalleries/<gallery>/images/<image>[/versions/<version>]"
_COMMUNITY: Final = "/CommunityGalleries/<gallery>/images/<image>[/versions/<version>]"
#: of each field that names an image by its id: what the id is, and what it looks like
_IMAGES: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "virtualMachineImageId": (
        # Managed images (Microsoft.Compute/images) are on their way out; the service says when they are gone.
        re.compile(rf"{_GROUP}/Microsoft\.Compute(/galleries/[^/]+{_IMAGE}|/images/[^/]+)", re.IGNORECASE),
        "the resource id of an image (/subscriptions/.../resourceGroups/.../providers/Microsoft.Compute"
        "/galleries/<gallery>/images/<image>[/versions/<version>]); the ids of other galleries' images are"
        f" {_SHARED} (sharedGalleryImageId) and {_COMMUNITY} (communityGalleryImageId)",
    ),
    "sharedGalleryImageId": (
        re.compile(rf"/SharedGalleries/[^/]+{_IMAGE}", re.IGNORECASE),
        f"the id of a shared gallery's image ({_SHARED})",
    ),
    "communityGalleryImageId": (
        re.compile(rf"/CommunityGalleries/[^/]+{_IMAGE}", re.IGNORECASE),
        f"the id of a community gallery's image ({_COMMUNITY})",
    ),
}
_SUBNET: Final = re.compile(
    rf"{_GROUP}/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+", re.IGNORECASE
)


def check_image_id(path: str, name: str, image: Mapping[str, Any]) -> None:
    """
    See that the id of a gallery image is one; case does not matter.

    :param path: where the image reference stands, for messages.
    :param name: its field that has the id, such as ``virtualMachineImageId``.
    :param image: the image reference (REST JSON).
    :raises SpecError: it is not so.
    """
    shape, looks = _IMAGES[name]
    _check(f"{path}.{name}", image[name], shape, looks)


def check_subnet_id(path: str, network: Mapping[str, Any]) -> None:
    """
    Rule: the subnet of a pool or job is named by its resource id; case does not matter.

    :param path: where the network configuration stands, for messages.
    :param network: the network configuration (REST JSON).
    :raises SpecError: it is not so.
    """
    if "subnetId" in network:
        looks = (
            "the resource id of a subnet (/subscriptions/.../resourceGroups/.../providers/Microsoft.Network"
            "/virtualNetworks/<network>/subnets/<subnet>)"
        )
        _check(f"{path}.subnetId", network["subnetId"], _SUBNET, looks)


def _check(path: str, value: Any, shape: re.Pattern[str], looks: str) -> None:
    if not decided_later(value) and not shape.fullmatch(value):
        raise SpecError(path, f"must be {looks}, found {value!r}")
