"""
The last task of a group: it ends the job and adds up what it did.

A DAG file with a group imports this module each time that it is parsed, so what only a worker needs is
imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_batch.exceptions import AzureBatchError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.group_graph import batch_members
from airflow_provider_batch.operators.run_states import RunStates, run_has_ended, states_of_run

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.group_end import Figures
    from airflow_provider_batch.domain.ids import GroupIdentity

__all__ = ["AzureBatchFinishOperator", "DeletionPolicy"]

#: when something is deleted
DeletionPolicy: TypeAlias = Literal["always", "on_success", "never"]
_POLICIES = ("always", "on_success", "never")

#: time until the next look at members that have not ended
_LOOK_AGAIN = timedelta(seconds=15)


class AzureBatchFinishOperator(BaseOperator):
    """
    End a group's Batch job; a part of every ``AzureBatchJobTaskGroup``.

    It runs whatever the members' end was, and never fails because a member failed: Airflow's own rule decides
    about the run. It fails when something could not be ended or deleted, and names what may still bill.

    The XCom that it returns has the figures of :class:`~airflow_provider_batch.domain.group_end.Figures`.

    :param launch_task_id: id of the group's launch task.
    :param group_id: id of the group.
    :param azure_batch_conn_id: Airflow connection of the Batch account (templated).
    :param delete_job: when the jobs are deleted, with their tasks and files.
    :param delete_pool: when the pool is deleted.
    :param batch_pool_id: the pool to delete (templated).
    """

    template_fields: Sequence[str] = ("azure_batch_conn_id", "batch_pool_id")
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        launch_task_id: str,
        group_id: str,
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        delete_job: DeletionPolicy = "never",
        delete_pool: DeletionPolicy = "never",
        batch_pool_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.launch_task_id = launch_task_id
        self.group_id = group_id
        self.azure_batch_conn_id = azure_batch_conn_id
        self.delete_job = delete_job
        self.delete_pool = delete_pool
        self.batch_pool_id = batch_pool_id
        for name in ("delete_job", "delete_pool"):
            if getattr(self, name) not in _POLICIES:
                raise SpecError(name, f"{getattr(self, name)!r} is none of {', '.join(_POLICIES)}")

    @cached_property
    def hook(self) -> AzureBatchHook:
        """The hook of this operator's connection."""
        return AzureBatchHook(self.azure_batch_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """
        End the job, or come back when members have not ended.

        :param context: the template context.
        :return: figures of the group's run.
        """
        members = list(batch_members(self.task_group))
        states = states_of_run(context)
        if unfinished := states.unfinished(members):
            self.log.info("%d members have not ended, for example %s.", len(unfinished), unfinished[0])
            raise AirflowRescheduleException(  # type: ignore[no-untyped-call]
                datetime.now(timezone.utc) + _LOOK_AGAIN
            )
        try:
            return self._finish(context, states, members)
        finally:
            self.hook.close()

    def _finish(self, context: Any, states: RunStates, members: list[str]) -> dict[str, Any]:
        from airflow_provider_batch.domain.group_end import finish_group
        from airflow_provider_batch.operators.identity import group_identity

        group = group_identity(context, self.hook.connection.deployment_id, self.group_id)
        succeeded = not any(
            state in ("failed", "upstream_failed")
            for task_id in members
            for state in states.of(task_id).values()
        )
        pool = self.batch_pool_id if self._wanted(self.delete_pool, succeeded) else None
        flow = finish_group(group, delete_jobs=self._wanted(self.delete_job, succeeded), delete_pool=pool)
        try:
            figures = self._run(flow)
        except AzureBatchError as error:
            left = f"the jobs of group {self.group_id}" + (f" and pool {pool}" if pool else "")
            self.log.error("The end of %s is not certain; they may still bill: %s", left, error)
            raise
        self._sweep(context, group)
        return self._priced(figures).as_json()

    def _priced(self, figures: Figures) -> Figures:
        """Add the cost, when the connection has prices."""
        from airflow_provider_batch.hooks.prices import price_table

        priced = figures.priced(price_table(self.hook.connection, figures.machines, self.log))
        if priced.cost is not None:
            self.log.info("The tasks' share of their nodes: %s.", priced.cost)
        for pool in priced.pools:
            if pool.cost is not None:
                # The end of the group has told the hours.
                self.log.info("Pool %s, for what its nodes have held: %s.", pool.batch_pool_id, pool.cost)
        return priced

    def _sweep(self, context: Any, group: GroupIdentity) -> None:
        """End what other runs of this group have left; a matter of tidiness, so its errors are no failure."""
        from airflow_provider_batch.domain.group_end import end_job, orphans

        try:
            for batch_job_id, run_id in self._run(orphans(group)).items():
                if run_has_ended(context, run_id):
                    self._run(end_job(batch_job_id))
        except AzureBatchError as error:
            self.log.warning("Jobs of other runs were not looked for: %s", error)

    def _run(self, flow: Flow[Any]) -> Any:
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.operators.effects import WorkerEffects

        return drive(flow, WorkerEffects(self.hook.get_conn(), self.log))

    @staticmethod
    def _wanted(policy: str, succeeded: bool) -> bool:
        return policy == "always" or (policy == "on_success" and succeeded)
