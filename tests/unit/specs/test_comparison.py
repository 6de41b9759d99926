"""Is the pool that exists the pool that was asked for?"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import azure.batch.models as sdk
import pytest

from airflow_provider_batch.specs import (
    Autoscale,
    PoolSpec,
    ResourceFile,
    StartTask,
    UserAccount,
    VmImage,
    fingerprint,
    pool_differences,
    pool_to_rest,
)

WANTED = PoolSpec(
    pool_id="render",
    vm_size="STANDARD_D2s_v5",
    image=VmImage(
        publisher="Canonical",
        offer="UbuntuServer",
        sku="18.04-LTS",
        node_agent_sku_id="batch.node.ubuntu 18.04",
    ),
    target_dedicated_nodes=2,
    resize_timeout="PT60M",
    node_fill_type="spread",
    start_task=StartTask(
        command_line="/bin/true",
        environment_settings={"B": "2", "A": "1"},
        resource_files=[ResourceFile(http_url="https://a/b?sig=one", file_path="b")],
    ),
    user_accounts=[UserAccount(name="u", password="p")],
    metadata={"team": "films"},
)

#: as the service returns it: lower case, capitals of its own, defaults, no password, more metadata
FOUND: dict[str, Any] = {
    "odata.metadata": "https://x/$metadata#pools/@Element",
    "id": "render",
    "url": "https://x/pools/render",
    "eTag": "0x8DA9061B2F7BB2F",
    "state": "active",
    "allocationState": "steady",
    "vmSize": "standard_d2s_v5",
    "resizeTimeout": "PT1H",
    "currentDedicatedNodes": 0,
    "targetDedicatedNodes": 2,
    "targetLowPriorityNodes": 0,
    "enableAutoScale": False,
    "enableInterNodeCommunication": False,
    "taskSlotsPerNode": 1,
    "taskSchedulingPolicy": {"nodeFillType": "Spread"},
    "startTask": {
        "commandLine": "/bin/true",
        "environmentSettings": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "resourceFiles": [{"httpUrl": "https://a/b?sig=two", "filePath": "b", "fileMode": "0770"}],
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        "maxTaskRetryCount": 0,
        "waitForSuccess": True,
    },
    "userAccounts": [{"name": "u", "elevationLevel": "nonadmin"}],
    "metadata": [{"name": "team", "value": "films"}, {"name": "fingerprint", "value": "0"}],
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "canonical",
            "offer": "ubuntuserver",
            "sku": "18.04-lts",
            "version": "latest",
        },
        "nodeAgentSKUId": "batch.node.ubuntu 18.04",
    },
}


def found_with(path: str, value: Any) -> dict[str, Any]:
    pool = copy.deepcopy(FOUND)
    *parents, last = path.split(".")
    target = pool
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    if isinstance(target, list):
        target[int(last)] = value
    else:
        target[last] = value
    return pool


def test_what_the_service_adds_and_recases_is_no_difference():
    assert pool_differences(WANTED, FOUND) == []


def test_a_pool_read_through_the_vendor_sdk_compares_as_well():
    assert pool_differences(WANTED, sdk.BatchPool(FOUND)) == []


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("vmSize", "standard_d4s_v5", "vmSize: wanted 'STANDARD_D2s_v5', found 'standard_d4s_v5'"),
        ("targetDedicatedNodes", 3, "targetDedicatedNodes: wanted 2, found 3"),
        ("resizeTimeout", "PT15M", "resizeTimeout: wanted 'PT1H', found 'PT15M'"),
        (
            "virtualMachineConfiguration.imageReference.sku",
            "20.04-lts",
            "virtualMachineConfiguration.imageReference.sku: wanted '18.04-LTS', found '20.04-lts'",
        ),
        (
            "taskSchedulingPolicy.nodeFillType",
            "Pack",
            "taskSchedulingPolicy.nodeFillType: wanted 'spread', found 'Pack'",
        ),
        (
            "startTask.commandLine",
            "/bin/false",
            "startTask.commandLine: wanted '/bin/true', found '/bin/false'",
        ),
        ("enableAutoScale", True, "enableAutoScale: wanted False, found True"),
        ("startTask", None, "startTask: wanted something else, found nothing"),
        ("metadata", [], "metadata[team]: wanted, not found"),
        (
            "startTask.resourceFiles.0.httpUrl",
            "https://a/c?sig=two",
            "startTask.resourceFiles[0].httpUrl: wanted 'https://a/b', found 'https://a/c'",
        ),
        ("startTask.resourceFiles", [], "startTask.resourceFiles: wanted 1 elements, found 0"),
        ("userAccounts", [], "userAccounts[u]: wanted, not found"),
    ],
)
def test_each_difference_names_its_field_and_both_values(path, value, line):
    assert pool_differences(WANTED, found_with(path, value)) == [line]


def test_values_of_environment_variables_are_not_shown():
    settings = [{"name": "A", "value": "secret"}, {"name": "C", "value": "secret"}]
    assert pool_differences(WANTED, found_with("startTask.environmentSettings", settings)) == [
        "startTask.environmentSettings[B]: wanted, not found",
        "startTask.environmentSettings[A]: the values differ",
        "startTask.environmentSettings[C]: found, not wanted",
    ]


def test_fields_that_the_caller_ignores_are_not_compared():
    found = found_with("targetDedicatedNodes", 0)
    assert pool_differences(WANTED, found, ignore=("targetDedicatedNodes",)) == []


def test_a_pool_that_should_scale_and_does_not_is_different():
    wanted = PoolSpec(
        pool_id="render",
        vm_size="standard_d2s_v5",
        image=VmImage.ubuntu("22.04"),
        autoscale=Autoscale(formula="$x=1;"),
    )
    lines = pool_differences(wanted, FOUND, ignore=("virtualMachineConfiguration",))
    assert lines == [
        "enableAutoScale: wanted True, found False",
        "autoScaleFormula: wanted '$x=1;', found nothing",
    ]


# --- fingerprint ---------------------------------------------------------------------------------


def body(**fields: Any) -> dict[str, Any]:
    return {**pool_to_rest(WANTED), **fields}


def test_a_fingerprint_is_short_hex_and_does_not_change_between_versions_of_this_package():
    assert fingerprint(body()) == "62029a6809106a0d"


def test_a_fingerprint_ignores_names_labels_order_case_and_spelling():
    same = dict(reversed(body(id="other", displayName="x", metadata=[{"name": "run", "value": "1"}]).items()))
    same["vmSize"] = "standard_D2S_V5"
    same["resizeTimeout"] = "PT60M"
    same["startTask"] = copy.deepcopy(same["startTask"])
    same["startTask"]["environmentSettings"].reverse()
    assert fingerprint(same) == fingerprint(body())


def test_a_fingerprint_holds_no_secret():
    other = body(userAccounts=[{"name": "u", "password": "another"}])
    other["startTask"] = copy.deepcopy(other["startTask"])
    other["startTask"]["resourceFiles"][0]["httpUrl"] = "https://a/b?sig=renewed"
    assert fingerprint(other) == fingerprint(body())


@pytest.mark.parametrize(
    "change",
    [
        {"vmSize": "standard_d4s_v5"},
        {"targetDedicatedNodes": 3},
        {"resizeTimeout": "PT59M"},
        {"taskSlotsPerNode": 2},
        {"userAccounts": [{"name": "v", "password": "p"}]},
        {"startTask": {"commandLine": "/bin/false"}},
    ],
)
def test_a_fingerprint_changes_with_what_the_pool_is(change):
    assert fingerprint(body(**change)) != fingerprint(body())


def test_a_fingerprint_is_the_same_for_every_form_of_the_same_pool():
    model = sdk.BatchPoolCreateOptions(pool_to_rest(WANTED))
    model.resize_timeout = timedelta(hours=1)
    assert fingerprint(pool_to_rest(model)) == fingerprint(WANTED.to_rest())
