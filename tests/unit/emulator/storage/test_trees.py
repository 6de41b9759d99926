"""What users may see of a directory, and what not."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.storage.trees import FileTree

OUTSIDE = "not for you"


@pytest.fixture
def tree(tmp_path: Path) -> FileTree:
    """A task directory beside a secret."""
    (tmp_path / "secret").write_text(OUTSIDE)
    root = tmp_path / "task"
    (root / "wd" / "deep").mkdir(parents=True)
    (root / "stdout.txt").write_bytes(b"0123456789")
    (root / "stderr.txt").write_bytes(b"")
    (root / "wd" / "out.txt").write_text("x")
    (root / "wd" / "deep" / "in.txt").write_text("y")
    return FileTree(root)


def _code(call: object, *arguments: object, **options: object) -> str:
    assert callable(call)
    with pytest.raises(ServiceError) as caught:
        call(*arguments, **options)
    return caught.value.code


def test_first_level_is_listed_as_the_service_lists_a_finished_task(tree: FileTree) -> None:
    assert [info.name for info in tree.list()] == ["stderr.txt", "stdout.txt", "wd"]
    assert [info.is_directory for info in tree.list()] == [False, False, True]


def test_recursive_names_are_relative_paths(tree: FileTree) -> None:
    names = [info.name for info in tree.list(recursive=True)]
    assert names == ["stderr.txt", "stdout.txt", "wd", "wd/deep", "wd/deep/in.txt", "wd/out.txt"]


def test_directory_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert FileTree(tmp_path / "none").list(recursive=True) == []


@pytest.mark.parametrize(
    ("start", "end", "content"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (1, 2, b"12"), (9, 9, b"9"), (8, 100, b"89")],
)
def test_range_includes_both_ends(tree: FileTree, start: int, end: int | None, content: bytes) -> None:
    assert b"".join(tree.read("stdout.txt", start, end)) == content


def test_range_outside_the_file_is_refused(tree: FileTree) -> None:
    assert _code(tree.read, "stdout.txt", 10) == "InvalidRange"
    assert _code(tree.read, "stdout.txt", 5, 4) == "InvalidRange"
    assert _code(tree.read, "stderr.txt", 0, 100) == "InvalidRange"


def test_empty_file_is_read_as_nothing(tree: FileTree) -> None:
    assert list(tree.read("stderr.txt")) == []


def test_bytes_that_come_later_are_not_part_of_the_answer(tree: FileTree) -> None:
    chunks = tree.read("stdout.txt")
    with (tree.root / "stdout.txt").open("ab") as file:
        file.write(b"later")
    assert b"".join(chunks) == b"0123456789"


def test_reader_that_never_reads_leaves_no_file_open(tree: FileTree) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chunks = tree.read("stdout.txt")
        del chunks
    assert caught == []


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "wd/../../secret",
        "/etc/passwd",
        "",
        ".",
        "nothing",
        "stdout.txt/x",
        "a\0b",
        "wd/../stdout.txt",
    ],
)
def test_path_out_of_the_directory_is_not_found(tree: FileTree, path: str) -> None:
    assert _code(tree.stat, path) == "FileNotFound"
    assert _code(tree.read, path) == "FileNotFound"
    assert _code(tree.delete, path) == "FileNotFound"


def test_link_out_of_the_directory_does_not_exist(tree: FileTree, tmp_path: Path) -> None:
    (tree.root / "wd" / "file").symlink_to(tmp_path / "secret")
    (tree.root / "wd" / "dir").symlink_to(tmp_path)
    assert _code(tree.stat, "wd/file") == "FileNotFound"
    assert _code(tree.read, "wd/file") == "FileNotFound"
    assert _code(tree.read, "wd/dir/secret") == "FileNotFound"
    assert _code(tree.delete, "wd/dir/secret") == "FileNotFound"
    assert not {"wd/file", "wd/dir"} & {info.name for info in tree.list(recursive=True)}


def test_link_inside_the_directory_is_followed_but_not_walked(tree: FileTree) -> None:
    (tree.root / "wd" / "loop").symlink_to(tree.root)
    (tree.root / "latest").symlink_to("stdout.txt")
    assert b"".join(tree.read("latest")) == b"0123456789"
    names = [info.name for info in tree.list(recursive=True)]
    assert "wd/loop" in names
    assert "wd/loop/wd" not in names


def test_pipe_does_not_exist_here_since_reading_it_would_wait_for_ever(tree: FileTree) -> None:
    os.mkfifo(tree.root / "pipe")
    assert _code(tree.read, "pipe") == "FileNotFound"
    assert "pipe" not in [info.name for info in tree.list()]


def test_directory_cannot_be_read(tree: FileTree) -> None:
    assert _code(tree.read, "wd") == "FileNotFound"


def test_deleting_a_link_leaves_its_target(tree: FileTree, tmp_path: Path) -> None:
    (tree.root / "link").symlink_to(tmp_path / "secret")
    tree.delete("link")
    assert (tmp_path / "secret").read_text() == OUTSIDE
    assert not (tree.root / "link").is_symlink()


@pytest.mark.parametrize("path", ["x" * 300, "/".join(["y" * 200] * 30), "stdout.txt/x"])
def test_deleting_what_no_file_can_be_called_finds_nothing(tree: FileTree, path: str) -> None:
    assert _code(tree.delete, path) == "FileNotFound"


def test_directory_with_files_is_deleted_only_recursively(tree: FileTree) -> None:
    assert _code(tree.delete, "wd") == "OperationInvalidForCurrentState"
    tree.delete("wd", recursive=True)
    assert [info.name for info in tree.list()] == ["stderr.txt", "stdout.txt"]


def test_facts_of_a_file_are_those_of_the_disk(tree: FileTree) -> None:
    (tree.root / "stdout.txt").chmod(0o640)
    info = tree.stat("stdout.txt")
    assert (info.size_bytes, info.file_mode, info.is_directory) == (10, 0o100640, False)
