"""Change the size of a pool, or stop changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.operators.pools.base import PoolOperator, check_share, duration, number
from airflow_provider_batch.specs import decided_later

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.pool_wait import PoolWait

__all__ = ["AzureBatchResizePoolOperator", "AzureBatchStopPoolResizeOperator"]

#: how long the service wants to try at least
LEAST_RESIZE_TIMEOUT = timedelta(minutes=5)
#: what may become of tasks on nodes that go
DEALLOCATIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")


def check_deallocation(value: str | None) -> None:
    """
    Check what is to become of tasks on nodes that go.

    :param value: what was given; None for the service's own choice.
    """
    if value is not None and not decided_later(value) and value not in DEALLOCATIONS:
        raise SpecError("node_deallocation_option", f"{value!r} is none of {', '.join(DEALLOCATIONS)}")


class AzureBatchResizePoolOperator(PoolOperator):
    """
    Give a pool another fixed size, and wait until it has it and its nodes are usable.

    A retry finds the resize that an earlier try began; one that failed is begun again. The returned XCom is
    that of :class:`AzureBatchCreatePoolOperator`, without ``pool``.

    :param target_dedicated_nodes: number of dedicated nodes (templated); left as it is when left out.
    :param target_low_priority_nodes: number of spot nodes (templated); left as it is when left out.
    :param usable_share: the part of the new size that must be usable, rounded up.
    :param resize_timeout: how long the service tries, at least 5 minutes; 15 when left out.
    :param node_deallocation_option: what becomes of tasks on nodes that go: ``requeue`` (the service's
        default), ``terminate``, ``taskcompletion`` or ``retaineddata``.
    :param wait_until_usable: whether to wait at all.
    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises AzureBatchConfigurationError: a formula decides the size of the pool.
    :raises BatchPoolUnusableError: the nodes that are wanted cannot come.
    :raises BatchPoolLostError: the pool does not exist, or not any more.
    :raises BatchDeadlineError: it was not ready within the limits.

    .. seealso:: Pools - Resize Pool, Azure Batch REST API 2025-06-01.
    """

    template_fields: Sequence[str] = (
        *PoolOperator.template_fields,
        "target_dedicated_nodes",
        "target_low_priority_nodes",
    )

    def __init__(
        self,
        *,
        target_dedicated_nodes: int | str | None = None,
        target_low_priority_nodes: int | str | None = None,
        usable_share: float = 1.0,
        resize_timeout: timedelta | None = None,
        node_deallocation_option: str | None = None,
        wait_until_usable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_dedicated_nodes = target_dedicated_nodes
        self.target_low_priority_nodes = target_low_priority_nodes
        self.usable_share = usable_share
        self.resize_timeout = resize_timeout
        self.node_deallocation_option = node_deallocation_option
        self.wait_until_usable = wait_until_usable
        if target_dedicated_nodes is None and target_low_priority_nodes is None:
            raise SpecError("target_dedicated_nodes", "missing: give it, or target_low_priority_nodes")
        for name in ("target_dedicated_nodes", "target_low_priority_nodes"):
            if not decided_later(getattr(self, name)):
                number(getattr(self, name), name)
        check_share(usable_share, "usable_share")
        duration(resize_timeout, "resize_timeout", LEAST_RESIZE_TIMEOUT)
        check_deallocation(node_deallocation_option)

    def act(self, context: Context) -> Flow[PoolWait | Mapping[str, Any]]:
        """
        Flow: begin the resize.

        :param context: the template context.
        :return: the wait for its nodes.
        """
        from airflow_provider_batch.domain.pool_changes import resize_pool
        from airflow_provider_batch.domain.pool_readiness import old_errors_of, share_of

        dedicated = number(self.target_dedicated_nodes, "target_dedicated_nodes")
        low_priority = number(self.target_low_priority_nodes, "target_low_priority_nodes")
        before = yield from resize_pool(
            self.batch_pool_id,
            dedicated=dedicated,
            low_priority=low_priority,
            resize_timeout=duration(self.resize_timeout, "resize_timeout", LEAST_RESIZE_TIMEOUT),
            deallocation=self.node_deallocation_option,
            patience=self.patience,
        )
        targets = (
            before.get("targetDedicatedNodes") if dedicated is None else dedicated,
            before.get("targetLowPriorityNodes") if low_priority is None else low_priority,
        )
        if not self.wait_until_usable:
            return {
                "batch_pool_id": self.batch_pool_id,
                "target_dedicated_nodes": targets[0],
                "target_low_priority_nodes": targets[1],
            }
        return self.wait_for(
            "usable",
            nodes=share_of(self.usable_share, sum(int(target or 0) for target in targets)),
            steady=True,
            old_errors=old_errors_of(before),
            created=before.get("creationTime"),
        )


class AzureBatchStopPoolResizeOperator(PoolOperator):
    """
    Stop a resize that is under way, and wait until the pool is steady; its nodes stay as they are.

    A pool that is not being resized is no error. The returned XCom is that of
    :class:`AzureBatchResizePoolOperator`.

    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises AzureBatchConfigurationError: a formula resizes the pool; the service stops no such resize.
    :raises BatchPoolLostError: the pool does not exist, or not any more.

    .. seealso:: Pools - Stop Pool Resize, Azure Batch REST API 2025-06-01.
    """

    def act(self, context: Context) -> Flow[PoolWait | Mapping[str, Any]]:
        """
        Flow: stop the resize.

        :param context: the template context.
        :return: the wait for its end.
        """
        from airflow_provider_batch.domain.pool_changes import stop_resize

        before = yield from stop_resize(self.batch_pool_id)
        return self.wait_for("usable", nodes=0, steady=True, created=before.get("creationTime"))
