"""Nodes: get, list, removal from their pool, reboots and their kin, scheduling, remote login, extensions."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import node_events as events
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeDeallocationOption
from airflow_provider_batch.emulator.service.results import Found
from airflow_provider_batch.emulator.wire.fields import Fields, Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing, select
from airflow_provider_batch.emulator.wire.node_extensions import EXTENSION, Extension, extensions_of
from airflow_provider_batch.emulator.wire.nodes import node_fields, remote_login_json
from airflow_provider_batch.emulator.wire.odata import NODES
from airflow_provider_batch.emulator.wire.query import Query

_MAX_REMOVED = 100
_EXTENSIONS: Listing[Extension] = Listing("extensions", EXTENSION, {}, lambda extension: (extension.name,))


def _fields(pool: Pool) -> Fields[Node]:
    return node_fields(pool)


def _option(body: Json, name: str) -> NodeDeallocationOption:
    return NodeDeallocationOption(body.get(name, NodeDeallocationOption.REQUEUE.value))


class Nodes:
    """The operations on nodes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, pool_id: str, node_id: str, query: Query, links: Links) -> Found:
        """Return one node."""
        with self._engine.reading() as state:
            fields = _fields(state.pool(pool_id))
            return Found(render(fields, state.node(pool_id, node_id), links, select(query, fields)))

    def list(self, pool_id: str, path: str, query: Query, links: Links) -> Json:
        """Return one page of a pool's nodes."""
        with self._engine.reading() as state:
            pool = state.pool(pool_id)
            listing = Listing(
                "nodes", _fields(pool), NODES, lambda node: (node.id,), kept=("virtualMachineInfo",)
            )
            return listing.page(pool.nodes.values(), path, query, links)

    def remove(self, pool_id: str, body: Json, conditions: Conditions) -> datetime:
        """Take named nodes out of a pool."""
        names: list[str] = body["nodeList"]
        if not 1 <= len(names) <= _MAX_REMOVED:
            raise errors.invalid_property_value(
                "nodeList", str(len(names)), f"1 to {_MAX_REMOVED} nodes are expected"
            )
        option = _option(body, "nodeDeallocationOption")
        return self._engine.remove_nodes(pool_id, names, option, conditions)

    # --- down and up ---------------------------------------------------------------------------------

    def reboot(self, pool_id: str, node_id: str, body: Json) -> None:
        """Let a node boot again."""
        option = _option(body, "nodeRebootOption")
        self._engine.feed(events.RebootNode(self._engine.now(), pool_id, node_id, option))

    def reimage(self, pool_id: str, node_id: str, body: Json) -> None:
        """Give a node a new disk."""
        option = _option(body, "nodeReimageOption")
        self._engine.feed(events.ReimageNode(self._engine.now(), pool_id, node_id, option))

    def deallocate(self, pool_id: str, node_id: str, body: Json) -> None:
        """Give a node's machine back."""
        option = _option(body, "nodeDeallocateOption")
        self._engine.feed(events.DeallocateNode(self._engine.now(), pool_id, node_id, option))

    def start(self, pool_id: str, node_id: str) -> None:
        """Take a machine for a deallocated node again."""
        self._engine.feed(events.StartNode(self._engine.now(), pool_id, node_id))

    def disable_scheduling(self, pool_id: str, node_id: str, body: Json) -> None:
        """Give a node no more tasks."""
        option = _option(body, "nodeDisableSchedulingOption")
        self._engine.feed(events.DisableNodeScheduling(self._engine.now(), pool_id, node_id, option))

    def enable_scheduling(self, pool_id: str, node_id: str) -> None:
        """Give a node tasks again."""
        self._engine.feed(events.EnableNodeScheduling(self._engine.now(), pool_id, node_id))

    # --- facts ---------------------------------------------------------------------------------------

    def remote_login(self, pool_id: str, node_id: str) -> Found:
        """Return where a node's users log in."""
        with self._engine.reading() as state:
            return Found(remote_login_json(state.node(pool_id, node_id)))

    def extensions(self, pool_id: str, node_id: str, path: str, query: Query, links: Links) -> Json:
        """Return one page of the extensions on a node."""
        with self._engine.reading() as state:
            found = extensions_of(state.pool(pool_id), state.node(pool_id, node_id))
        return _EXTENSIONS.page(found, path, query, links)

    def extension(self, pool_id: str, node_id: str, name: str, query: Query, links: Links) -> Found:
        """Return one extension of a node."""
        with self._engine.reading() as state:
            found = extensions_of(state.pool(pool_id), state.node(pool_id, node_id))
        for extension in found:
            if extension.name.lower() == name.lower():
                return Found(render(EXTENSION, extension, links, select(query, EXTENSION)))
        raise errors.resource_not_found()
