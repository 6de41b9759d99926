"""Single nodes through the vendor SDK: reboots and their kin, scheduling, users, logs, extensions, usage."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.contract.clients import (
    IMAGE,
    Batch,
    code_of,
    completed,
    new_id,
    pool_body,
    property_of,
    wait_for,
)
from tests.contract.conftest import nodes_idle
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess
from tests.scripted_server import Reply, scripted_server

REFERENCE = "reference of the service, "
SDK_DOC = "azure-batch 15.1.0, documentation of "


def pool_with_node(batch: Batch, **more: Any) -> tuple[str, str]:
    """A pool of its own with one idle node."""
    name = new_id("pool")
    batch.call("create_pool", pool_body(name, targetDedicatedNodes=1, **more))
    wait_for(lambda: nodes_idle(batch, name, 1))
    return name, batch.call("list_nodes", name)[0].id


def long_task(batch: Batch, pool_id: str) -> str:
    """A job with a task "t" that runs in a pool."""
    job_id = new_id("job")
    batch.call("create_job", {"id": job_id, "poolInfo": {"poolId": pool_id}})
    batch.call("create_task", job_id, {"id": "t", "commandLine": "sleep 60"})
    wait_for(lambda: batch.call("get_task", job_id, "t").state == "running")
    return job_id


def in_state(batch: Batch, pool_id: str, node_id: str, state: str) -> Any:
    return wait_for(lambda: batch.call("get_node", pool_id, node_id), lambda node: node.state == state)


# --- down and up --------------------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "sections 3.2 and 6.4")
def test_rebooted_node_runs_its_start_task_again_and_keeps_its_files(batch: Batch):
    start = {"commandLine": "/bin/sh -c 'echo boot >> $AZ_BATCH_NODE_SHARED_DIR/boots'"}
    pool_id, node_id = pool_with_node(batch, startTask=start)
    before = batch.call("get_node", pool_id, node_id).last_boot_time
    batch.call("begin_reboot_node", pool_id, node_id, {"nodeRebootOption": "requeue"})
    node = in_state(batch, pool_id, node_id, "idle")
    assert node.last_boot_time > before
    assert batch.call("download_node_file", pool_id, node_id, "shared/boots") == b"boot\nboot\n"


@pytest.mark.assumed(source=REFERENCE + "sections 3.2 and 4.3")
def test_task_on_a_rebooted_node_is_requeued_and_counted(batch: Batch):
    pool_id, node_id = pool_with_node(batch)
    job_id = long_task(batch, pool_id)
    batch.call("begin_reboot_node", pool_id, node_id, {"nodeRebootOption": "requeue"})
    task = wait_for(
        lambda: batch.call("get_task", job_id, "t"), lambda task: task.execution_info.requeue_count == 1
    )
    assert task.execution_info.retry_count == 0
    wait_for(lambda: batch.call("get_task", job_id, "t").state == "running")
    batch.call("terminate_task", job_id, "t")


@pytest.mark.assumed(source=REFERENCE + "section 3.2")
def test_task_on_a_rebooted_node_can_be_terminated(batch: Batch):
    pool_id, node_id = pool_with_node(batch)
    job_id = long_task(batch, pool_id)
    batch.call("begin_reboot_node", pool_id, node_id, {"nodeRebootOption": "terminate"})
    assert completed(batch, job_id, "t").execution_info.failure_info.code == "TaskEnded"
    in_state(batch, pool_id, node_id, "idle")


@pytest.mark.assumed(source=REFERENCE + "section 3.2")
def test_reimaged_node_has_new_directories(batch: Batch):
    pool_id, node_id = pool_with_node(batch)
    job_id = new_id("job")
    batch.call("create_job", {"id": job_id, "poolInfo": {"poolId": pool_id}})
    batch.call("create_task", job_id, {"id": "t", "commandLine": "true"})
    completed(batch, job_id, "t")
    assert batch.call("list_task_files", job_id, "t")
    batch.call("begin_reimage_node", pool_id, node_id, {"nodeReimageOption": "requeue"})
    in_state(batch, pool_id, node_id, "idle")
    names = {file.name for file in batch.call("list_node_files", pool_id, node_id)}
    assert {"startup", "shared", "workitems"} <= names
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("list_task_files", job_id, "t")
    assert code_of(caught.value) == "TaskFilesUnavailable"


@pytest.mark.assumed(source=REFERENCE + "section 3.2")
def test_deallocated_node_waits_to_be_started(batch: Batch):
    pool_id, node_id = pool_with_node(batch)
    batch.call("begin_deallocate_node", pool_id, node_id, {"nodeDeallocateOption": "requeue"})
    assert batch.call("get_node", pool_id, node_id).state == "deallocated"
    counts = batch.call("list_pool_node_counts", filter=f"poolId eq '{pool_id}'")[0].dedicated
    assert (counts.deallocated, counts.idle, counts.total) == (1, 0, 1)
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("begin_reboot_node", pool_id, node_id, {"nodeRebootOption": "requeue"})
    assert code_of(caught.value) == "OperationNotValidOnNode"
    batch.call("begin_start_node", pool_id, node_id)
    in_state(batch, pool_id, node_id, "idle")
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("begin_start_node", pool_id, node_id)
    assert code_of(caught.value) == "OperationNotValidOnNode"


@pytest.mark.assumed(source=REFERENCE + "section 1.12: the codes and, of verbs, DataServiceId")
def test_verbs_take_an_empty_body_and_answer_with_their_address(emulator: EmulatorProcess, sync_batch: Batch):
    pool_id, node_id = pool_with_node(sync_batch)
    path = f"/pools/{pool_id}/nodes/{node_id}"
    for verb, status in (("disablescheduling", 200), ("enablescheduling", 200), ("reboot", 202)):
        answer = send(emulator, "POST", f"{path}/{verb}")
        assert (answer.status, answer.body) == (status, b"")
        assert answer.headers["dataserviceid"] == f"{emulator.url}{path}/{verb}"
        assert "etag" not in answer.headers


@pytest.mark.assumed(source=REFERENCE + "sections 1.9 and 7.2")
@pytest.mark.parametrize(
    ("verb", "option"),
    [
        ("reboot", "nodeRebootOption"),
        ("reimage", "nodeReimageOption"),
        ("deallocate", "nodeDeallocateOption"),
        ("disablescheduling", "nodeDisableSchedulingOption"),
    ],
)
def test_bad_bodies_of_verbs_are_refused_and_change_nothing(
    emulator: EmulatorProcess, sync_batch: Batch, pool_id: str, verb: str, option: str
):
    node_id = sync_batch.call("list_nodes", pool_id)[0].id
    path = f"/pools/{pool_id}/nodes/{node_id}/{verb}"
    for body, code in (
        ({option: "never"}, "InvalidPropertyValue"),
        ({option: 3}, "InvalidPropertyValue"),
        ({"surprise": 1}, "UnsupportedProperty"),
        ([], "InvalidRequestBody"),
        (b"{", "InvalidRequestBody"),
    ):
        answer = send(emulator, "POST", path, body)
        assert (answer.status, answer.code) == (400, code)
    missing = send(emulator, "POST", f"/pools/{pool_id}/nodes/nobody/{verb}", {})
    assert (missing.status, missing.code) == (404, "NodeNotFound")
    assert sync_batch.call("get_node", pool_id, node_id).state in ("idle", "running")


@pytest.mark.assumed(source=REFERENCE + "section 3.2")
def test_retained_data_is_no_way_to_disable_scheduling(
    emulator: EmulatorProcess, sync_batch: Batch, pool_id: str
):
    node_id = sync_batch.call("list_nodes", pool_id)[0].id
    path = f"/pools/{pool_id}/nodes/{node_id}/disablescheduling"
    answer = send(emulator, "POST", path, {"nodeDisableSchedulingOption": "retaineddata"})
    assert answer.code == "InvalidPropertyValue"


# --- scheduling ---------------------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "section 3.2")
def test_node_without_scheduling_is_offline_and_takes_no_tasks(batch: Batch):
    pool_id, node_id = pool_with_node(batch)
    batch.call("disable_node_scheduling", pool_id, node_id, {"nodeDisableSchedulingOption": "requeue"})
    node = batch.call("get_node", pool_id, node_id)
    assert (node.state, node.scheduling_state) == ("offline", "disabled")
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("disable_node_scheduling", pool_id, node_id, {"nodeDisableSchedulingOption": "terminate"})
    assert code_of(caught.value) == "NodeAlreadyInTargetSchedulingState"
    job_id = new_id("job")
    batch.call("create_job", {"id": job_id, "poolInfo": {"poolId": pool_id}})
    batch.call("create_task", job_id, {"id": "t", "commandLine": "true"})
    assert batch.call("get_task", job_id, "t").state == "active"
    batch.call("enable_node_scheduling", pool_id, node_id)
    completed(batch, job_id, "t")
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("enable_node_scheduling", pool_id, node_id)
    assert code_of(caught.value) == "NodeAlreadyInTargetSchedulingState"


# --- users and remote login ---------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "sections 1.12 and 7.2")
def test_node_user_is_created_replaced_and_deleted(batch: Batch):
    pool_id, node_id = pool_with_node(batch)
    user = models.BatchNodeUserCreateOptions(name="me", password="hunter2!", is_admin=True)
    batch.call("create_node_user", pool_id, node_id, user)
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("create_node_user", pool_id, node_id, user)
    assert code_of(caught.value) == "NodeUserExists"
    change = models.BatchNodeUserReplaceOptions(ssh_public_key="ssh-rsa AAAA")
    batch.call("replace_node_user", pool_id, node_id, "me", change)
    batch.call("delete_node_user", pool_id, node_id, "me")
    for operation, *more in (("replace_node_user", change), ("delete_node_user",)):
        with pytest.raises(ResourceNotFoundError) as missing:
            batch.call(operation, pool_id, node_id, "me", *more)
        assert code_of(missing.value) == "NodeUserNotFound"


@pytest.mark.assumed(source=SDK_DOC + "BatchNodeUserCreateOptions")
@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        ({"password": "x"}, "MissingRequiredProperty", "name"),
        ({"name": "me"}, "MissingRequiredProperty", "password"),
        ({"name": "no spaces", "password": "x"}, "InvalidPropertyValue", "name"),
        ({"name": "me", "password": "x", "isAdmin": "yes"}, "InvalidPropertyValue", "isAdmin"),
        ({"name": "me", "password": "x", "expiryTime": "soon"}, "InvalidPropertyValue", "expiryTime"),
        (
            {"name": "me", "password": "x", "expiryTime": "2001-01-01T00:00:00Z"},
            "InvalidPropertyValue",
            "expiryTime",
        ),
        ({"name": "me", "password": "x", "shell": "bash"}, "UnsupportedProperty", "shell"),
    ],
)
def test_bad_node_user_is_refused_and_its_password_not_repeated(
    emulator: EmulatorProcess, sync_batch: Batch, pool_id: str, body: dict[str, Any], code: str, named: str
):
    node_id = sync_batch.call("list_nodes", pool_id)[0].id
    secret = {**body, **({"password": "hunter2"} if "password" in body else {})}
    answer = send(emulator, "POST", f"/pools/{pool_id}/nodes/{node_id}/users", secret)
    assert (answer.status, answer.code) == (400, code)
    values = {value["key"]: value["value"] for value in answer.json()["values"]}
    assert values["PropertyName"] == named
    assert b"hunter2" not in answer.body


@pytest.mark.assumed(source=REFERENCE + "section 2.2")
def test_remote_login_goes_to_the_port_of_the_ssh_endpoint(batch: Batch, pool_id: str):
    for node in batch.call("list_nodes", pool_id):
        settings = batch.call("get_node_remote_login_settings", pool_id, node.id)
        (endpoint,) = node.endpoint_configuration.inbound_endpoints
        assert settings.remote_login_port == endpoint.frontend_port >= 50000
        assert settings.remote_login_ip_address == endpoint.public_ip_address
        assert endpoint.name == f"SSHRule.{endpoint.frontend_port - 50000}"


def nat_pool(**change: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "protocol": "tcp",
        "backendPort": 80,
        "frontendPortRangeStart": 1000,
        "frontendPortRangeEnd": 1100,
        **change,
    }


@pytest.mark.assumed(source=SDK_DOC + "BatchPoolEndpointConfiguration")
def test_endpoints_of_the_pool_show_on_its_nodes(batch: Batch):
    network = {"endpointConfiguration": {"inboundNATPools": [nat_pool()]}}
    pool_id, node_id = pool_with_node(batch, networkConfiguration=network)
    endpoints = batch.call("get_node", pool_id, node_id).endpoint_configuration.inbound_endpoints
    assert [(e.name, e.protocol, e.frontend_port, e.backend_port) for e in endpoints] == [
        ("SSHRule.0", "tcp", 50000, 22),
        ("web.0", "tcp", 1000, 80),
    ]


@pytest.mark.assumed(source=SDK_DOC + "BatchInboundNatPool")
@pytest.mark.parametrize(
    ("nat_pools", "named"),
    [
        ([nat_pool(name="-x")], "[0].name"),
        ([nat_pool(backendPort=29876)], "[0].backendPort"),
        ([nat_pool(backendPort=0)], "[0].backendPort"),
        ([nat_pool(frontendPortRangeEnd=1010)], "[0].frontendPortRangeEnd"),
        (
            [nat_pool(frontendPortRangeStart=49_000, frontendPortRangeEnd=50_000)],
            "[0].frontendPortRangeStart",
        ),
        ([nat_pool(), nat_pool()], "[1].name"),
        ([nat_pool(), nat_pool(name="b", backendPort=81)], "[1].frontendPortRangeStart"),
        ([nat_pool(name=f"n{n}") for n in range(6)], ""),
    ],
)
def test_endpoint_that_cannot_be_is_refused(sync_batch: Batch, nat_pools: list[dict[str, Any]], named: str):
    network = {"endpointConfiguration": {"inboundNATPools": nat_pools}}
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_pool", pool_body(new_id("pool"), networkConfiguration=network))
    assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidPropertyValue")
    assert property_of(caught.value) == f"networkConfiguration.endpointConfiguration.inboundNATPools{named}"


# --- extensions ---------------------------------------------------------------------------------------


@pytest.mark.assumed(source=SDK_DOC + "BatchNodeVMExtension")
def test_extensions_of_the_pool_show_on_its_nodes_without_their_secrets(batch: Batch):
    extension = {
        "name": "monitor",
        "publisher": "acme",
        "type": "Agent",
        "settings": {"a": "b"},
        "protectedSettings": {"key": "hunter2"},
    }
    machine = {**IMAGE, "extensions": [extension]}
    pool_id, node_id = pool_with_node(batch, virtualMachineConfiguration=machine)
    (found,) = batch.call("list_node_extensions", pool_id, node_id)
    assert (found.provisioning_state, found.vm_extension.name) == ("Succeeded", "monitor")
    assert found.vm_extension.settings == {"a": "b"}
    assert found.vm_extension.protected_settings is None
    assert found.instance_view.statuses[0].code == "ProvisioningState/succeeded"
    assert batch.call("get_node_extension", pool_id, node_id, "MONITOR").vm_extension.type == "Agent"
    with pytest.raises(ResourceNotFoundError):
        batch.call("get_node_extension", pool_id, node_id, "other")


@pytest.mark.assumed(source=SDK_DOC + "list_node_extensions")
def test_node_of_a_pool_without_extensions_has_none(batch: Batch, pool_id: str):
    node_id = batch.call("list_nodes", pool_id)[0].id
    assert batch.call("list_node_extensions", pool_id, node_id) == []


# --- logs ---------------------------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "section 2.8")
def test_logs_of_a_node_are_uploaded_to_the_container(batch: Batch, pool_id: str):
    node_id = batch.call("list_nodes", pool_id)[0].id
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    with scripted_server() as storage:
        storage.default = Reply(201)
        wanted = models.UploadBatchServiceLogsOptions(
            container_url=f"{storage.url}/logs?sig=secret", start_time=start
        )
        result = batch.call("upload_node_logs", pool_id, node_id, wanted)
        received = list(storage.received)
    assert result.number_of_files_uploaded == len(received) >= 1
    assert f"/{pool_id}/{node_id}/" in result.virtual_directory_name
    for put in received:
        assert put.method == "PUT"
        assert put.path.startswith(f"/logs/{result.virtual_directory_name}/")
        assert put.query["sig"] == "secret"
        assert put.headers["x-ms-blob-type"] == "BlockBlob"
    assert any(b"idle" in put.body for put in received)


@pytest.mark.assumed(source=REFERENCE + "section 2.8: the upload happens after the answer")
def test_storage_that_is_not_there_does_not_fail_the_upload_of_logs(sync_batch: Batch, pool_id: str):
    node_id = sync_batch.call("list_nodes", pool_id)[0].id
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    wanted = models.UploadBatchServiceLogsOptions(container_url="http://127.0.0.1:9/logs", start_time=start)
    assert sync_batch.call("upload_node_logs", pool_id, node_id, wanted).number_of_files_uploaded >= 1


@pytest.mark.assumed(source=SDK_DOC + "UploadBatchServiceLogsOptions")
def test_logs_outside_of_the_wanted_time_are_not_uploaded(sync_batch: Batch, pool_id: str):
    node_id = sync_batch.call("list_nodes", pool_id)[0].id
    wanted = models.UploadBatchServiceLogsOptions(
        container_url="http://127.0.0.1:9/logs",
        start_time=datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc),
        end_time=datetime.datetime(2002, 1, 1, tzinfo=datetime.timezone.utc),
    )
    assert sync_batch.call("upload_node_logs", pool_id, node_id, wanted).number_of_files_uploaded == 0


@pytest.mark.assumed(source=SDK_DOC + "UploadBatchServiceLogsOptions")
@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"containerUrl": None}, "MissingRequiredProperty", "containerUrl"),
        ({"containerUrl": "ftp://x/y?sig=hunter2"}, "InvalidPropertyValue", "containerUrl"),
        ({"startTime": None}, "MissingRequiredProperty", "startTime"),
        ({"startTime": "yesterday"}, "InvalidPropertyValue", "startTime"),
        ({"endTime": "2000-01-01T00:00:00Z"}, "InvalidPropertyValue", "endTime"),
    ],
)
def test_bad_upload_of_logs_is_refused(
    emulator: EmulatorProcess, sync_batch: Batch, pool_id: str, change: dict[str, Any], code: str, named: str
):
    node_id = sync_batch.call("list_nodes", pool_id)[0].id
    body = {"containerUrl": "http://127.0.0.1:9/logs", "startTime": "2020-01-01T00:00:00Z", **change}
    answer = send(emulator, "POST", f"/pools/{pool_id}/nodes/{node_id}/uploadbatchservicelogs", body)
    assert (answer.status, answer.code) == (400, code)
    values = {value["key"]: value["value"] for value in answer.json()["values"]}
    assert values["PropertyName"] == named
    assert b"hunter2" not in answer.body


# --- usage --------------------------------------------------------------------------------------------


@pytest.mark.assumed(source=SDK_DOC + "list_pool_usage_metrics: intervals show after two hours")
def test_usage_of_a_new_account_is_empty(batch: Batch, pool_id: str):
    assert batch.call("list_pool_usage_metrics") == []
    assert batch.call("list_pool_usage_metrics", filter=f"poolId eq '{pool_id}'") == []


@pytest.mark.assumed(source=SDK_DOC + "list_pool_usage_metrics")
@pytest.mark.parametrize(
    ("option", "hours", "named"), [("start_time", 2.4, "startTime"), ("end_time", 1.9, "endtime")]
)
def test_usage_can_be_asked_for_only_when_it_is_old_enough(
    sync_batch: Batch, option: str, hours: float, named: str
):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=hours)
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("list_pool_usage_metrics", **{option: moment})
    assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidQueryParameterValue")
    assert caught.value.error is not None
    details = {detail.code: detail.message for detail in caught.value.error.details}
    assert details["QueryParameterName"] == named


# --- the pool's properties ----------------------------------------------------------------------------


@pytest.mark.assumed(source=SDK_DOC + "BatchPoolReplaceOptions")
def test_replaced_properties_of_a_pool_lose_what_is_omitted(batch: Batch):
    start = {"commandLine": "true"}
    metadata = [{"name": "a", "value": "1"}]
    pool_id, _ = pool_with_node(batch, startTask=start, metadata=metadata)
    before = batch.call("get_pool", pool_id)
    new = models.BatchPoolReplaceOptions(
        application_package_references=[], metadata=[models.BatchMetadataItem(name="b", value="2")]
    )
    batch.call("replace_pool_properties", pool_id, new)
    after = batch.call("get_pool", pool_id)
    assert after.start_task is None
    assert [(item.name, item.value) for item in after.metadata] == [("b", "2")]
    assert after.etag != before.etag
    with pytest.raises(ResourceNotFoundError) as caught:
        batch.call("replace_pool_properties", "nowhere", new)
    assert code_of(caught.value) == "PoolNotFound"


@pytest.mark.assumed(source=SDK_DOC + "BatchPoolReplaceOptions")
@pytest.mark.parametrize("missing", ["metadata", "applicationPackageReferences"])
def test_replacing_properties_needs_packages_and_metadata(
    emulator: EmulatorProcess, pool_id: str, missing: str
):
    body: dict[str, Any] = {"metadata": [], "applicationPackageReferences": []}
    del body[missing]
    answer = send(emulator, "POST", f"/pools/{pool_id}/updateproperties", body)
    assert (answer.status, answer.code) == (400, "MissingRequiredProperty")


@pytest.mark.assumed(source=REFERENCE + "section 1.10")
def test_stale_etag_refuses_the_replacement_of_properties(emulator: EmulatorProcess, pool_id: str):
    body: dict[str, Any] = {"metadata": [], "applicationPackageReferences": []}
    answer = send(emulator, "POST", f"/pools/{pool_id}/updateproperties", body, headers={"If-Match": '"0x0"'})
    assert (answer.status, answer.code) == (412, "ConditionNotMet")
