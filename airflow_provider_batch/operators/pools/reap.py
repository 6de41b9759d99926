"""Give up the pools that runs have left behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_batch.domain.cost import cost_of
from airflow_provider_batch.domain.flow import drive
from airflow_provider_batch.domain.idle_pools import PoolUse, ReapAction, give_up, look_at_our_pools
from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.hooks.prices import price_table
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.run_states import run_has_ended

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.labels import Owner

__all__ = ["AzureBatchReapPoolsOperator"]


class AzureBatchReapPoolsOperator(BaseOperator):
    """
    Scale idle pools of ended runs to zero, or delete them; by default only say which.

    It touches no pool but those

    * that carry this provider's labels, of this Airflow (``deployment_id`` of the connection),
    * that are idle: nodes, no task that waits or runs, and nothing has happened for ``grace``,
    * whose run has ended, and on which no other job is open than those of runs that have ended. A run that
      Airflow does not know (any more) does not count as ended: delete such a pool by hand.

    The XCom that it returns has one mapping for each pool with labels: ``batch_pool_id``, ``dag_id``,
    ``run_id``, ``nodes``, ``idle_since``, ``idle_node_hours``, ``node_hours_an_hour``, ``cost_an_hour`` (None
    without prices), ``done`` (``delete``, ``scale_to_zero`` or None) and ``reason``.

    Example::

        AzureBatchReapPoolsOperator(task_id="reap", grace=timedelta(hours=1), dry_run=False)

    :param grace: time in which nothing may have happened on a pool.
    :param action: ``scale_to_zero`` keeps the pool, and leaves one whose size a formula decides alone;
        ``delete`` deletes it.
    :param dry_run: only say what would be done.
    :param azure_batch_conn_id: Airflow connection of the Batch account (templated).
    :raises SpecError: while the DAG is parsed: a parameter is out of range.
    """

    template_fields: Sequence[str] = ("azure_batch_conn_id",)
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        grace: timedelta = timedelta(minutes=30),
        action: ReapAction = "scale_to_zero",
        dry_run: bool = True,
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(grace, timedelta):
            raise SpecError("grace", f"{grace!r} is no timedelta; give for example timedelta(hours=1)")
        if grace <= timedelta():
            raise SpecError("grace", f"{grace} is not positive; a pool that is just used would be given up")
        if action not in get_args(ReapAction):
            raise SpecError("action", f"{action!r} is none of {', '.join(get_args(ReapAction))}")
        self.grace = grace
        self.action: ReapAction = action
        # The name ``dry_run`` is a method of every operator.
        self.only_says = dry_run
        self.azure_batch_conn_id = azure_batch_conn_id

    @cached_property
    def hook(self) -> AzureBatchHook:
        """The hook of this operator's connection."""
        return AzureBatchHook(self.azure_batch_conn_id)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """
        Look at all pools with labels, and give up those that nobody needs.

        :param context: the template context.
        :return: what was found and done.
        """
        try:
            deployment_id = self.hook.connection.deployment_id or ""
            uses = self._run(look_at_our_pools(deployment_id, self.grace))
            found = [self._reap(context, use) for use in uses]
        finally:
            self.hook.close()
        self._sum_up(found)
        return found

    def _reap(self, context: Any, use: PoolUse) -> dict[str, Any]:
        reason = use.busy or self._who_needs(context, use)
        done = None
        if reason is None and self.only_says:
            reason = self._only_said
        elif reason is None:
            reason = "nobody needs it"
            if self._run(give_up(use, self.action, self.grace)):
                done = self.action
            else:
                reason = "it is in use again, or could not be given up: see the log"
        if use.is_idle:
            self.log.info("%s %s: %s.", use, f"Given up ({done})" if done else "Left as it is", reason)
        else:
            self.log.info("%s", use)
        return {**self._figures(use), "done": done, "reason": reason}

    def _who_needs(self, context: Any, use: PoolUse) -> str | None:
        """Say who may still count on an idle pool; None when nobody does."""
        if use.is_autoscaled and self.action == "scale_to_zero":
            return "a formula decides its size: change that, or let the pool be deleted (action='delete')"
        if use.owner is None or not self._is_over(context, use.owner):
            return f"{use.owner} has not ended, as far as Airflow knows"
        for job in use.open_jobs:
            if job.owner is None:
                return f"job {job.batch_job_id} is open, and not ours"
            if not self._is_over(context, job.owner):
                return f"job {job.batch_job_id} is open, and {job.owner} has not ended"
        return None

    def _is_over(self, context: Any, owner: Owner) -> bool:
        if owner.deployment_id != (self.hook.connection.deployment_id or ""):
            return False
        return run_has_ended(context, owner.run_id, owner.dag_id)

    def _figures(self, use: PoolUse) -> dict[str, Any]:
        prices = price_table(self.hook.connection, use.an_hour.by_machine.keys(), self.log)
        return {
            "batch_pool_id": use.batch_pool_id,
            "dag_id": use.owner.dag_id if use.owner else None,
            "run_id": use.owner.run_id if use.owner else None,
            "nodes": use.nodes,
            "idle_since": use.since.isoformat() if use.is_idle else None,
            "idle_node_hours": round(use.hours.total, 3) if use.is_idle else 0.0,
            "node_hours_an_hour": use.an_hour.total,
            "cost_an_hour": cost_of(use.an_hour, prices).amount if prices else None,
        }

    @property
    def _only_said(self) -> str:
        return f"dry run: it would be given up ({self.action})"

    def _sum_up(self, found: Sequence[dict[str, Any]]) -> None:
        """Say what was, or would be, saved: a dry run is read for that."""
        if not found:
            self.log.info("No pool has labels of this Airflow.")
            return
        idle = [pool for pool in found if pool["done"] or pool["reason"] == self._only_said]
        nodes = sum(pool["node_hours_an_hour"] for pool in idle)
        self.log.info(
            "%d of %d pools with labels %s (%s): %.3f node-hours held for nobody, %.0f %s %s the bill.",
            len(idle),
            len(found),
            "would be given up" if self.only_says else "given up",
            self.action,
            sum(pool["idle_node_hours"] for pool in idle),
            nodes,
            "node" if nodes == 1 else "nodes",
            "still on" if self.only_says else "off",
        )

    def _run(self, flow: Any) -> Any:
        return drive(flow, WorkerEffects(self.hook.get_conn(), self.log))
