"""What the sensors for jobs, tasks and usable nodes have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_batch.exceptions import AzureBatchError, BatchSensedFailureError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook

if TYPE_CHECKING:
    from airflow_provider_batch.domain.sensing import Sensed, Target

__all__ = ["BatchSensor"]


class BatchSensor(BaseSensorOperator):
    """
    Base of the sensors; use one of those below it.

    In the modes ``poke`` and ``reschedule`` it looks every ``poke_interval`` seconds on a worker; deferrable,
    it looks in the triggerer, where sensors that look at the same thing share their requests. ``timeout`` and
    ``soft_fail`` are Airflow's own.

    :param must_exist: whether what does not exist fails the sensor, rather than being waited for.
    :param fail_on_failure: whether a failure of what is waited for fails the sensor; otherwise its result
        says so.
    :param azure_batch_conn_id: Airflow connection of the Batch account. (templated)
    :param deferrable: wait in the triggerer; Airflow's ``default_deferrable`` when left out.
    :param poll_interval: greatest number of seconds between two looks, when deferrable.
    """

    template_fields: Sequence[str] = ("azure_batch_conn_id",)
    ui_color = "#d6ebf9"

    def __init__(
        self,
        *,
        must_exist: bool = False,
        fail_on_failure: bool = True,
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        deferrable: bool | None = None,
        poll_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(poll_interval, (int, float)) or poll_interval <= 0:
            raise SpecError(
                "poll_interval", f"{poll_interval!r} is no positive number of seconds; give for example 10"
            )
        self.must_exist = must_exist
        self.fail_on_failure = fail_on_failure
        self.azure_batch_conn_id = azure_batch_conn_id
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self._said = ""

    @abstractmethod
    def target(self) -> Target:
        """Return what is waited for; the fields are rendered."""

    def poke(self, context: Any) -> PokeReturnValue:
        """
        Look once; a deferrable sensor that is not done goes on in the triggerer.

        It is here that a sensor defers: Airflow 2 takes a call of its own ``execute`` from ours for a misuse.

        :param context: the template context.
        :raises BatchSensedFailureError: what is waited for has ended with a failure.
        """
        # Not needed where a DAG file is parsed, which imports this module each time.
        from airflow_provider_batch.domain.polling import is_transient

        try:
            sensed = self._look()
        except AzureBatchError as error:
            if not is_transient(error):
                self._skip_if_soft(error)
                raise
            self.log.warning("No answer yet, which says nothing about the work: %s", error)
            sensed = None
        if sensed is not None and sensed.is_done:
            return PokeReturnValue(is_done=True, xcom_value=self._end(sensed.failure, sensed.result))
        if self.deferrable:
            self._wait_in_triggerer(context)
        return PokeReturnValue(is_done=False)

    def _look(self) -> Sensed:
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.operators.effects import WorkerEffects

        with AzureBatchHook(self.azure_batch_conn_id) as hook:
            sensed: Sensed = drive(self.target().look(), WorkerEffects(hook.get_conn(), self.log))
        if sensed.why != self._said:
            self.log.info("%s", sensed.why)
            self._said = sensed.why
        return sensed

    def _wait_in_triggerer(self, context: Any) -> None:
        from airflow_provider_batch.triggers.sensor import AzureBatchSensorTrigger

        self.defer(
            trigger=AzureBatchSensorTrigger(
                self.azure_batch_conn_id,
                self.target().as_json(),
                self.poll_interval,
                datetime.now(timezone.utc).isoformat(),
            ),
            method_name="execute_complete",
            kwargs={"try_number": context["ti"].try_number},
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Any, event: Mapping[str, Any], try_number: int | None = None) -> Any:
        """
        Go on when the trigger has seen the end.

        :param context: the template context.
        :param event: what it has seen.
        :param try_number: the try that was deferred.
        """
        from airflow_provider_batch.triggers.resumption import belongs_to_another_try

        if belongs_to_another_try(context, try_number):
            return self.execute(context)
        if event.get("error"):
            error = AzureBatchError(event["error"])
            self._skip_if_soft(error)
            raise error
        self.log.info("%s", event["why"])
        return self._end(event["failure"], event["result"])

    def _end(self, failure: str | None, result: Mapping[str, Any]) -> dict[str, Any]:
        if failure is not None and self.fail_on_failure:
            error = BatchSensedFailureError(failure)
            self._skip_if_soft(error)
            raise error
        return dict(result)

    def _skip_if_soft(self, error: AzureBatchError) -> None:
        if self.soft_fail:
            self.log.warning("Skipped (soft_fail): %s", error)
            raise AirflowSkipException(str(error)) from error
