"""What belongs to the account as a whole: supported images."""

from __future__ import annotations

from airflow_provider_batch.emulator.service.images import SUPPORTED_IMAGES, SupportedImage, reference_json
from airflow_provider_batch.emulator.wire.fields import Fields, Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing
from airflow_provider_batch.emulator.wire.odata import SUPPORTED_IMAGES as FILTERABLE
from airflow_provider_batch.emulator.wire.query import Query

_FIELDS: Fields[SupportedImage] = {
    "nodeAgentSKUId": lambda image, links: image.node_agent_sku_id,
    "imageReference": lambda image, links: reference_json(image),
    "osType": lambda image, links: image.os_type,
    "capabilities": lambda image, links: list(image.capabilities),
    "batchSupportEndOfLife": lambda image, links: image.batch_support_end_of_life,
    "verificationType": lambda image, links: image.verification_type,
}
_LIST = Listing(
    "supportedimages",
    _FIELDS,
    FILTERABLE,
    lambda image: (image.publisher, image.offer, image.sku, image.node_agent_sku_id),
)


class Account:
    """The operations on the account."""

    def supported_images(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the images that pools may have."""
        return _LIST.page(SUPPORTED_IMAGES, path, query, links)
