"""The notation of :mod:`airflow_provider_batch.specs.schema`, read into objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import Final

from airflow_provider_batch.specs.durations import from_iso8601
from airflow_provider_batch.specs.schema import DEFINITIONS

#: kinds whose JSON value is a string
TEXTS: Final = frozenset({"text", "caseless", "id", "command", "url", "secret"})

_SIMPLE: Final = TEXTS | {"integer", "boolean", "duration"}
_NOTATION: Final = re.compile(r"(?P<base>\[.+\]|\{.+\}|=\S+|\w+)(?: (?P<least>[^ .]+)?\.\.(?P<most>\S+)?)?")


@dataclass(frozen=True)
class Kind:
    """
    What the value of a field may be.

    :param name: a simple kind, or ``choice``, ``list``, ``map`` or ``object``.
    :param of: kind of the elements of a list or map.
    :param definition: name of the definition of an object.
    :param values: values of a choice.
    :param least: lower bound (number, length or duration as written in the notation); None for none.
    :param most: upper bound.
    """

    name: str
    of: Kind | None = None
    definition: str = ""
    values: tuple[str, ...] = ()
    least: str | None = None
    most: str | None = None

    def numbers(self) -> tuple[int | None, int | None]:
        """Bounds as whole numbers: of an integer, of a length."""
        return _number(self.least), _number(self.most)

    def durations(self) -> tuple[timedelta | None, timedelta | None]:
        """Bounds as durations."""
        return _duration(self.least), _duration(self.most)


@dataclass(frozen=True)
class Member:
    """One field of a definition."""

    name: str
    kind: Kind
    required: bool


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else from_iso8601(text)


@cache
def kind_of(notation: str) -> Kind:
    """
    Read one notation.

    :raises ValueError: the notation is wrong, or names a definition that does not exist.
    """
    match = _NOTATION.fullmatch(notation)
    if match is None:
        raise ValueError(f"{notation!r} is no notation of a kind")
    base, least, most = match["base"], match["least"], match["most"]
    if base in _SIMPLE:
        return Kind(base, least=least, most=most)
    if base[0] == "=":
        return Kind("choice", values=tuple(base[1:].split("|")))
    if base[0] in "[{":
        return Kind("list" if base[0] == "[" else "map", of=kind_of(base[1:-1]), least=least, most=most)
    if base not in DEFINITIONS:
        raise ValueError(f"{notation!r} names no definition of the schema")
    return Kind("object", definition=base)


@cache
def members(definition: str) -> Mapping[str, Member]:
    """Fields of a definition by their REST name."""
    fields = {}
    for entry, notation in DEFINITIONS[definition].items():
        name = entry.removesuffix("!")
        fields[name] = Member(name, kind_of(notation), required=entry.endswith("!"))
    return MappingProxyType(fields)
