"""The list of supported images, and what becomes of pools with images that are not in it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.clients import IMAGE, Batch, code_of, new_id, pool_body, property_of

REFERENCE = "reference of the service, "
ENDED = {
    "imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-focal", "sku": "20_04-lts"},
    "nodeAgentSKUId": "batch.node.ubuntu 20.04",
}


@pytest.mark.assumed(source=REFERENCE + "section 1.6")
def test_the_list_is_paged_and_the_pages_are_the_list(batch: Batch) -> None:
    paged = [image.as_dict() for image in batch.call("list_supported_images", max_results=2)]
    whole = [image.as_dict() for image in batch.call("list_supported_images")]
    assert paged == whole
    assert len(whole) > 4


@pytest.mark.assumed(source=REFERENCE + "sections 1.6 and 2.8")
def test_the_list_shows_unverified_images_and_ends_of_support_too(batch: Batch) -> None:
    images = batch.call("list_supported_images")
    assert {image.verification_type for image in images} == {"verified", "unverified"}
    ends = {image.batch_support_end_of_life for image in images}
    assert None in ends
    now = datetime.now(timezone.utc)
    assert any(end is not None and end < now for end in ends)
    for image in images:
        assert image.image_reference.version == "latest"
        assert image.node_agent_sku_id.startswith("batch.node.")


@pytest.mark.assumed(source=REFERENCE + "section 1.6")
@pytest.mark.parametrize("agent", ["batch.node.ubuntu 22.04", "BATCH.NODE.Ubuntu 22.04"])
def test_the_list_is_filtered_by_node_agent_whatever_its_case(batch: Batch, agent: str) -> None:
    images = batch.call("list_supported_images", filter=f"nodeAgentSKUId eq '{agent}'")
    assert {image.node_agent_sku_id for image in images} == {"batch.node.ubuntu 22.04"}
    others = batch.call("list_supported_images", filter=f"nodeAgentSKUId ne '{agent}'")
    assert "batch.node.ubuntu 22.04" not in {image.node_agent_sku_id for image in others}


@pytest.mark.assumed(source=REFERENCE + "section 1.6")
def test_a_filter_on_another_property_is_refused(batch: Batch) -> None:
    with pytest.raises(HttpResponseError) as caught:
        batch.call("list_supported_images", filter="imageReference/publisher eq 'canonical'")
    assert caught.value.status_code == 400


@pytest.mark.assumed(source="documentation of Batch creates pools with Canonical, the list says canonical")
def test_names_of_an_image_are_compared_without_case(batch: Batch) -> None:
    reference = {name: text.upper() for name, text in IMAGE["imageReference"].items() if name != "version"}
    machine = {"imageReference": reference, "nodeAgentSKUId": IMAGE["nodeAgentSKUId"].upper()}
    batch.call("create_pool", pool_body(new_id("pool"), virtualMachineConfiguration=machine))


@pytest.mark.assumed(source="docstring of batch_support_end_of_life in azure-batch 15.1")
def test_no_pool_is_created_with_an_image_whose_support_has_ended(batch: Batch) -> None:
    with pytest.raises(HttpResponseError) as caught:
        batch.call("create_pool", pool_body(new_id("pool"), virtualMachineConfiguration=ENDED))
    assert (code_of(caught.value), property_of(caught.value)) == (
        "InvalidPropertyValue",
        "virtualMachineConfiguration.imageReference",
    )


@pytest.mark.assumed(source="docstring of batch_support_end_of_life in azure-batch 15.1")
def test_no_job_brings_a_pool_with_an_image_whose_support_has_ended(batch: Batch) -> None:
    pool: dict[str, Any] = pool_body("unused", virtualMachineConfiguration=ENDED)
    del pool["id"]
    auto_pool = {"poolLifetimeOption": "job", "pool": pool}
    with pytest.raises(HttpResponseError) as caught:
        batch.call("create_job", {"id": new_id("job"), "poolInfo": {"autoPoolSpecification": auto_pool}})
    assert property_of(caught.value) == (
        "poolInfo.autoPoolSpecification.pool.virtualMachineConfiguration.imageReference"
    )
