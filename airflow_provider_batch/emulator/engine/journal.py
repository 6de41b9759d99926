"""
Keeping state: what an account's state is made of, in ``state.db`` of the root directory.

With ``--root DIR`` the emulator writes every event that its state machine accepts into the SQLite database
``DIR/state.db``, in a transaction of its own, before anything is done about it and before the request is
answered. The next start on the same directory feeds them to the machine again, which does with them what it
did before. Neither SIGTERM nor SIGKILL loses what was answered; a crash of the whole computer may lose the
last moments (``synchronous=NORMAL``). Without ``--root`` everything is temporary.

Kept are pools, nodes and the files on them, jobs, tasks, schedules, applications, keys, and answers to open
questions. Tasks that ran run again, as if their node had been lost (not counted); so do start tasks and the
tasks that prepare and release nodes. The account's time goes on from the last event or from now, whichever is
later, at the speed that the command line says; what was due meanwhile happens at once, in order. Not kept are
the speed of time, counters of requests, faults of requests, and what a simulated command has counted.

The file holds what requests hold, secrets included; it is for its owner only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

STATE_FILE = "state.db"

VERSION = 1
"""Of the tables and of the events' JSON: to be raised when older emulators would misread them."""

#: "BaEm": tells our file from those of other programs
_APPLICATION_ID = 0x4261456D

_TABLES = """
CREATE TABLE beginning (account TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    last_serial INTEGER NOT NULL,
    went_wrong INTEGER NOT NULL
);
"""


class StateFileError(RuntimeError):
    """
    The state cannot be read or written.

    :param file: the database.
    :param reason: what is wrong with it.
    :param remedy: what the reader can do.
    """

    def __init__(self, file: Path, reason: str, remedy: str = "") -> None:
        super().__init__(
            f"{file} {reason}. {remedy or f'To begin anew, remove {file.parent} or name another.'}"
        )


@dataclass(frozen=True)
class Entry:
    """
    An event in the journal.

    :param kind: name of its class.
    :param body: JSON.
    :param last_serial: the last number that the machine had given away after it.
    :param went_wrong: the machine has failed on the way: a bug, which will happen again just so.
    """

    kind: str
    body: str
    last_serial: int
    went_wrong: bool = False


class Journal:
    """
    An open ``state.db``. Its users take turns: they hold the engine's lock.

    :param file: an existing one, see :meth:`create`.
    :raises StateFileError: it is none, is damaged, or was written by a newer version.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._database = _connect(file)
        except sqlite3.Error as error:
            raise StateFileError(file, f"cannot be opened ({error})") from error
        try:
            self._check()
            self.account, self.beginning = self._read_beginning()
        except sqlite3.Error as error:
            self._database.close()
            raise StateFileError(file, f"is damaged or no state of an emulator ({error})") from error
        except StateFileError:
            self._database.close()
            raise

    @classmethod
    def create(cls, file: Path, account: str, beginning: str) -> Journal:
        """
        Make the journal of a new account, complete or not at all.

        :param account: name of the account.
        :param beginning: JSON of what it begins with.
        """
        unfinished = file.with_name(file.name + ".new")
        try:
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o600)
            with closing(_connect(unfinished)) as database:
                database.executescript(_TABLES)
                database.execute("INSERT INTO beginning VALUES (?, ?)", (account, beginning))
                database.execute(f"PRAGMA user_version = {VERSION}")
                # Last: without it the file is none.
                database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            unfinished.rename(file)
        except (sqlite3.Error, OSError) as error:
            raise StateFileError(file, f"cannot be written ({error})") from error
        return cls(file)

    def _check(self) -> None:
        if self._number("application_id") != _APPLICATION_ID:
            raise StateFileError(self._file, "is no state of an emulator")
        version = self._number("user_version")
        if version > VERSION:
            raise StateFileError(
                self._file,
                f"was written by a newer emulator (its version is {version}, this one reads up to {VERSION})",
                "Start the newer one, or name another directory.",
            )
        (found,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StateFileError(self._file, f"is damaged ({found})")
        first, last, count = self._database.execute(
            "SELECT coalesce(min(number), 1), coalesce(max(number), 0), count(*) FROM events"
        ).fetchone()
        if last - first + 1 != count:
            raise StateFileError(self._file, "is damaged (events are missing)")

    def _number(self, pragma: str) -> int:
        (number,) = self._database.execute(f"PRAGMA {pragma}").fetchone()
        return int(number)

    def _read_beginning(self) -> tuple[str, str]:
        row = self._database.execute("SELECT account, body FROM beginning").fetchone()
        if row is None:
            raise StateFileError(self._file, "is damaged (it has no beginning)")
        account, body = row
        return str(account), str(body)

    def entries(self) -> Iterator[Entry]:
        """Return the events since the beginning, in order."""
        rows = self._database.execute(
            "SELECT kind, body, last_serial, went_wrong FROM events ORDER BY number"
        )
        for kind, body, last_serial, went_wrong in rows:
            yield Entry(kind, body, last_serial, bool(went_wrong))

    def append(self, entry: Entry) -> None:
        """Write an event; it stays, should the emulator be killed, once this returns."""
        values = (entry.kind, entry.body, entry.last_serial, entry.went_wrong)
        try:
            self._database.execute(
                "INSERT INTO events (kind, body, last_serial, went_wrong) VALUES (?, ?, ?, ?)", values
            )
        except sqlite3.Error as error:
            raise StateFileError(
                self._file, f"cannot be written ({error})", "Make room and start again."
            ) from error

    def begin_again(self, beginning: str) -> None:
        """Forget all events: the account is empty, and this is what it begins with."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.execute("UPDATE beginning SET body = ?", (beginning,))
            self._database.execute("DELETE FROM events")

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _connect(file: Path) -> sqlite3.Connection:
    # Each statement is a transaction: an event is one.
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        # What is no database is noticed here, at the first look into it.
        database.close()
        raise
    return database
