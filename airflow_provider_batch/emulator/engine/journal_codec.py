"""
Events and settings as JSON and back, by the types of their fields.

Only what the type hints of the wanted class name is ever made: a journal cannot bring any other class to
life. A field that is None or empty, and would be so by default, is left out; fields that a later version adds
with a default are thereby no obstacle, while one that is not known here is refused.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

_MICROSECOND = timedelta(microseconds=1)
_AS_THEY_ARE = (str, int, float, bool, type(None), Any)
_UNIONS = (Union, types.UnionType)
_EMPTY: tuple[Any, ...] = (None, (), frozenset(), {})

Turn = Callable[[Any], Any]


class UnknownContentError(ValueError):
    """The JSON is not of the class that it is said to be of, or of a version of it that is not known here."""


@dataclass(frozen=True)
class Codec:
    """How values of one type become JSON and come back; None where both are the same."""

    encode: Turn | None = None
    decode: Turn | None = None


def to_text(kind: type, value: Any) -> str:
    """
    Return a dataclass as JSON, in ASCII.

    :param kind: its class.
    :raises TypeError: some part is not what the type hints say.
    """
    encode = codec_of(kind).encode
    return _dumps(value if encode is None else encode(value))


def from_text(kind: type, text: str) -> Any:
    """
    Return what :func:`to_text` has written.

    :raises UnknownContentError: it was not, or for another version of the class.
    """
    decode = codec_of(kind).decode
    try:
        data = json.loads(text)
        return data if decode is None else decode(data)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UnknownContentError(f"this is no {kind.__name__}: {error!r}") from error


_dumps = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


@cache
def codec_of(hint: Any) -> Codec:
    """
    Return the codec of a type.

    :raises TypeError: there is none: the type has no place in an event.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _AS_THEY_ARE:
        return Codec()
    if origin in _UNIONS:
        return _union([argument for argument in arguments if argument is not type(None)])
    if origin is tuple:
        return _tuple(arguments)
    if origin is frozenset:
        return _collection(frozenset, codec_of(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(codec_of(arguments[0]), codec_of(arguments[1]))
    return _of_class(hint)


def _of_class(hint: Any) -> Codec:
    if hint is datetime:
        return Codec(datetime.isoformat, datetime.fromisoformat)
    if hint is timedelta:
        return Codec(lambda span: span // _MICROSECOND, lambda number: number * _MICROSECOND)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Codec(lambda member: member.value, hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint)
    raise TypeError(f"no JSON for {hint!r}")


# --- several values -----------------------------------------------------------------------------------


def _tuple(arguments: tuple[Any, ...]) -> Codec:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _collection(tuple, codec_of(arguments[0]))
    parts = [codec_of(argument) for argument in arguments]

    def encode(values: tuple[Any, ...]) -> list[Any]:
        return [_turn(part.encode, value) for part, value in zip(parts, values, strict=True)]

    def decode(data: list[Any]) -> tuple[Any, ...]:
        return tuple(_turn(part.decode, value) for part, value in zip(parts, data, strict=True))

    return Codec(encode, decode)


def _collection(kind: Callable[[Any], Any], item: Codec) -> Codec:
    encode, decode = item.encode, item.decode

    def encode_all(values: Collection[Any]) -> list[Any]:
        # Sets have no order of their own: sorted, the same event has always the same text.
        ordered = sorted(values) if isinstance(values, frozenset) else values
        return list(ordered) if encode is None else [encode(value) for value in ordered]

    def decode_all(data: list[Any]) -> Any:
        if not isinstance(data, list):
            raise TypeError(f"no list: {data!r}")
        return kind(data) if decode is None else kind([decode(value) for value in data])

    return Codec(encode_all, decode_all)


def _mapping(keys: Codec, values: Codec) -> Codec:
    if (keys, values) == (Codec(), Codec()):
        return Codec(dict, dict)

    def encode(pairs: Mapping[Any, Any]) -> dict[Any, Any]:
        return {_turn(keys.encode, key): _turn(values.encode, value) for key, value in pairs.items()}

    def decode(data: dict[str, Any]) -> dict[Any, Any]:
        return {_turn(keys.decode, key): _turn(values.decode, value) for key, value in data.items()}

    return Codec(encode, decode)


def _turn(turn: Turn | None, value: Any) -> Any:
    return value if turn is None else turn(value)


# --- one of several types -----------------------------------------------------------------------------


def _union(members: list[Any]) -> Codec:
    if len(members) == 1:
        return _optional(codec_of(members[0]))
    if all(member in _AS_THEY_ARE for member in members):
        return Codec()
    return _optional(_tagged({member.__name__: member for member in members}))


def _optional(codec: Codec) -> Codec:
    encode, decode = codec.encode, codec.decode
    if encode is None or decode is None:
        return Codec()
    return Codec(
        lambda value: None if value is None else encode(value),
        lambda data: None if data is None else decode(data),
    )


def _tagged(members: Mapping[str, type]) -> Codec:
    """One of several dataclasses: its name, then itself."""
    codecs = {name: codec_of(member) for name, member in members.items()}

    def encode(value: Any) -> list[Any]:
        name = type(value).__name__
        return [name, _turn(codecs[name].encode, value)]

    def decode(data: list[Any]) -> Any:
        name, body = data
        return _turn(codecs[name].decode, body)

    return Codec(encode, decode)


# --- dataclasses --------------------------------------------------------------------------------------


def _default(part: Field[Any]) -> Any:
    return part.default if part.default_factory is MISSING else part.default_factory()


def _dataclass(kind: type) -> Codec:
    hints = get_type_hints(kind)
    codecs = {part.name: codec_of(hints[part.name]) for part in fields(kind)}
    decoders = {name: codec.decode for name, codec in codecs.items()}
    plan = []
    for part in fields(kind):
        default = _default(part)
        plan.append((part.name, codecs[part.name].encode, default if default in _EMPTY else MISSING))

    def encode(value: Any) -> dict[str, Any]:
        data = {}
        for name, turn, left_out in plan:
            item = getattr(value, name)
            if item != left_out:
                data[name] = item if turn is None else turn(item)
        return data

    def decode(data: dict[str, Any]) -> Any:
        values = {}
        for name, item in data.items():
            turn = decoders[name]
            values[name] = item if turn is None else turn(item)
        return kind(**values)

    return Codec(encode, decode)
