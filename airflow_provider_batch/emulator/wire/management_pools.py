"""
Pools of the management plane: the same pools as on the data plane, in other words.

Names that differ are exchanged here; the spelling of enumerations is left to the schema of the plane that is
spoken to.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.model.pools import Pool, ResizeError
from airflow_provider_batch.emulator.model.states import AllocationState, PoolState
from airflow_provider_batch.emulator.wire.durations import format_duration
from airflow_provider_batch.emulator.wire.fields import Json, present
from airflow_provider_batch.emulator.wire.management_resources import AccountAddress, envelope
from airflow_provider_batch.emulator.wire.schema import management
from airflow_provider_batch.emulator.wire.times import format_time

#: names of the management plane that are spelled otherwise on the data plane, wherever they stand
_NAMES = {
    "nodeAgentSkuId": "nodeAgentSKUId",
    "inboundNatPools": "inboundNATPools",
    "dynamicVnetAssignmentScope": "dynamicVNetAssignmentScope",
    "userName": "username",
}
_NAMES_BACK = {theirs: ours for ours, theirs in _NAMES.items()}
#: properties of a pool that have the same name on both planes
_SAME = (
    "displayName",
    "vmSize",
    "networkConfiguration",
    "taskSlotsPerNode",
    "taskSchedulingPolicy",
    "userAccounts",
    "metadata",
    "startTask",
    "mountConfiguration",
    "upgradePolicy",
)
#: below these stands what the user means, with names of the user's own
_FOREIGN = frozenset({"settings", "protectedSettings"})
_IDENTITY_NAMES = uuid.UUID("5f4e0f5e-3a3c-4d7e-9a53-3c1c1c0a2b11")


def data_plane_body(properties: Mapping[str, Any]) -> Json:
    """
    Turn checked properties of a pool into a body of the data plane, which is still to be checked as one.

    Scale settings are left out, see :func:`scaling_of`.
    """
    body: Json = {name: _renamed(properties[name], _NAMES) for name in _SAME if name in properties}
    if "interNodeCommunication" in properties:
        body["enableInterNodeCommunication"] = properties["interNodeCommunication"] == "Enabled"
    if "applicationPackages" in properties:
        body["applicationPackageReferences"] = [
            present(applicationId=reference["id"], version=reference.get("version"))
            for reference in properties["applicationPackages"]
        ]
    machine = properties.get("deploymentConfiguration", {}).get("virtualMachineConfiguration")
    if machine is not None:
        body["virtualMachineConfiguration"] = _image_renamed(
            _renamed(machine, _NAMES), "id", "virtualMachineImageId"
        )
    return body


def scaling_of(settings: Mapping[str, Any]) -> Json:
    """Turn checked scale settings into the properties that a pool is created with on the data plane."""
    automatic = settings.get("autoScale")
    if automatic is not None:
        return present(
            enableAutoScale=True,
            autoScaleFormula=automatic["formula"],
            autoScaleEvaluationInterval=automatic.get("evaluationInterval"),
        )
    fixed = settings.get("fixedScale", {})
    names = ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
    return {name: fixed[name] for name in names if name in fixed}


def identity_on_data_plane(identity: Mapping[str, Any]) -> Json:
    """Turn a pool's identities, a map by ARM id, into the list that the data plane shows."""
    return {
        "type": identity["type"],
        "userAssignedIdentities": [
            {"resourceId": name, **_identity_ids(name)} for name in identity.get("userAssignedIdentities", {})
        ],
    }


def _identity_ids(resource_id: str) -> Json:
    """Ids that Entra ID would have given; always the same for one identity."""
    return {
        kind: str(uuid.uuid5(_IDENTITY_NAMES, f"{kind} of {resource_id.lower()}"))
        for kind in ("clientId", "principalId")
    }


def pool_json(address: AccountAddress, pool: Pool, shown: Mapping[str, Any]) -> Json:
    """
    Write a pool.

    :param shown: the pool as the data plane shows it.
    """
    definition = pool.spec.definition
    properties: Json = {
        **_facts(pool),
        **{name: _renamed(shown[name], _NAMES_BACK) for name in _SAME if name in shown},
        "vmSize": shown["vmSize"].upper(),
        "interNodeCommunication": "Enabled" if shown.get("enableInterNodeCommunication") else "Disabled",
        "deploymentConfiguration": {"virtualMachineConfiguration": _machine_json(shown)},
        "scaleSettings": _scale_settings(shown),
        **present(applicationPackages=_packages(shown), autoScaleRun=_run(shown.get("autoScaleRun"))),
    }
    if pool.allocation_state is not AllocationState.STEADY or pool.resize_errors:
        properties["resizeOperationStatus"] = _resize_status(pool)
    properties = management().in_own_casing(properties, "PoolProperties")
    tags = definition.get("resourceTags", {})
    body = envelope(address, (("pools", pool.id),), properties, pool.last_modified, tags)
    identity = definition.get("identity")
    return body if identity is None else {**body, "identity": _identity_json(identity)}


def pool_operation(pool: Pool) -> str:
    """Name the deletion of a pool, under which it is asked for until it is over."""
    return f"delete-{pool.id}-{etag(pool.creation_time)[2:]}"


def _facts(pool: Pool) -> Json:
    deleting = pool.state is PoolState.DELETING
    return {
        "lastModified": format_time(pool.last_modified),
        "creationTime": format_time(pool.creation_time),
        "provisioningState": "Deleting" if deleting else "Succeeded",
        "provisioningStateTransitionTime": format_time(pool.state_transition_time),
        "allocationState": pool.allocation_state.value.capitalize(),
        "allocationStateTransitionTime": format_time(pool.allocation_state_transition_time),
        "currentDedicatedNodes": pool.current_dedicated_nodes,
        "currentLowPriorityNodes": pool.current_low_priority_nodes,
    }


def _machine_json(shown: Mapping[str, Any]) -> Json:
    machine = _renamed(shown["virtualMachineConfiguration"], _NAMES_BACK)
    return _image_renamed(machine, "virtualMachineImageId", "id")


def _scale_settings(shown: Mapping[str, Any]) -> Json:
    if shown.get("enableAutoScale"):
        automatic = present(
            formula=shown.get("autoScaleFormula"), evaluationInterval=shown.get("autoScaleEvaluationInterval")
        )
        return {"autoScale": automatic}
    names = ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
    return {"fixedScale": {name: shown[name] for name in names if name in shown}}


def _packages(shown: Mapping[str, Any]) -> list[Json] | None:
    references = shown.get("applicationPackageReferences")
    if references is None:
        return None
    return [present(id=each["applicationId"], version=each.get("version")) for each in references]


def _run(run: Mapping[str, Any] | None) -> Json | None:
    if run is None:
        return None
    error = run.get("error")
    return present(
        evaluationTime=run["timestamp"],
        results=run.get("results"),
        error=error and {**_coded(error), "details": [_detail(each) for each in error.get("values", [])]},
    )


def _coded(error: Mapping[str, Any]) -> Json:
    return {"code": error.get("code", ""), "message": error.get("message", "")}


def _detail(pair: Mapping[str, Any]) -> Json:
    return {"code": pair["name"], "message": pair["value"]}


def _resize_status(pool: Pool) -> Json:
    return {
        "targetDedicatedNodes": pool.target_dedicated_nodes,
        "targetLowPriorityNodes": pool.target_low_priority_nodes,
        "resizeTimeout": format_duration(pool.resize_timeout),
        "startTime": format_time(pool.allocation_state_transition_time),
        **present(errors=[_resize_error(error) for error in pool.resize_errors] or None),
    }


def _resize_error(error: ResizeError) -> Json:
    details = [{"code": name, "message": value} for name, value in error.values]
    return present(code=error.code, message=error.message, details=details or None)


def _identity_json(identity: Mapping[str, Any]) -> Json:
    return {
        "type": identity["type"],
        "userAssignedIdentities": {
            each["resourceId"]: {name: each[name] for name in ("clientId", "principalId")}
            for each in identity["userAssignedIdentities"]
        },
    }


def _image_renamed(machine: Json, name: str, other_name: str) -> Json:
    image = {other_name if key == name else key: part for key, part in machine["imageReference"].items()}
    return {**machine, "imageReference": image}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        names.get(name, name): part if name in _FOREIGN else _renamed(part, names)
        for name, part in value.items()
    }
