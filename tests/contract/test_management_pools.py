"""Pools through azure-mgmt-batch: the very pools of the data plane, in the management plane's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.contract.clients import IMAGE, SyncBatch, code_of, new_id, pool_body, wait_for
from tests.contract.management_clients import ACCOUNT, ACCOUNT_ID, Management, managements
from tests.emulator_process import EmulatorProcess

sdk_says = pytest.mark.assumed(source="azure-mgmt-batch 19.0.0, generated from the 2025-06-01 specification")
assumed = pytest.mark.assumed(source="reference of the service, sections 6.1 and 9")

MACHINE = {"imageReference": IMAGE["imageReference"], "nodeAgentSkuId": IMAGE["nodeAgentSKUId"]}
IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/runner"
)


@pytest.fixture(scope="module", params=["sync", "aio"])
def management(request: pytest.FixtureRequest, emulator: EmulatorProcess) -> Iterator[Management]:
    yield from managements(request.param, emulator)


def body(dedicated: int = 0, **properties: Any) -> dict[str, Any]:
    """The body of a small pool."""
    return {
        "properties": {
            "vmSize": "STANDARD_D2S_V3",
            "deploymentConfiguration": {"virtualMachineConfiguration": MACHINE},
            "scaleSettings": {"fixedScale": {"targetDedicatedNodes": dedicated}},
            **properties,
        }
    }


def steady(management: Management, name: str) -> Any:
    """The pool, once it is steady."""
    return wait_for(
        lambda: management.call("pool.get", *ACCOUNT, name),
        lambda pool: pool.properties.allocation_state == "Steady",
    )


def refusal(management: Management, method: str, *arguments: Any, **options: Any) -> HttpResponseError:
    """The error with which a call is refused."""
    with pytest.raises(HttpResponseError) as caught:
        management.call(method, *ACCOUNT, *arguments, **options)
    return caught.value


@sdk_says
def test_new_pool_resizes_and_has_the_form_of_the_management_plane(management: Management):
    name = new_id("pool")
    pool = management.call("pool.create", *ACCOUNT, name, body(1, displayName="A pool"))
    assert (pool.id, pool.name) == (f"{ACCOUNT_ID}/pools/{name}", name)
    assert pool.etag.startswith('W/"0x8')
    properties = pool.properties
    assert (properties.provisioning_state, properties.allocation_state) == ("Succeeded", "Resizing")
    assert properties.resize_operation_status.target_dedicated_nodes == 1
    assert (properties.inter_node_communication, properties.task_slots_per_node) == ("Disabled", 1)
    assert properties.task_scheduling_policy.node_fill_type == "Spread"
    machine = properties.deployment_configuration.virtual_machine_configuration
    assert machine.node_agent_sku_id == IMAGE["nodeAgentSKUId"]
    properties = steady(management, name).properties
    assert (properties.current_dedicated_nodes, properties.resize_operation_status) == (1, None)
    assert properties.scale_settings.fixed_scale.target_dedicated_nodes == 1
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_pool_with_identities_shows_them_on_both_planes(management: Management, sync_batch: SyncBatch):
    name = new_id("pool")
    identity = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    pool = management.call(
        "pool.create", *ACCOUNT, name, {**body(), "identity": identity, "tags": {"team": "a"}}
    )
    assert pool.identity.type == "UserAssigned"
    given = pool.identity.user_assigned_identities[IDENTITY]
    assert pool.tags == {"team": "a"}
    found = sync_batch.call("get_pool", name).identity
    assert [each.resource_id for each in found.user_assigned_identities] == [IDENTITY]
    assert found.user_assigned_identities[0].client_id == given.client_id
    assert found.user_assigned_identities[0].principal_id == given.principal_id
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_every_word_crosses_to_the_data_plane_and_back(management: Management, sync_batch: SyncBatch):
    """Enumerations, renamed properties, and names that are the user's own."""
    name = new_id("pool")
    start_task = {
        "commandLine": "true",
        "userIdentity": {"autoUser": {"scope": "Task", "elevationLevel": "Admin"}},
        "environmentSettings": [{"name": "userName", "value": "nodeAgentSkuId"}],
        "maxTaskRetryCount": 2,
        "waitForSuccess": True,
    }
    machine: dict[str, Any] = {
        **MACHINE,
        "dataDisks": [
            {
                "lun": 0,
                "caching": "ReadOnly",
                "diskSizeGB": 4,
                "managedDisk": {"storageAccountType": "Premium_LRS"},
            }
        ],
        "nodePlacementConfiguration": {"policy": "Zonal"},
        "osDisk": {"ephemeralOSDiskSettings": {"placement": "CacheDisk"}},
        "securityProfile": {"securityType": "trustedLaunch", "uefiSettings": {"vTpmEnabled": True}},
    }
    network = {
        "dynamicVnetAssignmentScope": "none",
        "endpointConfiguration": {
            "inboundNatPools": [
                {
                    "name": "ssh",
                    "protocol": "TCP",
                    "backendPort": 22,
                    "frontendPortRangeStart": 1000,
                    "frontendPortRangeEnd": 1100,
                    "networkSecurityGroupRules": [
                        {"priority": 150, "access": "Allow", "sourceAddressPrefix": "*"}
                    ],
                }
            ]
        },
    }
    properties: dict[str, Any] = {
        "interNodeCommunication": "Enabled",
        "deploymentConfiguration": {"virtualMachineConfiguration": machine},
        "networkConfiguration": network,
        "startTask": start_task,
        "taskSlotsPerNode": 4,
        "taskSchedulingPolicy": {"nodeFillType": "Pack", "jobDefaultOrder": "CreationTime"},
        "metadata": [{"name": "userName", "value": "x"}],
        "userAccounts": [{"name": "me", "password": "secret", "elevationLevel": "Admin"}],
        "upgradePolicy": {"mode": "manual"},
    }
    management.call("pool.create", *ACCOUNT, name, body(**properties))
    found = sync_batch.call("get_pool", name)
    assert found.enable_inter_node_communication is True
    assert found.task_scheduling_policy.node_fill_type == "pack"
    assert found.virtual_machine_configuration.data_disks[0].caching == "readonly"
    nat_pool = found.network_configuration.endpoint_configuration.inbound_nat_pools[0]
    assert (nat_pool.protocol, nat_pool.network_security_group_rules[0].access) == ("tcp", "allow")
    assert found.start_task.user_identity.auto_user.elevation_level == "admin"
    assert found.start_task.environment_settings[0].name == "userName"
    shown = management.call("pool.get", *ACCOUNT, name).properties.as_dict()
    machine["imageReference"] = {**machine["imageReference"], "version": "latest"}
    properties["userAccounts"] = [{"name": "me", "elevationLevel": "Admin"}]
    assert {key: shown[key] for key in properties} == properties
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_pool_of_the_data_plane_is_seen_and_listed(management: Management, sync_batch: SyncBatch):
    name = new_id("pool")
    sync_batch.call("create_pool", pool_body(name, metadata=[{"name": "a", "value": "b"}]))
    assert management.call("pool.get", *ACCOUNT, name).properties.metadata[0].value == "b"
    listed = management.call("pool.list_by_batch_account", *ACCOUNT, maxresults=1)
    assert name in [pool.name for pool in listed]
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_list_is_filtered_and_selected(management: Management):
    name = new_id("filtered")
    management.call("pool.create", *ACCOUNT, name, body())
    steady(management, name)
    wanted = f"startswith(name, '{name}') and properties/allocationState eq 'Steady'"
    select = "properties/vmSize,properties/provisioningState"
    (found,) = management.call("pool.list_by_batch_account", *ACCOUNT, filter=wanted, select=select)
    assert (found.name, found.properties.vm_size) == (name, "STANDARD_D2S_V3")
    assert (found.properties.provisioning_state, found.properties.scale_settings) == ("Succeeded", None)
    nothing = "properties/provisioningState eq 'Deleting'"
    assert management.call("pool.list_by_batch_account", *ACCOUNT, filter=nothing) == []
    error = refusal(management, "pool.list_by_batch_account", filter="nonsense eq 1")
    assert code_of(error) == "InvalidQueryParameterValue"
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
@pytest.mark.parametrize(
    "scaling",
    [
        {"fixedScale": {"targetDedicatedNodes": 1_000_000}},
        {"fixedScale": {"resizeTimeout": "PT1S"}},
        {"autoScale": {"formula": "$TargetDedicatedNodes=1", "evaluationInterval": "PT1S"}},
    ],
)
def test_update_that_is_refused_for_its_scaling_changes_nothing_else(management: Management, scaling):
    name = new_id("pool")
    formula = {"autoScale": {"formula": "$TargetDedicatedNodes=0", "evaluationInterval": "PT5M"}}
    management.call(
        "pool.create", *ACCOUNT, name, {"properties": {**body()["properties"], "scaleSettings": formula}}
    )
    before = steady(management, name)
    change = {"properties": {"metadata": [{"name": "a", "value": "b"}], "scaleSettings": scaling}}
    with pytest.raises(HttpResponseError):
        management.call("pool.update", *ACCOUNT, name, change)
    after = management.call("pool.get", *ACCOUNT, name)
    assert (after.etag, after.properties.metadata) == (before.etag, before.properties.metadata)
    assert after.properties.scale_settings.auto_scale is not None
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_update_resizes_and_keeps_what_is_not_named(management: Management):
    name = new_id("pool")
    management.call("pool.create", *ACCOUNT, name, body(1, displayName="kept"))
    before = steady(management, name)
    change = {
        "properties": {
            "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 2, "resizeTimeout": "PT8M"}},
            "metadata": [{"name": "a", "value": "b"}],
        }
    }
    changed = management.call("pool.update", *ACCOUNT, name, change)
    assert changed.etag != before.etag
    assert changed.properties.allocation_state == "Resizing"
    assert changed.properties.display_name == "kept"
    properties = steady(management, name).properties
    assert (properties.current_dedicated_nodes, properties.metadata[0].value) == (2, "b")
    management.call("pool.begin_delete", *ACCOUNT, name)


@assumed
def test_pool_that_resizes_is_not_resized_again_nor_changed(tmp_path: Path):
    change = {
        "properties": {
            "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 2}},
            "metadata": [{"name": "a", "value": "b"}],
        }
    }
    with EmulatorProcess.start(tmp_path / "emulator", node_start_seconds=600) as emulator:
        for management in managements("sync", emulator):
            before = management.call("pool.create", *ACCOUNT, "p", body(1))
            assert code_of(refusal(management, "pool.update", "p", change)) == "PoolBeingResized"
            assert management.call("pool.get", *ACCOUNT, "p") == before
            stopping = management.call("pool.stop_resize", *ACCOUNT, "p")
            assert stopping.properties.allocation_state in ("Stopping", "Steady")


@assumed
def test_what_nodes_depend_on_changes_only_without_nodes(management: Management):
    name = new_id("pool")
    management.call("pool.create", *ACCOUNT, name, body(1))
    steady(management, name)
    error = refusal(management, "pool.update", name, {"properties": {"vmSize": "STANDARD_D4S_V3"}})
    assert code_of(error) == "OperationNotValidOnPool"
    again = management.call("pool.create", *ACCOUNT, name, body(1))
    assert again.properties.vm_size == "STANDARD_D2S_V3"
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_automatic_scaling_is_switched_on_and_off(management: Management):
    name = new_id("pool")
    formula = {"autoScale": {"formula": "$TargetDedicatedNodes=1;", "evaluationInterval": "PT5M"}}
    pool = management.call("pool.create", *ACCOUNT, name, body(scaleSettings=formula))
    assert pool.properties.scale_settings.as_dict() == formula
    ran = wait_for(
        lambda: management.call("pool.get", *ACCOUNT, name).properties.auto_scale_run,
        lambda run: run is not None,
    )
    assert ran.results.startswith("$TargetDedicatedNodes=1;")
    steady(management, name)
    off = management.call("pool.disable_auto_scale", *ACCOUNT, name)
    assert off.properties.scale_settings.fixed_scale.target_dedicated_nodes == 1
    steady(management, name)
    on = management.call("pool.update", *ACCOUNT, name, {"properties": {"scaleSettings": formula}})
    assert on.properties.scale_settings.auto_scale.formula == "$TargetDedicatedNodes=1;"
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_conditions_hold_for_create_and_update(management: Management):
    name = new_id("pool")
    options = {"etag": "*", "match_condition": MatchConditions.IfMissing}
    first = management.call("pool.create", *ACCOUNT, name, body(), **options)
    assert refusal(management, "pool.create", name, body(), **options).status_code == 412
    change = {"properties": {"metadata": [{"name": "a", "value": "b"}]}}
    current = {"etag": first.etag, "match_condition": MatchConditions.IfNotModified}
    management.call("pool.update", *ACCOUNT, name, change, **current)
    error = refusal(management, "pool.update", name, change, **current)
    assert (error.status_code, code_of(error)) == (412, "ConditionNotMet")
    management.call("pool.begin_delete", *ACCOUNT, name)


@sdk_says
def test_delete_is_polled_until_the_pool_is_gone(management: Management, sync_batch: SyncBatch):
    name, job = new_id("pool"), new_id("job")
    management.call("pool.create", *ACCOUNT, name, body(1))
    sync_batch.call("create_job", {"id": job, "poolInfo": {"poolId": name}})
    sync_batch.call("create_task", job, {"id": "t", "commandLine": "sleep 600"})
    wait_for(lambda: sync_batch.call("get_task", job, "t").state == "running")
    management.call("pool.begin_delete", *ACCOUNT, name)
    with pytest.raises(ResourceNotFoundError) as caught:
        management.call("pool.get", *ACCOUNT, name)
    assert code_of(caught.value) == "PoolNotFound"
    management.call("pool.begin_delete", *ACCOUNT, name)
    sync_batch.call("begin_delete_job", job)


@sdk_says
def test_resize_is_stopped(management: Management):
    name = new_id("pool")
    management.call("pool.create", *ACCOUNT, name, body())
    steady(management, name)
    error = refusal(management, "pool.stop_resize", name)
    assert isinstance(error, ResourceExistsError)
    management.call("pool.begin_delete", *ACCOUNT, name)


@assumed
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"vmSize": "nonsense"}, "InvalidPropertyValue"),
        ({"vmSize": 1}, "InvalidPropertyValue"),
        ({"nonsense": 1}, "UnsupportedProperty"),
        ({"deploymentConfiguration": {}}, "MissingRequiredProperty"),
        ({"scaleSettings": {"fixedScale": {"targetDedicatedNodes": -1}}}, "InvalidPropertyValue"),
        ({"scaleSettings": {"fixedScale": {}, "autoScale": {"formula": "1"}}}, "InvalidPropertyValue"),
        ({"scaleSettings": {"autoScale": {"formula": "((("}}}, "AutoScalingFormulaSyntaxError"),
        ({"taskSlotsPerNode": 1000}, "InvalidPropertyValue"),
        ({"interNodeCommunication": "Perhaps"}, "InvalidPropertyValue"),
        ({"applicationPackages": [{"id": f"{ACCOUNT_ID}/applications/none"}]}, "ApplicationNotFound"),
    ],
)
def test_bad_pool_is_refused_and_leaves_nothing(management: Management, changed: dict[str, Any], code: str):
    name = new_id("pool")
    assert code_of(refusal(management, "pool.create", name, body(**changed))) == code
    assert code_of(refusal(management, "pool.get", name)) == "PoolNotFound"


@assumed
def test_bad_identity_or_name_is_refused(management: Management):
    identity = {"type": "UserAssigned", "userAssignedIdentities": {"nobody": {}}}
    error = refusal(management, "pool.create", new_id("pool"), {**body(), "identity": identity})
    assert code_of(error) == "InvalidPropertyValue"
    assert code_of(refusal(management, "pool.create", "a b", body())) == "InvalidPropertyValue"
    assert code_of(refusal(management, "pool.update", "nothing", body())) == "PoolNotFound"
