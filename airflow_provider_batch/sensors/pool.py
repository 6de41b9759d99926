"""A sensor for the nodes of a pool: allocated, or usable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.sensors.base import BatchSensor

if TYPE_CHECKING:
    from airflow_provider_batch.domain.sensing import UsableNodes

__all__ = ["AzureBatchPoolSensor"]


class AzureBatchPoolSensor(BatchSensor):
    """
    Wait until a pool has its nodes, whoever has made it.

    A node is usable when it is idle or runs tasks: a busy pool is ready, one that is only *steady* is not,
    and nodes that are unusable or whose start task failed never count. Without ``nodes`` and ``share`` all
    nodes of the pool's targets must be usable. A pool that cannot get there by itself is a failure.

    Its result (XCom) is ``batch_pool_id``, ``vm_size``, ``usable_nodes``, ``nodes`` by state, and targets.

    With ``wait_for="allocated"`` it waits for the machines only, whatever their nodes are up to: for the end
    of a resize, or for so many of them. Then the result has ``allocation_state``, ``dedicated_nodes`` and
    ``low_priority_nodes`` instead of the usable ones.

    Example::

        AzureBatchPoolSensor(task_id="ready", batch_pool_id="render", nodes=1, mode="reschedule")

    :param batch_pool_id: the pool. (templated)
    :param wait_for: ``usable`` nodes, or ``allocated`` ones.
    :param nodes: how many, at least 1.
    :param share: instead of ``nodes``: part of the pool's targets, more than 0 and at most 1.

    The other parameters are those of :class:`~airflow_provider_batch.sensors.base.BatchSensor`.
    """

    template_fields = (*BatchSensor.template_fields, "batch_pool_id")

    def __init__(
        self,
        *,
        batch_pool_id: str,
        wait_for: Literal["usable", "allocated"] = "usable",
        nodes: int | None = None,
        share: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if wait_for not in ("usable", "allocated"):
            raise SpecError("wait_for", f"{wait_for!r} is none of usable, allocated")
        if nodes is not None and share is not None:
            raise SpecError("nodes", "is given together with share; keep one of them")
        if nodes is not None and (not isinstance(nodes, int) or nodes < 1):
            raise SpecError("nodes", f"{nodes!r} is no number of nodes, at least 1")
        if share is not None and (not isinstance(share, (int, float)) or not 0 < share <= 1):
            raise SpecError("share", f"{share!r} is not more than 0 and at most 1")
        self.batch_pool_id = batch_pool_id
        self.wait_for = wait_for
        self.nodes = nodes
        self.share = share

    def target(self) -> UsableNodes:
        """Return what is waited for; the fields are rendered."""
        from airflow_provider_batch.domain.sensing import AllocatedNodes, UsableNodes

        share = 1.0 if self.share is None else self.share
        kind = AllocatedNodes if self.wait_for == "allocated" else UsableNodes
        return kind(self.batch_pool_id, self.nodes, share, self.must_exist)
