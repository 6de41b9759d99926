"""A sensor for a pool that holds nodes for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_batch.domain.flow import drive
from airflow_provider_batch.domain.idle_pools import look_at_pool
from airflow_provider_batch.domain.polling import is_transient
from airflow_provider_batch.exceptions import AzureBatchError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["AzureBatchIdlePoolSensor"]


class AzureBatchIdlePoolSensor(BaseSensorOperator):
    """
    Wait until a pool is idle: it has nodes, and nothing has happened on it for a while.

    Use ``mode="reschedule"``: nothing is held between two looks. A pool without nodes is not idle, and bills
    nothing; one that does not exist any more is an end of the wait too.

    Its result (XCom) is ``batch_pool_id``, ``nodes``, ``idle_since`` and ``idle_node_hours``; the last three
    are None for a pool that does not exist.

    :param batch_pool_id: the pool (templated).
    :param grace: time in which nothing may have happened: no node came or ended a task, no job came.
    :param azure_batch_conn_id: Airflow connection of the Batch account (templated).
    """

    template_fields: Sequence[str] = ("azure_batch_conn_id", "batch_pool_id")
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        batch_pool_id: str,
        grace: timedelta = timedelta(minutes=30),
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(grace, timedelta):
            raise SpecError("grace", f"{grace!r} is no timedelta; give for example timedelta(hours=1)")
        if grace < timedelta():
            raise SpecError("grace", f"{grace} is negative")
        self.batch_pool_id = batch_pool_id
        self.grace = grace
        self.azure_batch_conn_id = azure_batch_conn_id

    @cached_property
    def hook(self) -> AzureBatchHook:
        """The hook of this sensor's connection."""
        return AzureBatchHook(self.azure_batch_conn_id)

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once.

        :param context: the template context.
        """
        try:
            flow = look_at_pool(self.batch_pool_id, self.grace)
            use = drive(flow, WorkerEffects(self.hook.get_conn(), self.log))
        except AzureBatchError as error:
            if not is_transient(error):
                raise
            self.log.warning("No answer yet, which says nothing about the pool: %s", error)
            return PokeReturnValue(is_done=False)
        finally:
            self.hook.close()
        found: dict[str, Any] = {"batch_pool_id": self.batch_pool_id}
        if use is None:
            self.log.info("Pool %s does not exist: it holds nothing.", self.batch_pool_id)
            nothing = {"nodes": None, "idle_since": None, "idle_node_hours": None}
            return PokeReturnValue(is_done=True, xcom_value={**found, **nothing})
        self.log.info("%s", use)
        found |= {"nodes": use.nodes, "idle_since": use.since.isoformat()}
        found["idle_node_hours"] = round(use.hours.total, 3)
        return PokeReturnValue(is_done=use.is_idle, xcom_value=found if use.is_idle else None)
