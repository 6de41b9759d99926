"""
What all operators for pools have in common: a change, then perhaps a wait, on a worker or deferred.

A DAG file imports these modules each time that it is parsed, so what only a worker needs is imported where it
is used.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, TaskDeferred

from airflow_provider_batch.exceptions import AzureBatchConfigurationError, AzureBatchError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.links.portal import AzureBatchPoolLink, account_resource_id, portal_urls
from airflow_provider_batch.specs import decided_later, from_iso8601, to_iso8601
from airflow_provider_batch.specs.legal_ids import is_legal_id

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.ids import WorkIdentity
    from airflow_provider_batch.domain.pool_wait import Kind, PoolWait

__all__ = ["PoolOperator", "check_share", "duration", "number"]

#: Airflow 2 looks for deferred tasks that timed out every 15 s; ours must be sooner
_DEADLINE_MARGIN = timedelta(seconds=5)


class PoolOperator(BaseOperator):
    """
    Change a pool, and wait for what comes of it. Everything that it does is safe to repeat.

    :param batch_pool_id: id of the pool (templated).
    :param azure_batch_conn_id: Airflow connection of the Batch account (templated).
    :param deferrable: wait in the triggerer instead of on the worker.
    :param poll_interval: greatest number of seconds between two looks.
    :param allocation_timeout: how long machines may take to be allocated, or nodes to go; as long a change of
        the pool by somebody else may take, for which ours waits, on the worker.
    :param node_timeout: how long allocated machines may take to become usable nodes.
    """

    template_fields: Sequence[str] = ("azure_batch_conn_id", "batch_pool_id")
    operator_extra_links = (AzureBatchPoolLink(),)
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        batch_pool_id: str,
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        deferrable: bool = True,
        poll_interval: float = 15.0,
        allocation_timeout: timedelta = timedelta(minutes=30),
        node_timeout: timedelta = timedelta(minutes=30),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.azure_batch_conn_id = azure_batch_conn_id
        self.batch_pool_id = batch_pool_id
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.allocation_timeout = allocation_timeout
        self.node_timeout = node_timeout
        if not isinstance(poll_interval, (int, float)) or poll_interval <= 0:
            raise SpecError(
                "poll_interval", f"{poll_interval!r} is no positive number of seconds; give for example 15"
            )
        for name in ("allocation_timeout", "node_timeout"):
            limit = getattr(self, name)
            if not isinstance(limit, timedelta) or limit <= timedelta(0):
                raise SpecError(name, f"{limit!r} is no positive timedelta")
        if not decided_later(batch_pool_id):
            self._check_pool_id()
        self._owner: str | None = None
        self._failure_owner: str | None = None
        self._began = False
        self._killed = False
        self._left_to_trigger = False

    def _check_pool_id(self) -> None:
        if self.batch_pool_id is None or not is_legal_id(str(self.batch_pool_id)):
            raise SpecError(
                "batch_pool_id",
                f"{self.batch_pool_id!r} is no id: 1 to 64 letters, digits, hyphens and underscores",
            )

    @cached_property
    def hook(self) -> AzureBatchHook:
        """The hook of this operator's connection."""
        return AzureBatchHook(self.azure_batch_conn_id)

    @abstractmethod
    def act(self, context: Context) -> Flow[PoolWait | Mapping[str, Any]]:
        """
        Flow: do what this operator is for.

        :param context: the template context; the fields are rendered.
        :return: what to wait for then, or the result.
        """

    def execute(self, context: Context) -> dict[str, Any] | None:
        """
        Do it, and wait for what comes of it.

        :param context: the template context.
        :return: what was seen at the end; see the class.
        """
        from airflow_provider_batch.operators.effects import Stopped

        try:
            return self._execute(context)
        except (TaskDeferred, AzureBatchError):
            raise
        except Stopped:
            # A request that was under way when the kill came may have had its effect after the look at it.
            if self._owner is not None:
                self._began = True
                self._withdraw()
            raise
        except BaseException:
            # Airflow's time-out, or what ends the process: nobody waits any more.
            self._withdraw()
            raise
        finally:
            self.hook.close()

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_batch.domain.pool_wait import PoolWait, wait_for_pool
        from airflow_provider_batch.operators.effects import Stopped

        self.prepare(context)
        self._check_pool_id()
        self._publish(context)
        self._began = True
        done: PoolWait | Mapping[str, Any] = self._run(self.act(context))
        if not isinstance(done, PoolWait):
            return dict(done)
        wait = replace(
            done,
            deadline=self._deadline(context),
            owner=self._owner,
            failure_owner=self._failure_owner,
        )
        if self.deferrable:
            if self._killed:
                raise Stopped
            self._left_to_trigger = True
            self._wait_in_triggerer(context, wait)
        result: dict[str, Any] = self._run(wait_for_pool(wait))
        return result

    def prepare(self, context: Context) -> None:
        """
        Check what templates came to, before anything is sent.

        :param context: the template context.
        """

    def execute_complete(
        self, context: Context, event: Mapping[str, Any] | None = None, try_number: int | None = None
    ) -> dict[str, Any] | None:
        """
        End the Airflow task on a worker, where its trigger could not.

        :param context: the template context.
        :param event: the ending that the trigger saw.
        :param try_number: the try that was deferred.
        """
        from airflow_provider_batch.domain.ending import Ending
        from airflow_provider_batch.domain.verdict import Verdict
        from airflow_provider_batch.triggers.resumption import belongs_to_another_try

        if belongs_to_another_try(context, try_number):
            return self.execute(context)
        if event is None:
            raise AzureBatchConfigurationError("the trigger gave no event; was the task resumed by hand?")
        ending = Ending.from_json(event)
        if ending.verdict is not Verdict.SUCCESS:
            raise ending.error()
        return dict(ending.return_value or {})

    def on_kill(self) -> None:
        """Say what is left and bills; delete it where the operator was told to."""
        self._killed = True
        self._withdraw()

    def _withdraw(self) -> None:
        if not self._began or self._left_to_trigger:
            return
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.domain.pool_changes import withdraw
        from airflow_provider_batch.operators.effects import WorkerEffects

        self._began = False
        # The signal may have come in the middle of a request: so a session of its own.
        hook = self.hook.another_session()
        try:
            drive(withdraw(self.batch_pool_id, self._owner), WorkerEffects(hook.get_conn(), self.log))
        except AzureBatchError as error:
            self.log.error("Pool %s may exist, and bill: %s", self.batch_pool_id, error)
        finally:
            hook.close()

    def _run(self, flow: Flow[Any]) -> Any:
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.operators.effects import WorkerEffects

        return drive(flow, WorkerEffects(self.hook.get_conn(), self.log, lambda: self._killed))

    def work(self, context: Context) -> WorkIdentity:
        """
        Return whose work this is.

        :param context: the template context.
        """
        from airflow_provider_batch.operators.identity import work_identity

        return work_identity(context, self.hook.connection.deployment_id)

    def wait_for(self, kind: Kind, **what: Any) -> PoolWait:
        """
        Return a wait with the limits of this operator.

        :param kind: what is waited for.
        :param what: see :class:`~airflow_provider_batch.domain.pool_wait.PoolWait`.
        """
        from airflow_provider_batch.domain.pool_wait import PoolWait

        return PoolWait(
            batch_pool_id=self.batch_pool_id,
            kind=kind,
            began=datetime.now(timezone.utc).isoformat(),
            poll_interval=self.poll_interval,
            allocation_timeout=self.patience,
            node_timeout=self.node_timeout.total_seconds(),
            **what,
        )

    @property
    def patience(self) -> float:
        """Seconds to wait for a change of the pool by somebody else to end: it allocates machines."""
        return self.allocation_timeout.total_seconds()

    def _publish(self, context: Context) -> None:
        """Make the link available, and tell an earlier try that is killed late that the pool is in use."""
        from airflow_provider_batch.domain.pool_wait import POOL_CLAIM_KEY
        from airflow_provider_batch.domain.requests import TaskKey

        task_instance: Any = context["ti"]
        claim = {"try_number": task_instance.try_number, "batch_pool_id": self.batch_pool_id}
        task_instance.xcom_push(key=POOL_CLAIM_KEY, value=claim)
        connection = self.hook.connection
        account = account_resource_id(
            connection.subscription_id, connection.resource_group, connection.account_name
        )
        key = AzureBatchPoolLink.stored_key
        url = portal_urls(account, TaskKey("", ""), self.batch_pool_id)[key]
        task_instance.xcom_push(key=key, value=url)

    def _deadline(self, context: Context) -> str | None:
        """When our own time is up: a little before Airflow's, which ends a trigger without telling it."""
        if self.execution_timeout is None:
            return None
        task_instance: Any = context["ti"]
        margin = min(_DEADLINE_MARGIN, self.execution_timeout / 10)
        deadline: datetime = task_instance.start_date + self.execution_timeout - margin
        return deadline.astimezone(timezone.utc).isoformat()

    def _wait_in_triggerer(self, context: Context, wait: PoolWait) -> None:
        from airflow_provider_batch.triggers.pool import AzureBatchPoolTrigger
        from airflow_provider_batch.triggers.worker_endings import endings_for_a_worker

        task_instance: Any = context["ti"]
        self.defer(
            trigger=AzureBatchPoolTrigger(
                azure_batch_conn_id=self.azure_batch_conn_id,
                wait=asdict(wait),
                worker_endings=endings_for_a_worker(self, task_instance),
                push_result=bool(self.do_xcom_push),
                deferred_at=datetime.now(timezone.utc).isoformat(),
            ),
            method_name="execute_complete",
            kwargs={"try_number": task_instance.try_number},
        )


def number(value: Any, name: str) -> int | None:
    """
    Read a number of nodes that may come from a template.

    :param value: a number, its text, or None.
    :param name: the parameter.
    :raises SpecError: it is no number, or negative.
    """
    if value is None:
        return None
    try:
        found = int(value)
    except (TypeError, ValueError):
        raise SpecError(name, f"{value!r} is no number of nodes") from None
    if found < 0 or isinstance(value, (bool, float)):
        raise SpecError(name, f"{value!r} is no number of nodes")
    return found


def duration(
    value: timedelta | str | None, name: str, least: timedelta, most: timedelta | None = None
) -> str | None:
    """
    Check a duration and write it as the service reads it.

    :param value: a duration, ISO 8601, or None.
    :param name: the parameter.
    :param least: the shortest that the service takes.
    :param most: the longest; None for no limit.
    :raises SpecError: it is none, or out of range.
    """
    if value is None:
        return None
    try:
        found = from_iso8601(value) if isinstance(value, str) else value
    except ValueError as error:
        raise SpecError(name, str(error)) from None
    if not isinstance(found, timedelta):
        raise SpecError(
            name, f"{value!r} is no duration; give a timedelta, for example timedelta(minutes=15)"
        )
    if found < least or (most is not None and found > most):
        limits = f"at least {to_iso8601(least)}" + (f" and at most {to_iso8601(most)}" if most else "")
        raise SpecError(name, f"must be {limits}, found {to_iso8601(found)}")
    return to_iso8601(found)


def check_share(value: Any, name: str) -> None:
    """
    Check a part of the nodes.

    :param value: more than 0, at most 1.
    :param name: the parameter.
    :raises SpecError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise SpecError(name, f"{value!r} is not more than 0 and at most 1")
