"""
Pools on the management plane: the very pools of the data plane, with identities and tags.

Source: azure-mgmt-batch 19.0, and section 9 of the reference of the service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import AllocationState
from airflow_provider_batch.emulator.service.autoscale import AutoScaling
from airflow_provider_batch.emulator.service.checks import check_id
from airflow_provider_batch.emulator.service.management_listing import page
from airflow_provider_batch.emulator.service.pools import Pools, resize_of
from airflow_provider_batch.emulator.wire.fields import Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.management_pools import (
    data_plane_body,
    identity_on_data_plane,
    pool_json,
    pool_operation,
    scaling_of,
)
from airflow_provider_batch.emulator.wire.management_resources import AccountAddress
from airflow_provider_batch.emulator.wire.odata import EQUALITY, Kind, Property, parse_filter
from airflow_provider_batch.emulator.wire.pools import POOL
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.schema import data_plane

_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity"
    r"/userAssignedIdentities/[^/]+",
    re.IGNORECASE,
)
_TIME = Property(Kind.TIME)
_WORD = Property(Kind.TEXT, EQUALITY)
_FILTERABLE = {
    "name": Property(Kind.TEXT, startswith=True),
    "properties/allocationState": _WORD,
    "properties/allocationStateTransitionTime": _TIME,
    "properties/creationTime": _TIME,
    "properties/lastModified": _TIME,
    "properties/provisioningState": _WORD,
    "properties/provisioningStateTransitionTime": _TIME,
    "properties/interNodeCommunication": _WORD,
    "properties/vmSize": Property(Kind.TEXT, startswith=True),
}


class ManagedPools:
    """The operations on pools."""

    def __init__(
        self, engine: Engine, pools: Pools, auto_scaling: AutoScaling, address: AccountAddress
    ) -> None:
        self._engine = engine
        self._pools = pools
        self._auto_scaling = auto_scaling
        self._address = address

    def create(self, pool_id: str, body: Json, conditions: Conditions, links: Links) -> Json:
        """
        Create a pool; one that exists is changed.

        :raises ServiceError: those of the data plane; ``ConditionNotMet`` (412) under ``If-None-Match: *``
            when it exists.
        """
        check_id(pool_id, "poolName")
        with self._engine.reading() as state:
            if id_key(pool_id) in state.pools:
                return self.update(pool_id, body, conditions, links)
            if conditions.if_match is not None:
                raise errors.condition_not_met()
            properties = body.get("properties", {})
            wanted = {
                "id": pool_id,
                **data_plane_body(properties),
                **scaling_of(_checked_scaling(properties)),
            }
            checked = data_plane().check_object(wanted, "BatchPoolCreateOptions", "")
            self._pools.create(checked, _extras(body))
            return self._json(state.pool(pool_id), links)

    def update(self, pool_id: str, body: Json, conditions: Conditions, links: Links) -> Json:
        """Change what is given; scale settings resize the pool, or switch automatic scaling on."""
        properties = body.get("properties", {})
        with self._engine.reading() as state:
            pool = state.pool(pool_id)
            if not conditions.hold(pool.last_modified):
                raise errors.condition_not_met()
            scaling = _checked_scaling(properties)
            if scaling and pool.allocation_state is not AllocationState.STEADY:
                raise errors.pool_being_resized()
            changes = _changes(pool, data_plane_body(properties))
            checked = data_plane().check_object(changes, "BatchPoolUpdateOptions", "")
            changed = {**checked, **_extras(body)}
            # All of it is checked before any of it is done.
            self._pools.check_update(pool_id, changed)
            self._scale(pool, scaling)
            if changed:
                self._pools.update(pool_id, changed, Conditions())
            return self._json(pool, links)

    def get(self, pool_id: str, links: Links) -> Json:
        """Return one pool."""
        with self._engine.reading() as state:
            return self._json(state.pool(pool_id), links)

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the pools."""
        wanted = query.select()
        with self._engine.reading() as state:
            return page(
                state.pools.values(),
                lambda pool: (pool.id.lower(),),
                lambda pool: _selected(self._json(pool, links), wanted),
                (path, query, links),
                self._passing(query, links),
            )

    def disable_auto_scale(self, pool_id: str, links: Links) -> Json:
        """Keep the present targets from now on."""
        self._auto_scaling.disable(pool_id, Conditions())
        return self.get(pool_id, links)

    def stop_resize(self, pool_id: str, links: Links) -> Json:
        """Stop a resize."""
        self._pools.stop_resize(pool_id, Conditions())
        return self.get(pool_id, links)

    def delete(self, pool_id: str) -> str | None:
        """Begin to delete a pool; return the name of that operation, None when there is no pool."""
        with self._engine.reading() as state:
            pool = state.pools.get(id_key(pool_id))
            if pool is None:
                return None
            operation = pool_operation(pool)
            self._engine.feed(events.DeletePool(self._engine.now(), pool_id))
            return operation

    def is_under_way(self, operation: str) -> bool:
        """Whether the deletion of a pool is not over yet."""
        with self._engine.reading() as state:
            return any(pool_operation(pool) == operation for pool in state.pools.values())

    def _json(self, pool: Pool, links: Links) -> Json:
        return pool_json(self._address, pool, render(POOL, pool, links))

    def _passing(self, query: Query, links: Links) -> Callable[[Pool], bool]:
        text = query.text("$filter")
        if text is None:
            return lambda pool: True
        where = parse_filter(text, _FILTERABLE)
        return lambda pool: where.matches(self._json(pool, links))

    def _scale(self, pool: Pool, settings: Mapping[str, Any]) -> None:
        if "autoScale" in settings:
            wanted = scaling_of(settings)
            del wanted["enableAutoScale"]
            checked = data_plane().check_object(wanted, "BatchPoolEnableAutoScaleOptions", "")
            self._auto_scaling.enable(pool.id, checked, Conditions())
        elif "fixedScale" in settings:
            wanted = dict(settings["fixedScale"])
            resize = data_plane().check_object(wanted, "BatchPoolResizeOptions", "")
            if wanted:
                resize_of(resize)
            if pool.auto_scale is not None:
                self._auto_scaling.disable(pool.id, Conditions())
            if (
                wanted.get("targetDedicatedNodes", pool.target_dedicated_nodes),
                wanted.get("targetLowPriorityNodes", pool.target_low_priority_nodes),
            ) != (pool.target_dedicated_nodes, pool.target_low_priority_nodes):
                self._pools.resize(pool.id, resize, Conditions())


def _changes(pool: Pool, body: Json) -> Json:
    """Leave out what is as it was: what depends on there being no nodes may be repeated."""
    definition = pool.spec.definition
    return {name: value for name, value in body.items() if not _is_same(definition.get(name), value)}


def _is_same(present: Any, given: Any) -> bool:
    if isinstance(given, Mapping) and isinstance(present, Mapping):
        return all(_is_same(present.get(name), value) for name, value in given.items())
    if isinstance(given, str) and isinstance(present, str):
        return given.lower() == present.lower()
    return bool(given == present)


def _checked_scaling(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = properties.get("scaleSettings", {})
    if len(settings) > 1:
        reason = "fixedScale and autoScale exclude each other"
        raise errors.invalid_property_value("properties.scaleSettings", None, reason)
    return settings


def _extras(body: Mapping[str, Any]) -> Json:
    """What only the management plane says of a pool."""
    extras: Json = {}
    if "tags" in body:
        extras["resourceTags"] = body["tags"]
    identity = body.get("identity")
    if identity is not None:
        for name in identity.get("userAssignedIdentities", {}):
            if not _IDENTITY.fullmatch(name):
                reason = "The ARM id of a user-assigned identity is expected"
                raise errors.invalid_property_value("identity.userAssignedIdentities", name[:256], reason)
        if identity["type"] == "UserAssigned":
            extras["identity"] = identity_on_data_plane(identity)
        else:
            extras["identity"] = {"type": "None", "userAssignedIdentities": []}
    return extras


def _selected(body: Json, names: frozenset[str] | None) -> Json:
    """Keep the wanted parts of a pool; a name is a path like ``properties/provisioningState``."""
    if names is None:
        return body
    properties = {
        name: value
        for name, value in body["properties"].items()
        if "properties" in names or f"properties/{name}" in names
    }
    kept = {name: value for name, value in body.items() if name in ("id", "name", "type", *names)}
    return {**kept, "properties": properties} if properties else kept
