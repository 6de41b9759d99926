"""Create a pool, or adopt the one that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.hooks.secrets import mask_sas
from airflow_provider_batch.operators.pools.base import PoolOperator, check_share, number
from airflow_provider_batch.operators.rendered_fields import HidesSecrets, hide_secrets, whole
from airflow_provider_batch.specs import decided_later, pool_to_rest

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.pool_wait import PoolWait
    from airflow_provider_batch.specs import PoolSpec

__all__ = ["AzureBatchCreatePoolOperator"]


class AzureBatchCreatePoolOperator(HidesSecrets, PoolOperator):
    """
    Create a pool, or adopt the one of its id that fits, and wait until its nodes can run tasks.

    A pool fits when it is as described; further metadata do not count. One that differs is refused with each
    difference, or changed as far as the service allows with ``update="allowed"``: size and formula at any
    time, start task, metadata and packages too (nodes take them when they boot), most of the rest while the
    pool has no nodes.

    *Ready* means usable nodes, idle or running; a pool that is merely steady is not ready. It fails early,
    with what the start task printed, the errors of nodes or of the resize, when the nodes that are wanted
    cannot come any more. A pool that does not become ready stays, and the log says what of it bills, unless
    ``delete_on_failure`` says otherwise: the teardown of a setup that failed does not run. Before a pool is
    created, a VM size that the region lacks is refused, and a warning says what of the account's quotas the
    pool lacks, where the connection can ask the management plane.

    The returned XCom has ``batch_pool_id``, ``pool`` (``created``, ``adopted`` or ``updated``), ``vm_size``,
    ``usable_nodes``, ``nodes`` (number by state), ``target_dedicated_nodes``, ``target_low_priority_nodes``
    and ``auto_scale``.

    Example::

        AzureBatchCreatePoolOperator(
            task_id="create_pool",
            batch_pool=PoolSpec(
                pool_id="render",
                vm_size="standard_d2s_v5",
                image=VmImage.ubuntu("22.04"),
                target_low_priority_nodes=4,
            ),
            usable_share=0.5,
        )

    :param batch_pool: the pool, with an id: a :class:`~airflow_provider_batch.specs.PoolSpec`, REST JSON, or
        an ``azure.batch.models`` object (templated).
    :param update: ``allowed`` to change a pool that differs; ``never`` to refuse it.
    :param wait_until_usable: whether to wait for nodes; without, the result has no numbers of nodes.
    :param usable_nodes: number of nodes that must be usable, dedicated and spot counted alike (templated).
    :param usable_share: instead of a number, the part of the targets that must be usable, rounded up. Of a
        formula that asks for no node now, none is wanted.
    :param delete_on_kill: delete the pool when the Airflow task is killed or its ``execution_timeout``
        passes, if this very task has created it.
    :param delete_on_failure: delete the pool when it does not become ready, if this very task has created it;
        a retry creates it anew.
    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises SpecError: while the DAG is parsed: a field is unknown, missing, contradictory or out of range;
        when it runs: there is no such image or VM size.
    :raises AzureBatchConfigurationError: the pool has identities, and the management plane cannot be asked.
    :raises BatchOwnershipError: a pool of the id exists and is not as described.
    :raises BatchQuotaError: the account may not have more pools.
    :raises BatchPoolUnusableError: the nodes that are wanted cannot come: quota, allocation, start task ...
    :raises BatchPoolLostError: somebody deleted the pool meanwhile.
    :raises BatchDeadlineError: it was not ready within the limits.

    .. seealso:: Pools - Create Pool, Azure Batch REST API 2025-06-01.
    """

    template_fields: Sequence[str] = ("azure_batch_conn_id", "batch_pool", "usable_nodes")
    template_fields_renderers: ClassVar[dict[str, str]] = {"batch_pool": "json"}

    def __init__(
        self,
        *,
        batch_pool: PoolSpec | Mapping[str, Any],
        update: Literal["never", "allowed"] = "never",
        wait_until_usable: bool = True,
        usable_nodes: int | str | None = None,
        usable_share: float = 1.0,
        delete_on_kill: bool = False,
        delete_on_failure: bool = False,
        **kwargs: Any,
    ) -> None:
        if "batch_pool_id" in kwargs:
            raise SpecError("batch_pool_id", "the description has the id: give it there (pool_id)")
        # The real id is that of the description, once its templates are rendered.
        super().__init__(batch_pool_id="x", **kwargs)
        self.batch_pool = batch_pool
        self.update = update
        self.wait_until_usable = wait_until_usable
        self.usable_nodes = usable_nodes
        self.usable_share = usable_share
        self.delete_on_kill = delete_on_kill
        self.delete_on_failure = delete_on_failure
        if update not in ("never", "allowed"):
            raise SpecError("update", f"{update!r} is none of never, allowed")
        check_share(usable_share, "usable_share")
        if usable_nodes is not None and usable_share != 1:
            raise SpecError("usable_nodes", "is given together with usable_share; keep one of them")
        if not decided_later(batch_pool):
            self.batch_pool = self._body()
        hide_secrets(self)

    def _body(self) -> dict[str, Any]:
        body = pool_to_rest(whole(self.batch_pool), "batch_pool")
        if "id" not in body:
            raise SpecError("batch_pool.id", "missing: the pool needs an id")
        if not decided_later(self.usable_nodes):
            nodes, most = number(self.usable_nodes, "usable_nodes"), _most_of(body)
            if nodes is not None and most is not None and nodes > most:
                limit = f"at most {most}, by its formula" if body.get("enableAutoScale") else most
                raise SpecError("usable_nodes", f"{nodes} is more than the pool is to have ({limit})")
        return body

    def prepare(self, context: Context) -> None:
        """
        Check the description as a whole, now that its templates are rendered.

        :param context: the template context.
        """
        body = self._body()
        mask_sas(body)
        self.batch_pool_id = str(body["id"])
        owner = self.work(context).owner
        self._owner = owner if self.delete_on_kill else None
        self._failure_owner = owner if self.delete_on_failure else None

    def act(self, context: Context) -> Flow[PoolWait | Mapping[str, Any]]:
        """
        Flow: create or adopt the pool.

        :param context: the template context.
        :return: the wait for its nodes.
        """
        from airflow_provider_batch.domain.labels import pool_labels
        from airflow_provider_batch.domain.pool_adoption import adopt_pool
        from airflow_provider_batch.hooks.new_pools import check_new_pool
        from airflow_provider_batch.operators.estimates import log_estimate

        body = self._body()
        yield from check_new_pool(body, self.hook.connection, self.log)
        log_estimate(body, self.hook.connection, self.log)
        adopted = yield from adopt_pool(
            body, pool_labels(self.work(context)), update=self.update == "allowed"
        )
        result = {"pool": adopted.how}
        if not self.wait_until_usable:
            return {"batch_pool_id": self.batch_pool_id, "vm_size": body["vmSize"], **result}
        return self.wait_for(
            "usable",
            nodes=self._nodes(body),
            share=self.usable_share,
            old_errors=adopted.old_errors,
            created=adopted.created,
            result=result,
        )

    def _nodes(self, body: Mapping[str, Any]) -> int | None:
        """Number of nodes that must be usable; None where the formula says it as it goes."""
        from airflow_provider_batch.domain.pool_readiness import share_of

        nodes = number(self.usable_nodes, "usable_nodes")
        target = _target_of(body)
        return nodes if nodes is not None or target is None else share_of(self.usable_share, target)


def _target_of(body: Mapping[str, Any]) -> int | None:
    """Size of a pool as described; None when a formula decides it, or a template."""
    targets = [body.get(name) or 0 for name in ("targetDedicatedNodes", "targetLowPriorityNodes")]
    if body.get("enableAutoScale") or any(decided_later(target) for target in targets):
        return None
    return sum(int(target) for target in targets)


def _most_of(body: Mapping[str, Any]) -> int | None:
    """Most nodes that a pool is to have; None when a formula by hand decides it, or a template."""
    if body.get("enableAutoScale") and not decided_later(body["enableAutoScale"]):
        from airflow_provider_batch.specs.autoscale_bounds import bounds_of

        bounds = bounds_of(str(body.get("autoScaleFormula") or ""))
        return bounds.nodes if bounds else None
    return _target_of(body)
