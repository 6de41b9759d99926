"""
A pool as the management plane wants it, from the body that the data plane takes; pure.

Both planes have the same pools, and say the same in other words: names, nesting, and the case of values.

Source: models of ``azure-mgmt-batch`` 19.0 (management API 2025-06-01); a test compares every field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_batch.specs.kinds import Kind, members
from airflow_provider_batch.specs.pool_identities import identities_of
from airflow_provider_batch.specs.schema import POOL

__all__ = ["management_pool", "name_of", "value_of"]

#: fields that the management plane has in places of their own
_ELSEWHERE: Final = frozenset(
    {
        "id",
        "virtualMachineConfiguration",
        "targetDedicatedNodes",
        "targetLowPriorityNodes",
        "resizeTimeout",
        "enableAutoScale",
        "autoScaleFormula",
        "autoScaleEvaluationInterval",
        "enableInterNodeCommunication",
        "identity",
    }
)
#: names that differ, by definition
_NAMES: Final[Mapping[tuple[str, str], str]] = {
    ("BatchApplicationPackageReference", "applicationId"): "id",
    ("BatchPoolCreateOptions", "applicationPackageReferences"): "applicationPackages",
    ("BatchPoolEndpointConfiguration", "inboundNATPools"): "inboundNatPools",
    ("BatchVmImageReference", "virtualMachineImageId"): "id",
    ("CifsMountConfiguration", "username"): "userName",
    ("NetworkConfiguration", "dynamicVNetAssignmentScope"): "dynamicVnetAssignmentScope",
    ("UserIdentity", "username"): "userName",
    ("VirtualMachineConfiguration", "nodeAgentSKUId"): "nodeAgentSkuId",
}
#: values of choices that the management plane spells otherwise
_VALUES: Final = {
    value.lower(): value
    for value in (
        *("None", "ReadOnly", "ReadWrite"),
        *("Standard_LRS", "Premium_LRS", "StandardSSD_LRS"),
        *("DockerCompatible", "CriCompatible", "TaskWorkingDirectory", "ContainerImageDefault"),
        *("OsDisk", "TemporaryDisk", "CacheDisk", "confidentialVM"),
        *("Regional", "Zonal", "Spread", "Pack", "CreationTime"),
        *("TCP", "UDP", "Allow", "Deny", "BatchManaged", "UserManaged", "NoPublicIPAddresses"),
        *("Task", "Pool", "NonAdmin", "Admin", "Batch", "Interactive"),
    )
}
#: fields whose values are the same on both planes, although another field's value looks like them
_SAME_VALUES: Final = frozenset({("NetworkConfiguration", "dynamicVNetAssignmentScope")})


def management_pool(body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give the body of "Pool - Create" of the management plane, in whose address the id of the pool stands.

    :param body: the pool (REST JSON of the data plane), checked, nothing left to look up.
    """
    properties = _object({name: body[name] for name in body if name not in _ELSEWHERE}, POOL)
    if "virtualMachineConfiguration" in body:
        machine = _object(body["virtualMachineConfiguration"], "VirtualMachineConfiguration")
        properties["deploymentConfiguration"] = {"virtualMachineConfiguration": machine}
    if "enableInterNodeCommunication" in body:
        enabled = body["enableInterNodeCommunication"]
        properties["interNodeCommunication"] = "Enabled" if enabled else "Disabled"
    if scale := _scale_settings(body):
        properties["scaleSettings"] = scale
    found = identities_of(body)
    identity = {"type": "UserAssigned", "userAssignedIdentities": {each: {} for each in found}}
    return {"properties": properties, "identity": identity if found else {"type": "None"}}


def _scale_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("enableAutoScale"):
        formula = {"formula": body["autoScaleFormula"]}
        if "autoScaleEvaluationInterval" in body:
            formula["evaluationInterval"] = body["autoScaleEvaluationInterval"]
        return {"autoScale": formula}
    names = ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
    fixed = {name: body[name] for name in names if name in body}
    return {"fixedScale": fixed} if fixed else {}


def name_of(definition: str, field: str) -> str:
    """
    Return what the management plane calls a field.

    :param definition: the field's definition in :mod:`airflow_provider_batch.specs.schema`.
    :param field: its name on the data plane.
    """
    return _NAMES.get((definition, field), field)


def value_of(definition: str, field: str, value: str) -> str:
    """
    Return how the management plane spells one of the values of a choice.

    :param definition: the field's definition.
    :param field: its name on the data plane.
    :param value: the value on the data plane.
    """
    return value if (definition, field) in _SAME_VALUES else _VALUES.get(value.lower(), value)


def _object(value: Mapping[str, Any], definition: str) -> dict[str, Any]:
    known = members(definition)
    return {
        name_of(definition, name): _value(member, known[name].kind, definition, name)
        for name, member in value.items()
    }


def _value(value: Any, kind: Kind, definition: str, field: str) -> Any:
    if isinstance(value, list) and kind.of is not None:
        return [_value(element, kind.of, definition, field) for element in value]
    if kind.name == "object":
        return _object(value, kind.definition)
    return value_of(definition, field, value) if kind.name == "choice" else value
