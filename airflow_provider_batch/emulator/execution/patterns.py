"""
Which files an output file's pattern means.

``*`` any characters, ``?`` one, ``[abc]`` and ``[!abc]`` one of a set or none of it, ``**`` any directories,
also none; at the end, all that is in them. A name that begins with a dot is meant only by a pattern that has
the dot. ``$NAME`` and ``${NAME}`` are replaced before anything else; an unknown name stays as it is.

Source: reference of the service, section 5.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_WILDCARD = re.compile(r"[*?\[]")
_ANY_DIRECTORIES = "**"


@dataclass(frozen=True)
class Match:
    """
    A file that is meant.

    :param name: its path below the directory at which the pattern's wildcards begin.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class FilePattern:
    """
    A pattern whose variables are replaced.

    :param base: directory that it is relative to, as far as there are no wildcards.
    :param parts: what is matched below ``base``: one name without wildcards, or everything from the first
        wildcard on.
    """

    base: Path
    parts: tuple[str, ...]

    @classmethod
    def read(cls, text: str, working_directory: Path, variables: Mapping[str, str]) -> FilePattern:
        """Read a pattern as the user wrote it."""
        expanded = PurePosixPath(expand(text, variables))
        parts = list(expanded.parts)
        base = working_directory
        while len(parts) > 1 and not has_wildcard(parts[0]):
            base /= parts.pop(0)
        if parts and parts[-1] == _ANY_DIRECTORIES:
            parts.append("*")
        return cls(base, tuple(_without_repetition(parts)))

    @property
    def is_exact(self) -> bool:
        """Whether the pattern means one file at most."""
        return not any(map(has_wildcard, self.parts))

    def matches(self) -> list[Match]:
        """Return the files that are meant and exist, sorted by name; what cannot be read is not there."""
        found: dict[str, Path] = {}
        for path in _walk(self.base, self.parts, set()):
            found.setdefault(path.relative_to(self.base).as_posix(), path)
        return [Match(found[name], name) for name in sorted(found)]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace variables."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), text)


def has_wildcard(part: str) -> bool:
    """Whether a part of a path means more than itself."""
    return _WILDCARD.search(part) is not None


def _without_repetition(parts: list[str]) -> list[str]:
    """Two ``**`` in a row mean what one does."""
    return [
        part
        for index, part in enumerate(parts)
        if part != _ANY_DIRECTORIES or parts[index - 1 : index] != [part]
    ]


def _walk(directory: Path, parts: tuple[str, ...], seen: set[tuple[Path, int]]) -> Iterator[Path]:
    """
    Give the files below a directory that the parts mean.

    :param seen: where we were with how many parts left; many ``**`` lead to the same place in many ways.
    """
    if not parts or (directory, len(parts)) in seen:
        return
    seen.add((directory, len(parts)))
    first, rest = parts[0], parts[1:]
    if first == _ANY_DIRECTORIES:
        yield from _walk(directory, rest, seen)
        for entry in _entries(directory):
            if _is_shown(entry.name, "*") and not entry.is_symlink() and entry.is_dir():
                yield from _walk(entry, parts, seen)
        return
    for entry in _named(directory, first):
        if rest:
            if entry.is_dir():
                yield from _walk(entry, rest, seen)
        elif entry.is_file():
            yield entry


def _named(directory: Path, part: str) -> list[Path]:
    if not has_wildcard(part):
        return [directory / part]
    return [entry for entry in _entries(directory) if _is_shown(entry.name, part)]


def _is_shown(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        # Not a directory, gone, or closed to us.
        return []
