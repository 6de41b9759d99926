"""A machine whose events are written down."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_batch.emulator.engine.journal import Entry, Journal, StateFileError
from airflow_provider_batch.emulator.engine.journal_codec import to_text
from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import Instruction
from airflow_provider_batch.emulator.machine.machine import Machine
from airflow_provider_batch.emulator.machine.world import World


class JournalledMachine(Machine):
    """
    A machine that writes each event into a journal before anybody sees what comes of it.

    When the journal cannot be written, no further event is taken: the state would be known to nobody later.

    :param world: what the journal's events have led to.
    """

    def __init__(self, world: World, journal: Journal) -> None:
        super().__init__(world=world)
        self._journal = journal
        self._broken: StateFileError | None = None

    def handle(self, event: events.Event) -> list[Instruction]:
        """
        Take note of an event, and write it down unless it is refused.

        :raises StateFileError: it cannot be written.
        """
        if self._broken is not None:
            raise self._broken
        if event.at < self.world.now:
            # As it counts; events that were refused have moved the time, too, and will be unknown.
            event = replace(event, at=self.world.now)
        kind = type(event)
        # Before anything changes: what has no text must not happen.
        body = to_text(kind, event)
        try:
            instructions = super().handle(event)
        except ServiceError:
            raise
        except Exception:
            self._write(Entry(kind.__name__, body, self.world.last_serial, went_wrong=True))
            raise
        self._write(Entry(kind.__name__, body, self.world.last_serial))
        return instructions

    def _write(self, entry: Entry) -> None:
        try:
            self._journal.append(entry)
        except StateFileError as error:
            self._broken = error
            raise

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()
