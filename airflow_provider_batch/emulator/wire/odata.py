"""
OData ``$filter`` of the list operations: tokenizer, recursive parser and evaluation on a resource's JSON.

Grammar (source: "Create queries to list Batch resources efficiently")::

    expression := conjunction ("or" conjunction)*
    conjunction := term ("and" term)*
    term := "(" expression ")" | "startswith" "(" path "," text ")" | path operator literal
    operator := "eq" | "ne" | "ge" | "gt" | "le" | "lt"
    literal := text | number | "true" | "false" | "DateTime'" time "'"

Property names are case-sensitive, compared values and ``DateTime`` are not (OData writes it ``datetime``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.wire.times import parse_time

MAX_LENGTH = 8192
"""Longest filter that is read; longer ones are refused before any work is done."""

MAX_DEPTH = 50
"""Deepest nesting of parentheses."""

EQUALITY = frozenset({"eq", "ne"})
ORDER = frozenset({"ge", "gt", "le", "lt"})
COMPARISON = EQUALITY | ORDER


class Kind(Enum):
    """What a filterable property holds."""

    TEXT = "text"
    TIME = "time"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Property:
    """One filterable property of a list: its kind and what may be done with it."""

    kind: Kind
    operators: frozenset[str] = COMPARISON
    startswith: bool = False


Properties = Mapping[str, Property]

_ID = Property(Kind.TEXT, startswith=True)
_STATE = Property(Kind.TEXT, EQUALITY)
_TIME = Property(Kind.TIME)
_RESOURCE: dict[str, Property] = {
    "id": _ID,
    "state": _STATE,
    "stateTransitionTime": _TIME,
    "creationTime": _TIME,
    "lastModified": _TIME,
}
_EXIT_CODE = Property(Kind.NUMBER, frozenset({"eq", "ge", "gt", "le", "lt"}))

_SPECIAL_TASK: dict[str, Property] = {
    "state": _STATE,
    "startTime": _TIME,
    "endTime": _TIME,
    # Batch Explorer asks for "exitCode ne 0" here.
    "exitCode": Property(Kind.NUMBER),
    "result": _STATE,
}
PREPARATION_AND_RELEASE_TASKS: Properties = {
    "poolId": _ID,
    "nodeId": _ID,
    **{f"jobPreparationTaskExecutionInfo/{name}": of for name, of in _SPECIAL_TASK.items()},
    **{f"jobReleaseTaskExecutionInfo/{name}": of for name, of in _SPECIAL_TASK.items()},
}

POOLS: Properties = {
    **_RESOURCE,
    "allocationState": _STATE,
    "allocationStateTransitionTime": _TIME,
    "enableAutoScale": Property(Kind.BOOLEAN, EQUALITY),
    "vmSize": Property(Kind.TEXT, EQUALITY),
}
JOBS: Properties = {
    **_RESOURCE,
    "executionInfo/startTime": _TIME,
    "executionInfo/endTime": _TIME,
    "executionInfo/poolId": Property(Kind.TEXT),
}
JOB_SCHEDULES: Properties = _RESOURCE
TASKS: Properties = {
    **_RESOURCE,
    "executionInfo/exitCode": _EXIT_CODE,
    "executionInfo/result": _STATE,
}
NODES: Properties = {
    "id": _ID,
    "state": _STATE,
    "stateTransitionTime": _TIME,
    "lastBootTime": _TIME,
    "allocationTime": _TIME,
    "startTaskInfo/state": _STATE,
    "startTaskInfo/result": _STATE,
    "startTaskInfo/exitCode": _EXIT_CODE,
    "startTaskInfo/startTime": _TIME,
    "startTaskInfo/endTime": _TIME,
}
NODE_COUNTS: Properties = {"poolId": Property(Kind.TEXT, EQUALITY)}
FILES: Properties = {"name": Property(Kind.TEXT, frozenset(), startswith=True)}
SUPPORTED_IMAGES: Properties = {
    "osType": _STATE,
    "verificationType": _STATE,
    "nodeAgentSKUId": _STATE,
}


class Filter(Protocol):
    """A parsed filter."""

    def matches(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource, as the JSON that the service would send, passes."""

    def names(self) -> frozenset[str]:
        """The top-level property names that :meth:`matches` looks at."""


@dataclass(frozen=True)
class Comparison:
    """``path operator literal``."""

    path: str
    operator: str
    kind: Kind
    literal: Any

    def matches(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource passes."""
        found = value_at(resource, self.path)
        if found is None:
            return self.operator == "ne"
        return _OPERATORS[self.operator](_comparable(found, self.kind), self.literal)

    def names(self) -> frozenset[str]:
        """The top-level properties that are looked at."""
        return frozenset({self.path.partition("/")[0]})


@dataclass(frozen=True)
class StartsWith:
    """``startswith(path, text)``."""

    path: str
    prefix: str

    def matches(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource passes."""
        found = value_at(resource, self.path)
        return found is not None and str(found).lower().startswith(self.prefix)

    def names(self) -> frozenset[str]:
        """The top-level properties that are looked at."""
        return frozenset({self.path.partition("/")[0]})


@dataclass(frozen=True)
class Both:
    """``left and right``."""

    terms: tuple[Filter, ...]

    def matches(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource passes."""
        return all(term.matches(resource) for term in self.terms)

    def names(self) -> frozenset[str]:
        """The top-level properties that are looked at."""
        return frozenset().union(*(term.names() for term in self.terms))


@dataclass(frozen=True)
class Either:
    """``left or right``."""

    terms: tuple[Filter, ...]

    def matches(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource passes."""
        return any(term.matches(resource) for term in self.terms)

    def names(self) -> frozenset[str]:
        """The top-level properties that are looked at."""
        return frozenset().union(*(term.names() for term in self.terms))


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, literal: bool(found == literal),
    "ne": lambda found, literal: bool(found != literal),
    "ge": lambda found, literal: bool(found >= literal),
    "gt": lambda found, literal: bool(found > literal),
    "le": lambda found, literal: bool(found <= literal),
    "lt": lambda found, literal: bool(found < literal),
}


def value_at(resource: Mapping[str, Any], path: str) -> Any:
    """The value under a ``parent/child`` path, ``None`` when any part is absent."""
    found: Any = resource
    for name in path.split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def parse_filter(text: str, properties: Properties) -> Filter:
    """
    Parse a ``$filter``.

    :param properties: the filterable properties of the list.
    :raises ServiceError: ``InvalidQueryParameterValue`` with the reason and the position.
    """
    if len(text) > MAX_LENGTH:
        raise _invalid(text[:64] + "...", f"The filter is longer than {MAX_LENGTH} characters")
    return _Parser(text, properties).parse()


_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<time>(?i:DateTime)'[^']*')"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?[0-9]{1,18}(?![\w.]))"
    r"|(?P<name>[A-Za-z_][\w/]*)"
    r"|(?P<mark>[(),])"
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str, properties: Properties) -> None:
        self._text = text
        self._properties = properties
        self._tokens = self._tokenize()
        self._index = 0
        self._depth = 0

    def parse(self) -> Filter:
        result = self._expression()
        if self._peek().kind != "end":
            raise self._unexpected("the end or 'and'/'or'")
        return result

    def _tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                raise _invalid(self._text, f"Syntax error at position {position}")
            kind = str(match.lastgroup)
            if kind != "space":
                tokens.append(_Token(kind, match.group(), position))
            position = match.end()
        tokens.append(_Token("end", "", position))
        return tokens

    def _peek(self) -> _Token:
        return self._tokens[self._index]

    def _take(self) -> _Token:
        token = self._tokens[self._index]
        self._index += token.kind != "end"
        return token

    def _expect(self, mark: str) -> None:
        if self._peek().text != mark:
            raise self._unexpected(repr(mark))
        self._take()

    def _unexpected(self, wanted: str) -> errors.ServiceError:
        token = self._peek()
        found = repr(token.text) if token.text else "the end"
        return _invalid(self._text, f"Expected {wanted} at position {token.position}, found {found}")

    def _expression(self) -> Filter:
        terms = [self._conjunction()]
        while self._peek().text == "or":
            self._take()
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else Either(tuple(terms))

    def _conjunction(self) -> Filter:
        terms = [self._term()]
        while self._peek().text == "and":
            self._take()
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else Both(tuple(terms))

    def _term(self) -> Filter:
        token = self._peek()
        if token.text == "(":
            return self._group()
        if token.kind != "name":
            raise self._unexpected("a property name")
        self._take()
        if token.text == "startswith" and self._peek().text == "(":
            return self._starts_with()
        return self._comparison(token)

    def _group(self) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _invalid(self._text, f"Parentheses are nested deeper than {MAX_DEPTH}")
        self._take()
        inner = self._expression()
        self._expect(")")
        self._depth -= 1
        return inner

    def _starts_with(self) -> Filter:
        self._expect("(")
        name = self._take()
        definition = self._property(name.text)
        if not definition.startswith:
            raise _invalid(self._text, f"startswith is not supported for the property {name.text!r}")
        self._expect(",")
        if self._peek().kind != "text":
            raise self._unexpected("a quoted text")
        prefix = _unquote(self._take().text)
        self._expect(")")
        return StartsWith(name.text, prefix.lower())

    def _comparison(self, name: _Token) -> Filter:
        definition = self._property(name.text)
        operator = self._take().text
        if operator not in COMPARISON:
            raise _invalid(self._text, f"{operator!r} is not a comparison operator")
        if operator not in definition.operators:
            raise _invalid(self._text, f"The operator {operator!r} is not supported for {name.text!r}")
        return Comparison(name.text, operator, definition.kind, self._literal(definition.kind))

    def _property(self, name: str) -> Property:
        definition = self._properties.get(name)
        if definition is None:
            raise _invalid(self._text, f"The property {name!r} cannot be used in a filter of this list")
        return definition

    def _literal(self, kind: Kind) -> Any:
        token = self._peek()
        if kind is Kind.TIME and token.kind == "time":
            try:
                value: Any = parse_time(self._take().text[len("DateTime'") : -1])
            except ValueError as error:
                raise _invalid(self._text, f"{token.text} is not a time: {error}") from None
            return value
        if kind is Kind.TEXT and token.kind == "text":
            return _unquote(self._take().text).lower()
        if kind is Kind.NUMBER and token.kind == "number":
            return int(self._take().text)
        if kind is Kind.BOOLEAN and token.text in ("true", "false"):
            return self._take().text == "true"
        raise self._unexpected(f"a {kind.value}")


def _comparable(found: Any, kind: Kind) -> Any:
    if kind is Kind.TIME:
        return parse_time(found)
    return str(found).lower() if kind is Kind.TEXT else found


def _unquote(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _invalid(text: str, reason: str) -> errors.ServiceError:
    return errors.invalid_query_parameter_value("$filter", text, reason)
