"""VM sizes that there are not: refused on both planes, wherever they come; and sizes that are added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.contract.clients import Batch, SyncBatch, code_of, new_id, pool_body, property_of
from tests.contract.management_clients import ACCOUNT, LOCATION, Management, managements
from tests.contract.test_management_pools import body as managed_body
from tests.contract.test_serve import refused
from tests.emulator_process import EmulatorProcess

#: threads on GitHub: the code, the message without a property, the service's own log of a refused vmSize
refusals_are_reported = pytest.mark.assumed(
    source="Azure/batch-shipyard#53 and #114, Azure/azure-batch-cli-extensions#119: 400 for a vmSize that "
    "Batch does not know"
)
UNKNOWN = "STANDARD_DS64_v3"


@pytest.fixture(scope="module", params=["sync", "aio"])
def management(request: pytest.FixtureRequest, emulator: EmulatorProcess) -> Iterator[Management]:
    yield from managements(request.param, emulator)


def auto_pool(vm_size: str) -> dict[str, Any]:
    pool = pool_body("unused", vmSize=vm_size)
    del pool["id"]
    return {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}


def check(error: HttpResponseError, named: str) -> None:
    assert (error.status_code, code_of(error), property_of(error)) == (400, "InvalidPropertyValue", named)
    assert error.error is not None
    assert "The value provided for one of the properties in the request body is invalid." in str(error.error)


@refusals_are_reported
def test_no_pool_has_an_unknown_size(batch: Batch):
    name = new_id("pool")
    with pytest.raises(HttpResponseError) as caught:
        batch.call("create_pool", pool_body(name, vmSize=UNKNOWN))
    check(caught.value, "vmSize")
    assert caught.value.error is not None
    assert UNKNOWN in {detail.message for detail in caught.value.error.details}
    with pytest.raises(ResourceNotFoundError):
        batch.call("get_pool", name)


@refusals_are_reported
def test_a_pool_keeps_its_size_when_it_is_to_have_an_unknown_one(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name))
    with pytest.raises(HttpResponseError) as caught:
        batch.call("update_pool", name, {"vmSize": UNKNOWN})
    check(caught.value, "vmSize")
    assert batch.call("get_pool", name).vm_size == "standard_d2s_v3"


@refusals_are_reported
def test_no_job_brings_a_pool_of_an_unknown_size(batch: Batch):
    with pytest.raises(HttpResponseError) as caught:
        batch.call("create_job", {"id": new_id("job"), "poolInfo": auto_pool(UNKNOWN)})
    check(caught.value, "poolInfo.autoPoolSpecification.pool.vmSize")


@refusals_are_reported
def test_no_schedule_brings_one_either_nor_is_changed_to(batch: Batch):
    path = "jobSpecification.poolInfo.autoPoolSpecification.pool.vmSize"
    name, schedule = new_id("schedule"), {"doNotRunUntil": "2099-01-01T00:00:00Z"}
    bad = {"jobSpecification": {"poolInfo": auto_pool(UNKNOWN)}}
    with pytest.raises(HttpResponseError) as caught:
        batch.call("create_job_schedule", {"id": name, "schedule": schedule, **bad})
    check(caught.value, path)
    good = {"jobSpecification": {"poolInfo": auto_pool("standard_d2s_v5")}}
    batch.call("create_job_schedule", {"id": name, "schedule": schedule, **good})
    with pytest.raises(HttpResponseError) as changed:
        batch.call("update_job_schedule", name, bad)
    check(changed.value, path)
    batch.call("begin_delete_job_schedule", name)


@refusals_are_reported
def test_the_management_plane_creates_no_pool_of_an_unknown_size(management: Management):
    name = new_id("pool")
    with pytest.raises(HttpResponseError) as caught:
        management.call("pool.create", *ACCOUNT, name, managed_body(vmSize=UNKNOWN))
    assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidPropertyValue")
    with pytest.raises(ResourceNotFoundError):
        management.call("pool.get", *ACCOUNT, name)


@pytest.mark.assumed(source="azure-mgmt-batch 19.0.0: the sizes that Batch supports in a region")
def test_a_pool_may_have_a_size_of_every_listed_series(batch: Batch, management: Management):
    sizes = management.call("location.list_supported_virtual_machine_skus", LOCATION)
    assert len(sizes) > 900
    one_of_each = {size.family_name: size.name for size in sizes}
    for size in list(one_of_each.values())[::12]:
        batch.call("create_pool", pool_body(new_id("pool"), vmSize=size.upper()))


@pytest.mark.emulator_only(reason="--vm-size is the emulator's")
def test_a_further_size_is_listed_taken_and_kept(tmp_path: Path):
    arguments = ("--vm-size", "Standard_D4s_v9", "--vm-size", "Standard_D8s_v9")
    with EmulatorProcess.start(tmp_path / "root", arguments=arguments) as emulator:
        batch, (management,) = SyncBatch(emulator), list(managements("sync", emulator))
        sizes = management.call("location.list_supported_virtual_machine_skus", LOCATION)
        assert {"Standard_D4s_v9", "Standard_D8s_v9"} <= {size.name for size in sizes}
        batch.call("create_pool", pool_body("new", vmSize="STANDARD_D4S_V9", taskSlotsPerNode=16))
        batch.close()
    with EmulatorProcess.start(tmp_path / "root") as emulator:
        batch = SyncBatch(emulator)
        batch.call("update_pool", "new", {"metadata": [{"name": "a", "value": "b"}]})
        assert batch.call("get_pool", "new").vm_size == "standard_d4s_v9"
        batch.close()


@pytest.mark.emulator_only(reason="--vm-size is the emulator's")
def test_what_is_no_name_of_a_size_is_refused_at_the_start():
    assert "'huge' is not built as a VM size is" in refused("--vm-size", "huge")
