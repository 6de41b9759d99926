"""Zip files that nobody has looked at."""

from __future__ import annotations

import io
import stat
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_batch.emulator.execution.archives import ArchiveError, unpack
from airflow_provider_batch.emulator.execution.errands import Abandoned


def never() -> bool:
    return False


def archive(folder: Path, entries: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    """A zip file, whose names are not looked at."""
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            # The low bits are those of DOS: without them Python writes a mode of its own.
            info.external_attr = (modes or {}).get(name, 0) << 16 | 0x20
            made.writestr(info, content)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "deep" / "target"
    directory.mkdir(parents=True)
    return directory


def test_files_and_directories_are_unpacked_with_their_modes(tmp_path: Path, target: Path) -> None:
    file = archive(tmp_path, {"bin/": b"", "bin/run": b"x", "data": b"y"}, {"bin/run": 0o100755})
    unpack(file, target, never)
    assert (target / "bin" / "run").read_bytes() == b"x"
    assert stat.S_IMODE((target / "bin" / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "data").stat().st_mode) == 0o770


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/out", "..\\out", "C:\\out", "c:/out", "a/..", "\\\\host\\out", "/"]
)
def test_name_that_leads_out_is_refused_and_nothing_is_outside(
    tmp_path: Path, target: Path, name: str
) -> None:
    file = archive(tmp_path, {name: b"x"})
    with pytest.raises(ArchiveError):
        unpack(file, target, never)
    assert not list(tmp_path.rglob("out"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_refused(tmp_path: Path, target: Path, kind: int) -> None:
    file = archive(tmp_path, {"x": b"/etc/passwd"}, {"x": kind | 0o777})
    with pytest.raises(ArchiveError, match="neither a file nor a directory"):
        unpack(file, target, never)
    assert not list(target.iterdir())


@pytest.mark.parametrize(
    "entries", [{"a": b"1", "a/b": b"2"}, {"a\\b": b"1", "a/b": b"2"}, {"a": b"1", "./a": b"2"}]
)
def test_two_entries_cannot_have_one_place(tmp_path: Path, target: Path, entries: dict[str, bytes]) -> None:
    with pytest.raises(ArchiveError, match="one place"):
        unpack(archive(tmp_path, entries), target, never)


def test_content_that_grows_beyond_the_bound_is_refused_as_it_comes(tmp_path: Path, target: Path) -> None:
    file = archive(tmp_path, {"a": b"0" * 600, "b": b"0" * 600})
    unpack_size = 1000
    with pytest.raises(ArchiveError, match="too large"):
        unpack(file, target, never, max_bytes=unpack_size)
    assert sum(found.stat().st_size for found in target.iterdir()) <= unpack_size


def test_damaged_file_is_refused(tmp_path: Path, target: Path) -> None:
    file = archive(tmp_path, {"a": b"content" * 100})
    content = bytearray(file.read_bytes())
    content[45] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(ArchiveError):
        unpack(file, target, never)


def test_file_that_is_no_zip_is_refused(tmp_path: Path, target: Path) -> None:
    file = tmp_path / "package.zip"
    file.write_bytes(b"no zip")
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(file, target, never)


def test_work_that_nobody_wants_stops(tmp_path: Path, target: Path) -> None:
    with pytest.raises(Abandoned):
        unpack(archive(tmp_path, {"a": b"1"}), target, lambda: True)


NAMES = st.lists(
    st.sampled_from(["..", ".", "", "a", "b", "C:", "\\", "..\\", "~", " ", "a\0b"]), min_size=1, max_size=5
).map("/".join)


@settings(max_examples=100, deadline=None)
@given(entries=st.dictionaries(NAMES, st.binary(max_size=5), max_size=5))
@example({"a/../../x": b""})
def test_whatever_the_names_are_nothing_lands_outside(entries: dict[str, bytes]) -> None:
    with TemporaryDirectory() as directory:
        root = Path(directory)
        target = root / "in" / "target"
        target.mkdir(parents=True)
        file = archive(root, entries)
        with suppress(ArchiveError):
            unpack(file, target, never)
        outside = {path for path in root.rglob("*") if not path.is_relative_to(target)}
        assert outside == {file, root / "in"}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_the_bytes_are_only_an_archive_error_comes_out(data: st.DataObject) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("dir/file", b"content" * 20)
    content = bytearray(stream.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    with TemporaryDirectory() as directory:
        file, target = Path(directory) / "package.zip", Path(directory) / "target"
        target.mkdir()
        file.write_bytes(content)
        with suppress(ArchiveError):
            unpack(file, target, never)
