"""Pools: what the user asked for (:class:`PoolSpec`) and what became of it (:class:`Pool`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.emulator.model.autoscale import AutoScale, AutoScaleSettings
from airflow_provider_batch.emulator.model.commands import Command, PackageReference
from airflow_provider_batch.emulator.model.containers import ContainerRegistry
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.states import (
    AllocationState,
    NodeDeallocationOption,
    NodeFillType,
    PoolState,
)


@dataclass(frozen=True)
class StartTaskSpec:
    """The command that runs on each node that joins the pool."""

    command: Command
    max_task_retry_count: int = 0
    wait_for_success: bool = True


@dataclass(frozen=True)
class PoolSpec:
    """
    A pool as the user wants it.

    :param definition: the REST JSON that GET echoes, defaults filled in, without what the service computes.
        Its targets are not read: :class:`Pool` has the present ones.
    :param vm_size: lower-case.
    :param target_dedicated_nodes: at creation; later targets are set by resizing.
    :param start_task: nodes that exist already are not touched when it changes.
    :param auto_scale: at creation; None for a pool of fixed targets.
    :param packages: application packages that a node gets whenever it boots.
    :param registries: of container images; None for a pool that takes no containers.
    :param mounts: where file systems are mounted, relative to the node's directory of all mounts.
    """

    id: str
    definition: Mapping[str, Any]
    vm_size: str
    target_dedicated_nodes: int = 0
    target_low_priority_nodes: int = 0
    resize_timeout: timedelta = timedelta(minutes=15)
    task_slots_per_node: int = 1
    node_fill_type: NodeFillType = NodeFillType.SPREAD
    start_task: StartTaskSpec | None = None
    auto_scale: AutoScaleSettings | None = None
    packages: tuple[PackageReference, ...] = ()
    registries: tuple[ContainerRegistry, ...] | None = None
    mounts: tuple[str, ...] = ()
    enable_inter_node_communication: bool = False


@dataclass(frozen=True)
class PoolResize:
    """
    A resize request; a target that is None stays as it is.

    :param resize_timeout: None for the service's default of 15 minutes.
    """

    target_dedicated_nodes: int | None = None
    target_low_priority_nodes: int | None = None
    resize_timeout: timedelta | None = None
    node_deallocation_option: NodeDeallocationOption = NodeDeallocationOption.REQUEUE


@dataclass(frozen=True)
class ResizeError:
    """Why a pool is steady without having its targets; stays until the next resize starts."""

    code: str
    message: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass
class Pool:
    """
    A pool and its nodes.

    :param serial: tells this pool from an earlier one of the same id.
    :param nodes: by key of the node id (``ids.id_key``), in order of creation; leaving ones included.
    :param last_modified: moved by what users do, never by what nodes do.
    :param auto_scale: None while the targets are fixed.
    :param auto_scale_requested_at: when automatic scaling was last enabled or changed by its own operation.
    """

    spec: PoolSpec
    serial: int
    creation_time: datetime
    last_modified: datetime
    state: PoolState
    state_transition_time: datetime
    allocation_state: AllocationState
    allocation_state_transition_time: datetime
    target_dedicated_nodes: int
    target_low_priority_nodes: int
    resize_timeout: timedelta
    resize_errors: tuple[ResizeError, ...] = ()
    auto_scale: AutoScale | None = None
    auto_scale_requested_at: datetime | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    story: list[str] = field(default_factory=list, repr=False)

    @property
    def id(self) -> str:
        """Id as the user wrote it."""
        return self.spec.id

    @property
    def current_dedicated_nodes(self) -> int:
        """Dedicated nodes of any state, leaving ones included."""
        return sum(node.is_dedicated for node in self.nodes.values())

    @property
    def current_low_priority_nodes(self) -> int:
        """Low-priority (spot) nodes of any state, leaving ones included."""
        return len(self.nodes) - self.current_dedicated_nodes
