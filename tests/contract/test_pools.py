"""Pools and nodes through the vendor SDK."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from azure.batch import models
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from tests.contract.clients import IMAGE, Batch, batches, code_of, new_id, pool_body, property_of, wait_for
from tests.contract.conftest import nodes_idle
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess

REFERENCE = "reference of the service, "


@pytest.mark.assumed(source=REFERENCE + "sections 2.1 and 3.1")
def test_new_pool_resizes_at_once_and_echoes_the_defaults(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name))
    pool = batch.call("get_pool", name)
    assert (pool.state, pool.vm_size) == ("active", "standard_d2s_v3")
    assert pool.creation_time == pool.last_modified
    assert (pool.target_dedicated_nodes, pool.target_low_priority_nodes) == (0, 0)
    assert pool.resize_timeout == timedelta(minutes=15)
    assert (pool.enable_auto_scale, pool.enable_inter_node_communication) == (False, False)
    assert pool.task_slots_per_node == 1
    assert pool.task_scheduling_policy.node_fill_type == "spread"
    assert pool.virtual_machine_configuration.image_reference.version == "latest"
    wait_for(lambda: batch.call("get_pool", name).allocation_state == "steady")


@pytest.fixture(scope="module")
def slow_batch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batch]:
    """A client of an emulator whose nodes take long enough to look at them on their way."""
    root = tmp_path_factory.mktemp("slow")
    with EmulatorProcess.start(root, node_start_seconds=4.5) as emulator:
        yield from batches("sync", emulator)


@pytest.mark.verified(on="azure-powershell TestRemoveComputeNodes", api_version="2024-02-01.19.0")
def test_steady_pool_has_nodes_that_are_not_usable_yet(slow_batch: Batch):
    name = new_id("pool")
    slow_batch.call("create_pool", pool_body(name, targetDedicatedNodes=1))
    assert slow_batch.call("get_pool", name).allocation_state == "resizing"
    pool = wait_for(lambda: slow_batch.call("get_pool", name), lambda pool: pool.allocation_state == "steady")
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (1, 1)
    assert slow_batch.call("list_nodes", name)[0].state in ("creating", "starting")
    wait_for(lambda: nodes_idle(slow_batch, name, 1))


@pytest.mark.assumed(source=REFERENCE + "sections 3.1 and 3.2")
def test_pool_grows_to_its_targets_and_its_nodes_become_idle(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name, targetDedicatedNodes=1, targetLowPriorityNodes=1))
    wait_for(lambda: nodes_idle(batch, name, 2))
    pool = batch.call("get_pool", name)
    assert pool.allocation_state == "steady"
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (1, 1)
    nodes = batch.call("list_nodes", name)
    assert {node.is_dedicated for node in nodes} == {True, False}
    assert batch.call("get_node", name, nodes[0].id).affinity_id == f"TVM:{nodes[0].id}"
    counts = [count for count in batch.call("list_pool_node_counts", filter=f"poolId eq '{name}'")]
    assert [(count.dedicated.idle, count.low_priority.idle, count.dedicated.total) for count in counts] == [
        (1, 1, 1)
    ]


@pytest.mark.assumed(source=REFERENCE + "sections 3.1 and 6.2")
def test_pool_that_is_not_steady_cannot_be_resized(slow_batch: Batch):
    name = new_id("pool")
    slow_batch.call("create_pool", pool_body(name, targetDedicatedNodes=1))
    with pytest.raises(ResourceExistsError) as caught:
        slow_batch.call("begin_resize_pool", name, models.BatchPoolResizeOptions(target_dedicated_nodes=2))
    assert code_of(caught.value) == "PoolBeingResized"
    slow_batch.call("begin_stop_pool_resize", name)
    pool = slow_batch.call("get_pool", name)
    assert (pool.allocation_state, [error.code for error in pool.resize_errors]) == (
        "steady",
        ["ResizeStopped"],
    )


@pytest.mark.assumed(source=REFERENCE + "sections 3.1 and 6.2")
def test_steady_pool_takes_new_targets(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name, targetDedicatedNodes=1))
    wait_for(lambda: batch.call("get_pool", name).allocation_state == "steady")
    batch.call("begin_resize_pool", name, models.BatchPoolResizeOptions(target_dedicated_nodes=0))
    pool = batch.call("get_pool", name)
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (0, 0)


@pytest.mark.assumed(source=REFERENCE + "section 3.1")
def test_removed_node_lowers_the_target(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name, targetDedicatedNodes=2))
    wait_for(lambda: nodes_idle(batch, name, 2))
    victim = batch.call("list_nodes", name)[0].id
    batch.call("begin_remove_nodes", name, models.BatchNodeRemoveOptions(node_ids=[victim]))
    wait_for(lambda: len(batch.call("list_nodes", name)) == 1)
    assert batch.call("get_pool", name).target_dedicated_nodes == 1
    with pytest.raises(ResourceNotFoundError) as caught:
        batch.call("get_node", name, victim)
    assert code_of(caught.value) == "NodeNotFound"


@pytest.mark.assumed(source=REFERENCE + "sections 1.13 and 7.2")
def test_deleted_pool_disappears(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name))
    assert batch.call("pool_exists", name) is True
    batch.call("begin_delete_pool", name)
    with pytest.raises(ResourceNotFoundError) as caught:
        batch.call("get_pool", name)
    assert code_of(caught.value) == "PoolNotFound"
    with pytest.raises(ResourceNotFoundError):
        batch.call("pool_exists", name)


@pytest.mark.assumed(source=REFERENCE + "section 1.1: ids are unique without regard to case")
def test_pool_id_is_taken_in_any_case(batch: Batch):
    name = new_id("Pool")
    batch.call("create_pool", pool_body(name))
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("create_pool", pool_body(name.lower()))
    assert code_of(caught.value) == "PoolExists"
    assert batch.call("get_pool", name.upper()).id == name


@pytest.mark.assumed(source=REFERENCE + "section 3.3: each given top-level property is replaced whole")
def test_patched_pool_takes_new_metadata_and_a_new_etag(batch: Batch):
    name = new_id("pool")
    batch.call(
        "create_pool", pool_body(name, metadata=[{"name": "a", "value": "1"}, {"name": "b", "value": "2"}])
    )
    before = batch.call("get_pool", name)
    batch.call(
        "update_pool",
        name,
        models.BatchPoolUpdateOptions(metadata=[models.BatchMetadataItem(name="c", value="3")]),
    )
    after = batch.call("get_pool", name)
    assert [(item.name, item.value) for item in after.metadata] == [("c", "3")]
    assert before.etag != after.etag


@pytest.mark.assumed(source=REFERENCE + "section 6.1: most properties change only while the pool is empty")
def test_what_nodes_depend_on_changes_only_while_there_are_none(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name))
    batch.call(
        "update_pool", name, models.BatchPoolUpdateOptions(vm_size="Standard_D4s_v3", task_slots_per_node=9)
    )
    pool = batch.call("get_pool", name)
    assert (pool.vm_size, pool.task_slots_per_node) == ("standard_d4s_v3", 9)
    wait_for(lambda: batch.call("get_pool", name).allocation_state == "steady")
    batch.call("begin_resize_pool", name, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    for patch in (
        models.BatchPoolUpdateOptions(task_slots_per_node=1),
        models.BatchPoolUpdateOptions(display_name="other"),
    ):
        with pytest.raises(ResourceExistsError) as caught:
            batch.call("update_pool", name, patch)
        assert code_of(caught.value) == "OperationNotValidOnPool"


@pytest.mark.assumed(source=REFERENCE + "section 6.2")
def test_resize_needs_a_target_and_removal_needs_nodes(sync_batch: Batch, pool_id: str):
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("begin_resize_pool", pool_id, models.BatchPoolResizeOptions())
    assert (caught.value.status_code, code_of(caught.value)) == (400, "MissingRequiredProperty")
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("begin_remove_nodes", pool_id, models.BatchNodeRemoveOptions(node_ids=[]))
    assert (caught.value.status_code, property_of(caught.value)) == (400, "nodeList")


@pytest.mark.assumed(source=REFERENCE + "section 2.1: dataDisks")
def test_data_disk_has_the_defaults_of_the_service(batch: Batch):
    name = new_id("pool")
    machine = {**IMAGE, "dataDisks": [{"lun": 0, "diskSizeGB": 8}]}
    batch.call("create_pool", pool_body(name, virtualMachineConfiguration=machine))
    disk = batch.call("get_pool", name).virtual_machine_configuration.data_disks[0]
    assert (disk.caching, disk.managed_disk.storage_account_type) == ("none", "standard_lrs")


@pytest.mark.assumed(source=REFERENCE + "section 1.10")
def test_stale_etag_is_refused_on_write_and_fresh_one_is_not_modified_on_read(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name))
    etag = batch.call("get_pool", name).etag
    patch = models.BatchPoolUpdateOptions(metadata=[])
    same = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    batch.call("update_pool", name, patch, **same)
    with pytest.raises(ResourceModifiedError) as caught:
        batch.call("update_pool", name, patch, **same)
    assert (caught.value.status_code, code_of(caught.value)) == (412, "ConditionNotMet")
    etag = batch.call("get_pool", name).etag
    with pytest.raises(HttpResponseError) as unchanged:
        batch.call("get_pool", name, etag=etag, match_condition=MatchConditions.IfModified)
    assert unchanged.value.status_code == 304


@pytest.mark.assumed(source=REFERENCE + "section 6.1")
@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"id": "no spaces"}, "InvalidPropertyValue", "id"),
        ({"id": "x" * 65}, "InvalidPropertyValue", "id"),
        ({"vmSize": "huge"}, "InvalidPropertyValue", "vmSize"),
        ({"virtualMachineConfiguration": None}, "MissingRequiredProperty", "virtualMachineConfiguration"),
        (
            {"virtualMachineConfiguration": {**IMAGE, "nodeAgentSKUId": "batch.node.debian 12"}},
            "InvalidPropertyValue",
            "virtualMachineConfiguration.nodeAgentSKUId",
        ),
        (
            {
                "virtualMachineConfiguration": {
                    **IMAGE,
                    "imageReference": {"publisher": "acme", "offer": "x", "sku": "y"},
                }
            },
            "InvalidPropertyValue",
            "virtualMachineConfiguration.imageReference",
        ),
        ({"targetDedicatedNodes": -1}, "InvalidPropertyValue", "targetDedicatedNodes"),
        ({"targetDedicatedNodes": "two"}, "InvalidPropertyValue", "targetDedicatedNodes"),
        ({"taskSlotsPerNode": 9}, "InvalidPropertyValue", "taskSlotsPerNode"),
        ({"taskSlotsPerNode": 0}, "InvalidPropertyValue", "taskSlotsPerNode"),
        ({"resizeTimeout": "PT4M59S"}, "InvalidPropertyValue", "resizeTimeout"),
        (
            {"enableAutoScale": True, "targetDedicatedNodes": 1},
            "InvalidPropertyValue",
            "targetDedicatedNodes",
        ),
        ({"enableAutoScale": True}, "MissingRequiredProperty", "autoScaleFormula"),
        ({"autoScaleFormula": "x=1"}, "InvalidPropertyValue", "autoScaleFormula"),
        ({"sorcery": True}, "UnsupportedProperty", "sorcery"),
        ({"startTask": {"commandLine": " "}}, "InvalidPropertyValue", "startTask.commandLine"),
        ({"startTask": {"commandLine": "x" * 32_769}}, "InvalidPropertyValue", "startTask"),
        (
            {"startTask": {"commandLine": "x", "environmentSettings": [{"name": ""}]}},
            "InvalidPropertyValue",
            "startTask.environmentSettings[0].name",
        ),
    ],
)
def test_pool_that_cannot_be_is_refused_by_the_property(sync_batch: Batch, change, code, named):
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call(
            "create_pool",
            pool_body(new_id("pool"), **{k: v for k, v in change.items() if k != "id"}) | change,
        )
    assert caught.value.status_code == 400
    assert code_of(caught.value) == code
    assert property_of(caught.value) == named


@pytest.mark.emulator_only(reason="valid in Azure, not implemented here")
@pytest.mark.parametrize(
    "change",
    [
        {
            "virtualMachineConfiguration": {
                **IMAGE,
                "imageReference": {"virtualMachineImageId": "/subscriptions/x"},
            }
        },
        {
            "virtualMachineConfiguration": {
                "imageReference": {
                    "publisher": "microsoftwindowsserver",
                    "offer": "windowsserver",
                    "sku": "2022-datacenter",
                },
                "nodeAgentSKUId": "batch.node.windows amd64",
            }
        },
    ],
)
def test_property_that_is_not_implemented_answers_501_and_creates_nothing(sync_batch: Batch, change):
    name = new_id("pool")
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_pool", pool_body(name, **change))
    assert (caught.value.status_code, code_of(caught.value)) == (501, "NotImplemented")
    assert "valid in Azure, not implemented here" in str(caught.value)
    with pytest.raises(ResourceNotFoundError):
        sync_batch.call("get_pool", name)


@pytest.mark.assumed(source=REFERENCE + "sections 2.1 and 6.4")
def test_start_task_runs_on_the_node_before_it_is_idle(batch: Batch):
    name = new_id("pool")
    start = {"commandLine": "/bin/sh -c 'echo started'"}
    batch.call("create_pool", pool_body(name, targetDedicatedNodes=1, startTask=start))
    echoed = batch.call("get_pool", name).start_task
    assert (echoed.wait_for_success, echoed.max_task_retry_count) == (True, 0)
    assert echoed.user_identity.auto_user.scope == "pool"
    wait_for(lambda: nodes_idle(batch, name, 1))
    node = batch.call("list_nodes", name)[0]
    assert (node.start_task_info.state, node.start_task_info.exit_code) == ("completed", 0)
    assert batch.call("download_node_file", name, node.id, "startup/stdout.txt") == b"started\n"


@pytest.mark.assumed(source=REFERENCE + "section 6.4")
def test_failed_start_task_shows_on_the_node(batch: Batch):
    name = new_id("pool")
    start = {"commandLine": "/bin/sh -c 'exit 7'"}
    batch.call("create_pool", pool_body(name, targetDedicatedNodes=1, startTask=start))
    node = wait_for(
        lambda: batch.call("list_nodes", name), lambda nodes: [n.state for n in nodes] == ["starttaskfailed"]
    )[0]
    assert (node.start_task_info.exit_code, node.start_task_info.result) == (7, "failure")
    assert node.start_task_info.failure_info.code == "FailureExitCode"


@pytest.mark.assumed(source=REFERENCE + "sections 1.6 and 2.8")
def test_supported_images_can_be_filtered(batch: Batch):
    images = batch.call(
        "list_supported_images", filter="osType eq 'linux' and verificationType eq 'verified'"
    )
    assert {image.os_type for image in images} == {"linux"}
    assert "batch.node.ubuntu 22.04" in {image.node_agent_sku_id for image in images}


@pytest.mark.assumed(source=REFERENCE + "section 1.6")
def test_pool_list_is_paged_filtered_and_selected(batch: Batch):
    prefix = new_id("paged")
    names = [f"{prefix}-{number}" for number in range(5)]
    for name in names:
        batch.call("create_pool", pool_body(name))
    where = f"startswith(id,'{prefix}-')"
    found = batch.call("list_pools", filter=where, select=["id", "state"], max_results=2)
    assert [pool.id for pool in found] == names
    assert {pool.vm_size for pool in found} == {None}


@pytest.mark.assumed(source=REFERENCE + "section 2.1: accounts come back without passwords")
def test_password_of_a_user_account_never_comes_back(sync_batch: Batch, emulator):
    name = new_id("pool")
    accounts = [{"name": "me", "password": "hunter2", "linuxUserConfiguration": {"sshPrivateKey": "hunter3"}}]
    sync_batch.call("create_pool", pool_body(name, userAccounts=accounts))
    assert b"hunter" not in send(emulator, "GET", f"/pools/{name}").body
    assert b"elevationLevel" in send(emulator, "GET", f"/pools/{name}").body
