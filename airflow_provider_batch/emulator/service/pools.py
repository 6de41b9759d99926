"""
Pools: create, get, list, change, resize, delete, and counts of their nodes.

What describes machines and networks (disks, subnets, user accounts, security, upgrades) is kept and shown and
changes nothing: there is only this one machine. What a task would miss is refused with 501.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.pools import Pool, PoolResize, PoolSpec, StartTaskSpec
from airflow_provider_batch.emulator.model.sizes import SizeList, cores_of, is_well_formed
from airflow_provider_batch.emulator.model.states import NodeDeallocationOption, NodeFillType
from airflow_provider_batch.emulator.service.autoscale import auto_scale_of
from airflow_provider_batch.emulator.service.checks import (
    check_between,
    check_display_name,
    check_id,
    check_range,
    user_identity,
)
from airflow_provider_batch.emulator.service.commands import command_of
from airflow_provider_batch.emulator.service.containers import registries_of
from airflow_provider_batch.emulator.service.images import check_image, check_support
from airflow_provider_batch.emulator.service.networks import check_endpoints
from airflow_provider_batch.emulator.service.pool_software import check_packages, mounts_of, pool_packages
from airflow_provider_batch.emulator.service.results import Found, check_readable
from airflow_provider_batch.emulator.wire.durations import parse_duration
from airflow_provider_batch.emulator.wire.fields import Fields, Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing, select
from airflow_provider_batch.emulator.wire.odata import NODE_COUNTS, POOLS
from airflow_provider_batch.emulator.wire.pools import POOL, node_counts_json
from airflow_provider_batch.emulator.wire.query import Query

_MAX_START_TASK = 32_768
_MAX_NODES = 100_000
_MAX_SLOTS = 256
_RESIZE_TIMEOUTS = (timedelta(minutes=5), timedelta(hours=168))
#: what PATCH may change while the pool has nodes
_CHANGEABLE = frozenset(
    {
        "startTask",
        "applicationPackageReferences",
        "metadata",
        "targetNodeCommunicationMode",
        "identity",
        "resourceTags",
    }
)
#: what "replace properties" replaces
_REPLACED = frozenset({"startTask", "applicationPackageReferences", "metadata"})


def _position(pool: Pool) -> tuple[str, ...]:
    return (pool.id.lower(),)


_COUNTS: Fields[Pool] = {
    "poolId": lambda pool, links: pool.id,
    "dedicated": lambda pool, links: node_counts_json(pool)["dedicated"],
    "lowPriority": lambda pool, links: node_counts_json(pool)["lowPriority"],
}
_LIST = Listing("pools", POOL, POOLS, _position)
_COUNT_LIST = Listing("poolnodecounts", _COUNTS, NODE_COUNTS, _position)


class Pools:
    """The operations on pools."""

    def __init__(self, engine: Engine, sizes: SizeList) -> None:
        self._engine = engine
        self.sizes = sizes

    def create(self, body: Json, managed: Mapping[str, Any] | None = None) -> datetime:
        """
        Create a pool.

        :param managed: what only the management plane can say of it: identities, tags.
        """
        spec = pool_spec(body)
        check_vm_size(body["vmSize"], self.sizes)
        check_support(spec.definition["virtualMachineConfiguration"], self._engine.now())
        spec = replace(spec, definition={**spec.definition, **(managed or {})})
        with self._engine.reading() as state:
            check_packages(state, spec.packages)
            return self._engine.create_pool(spec)

    def get(self, pool_id: str, conditions: Conditions, query: Query, links: Links) -> Found:
        """Return one pool."""
        query.check_expand()
        only = select(query, POOL)
        with self._engine.reading() as state:
            pool = state.pool(pool_id)
            check_readable(conditions, pool.last_modified)
            return Found(render(POOL, pool, links, only), pool.last_modified)

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the pools."""
        with self._engine.reading() as state:
            return _LIST.page(state.pools.values(), path, query, links)

    def update(self, pool_id: str, body: Json, conditions: Conditions) -> datetime:
        """Replace each given top-level property whole; what nodes depend on only while there are none."""
        with self._engine.reading() as state:
            change = self._change(state, pool_id, body)
            return self._engine.update_pool(pool_id, change, conditions)

    def check_update(self, pool_id: str, body: Json) -> None:
        """Raise what :meth:`update` would raise about the body, and change nothing."""
        with self._engine.reading() as state:
            self._change(state, pool_id, body)(state.pool(pool_id).spec)

    def _change(self, state: State, pool_id: str, body: Json) -> Callable[[PoolSpec], PoolSpec]:
        fixed = sorted(set(body) - _CHANGEABLE)
        if fixed and state.pool(pool_id).nodes:
            raise errors.operation_not_valid_on_pool(
                f"{fixed[0]} can be changed only while the pool has no nodes"
            )
        if "vmSize" in body:
            check_vm_size(body["vmSize"], self.sizes)

        def change(spec: PoolSpec) -> PoolSpec:
            changed = _spec_of({**spec.definition, **body}, spec)
            check_packages(state, changed.packages if "applicationPackageReferences" in body else ())
            return changed

        return change

    def replace_properties(self, pool_id: str, body: Json, conditions: Conditions) -> datetime:
        """Replace start task, packages and metadata; what is omitted is removed."""

        def change(spec: PoolSpec) -> PoolSpec:
            kept = {name: value for name, value in spec.definition.items() if name not in _REPLACED}
            changed = _spec_of({**kept, **body}, spec)
            check_packages(state, changed.packages)
            return changed

        with self._engine.reading() as state:
            return self._engine.update_pool(pool_id, change, conditions)

    def resize(self, pool_id: str, body: Json, conditions: Conditions) -> datetime:
        """Set new targets."""
        return self._engine.resize_pool(pool_id, resize_of(body), conditions)

    def stop_resize(self, pool_id: str, conditions: Conditions) -> datetime:
        """Stop a resize."""
        return self._engine.stop_pool_resize(pool_id, conditions)

    def delete(self, pool_id: str, conditions: Conditions) -> None:
        """Delete a pool."""
        self._engine.delete_pool(pool_id, conditions)

    def node_counts(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the numbers of nodes by state, pool by pool."""
        with self._engine.reading() as state:
            return _COUNT_LIST.page(state.pools.values(), path, query, links)


def pool_spec(body: Json) -> PoolSpec:
    """
    Turn the body of a create request into a pool.

    :raises ServiceError: naming the property that cannot be.
    """
    check_id(body["id"])
    check_display_name(body)
    auto_scale = auto_scale_of(body)
    if "virtualMachineConfiguration" not in body:
        raise errors.missing_required_property("virtualMachineConfiguration")
    definition = _with_defaults(body)
    return PoolSpec(
        id=body["id"],
        definition=definition,
        vm_size=definition["vmSize"],
        target_dedicated_nodes=_target(body, "targetDedicatedNodes") or 0,
        target_low_priority_nodes=_target(body, "targetLowPriorityNodes") or 0,
        resize_timeout=_resize_timeout(body) or parse_duration("PT15M"),
        task_slots_per_node=definition["taskSlotsPerNode"],
        node_fill_type=NodeFillType(definition["taskSchedulingPolicy"]["nodeFillType"]),
        start_task=_start_task_spec(definition),
        packages=pool_packages(definition),
        registries=registries_of(definition["virtualMachineConfiguration"]),
        mounts=mounts_of(definition),
        enable_inter_node_communication=definition["enableInterNodeCommunication"],
        auto_scale=auto_scale,
    )


def check_vm_size(vm_size: str, sizes: SizeList) -> None:
    """
    Refuse a VM size that Batch does not have; pools that exist keep theirs.

    :raises ServiceError: ``InvalidPropertyValue``.
    """
    if vm_size not in sizes:
        raise _unknown_vm_size(vm_size)


def _unknown_vm_size(vm_size: str) -> errors.ServiceError:
    reason = "The VM size is not known; 'batch-emulator serve --vm-size' adds one that is newer than its list"
    return errors.invalid_property_value("vmSize", vm_size, reason)


def resize_of(body: Json) -> PoolResize:
    """
    Turn the body of a resize request into what is wanted.

    :raises ServiceError: naming the property that cannot be.
    """
    if "targetDedicatedNodes" not in body and "targetLowPriorityNodes" not in body:
        raise errors.missing_required_property("targetDedicatedNodes")
    return PoolResize(
        target_dedicated_nodes=_target(body, "targetDedicatedNodes"),
        target_low_priority_nodes=_target(body, "targetLowPriorityNodes"),
        resize_timeout=_resize_timeout(body),
        node_deallocation_option=_deallocation(body),
    )


def _spec_of(definition: Mapping[str, Any], spec: PoolSpec) -> PoolSpec:
    filled = _with_defaults(definition)
    return replace(
        spec,
        definition=filled,
        vm_size=filled["vmSize"],
        task_slots_per_node=filled["taskSlotsPerNode"],
        node_fill_type=NodeFillType(filled["taskSchedulingPolicy"]["nodeFillType"]),
        start_task=_start_task_spec(filled),
        packages=pool_packages(filled),
        registries=registries_of(filled["virtualMachineConfiguration"]),
        mounts=mounts_of(filled),
        enable_inter_node_communication=filled["enableInterNodeCommunication"],
    )


def _with_defaults(body: Mapping[str, Any]) -> Json:
    _check_what_is_served(body)
    slots = body.get("taskSlotsPerNode", 1)
    check_range(slots, 1, min(4 * cores_of(body["vmSize"]), _MAX_SLOTS), "taskSlotsPerNode")
    definition = {
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        **body,
        "vmSize": body["vmSize"].lower(),
        "taskSlotsPerNode": slots,
        "taskSchedulingPolicy": body.get("taskSchedulingPolicy", {"nodeFillType": NodeFillType.SPREAD.value}),
        "virtualMachineConfiguration": _machine_with_defaults(body["virtualMachineConfiguration"]),
    }
    if "startTask" in body:
        definition["startTask"] = _start_task_with_defaults(body["startTask"])
    if "userAccounts" in body:
        definition["userAccounts"] = [_without_password(account) for account in body["userAccounts"]]
    if "networkConfiguration" in body:
        check_endpoints(body["networkConfiguration"])
        definition["networkConfiguration"] = {
            "dynamicVNetAssignmentScope": "none",
            **body["networkConfiguration"],
        }
    return definition


def _check_what_is_served(body: Mapping[str, Any]) -> None:
    if not is_well_formed(body["vmSize"]):
        raise _unknown_vm_size(body["vmSize"])
    check_image(body["virtualMachineConfiguration"])


def _machine_with_defaults(machine: Mapping[str, Any]) -> Json:
    image = machine["imageReference"]
    filled = {**machine, "imageReference": {**image, "version": image.get("version", "latest")}}
    if "extensions" in machine:
        filled["extensions"] = [_without_protected(extension) for extension in machine["extensions"]]
    if "dataDisks" in machine:
        filled["dataDisks"] = [_disk_with_defaults(disk) for disk in machine["dataDisks"]]
    return filled


def _without_protected(extension: Mapping[str, Any]) -> Json:
    return {name: value for name, value in extension.items() if name != "protectedSettings"}


def _disk_with_defaults(disk: Mapping[str, Any]) -> Json:
    managed = {"storageAccountType": "standard_lrs", **disk.get("managedDisk", {})}
    return {"caching": "none", **disk, "managedDisk": managed}


def _start_task_with_defaults(given: Mapping[str, Any]) -> Json:
    if len(str(given)) > _MAX_START_TASK:
        raise errors.invalid_property_value(
            "startTask", None, f"It has more than {_MAX_START_TASK} characters"
        )
    filled = {
        **given,
        "userIdentity": user_identity(given.get("userIdentity")),
        "maxTaskRetryCount": given.get("maxTaskRetryCount", 0),
        "waitForSuccess": given.get("waitForSuccess", True),
    }
    check_range(filled["maxTaskRetryCount"], -1, 2**31 - 1, "startTask.maxTaskRetryCount")
    return filled


def _start_task_spec(definition: Mapping[str, Any]) -> StartTaskSpec | None:
    given = definition.get("startTask")
    if given is None:
        return None
    return StartTaskSpec(command_of(given, "startTask."), given["maxTaskRetryCount"], given["waitForSuccess"])


def _without_password(account: Mapping[str, Any]) -> Json:
    kept = {name: value for name, value in account.items() if name != "password"}
    if "linuxUserConfiguration" in kept:
        linux = kept["linuxUserConfiguration"]
        kept["linuxUserConfiguration"] = {name: linux[name] for name in linux if name != "sshPrivateKey"}
    return {"elevationLevel": "nonadmin", **kept}


def _target(body: Mapping[str, Any], name: str) -> int | None:
    return check_range(body[name], 0, _MAX_NODES, name) if name in body else None


def _resize_timeout(body: Mapping[str, Any]) -> timedelta | None:
    if "resizeTimeout" not in body:
        return None
    return check_between(body["resizeTimeout"], *_RESIZE_TIMEOUTS, "resizeTimeout")


def _deallocation(body: Mapping[str, Any]) -> NodeDeallocationOption:
    return NodeDeallocationOption(body.get("nodeDeallocationOption", NodeDeallocationOption.REQUEUE.value))
