"""Turns what the executor reports into events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.model.containers import ContainerInfo
from airflow_provider_batch.emulator.model.failures import FailureInfo

MakeEvent = Callable[[datetime], events.Event]


class RunReports:
    """
    The executor's ear of the engine.

    :param hear: is given a function that makes the event, to be called under the engine's lock with the time.
    """

    def __init__(self, hear: Callable[[MakeEvent], None]) -> None:
        self._hear = hear

    def started(self, run_id: int) -> None:
        """The process runs."""
        self._hear(lambda at: events.ProcessStarted(at, run_id))

    def coordinated(self, run_id: int) -> None:
        """The coordination command of an instance has succeeded."""
        self._hear(lambda at: events.ProcessCoordinated(at, run_id))

    def exited(
        self,
        run_id: int,
        exit_code: int | None,
        upload_failure: FailureInfo | None = None,
        container: ContainerInfo | None = None,
    ) -> None:
        """The processes are gone."""
        self._hear(lambda at: events.ProcessExited(at, run_id, exit_code, upload_failure, container))

    def not_started(self, run_id: int, failure: FailureInfo) -> None:
        """The process could not be started."""
        self._hear(lambda at: events.ProcessNotStarted(at, run_id, failure))
