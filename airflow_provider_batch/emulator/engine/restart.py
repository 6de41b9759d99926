"""Brings an account back from its journal."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_batch.emulator.engine.journal import STATE_FILE, Entry, Journal, StateFileError
from airflow_provider_batch.emulator.engine.journal_codec import (
    UnknownContentError,
    from_text,
    to_text,
)
from airflow_provider_batch.emulator.engine.journalled_machine import JournalledMachine
from airflow_provider_batch.emulator.engine.timers import TimerQueue
from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.instructions import SetTimer
from airflow_provider_batch.emulator.machine.machine import EVENTS, Machine
from airflow_provider_batch.emulator.machine.restart import Beginning, is_empty
from airflow_provider_batch.emulator.machine.settings import MachineSettings

_OTHER_RULES = "Start the version that wrote it, or remove the directory to begin anew."


class DivergenceError(Exception):
    """Events do not lead where they led before: the rules have changed, or what was written has."""


@dataclass(frozen=True)
class Account:
    """
    An account that its journal keeps.

    :param machine: with all that happened so far.
    :param timers: the moments that it still waits for.
    :param is_new: there was no journal before.
    """

    machine: JournalledMachine
    timers: TimerQueue
    is_new: bool


def open_account(root: Path, name: str, settings: MachineSettings) -> Account:
    """
    Open the account of a root directory, or make it.

    :param settings: of a new account; one that is there has its own.
    :raises StateFileError: the journal cannot be read, or is of another account.
    """
    file = root / STATE_FILE
    if not file.exists():
        beginning = Beginning.of_new_account(settings)
        journal = Journal.create(file, name, to_text(Beginning, beginning))
        return Account(JournalledMachine(beginning.world(), journal), TimerQueue(), is_new=True)
    journal = Journal(file)
    try:
        return _open(file, journal, name)
    except BaseException:
        journal.close()
        raise


def _open(file: Path, journal: Journal, name: str) -> Account:
    if journal.account != name:
        raise StateFileError(
            file,
            f"belongs to the account {journal.account}, not {name}",
            f"Use --account-name {journal.account}, or name another directory.",
        )
    try:
        beginning = from_text(Beginning, journal.beginning)
        machine, timers = replay(beginning, journal.entries())
    except UnknownContentError as error:
        raise StateFileError(file, f"was written by another version ({error})", _OTHER_RULES) from error
    except DivergenceError as error:
        raise StateFileError(file, f"cannot be followed any more ({error})", _OTHER_RULES) from error
    if is_empty(machine.world):
        # Timers that are left were set for what is gone: they would do nothing.
        timers = TimerQueue()
        journal.begin_again(to_text(Beginning, Beginning.of_empty_account(machine.world)))
    return Account(JournalledMachine(machine.world, journal), timers, is_new=False)


def replay(beginning: Beginning, entries: Iterable[Entry]) -> tuple[Machine, TimerQueue]:
    """
    Let everything happen again, and nothing be done about it.

    :raises UnknownContentError: an event is of a class, or of a version of it, that is not known.
    :raises DivergenceError: an event is refused now, or has other consequences than it had.
    """
    machine, timers = Machine(world=beginning.world()), TimerQueue()
    with _without_garbage_collection():
        for number, entry in enumerate(entries, 1):
            event = _event(entry)
            if isinstance(event, events.TimerDue) and timers.take_due(event.at) != event.timer:
                raise DivergenceError(f"event {number}: a timer comes that was never set")
            _repeat(machine, timers, event, entry, f"event {number}, {entry.kind}")
    return machine, timers


def _event(entry: Entry) -> events.Event:
    kind = EVENTS.get(entry.kind)
    if kind is None:
        raise UnknownContentError(f"there is no event {entry.kind}")
    event: events.Event = from_text(kind, entry.body)
    return event


def _repeat(machine: Machine, timers: TimerQueue, event: events.Event, entry: Entry, where: str) -> None:
    try:
        for instruction in machine.handle(event):
            if isinstance(instruction, SetTimer):
                timers.put(instruction.due, instruction.timer)
    except ServiceError as error:
        raise DivergenceError(f"{where} is refused: {error.code}") from error
    except Exception as error:
        # A bug that has happened before, and whose traces later events have met.
        if not entry.went_wrong:
            raise DivergenceError(f"{where} fails: {error!r}") from error
    else:
        if entry.went_wrong:
            raise DivergenceError(f"{where} has failed before, and does not now")
    if machine.world.last_serial != entry.last_serial:
        raise DivergenceError(f"{where} has other consequences")


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Nothing becomes garbage here, and looking for it takes longer than all the rest."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
