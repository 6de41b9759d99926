"""How the nodes of a pool get newer images of their operating system."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Duration, Flag, Json, Number, Spec, rest

_AUTOMATIC = "automaticOSUpgradePolicy"
_ROLLING = "rollingUpgradePolicy"


@dataclass(frozen=True, kw_only=True)
class UpgradePolicy(Spec):
    """
    When and how the operating system of the nodes is upgraded.

    Example::

        UpgradePolicy(mode="automatic", enable_automatic_os_upgrade=True, wait_for_idle_nodes=True)

    :param mode: ``manual`` (the service's default), ``automatic`` or ``rolling``.
    :param enable_automatic_os_upgrade: upgrade when a newer image is published.
    :param wait_for_idle_nodes: let nodes that run tasks wait for their upgrade.
    :param disable_automatic_rollback: keep what a failed upgrade has left.
    :param max_batch_percent: greatest share of the nodes that is upgraded at once, 5 to 100.
    :param max_unhealthy_percent: greatest share of unhealthy nodes, 5 to 100.
    :param pause_between_batches: time between two batches.
    :param extra: REST JSON for the rest.
    """

    definition: ClassVar[str] = "UpgradePolicy"

    mode: str
    enable_automatic_os_upgrade: Flag | None = field(
        default=None, metadata=rest(f"{_AUTOMATIC}.enableAutomaticOSUpgrade")
    )
    wait_for_idle_nodes: Flag | None = field(
        default=None, metadata=rest(f"{_AUTOMATIC}.osRollingUpgradeDeferral")
    )
    disable_automatic_rollback: Flag | None = field(
        default=None, metadata=rest(f"{_AUTOMATIC}.disableAutomaticRollback")
    )
    max_batch_percent: Number | None = field(
        default=None, metadata=rest(f"{_ROLLING}.maxBatchInstancePercent")
    )
    max_unhealthy_percent: Number | None = field(
        default=None, metadata=rest(f"{_ROLLING}.maxUnhealthyInstancePercent")
    )
    pause_between_batches: Duration | None = field(
        default=None, metadata=rest(f"{_ROLLING}.pauseTimeBetweenBatches")
    )
    extra: Json = field(default_factory=dict)
