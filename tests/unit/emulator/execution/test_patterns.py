"""Which files a pattern of output files means."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_batch.emulator.execution.patterns import FilePattern, expand
from airflow_provider_batch.emulator.execution.uploads import blob_name

FILES = ("a.txt", "b.txt", ".dot.txt", "d/a.txt", "d/e/a.csv", "d/.h/a.txt", ".h/a.txt", "star*.txt")


@pytest.fixture
def working_directory(tmp_path: Path) -> Path:
    """A task directory with some files; returns its wd."""
    wd = tmp_path / "wd"
    for name in (*FILES, "../stdout.txt", "../stderr.txt"):
        file = wd / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return wd


def names(pattern: str, wd: Path) -> list[str]:
    return [match.name for match in FilePattern.read(pattern, wd, {}).matches()]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("d/a.txt", ["a.txt"]),
        ("absent.txt", []),
        ("d", []),
        ("*.txt", ["a.txt", "b.txt", "star*.txt"]),
        (".*.txt", [".dot.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[a-b].txt", ["a.txt", "b.txt"]),
        ("[!a].txt", ["b.txt"]),
        ("star[*].txt", ["star*.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "d/a.txt", "star*.txt"]),
        ("**/a.*", ["a.txt", "d/a.txt", "d/e/a.csv"]),
        ("**", ["a.txt", "b.txt", "d/a.txt", "d/e/a.csv", "star*.txt"]),
        ("d/**/*", ["a.txt", "e/a.csv"]),
        ("**/**/**/a.csv", ["d/e/a.csv"]),
        ("*/a.txt", ["d/a.txt"]),
        (".h/*", ["a.txt"]),
        ("**/.h/*", [".h/a.txt", "d/.h/a.txt"]),
        ("../std*.txt", ["stderr.txt", "stdout.txt"]),
        ("[", []),
    ],
)
def test_pattern_means_these_files(working_directory: Path, pattern: str, found: list[str]) -> None:
    assert names(pattern, working_directory) == found


def test_absolute_pattern_is_not_relative_to_the_working_directory(
    working_directory: Path, tmp_path: Path
) -> None:
    assert names(f"{tmp_path}/*.txt", working_directory) == ["stderr.txt", "stdout.txt"]


def test_any_directories_do_not_follow_links(working_directory: Path) -> None:
    (working_directory / "d" / "loop").symlink_to(working_directory)
    assert names("d/**/*.txt", working_directory) == ["a.txt"]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$A/x", "1/x"),
        ("${A}B", "1B"),
        ("$AB", "2"),
        ("$A$AB", "12"),
        ("$C", "$C"),
        ("%A%", "%A%"),
        ("$", "$"),
    ],
)
def test_variables_are_replaced_where_they_are_known(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "AB": "2"}) == expanded


@pytest.mark.parametrize(
    ("pattern", "path", "blob"),
    [
        ("d/a.txt", "", "a.txt"),
        ("d/a.txt", "x/y", "x/y"),
        ("d/[a].txt", "", "a.txt"),
        ("d/[a].txt", "x/", "x/a.txt"),
        ("d/**/*.csv", "x", "x/e/a.csv"),
    ],
)
def test_path_is_a_name_for_one_file_and_a_prefix_for_wildcards(
    working_directory: Path, pattern: str, path: str, blob: str
) -> None:
    read = FilePattern.read(pattern, working_directory, {})
    (match,) = read.matches()
    assert blob_name(path, match, is_exact=read.is_exact) == blob


# --- against the rules, written as one expression -----------------------------------------------------

PARTS = st.text("ab.", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
WILD = st.sampled_from(["*", "**", "?", "a*", "*b", ".*", "[ab]", "[!a]", "?[!b]", "**"]) | PARTS


def _expression(pattern: str) -> re.Pattern[str]:
    """The rules once more: for a whole path below the working directory."""
    parts = PurePosixPath(pattern).parts
    text = ""
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if part == "**":
            text += r"(?:[^/.][^/]*/)*" + (r"[^/.][^/]*" if is_last else "")
            continue
        dot = "" if part.startswith(".") or part.startswith(("a", "b")) else r"(?!\.)"
        pieces = re.findall(r"\[[^]]+\]|.", part)
        body = "".join(
            {"*": "[^/]*", "?": "[^/]"}.get(piece)
            or (piece.replace("[!", "[^") if piece.startswith("[") else re.escape(piece))
            for piece in pieces
        )
        text += dot + body + ("" if is_last else "/")
    return re.compile(text)


@settings(max_examples=100, deadline=None)
@given(paths=st.sets(PATHS, max_size=8), wild=st.lists(WILD, min_size=1, max_size=3))
def test_pattern_means_what_its_rules_say(paths: set[str], wild: list[str]) -> None:
    pattern = "/".join(["*", *wild]) if wild[0] not in ("*", "**") else "/".join(wild)
    with TemporaryDirectory() as directory:
        wd = Path(directory)
        made = set()
        for path in sorted(paths):
            file = wd / path
            if any((wd / part).is_file() for part in list(PurePosixPath(path).parents)[:-1]) or file.is_dir():
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            made.add(path)
        wanted = sorted(path for path in made if _expression(pattern).fullmatch(path))
        assert names(pattern, wd) == wanted
