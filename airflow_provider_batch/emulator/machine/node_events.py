"""What users do to single nodes."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.machine.events import Event
from airflow_provider_batch.emulator.model.nodes import NodeUser
from airflow_provider_batch.emulator.model.states import NodeDeallocationOption


@dataclass(frozen=True)
class NodeVerb(Event):
    """Base: a user acts on a node."""

    pool_id: str
    node_id: str


@dataclass(frozen=True)
class RebootNode(NodeVerb):
    """A user lets a node boot again."""

    option: NodeDeallocationOption = NodeDeallocationOption.REQUEUE


@dataclass(frozen=True)
class ReimageNode(NodeVerb):
    """A user gives a node a new disk."""

    option: NodeDeallocationOption = NodeDeallocationOption.REQUEUE


@dataclass(frozen=True)
class DeallocateNode(NodeVerb):
    """A user gives a node's machine back, and keeps the node."""

    option: NodeDeallocationOption = NodeDeallocationOption.REQUEUE


@dataclass(frozen=True)
class StartNode(NodeVerb):
    """A user takes a machine for a deallocated node again."""


@dataclass(frozen=True)
class DisableNodeScheduling(NodeVerb):
    """A user lets a node take no more tasks."""

    option: NodeDeallocationOption = NodeDeallocationOption.REQUEUE


@dataclass(frozen=True)
class EnableNodeScheduling(NodeVerb):
    """A user lets a node take tasks again."""


@dataclass(frozen=True)
class CreateNodeUser(NodeVerb):
    """A user adds an account to a node."""

    user: NodeUser


@dataclass(frozen=True)
class ReplaceNodeUser(NodeVerb):
    """A user replaces an account's password, key and expiry; whether it is an administrator stays."""

    user: NodeUser


@dataclass(frozen=True)
class DeleteNodeUser(NodeVerb):
    """A user removes an account from a node."""

    user_name: str
