"""A pool in the management plane's words: each field and value is one that the vendor's models have."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest

from airflow_provider_batch.domain.management_pool import management_pool, name_of, value_of
from airflow_provider_batch.specs import pool_to_rest
from airflow_provider_batch.specs.kinds import Kind, members
from airflow_provider_batch.specs.schema import LOOKED_UP
from tests.unit.domain.plans import POOL_BODY

sdk = pytest.importorskip("azure.mgmt.batch.models")

#: where the definitions of the data plane begin on the management plane
ROOTS = {
    "BatchApplicationPackageReference": "ApplicationPackageReference",
    "BatchMetadataItem": "MetadataItem",
    "BatchStartTask": "StartTask",
    "BatchTaskSchedulingPolicy": "TaskSchedulingPolicy",
    "MountConfiguration": "MountConfiguration",
    "NetworkConfiguration": "NetworkConfiguration",
    "UpgradePolicy": "UpgradePolicy",
    "UserAccount": "UserAccount",
    "VirtualMachineConfiguration": "VirtualMachineConfiguration",
}
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"


def fields_of(model: type) -> dict[str, str]:
    """Fields of a model by REST name, with their annotations as text."""
    found = {}
    for owner in reversed(model.__mro__):
        for attribute, value in vars(owner).items():
            if hasattr(value, "_rest_name_input"):
                found[value._rest_name_input or attribute] = str(owner.__annotations__[attribute])
    return found


def named_in(annotation: str) -> list[type]:
    named = (getattr(sdk, name, None) for name in re.findall(r"\w+", annotation))
    return [each for each in named if inspect.isclass(each)]


def innermost(kind: Kind) -> Kind:
    while kind.of is not None:
        kind = kind.of
    return kind


def pairs(definition: str, model: type, seen: set[str]) -> Iterator[tuple[str, str, Kind, type]]:
    """Every field below a definition, with the model that is to have it."""
    if definition in seen or definition == LOOKED_UP:
        return
    seen.add(definition)
    for field, member in members(definition).items():
        if field == "newestImage":
            continue
        kind = innermost(member.kind)
        yield definition, field, kind, model
        if kind.name == "object":
            annotation = fields_of(model)[name_of(definition, field)]
            (inner,) = [each for each in named_in(annotation) if not issubclass(each, Enum)]
            yield from pairs(kind.definition, inner, seen)


PAIRS = [pair for root, model in ROOTS.items() for pair in pairs(root, getattr(sdk, model), set())]


def test_every_field_is_one_of_the_management_planes() -> None:
    missing = [
        (definition, field)
        for definition, field, _kind, model in PAIRS
        if name_of(definition, field) not in fields_of(model)
    ]
    assert missing == []
    assert len(PAIRS) > 150


def test_every_value_of_a_choice_is_one_of_the_management_planes() -> None:
    wrong = []
    for definition, field, kind, model in PAIRS:
        if kind.name != "choice":
            continue
        choices = [each for each in named_in(fields_of(model)[name_of(definition, field)])]
        known = {value.value for value in choices[0]}  # type: ignore[attr-defined]
        wrong += [(definition, field, v) for v in kind.values if value_of(definition, field, v) not in known]
    assert wrong == []


def test_every_field_of_a_pool_is_given_and_is_one_of_the_management_planes() -> None:
    body = pool_to_rest(
        {
            **POOL_BODY,
            "displayName": "A pool",
            "resizeTimeout": "PT10M",
            "targetLowPriorityNodes": 2,
            "enableInterNodeCommunication": True,
            "networkConfiguration": {"dynamicVNetAssignmentScope": "none"},
            "startTask": {"commandLine": "true"},
            "applicationPackageReferences": [{"applicationId": "/subscriptions/a", "version": "1"}],
            "taskSlotsPerNode": 2,
            "taskSchedulingPolicy": {"nodeFillType": "pack"},
            "userAccounts": [{"name": "me", "password": "secret"}],
            "metadata": [{"name": "none", "value": "none"}],
            "mountConfiguration": [
                {"nfsMountConfiguration": {"source": "fs:/a", "relativeMountPath": "none"}}
            ],
            "upgradePolicy": {"mode": "automatic"},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": IDENTITY}]},
        }
    )
    unused = {"enableAutoScale", "autoScaleFormula", "autoScaleEvaluationInterval"}
    assert set(members("BatchPoolCreateOptions")) - set(body) == unused
    made = management_pool(body)
    assert set(made) <= set(fields_of(sdk.Pool))
    assert set(made["properties"]) <= set(fields_of(sdk.PoolProperties))
    assert made["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    properties = made["properties"]
    assert properties["scaleSettings"] == {
        "fixedScale": {"targetDedicatedNodes": 1, "targetLowPriorityNodes": 2, "resizeTimeout": "PT10M"}
    }
    assert properties["interNodeCommunication"] == "Enabled"
    assert properties["applicationPackages"] == [{"id": "/subscriptions/a", "version": "1"}]
    assert properties["metadata"] == [{"name": "none", "value": "none"}], "what is no choice stays"
    assert properties["networkConfiguration"] == {"dynamicVnetAssignmentScope": "none"}
    assert properties["taskSchedulingPolicy"] == {"nodeFillType": "Pack"}
    machine = properties["deploymentConfiguration"]["virtualMachineConfiguration"]
    assert machine["nodeAgentSkuId"] == "batch.node.ubuntu 22.04"


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ({}, None),
        ({"enableAutoScale": False, "targetDedicatedNodes": 0}, {"fixedScale": {"targetDedicatedNodes": 0}}),
        ({"enableAutoScale": True, "autoScaleFormula": "f"}, {"autoScale": {"formula": "f"}}),
        (
            {"enableAutoScale": True, "autoScaleFormula": "f", "autoScaleEvaluationInterval": "PT5M"},
            {"autoScale": {"formula": "f", "evaluationInterval": "PT5M"}},
        ),
    ],
)
def test_the_size_is_in_the_scale_settings(size: dict[str, Any], wanted: dict[str, Any] | None) -> None:
    body = {name: value for name, value in POOL_BODY.items() if name != "targetDedicatedNodes"}
    assert management_pool({**body, **size})["properties"].get("scaleSettings") == wanted
