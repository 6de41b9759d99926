"""The file ``state.db``: what opens, and what is refused with which advice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.engine.journal import STATE_FILE, VERSION, Entry, Journal, StateFileError

ENTRIES = [Entry("Kind", f'{{"n":{number}}}', number, went_wrong=number == 3) for number in range(1, 200)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with entries, closed."""
    path = tmp_path / STATE_FILE
    with closing(Journal.create(path, "devbatch", "{}")) as journal:
        for entry in ENTRIES:
            journal.append(entry)
    return path


def opened(file: Path) -> list[Entry]:
    """The entries of a journal."""
    with closing(Journal(file)) as journal:
        return list(journal.entries())


def test_what_was_written_is_there_in_its_order(file: Path):
    assert opened(file) == ENTRIES


def test_account_and_beginning_are_there(file: Path):
    with closing(Journal(file)) as journal:
        assert (journal.account, journal.beginning) == ("devbatch", "{}")


def test_file_is_for_its_owner_only(file: Path):
    assert file.stat().st_mode & 0o777 == 0o600


def test_beginning_again_forgets_the_entries_and_nothing_that_comes_later(file: Path):
    with closing(Journal(file)) as journal:
        journal.begin_again('{"a":1}')
        journal.append(ENTRIES[0])
    with closing(Journal(file)) as journal:
        assert journal.beginning == '{"a":1}'
        assert list(journal.entries()) == ENTRIES[:1]


def test_half_written_creation_is_begun_anew(tmp_path: Path):
    (tmp_path / f"{STATE_FILE}.new").write_bytes(b"half of a")
    with closing(Journal.create(tmp_path / STATE_FILE, "devbatch", "{}")) as journal:
        assert list(journal.entries()) == []
    assert not (tmp_path / f"{STATE_FILE}.new").exists()


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_log_that_was_cut_off_opens_with_its_whole_entries(tmp_path: Path, kept: float):
    path, copy = tmp_path / STATE_FILE, tmp_path / "copy" / STATE_FILE
    copy.parent.mkdir()
    with closing(Journal.create(path, "devbatch", "{}")) as journal:
        for entry in ENTRIES:
            journal.append(entry)
        # As SIGKILL leaves it: what is committed is still in the log only.
        log = Path(f"{path}-wal").read_bytes()
        copy.write_bytes(path.read_bytes())
    Path(f"{copy}-wal").write_bytes(log[: int(len(log) * kept)])
    found = opened(copy)
    assert found == ENTRIES[: len(found)]
    assert (len(found) > 0) == (kept > 0)


def _no_database(file: Path) -> None:
    file.write_bytes(b"This is a letter to my aunt, who never wrote a database in all her life." * 100)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def _overwritten(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def _of_another_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


def _without_some(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("DELETE FROM events WHERE number = 5")


def _without_beginning(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("DELETE FROM beginning")


@pytest.mark.parametrize(
    "damage",
    [_no_database, _empty, _half, _overwritten, _of_another_program, _without_some, _without_beginning],
)
def test_damaged_file_is_refused_by_name_and_stays(file: Path, damage: Callable[[Path], None]):
    damage(file)
    before = file.read_bytes()
    with pytest.raises(StateFileError) as caught:
        opened(file)
    assert str(file) in str(caught.value)
    assert "remove" in str(caught.value)
    assert file.stat().st_size >= len(before)


def test_file_of_a_newer_version_is_refused(file: Path):
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StateFileError, match="newer emulator"):
        opened(file)


def test_entry_that_cannot_be_written_is_an_error_with_the_files_name(file: Path):
    with closing(Journal(file)) as journal:
        journal._database.execute("PRAGMA query_only = ON")
        with pytest.raises(StateFileError, match=STATE_FILE):
            journal.append(ENTRIES[0])
