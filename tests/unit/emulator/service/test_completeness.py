"""
No valid property of a request is dropped in silence: each, down to the last leaf, is shown again or refused.

One request for each leaf: what is needed, and that leaf with what it stands in.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from airflow_provider_batch.emulator.wire.schema import BodySchema, data_plane
from tests.contract.management_clients import ACCOUNT_ID
from tests.unit.emulator.routes.account_in_process import IMAGE, VERSION, AccountInProcess, Sent

Json = dict[str, Any]
Leaf = tuple[str | int, ...]

#: what the service takes where a text is not just any text
TEXTS: Mapping[str, str] = {
    "id": "new",
    "vmSize": "standard_d2s_v3",
    "poolId": "p",
    "filePath": "x",
    "fileMode": "0644",
    "poolLifetimeOption": "job",
    "httpUrl": "http://127.0.0.1:1/c/b",
    "storageContainerUrl": "http://127.0.0.1:1/c",
    "containerUrl": "http://127.0.0.1:1/c",
    "autoScaleFormula": "$TargetDedicatedNodes=0",
    "applicationId": f"{ACCOUNT_ID}/applications/app",
    "publisher": "canonical",
    "offer": "0001-com-ubuntu-server-jammy",
    "sku": "22_04-lts",
    "version": "latest",
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}
SCALARS: Mapping[str, Any] = {
    "any": {"x": 1},
    "string": "given",
    "boolean": True,
    "integer": 1,
    "duration": "PT6M",
    "datetime": "2099-01-01T00:00:00Z",
}
POOL = {"vmSize": "standard_d2s_v3", "virtualMachineConfiguration": IMAGE}
#: what the service wants of a model beside what the schema says
NEEDED: Mapping[str, Json] = {
    "BatchPoolCreateOptions": {"virtualMachineConfiguration": IMAGE},
    "BatchPoolSpecification": {"virtualMachineConfiguration": IMAGE},
    "BatchAutoPoolSpecification": {
        "pool": {"vmSize": "standard_d2s_v3", "virtualMachineConfiguration": IMAGE}
    },
    "BatchPoolReplaceOptions": {"applicationPackageReferences": [], "metadata": []},
    "BatchPoolInfo": {"poolId": "p"},
    "ResourceFile": {"httpUrl": "http://127.0.0.1:1/c/b", "filePath": "x"},
    "OutputFileDestination": {"container": {"containerUrl": "http://127.0.0.1:1/c"}},
    "ContainerRegistryReference": {"username": "given", "password": "given"},
    "ContainerHostBatchBindMountEntry": {"source": "Shared"},
    "BatchVmImageReference": IMAGE["imageReference"],
    "BatchInboundNatPool": {"frontendPortRangeEnd": 100},
}
#: what a property cannot stand beside, and what it cannot stand without
NOT_WITH: Mapping[str, tuple[str, ...]] = {
    "storageContainerUrl": ("httpUrl", "filePath"),
    "autoStorageContainerName": ("httpUrl", "filePath"),
    "blobPrefix": ("httpUrl", "filePath"),
    "autoPoolSpecification": ("poolId",),
    "identityReference": ("username", "password"),
}
ONLY_WITH: Mapping[str, Json] = {
    "blobPrefix": {"storageContainerUrl": "http://127.0.0.1:1/c"},
    "jobReleaseTask": {"jobPreparationTask": {"commandLine": "x"}},
    "enableAutoScale": {"autoScaleFormula": "$TargetDedicatedNodes=0"},
    "autoScaleFormula": {"enableAutoScale": True},
    "autoScaleEvaluationInterval": {"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes=0"},
}
#: never shown again
SECRETS = {"password", "sshPrivateKey", "protectedSettings", "accountKey", "sasKey"}
#: refused by this account: images that are not served, packages that are not there, no storage account
REFUSED = {
    *("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId"),
    *("applicationPackageReferences", "autoStorageContainerName"),
}


def sample(schema: BodySchema, kind: Any, name: str) -> Any:
    """The least value of a type."""
    if name == "imageReference":
        return IMAGE["imageReference"]
    if isinstance(kind, str):
        return TEXTS.get(name, SCALARS[kind]) if kind == "string" else SCALARS[kind]
    ((shape, of),) = kind.items()
    if shape == "enum":
        return TEXTS.get(name, schema.data["enums"][of][0])
    if shape == "object":
        return least(schema, of)
    inner = sample(schema, of, name)
    return [inner] if shape == "array" else {"key": inner}


def least(schema: BodySchema, model: str) -> Json:
    """What a model needs."""
    required = {
        name: sample(schema, definition["type"], name)
        for name, definition in schema.data["models"][model].items()
        if definition.get("required") and not definition.get("readOnly")
    }
    return {**required, **NEEDED.get(model, {})}


def leaves(schema: BodySchema, model: str, seen: tuple[str, ...] = ()) -> Iterator[tuple[Leaf, Json]]:
    """Every leaf below a model, with a body that has it."""
    for name, definition in schema.data["models"][model].items():
        if definition.get("readOnly"):
            continue
        kind = definition["type"]
        base = {
            key: value for key, value in least(schema, model).items() if key not in NOT_WITH.get(name, ())
        }
        base |= ONLY_WITH.get(name, {})
        shape, of = ("", "") if isinstance(kind, str) else next(iter(kind.items()))
        inner = of["object"] if shape == "array" and isinstance(of, dict) and "object" in of else of
        if shape == "object" or inner is not of:
            if inner in seen:
                continue
            for path, value in leaves(schema, inner, (*seen, inner)):
                rest = value if shape == "object" else [value]
                where: Leaf = (name,) if shape == "object" else (name, 0)
                yield (*where, *path), {**base, name: rest}
        else:
            # What is needed has the right value already.
            yield (name,), {name: sample(schema, kind, name), **base}


#: operation: verb, path, path of the resource, what the body must have beside
TARGETS: Mapping[str, tuple[str, str, str, Json]] = {
    "create_pool": ("POST", "/pools", "/pools/new", {}),
    "create_job": ("POST", "/jobs", "/jobs/new", {"poolInfo": {"poolId": "p"}}),
    "create_job_schedule": ("POST", "/jobschedules", "/jobschedules/new", {}),
    "create_task": ("POST", "/jobs/exits/tasks", "/jobs/exits/tasks/new", {}),
    "update_pool": ("PATCH", "/pools/empty", "/pools/empty", {}),
    "replace_pool_properties": ("POST", "/pools/empty/updateproperties", "/pools/empty", {}),
    "update_job": ("PATCH", "/jobs/disabled", "/jobs/disabled", {}),
    "replace_job": ("PUT", "/jobs/disabled", "/jobs/disabled", {"poolInfo": {"poolId": "p"}}),
    "update_job_schedule": ("PATCH", "/jobschedules/later", "/jobschedules/later", {}),
    "replace_job_schedule": ("PUT", "/jobschedules/later", "/jobschedules/later", {}),
    "replace_task": ("PUT", "/jobs/exits/tasks/waiting", "/jobs/exits/tasks/waiting", {}),
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountInProcess]:
    loop = asyncio.new_event_loop()
    account = AccountInProcess(tmp_path_factory.mktemp("account") / "nodes", loop)
    account.begin(ACCOUNT_ID)
    exits = {"usesTaskDependencies": True, "onTaskFailure": "performexitoptionsjobaction"}
    job = {"poolInfo": {"poolId": "p"}}
    account.ask("POST", "/jobs", {"id": "exits", **job, **exits})
    account.ask("POST", "/pools", {"id": "empty", **POOL})
    waiting = {"id": "waiting", "commandLine": "x", "dependsOn": {"taskIds": ["absent"]}}
    account.ask("POST", "/jobs/exits/tasks", waiting)
    account.ask("POST", "/jobs", {"id": "disabled", **job})
    account.ask("POST", "/jobs/disabled/disable", {"disableTasks": "requeue"})
    account.ask("POST", "/jobschedules", {"id": "later", "schedule": {}, "jobSpecification": job})
    yield account
    account.close()
    loop.close()


def at(document: Any, path: Leaf) -> Any:
    """The part of a document under a path; None when there is none."""
    for part in path:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


@pytest.mark.parametrize("operation", sorted(TARGETS))
def test_every_property_of_a_request_is_shown_or_refused(account: AccountInProcess, operation: str):
    method, path, resource, more = TARGETS[operation]
    schema = data_plane()
    refused = {}
    for leaf, body in leaves(schema, schema.data["operations"][operation]):
        sent = {**more, **body}
        answer = account.send(Sent(operation, method, f"{path}?{VERSION}", json.dumps(sent).encode()))
        if answer.status >= 300:
            refused[leaf] = answer.body
            continue
        shown = account.send(Sent("", "GET", f"{resource}?{VERSION}")).json()
        if not SECRETS & set(leaf):
            assert str(at(shown, leaf)).lower() == str(at(sent, leaf)).lower(), leaf
        if operation.startswith("create_"):
            account.ask("DELETE", resource)
            account.engine.advance(30)
    expected = REFUSED | ({"autoPoolSpecification"} if operation in ("update_job", "replace_job") else set())
    assert {leaf: body for leaf, body in refused.items() if not expected & set(leaf)} == {}
