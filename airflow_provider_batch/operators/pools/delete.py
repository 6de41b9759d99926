"""Delete a pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.operators.pools.base import PoolOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.pool_wait import PoolWait

__all__ = ["AzureBatchDeletePoolOperator"]


class AzureBatchDeletePoolOperator(PoolOperator):
    """
    Delete a pool that this DAG has made, and wait until it is gone and bills no more.

    A pool that is gone already is no error. Tasks that ran on it are queued again and wait for a pool of its
    id; the jobs stay. The returned XCom has ``batch_pool_id`` and ``deleted``, and what the nodes of the pool
    held and cost since each was allocated: ``node_hours``, ``spot_node_hours``, ``core_hours``, ``cost`` and
    ``currency``, None where that is not known.

    Example::

        create >> work >> AzureBatchDeletePoolOperator(
            task_id="delete_pool", batch_pool_id="render"
        ).as_teardown(setups=create)

    :param delete_any: delete the pool whoever has made it.
    :param wait_until_gone: whether to wait until its nodes are gone.
    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises BatchOwnershipError: it was not made by this DAG; nothing was deleted.
    :raises BatchDeadlineError: it was not gone within ``allocation_timeout``.

    .. seealso:: Pools - Delete Pool, Azure Batch REST API 2025-06-01.
    """

    #: what a group before it looks for, so that its finish sees the pool first
    deletes_batch_pool = True

    def __init__(self, *, delete_any: bool = False, wait_until_gone: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delete_any = delete_any
        self.wait_until_gone = wait_until_gone

    def act(self, context: Context) -> Flow[PoolWait | Mapping[str, Any]]:
        """
        Flow: begin the deletion.

        :param context: the template context.
        :return: the wait for its end.
        """
        from airflow_provider_batch.domain.pool_changes import delete_pool
        from airflow_provider_batch.domain.pool_machines import read_pool_machines
        from airflow_provider_batch.hooks.prices import price_table

        work = self.work(context)
        held = yield from read_pool_machines(self.batch_pool_id)
        created = yield from delete_pool(
            self.batch_pool_id, dag_id=work.dag_id, deployment_id=work.deployment_id, whoever=self.delete_any
        )
        # Prices are asked for after that: no pool is to bill while we wait for them.
        held = held.priced(price_table(self.hook.connection, held.billed, self.log))
        if created is not None:
            self.log.info("%s", held)
        if created is None or not self.wait_until_gone:
            return {**held.as_json(), "deleted": created is None}
        return self.wait_for("gone", created=created, result=held.as_json())
