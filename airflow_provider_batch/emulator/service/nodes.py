"""Nodes: get, list, and removal from their pool."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.states import NodeDeallocationOption
from airflow_provider_batch.emulator.service.results import Found
from airflow_provider_batch.emulator.wire.fields import Fields, Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing, select
from airflow_provider_batch.emulator.wire.nodes import node_fields
from airflow_provider_batch.emulator.wire.odata import NODES
from airflow_provider_batch.emulator.wire.query import Query

_MAX_REMOVED = 100


def _fields(pool: Pool) -> Fields[Node]:
    return node_fields(pool.spec.definition["virtualMachineConfiguration"]["imageReference"])


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
        option = NodeDeallocationOption(
            body.get("nodeDeallocationOption", NodeDeallocationOption.REQUEUE.value)
        )
        return self._engine.remove_nodes(pool_id, names, option, conditions)
