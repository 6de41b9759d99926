"""How a specification becomes REST JSON: each dataclass field is placed under its REST name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from datetime import timedelta
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.checks import checked
from airflow_provider_batch.specs.durations import to_iso8601

#: REST JSON, or an ``azure.batch.models`` object, which is a mapping of REST JSON
Json: TypeAlias = Mapping[str, Any]
#: a text is a Jinja template
Number: TypeAlias = "int | str"
Flag: TypeAlias = "bool | str"
#: a text is a Jinja template or ISO 8601
Duration: TypeAlias = "timedelta | str"

__all__ = ["Duration", "Flag", "Json", "Number", "Spec", "merge", "named_values", "plain", "rest"]


class Spec:
    """
    Base of every specification; the classes below it are data only.

    A field ``vm_size`` is placed at ``vmSize``; where the REST API nests or names differently, the field's
    metadata says where (:func:`rest`). ``extra`` is merged last.
    """

    #: the definition in the schema that the specification belongs to
    definition: ClassVar[str]
    #: whether it is only a part of its definition, so that required fields may stand elsewhere
    partial: ClassVar[bool] = False

    def to_rest(self) -> dict[str, Any]:
        """
        Give the REST JSON (API 2025-06-01), checked.

        :return: a new dictionary; what is not set is left out, durations are ISO 8601.
        :raises SpecError: a field is unknown, missing, contradictory or out of range.
        """
        path = type(self).__name__
        return checked(self.assemble(path), self.definition, path, partial=self.partial)

    def assemble(self, path: str) -> dict[str, Any]:
        """
        Place every field under its REST name, unchecked: the whole that this is a part of is checked at once.

        :param path: where in the whole this stands, for messages.
        """
        body: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if value is not None and field.name != "extra":
                merge(body, _placed(field, value, path), path)
        return merge(body, plain(getattr(self, "extra", {}), path), path)


def rest(place: str | None = None, convert: Callable[[Any], Any] | None = None) -> dict[str, Any]:
    """
    Metadata of a dataclass field whose place or form in REST JSON is not its camel-cased name.

    :param place: path below the definition, with dots; empty to merge the value's own members into it.
    :param convert: turns a Python form, for example a mapping, into the REST form; other forms pass.
    """
    return {"place": place, "convert": convert}


def named_values(value: Any) -> Any:
    """Turn ``{name: value}`` into REST's list of name and value; a list stays."""
    if not isinstance(value, Mapping):
        return value
    return [{"name": name, "value": text} for name, text in value.items()]


def plain(value: Any, path: str) -> Any:
    """
    Turn specifications, SDK objects, durations and enumerations into new, plain JSON values.

    Members whose value is None are left out, as the service leaves them out. What is no JSON stays and is
    refused by the checks.

    :param value: any value of a specification.
    :param path: where it stands, for messages.
    """
    if isinstance(value, Spec):
        return value.assemble(path)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return to_iso8601(value)
    if isinstance(value, Mapping):
        return {name: plain(member, f"{path}.{name}") for name, member in value.items() if member is not None}
    if isinstance(value, (list, tuple)):
        return [plain(element, f"{path}[{index}]") for index, element in enumerate(value)]
    if callable(getattr(value, "as_dict", None)):
        return plain(value.as_dict(), path)
    return value


def merge(body: dict[str, Any], more: Any, path: str) -> dict[str, Any]:
    """
    Merge ``more`` into ``body``; objects are merged member by member.

    :param body: is changed.
    :raises SpecError: both set the same member.
    """
    if not isinstance(more, Mapping):
        raise SpecError(path, f"must be an object, found {type(more).__name__}")
    for name, value in more.items():
        place = f"{path}.{name}"
        if name not in body:
            body[name] = value
        elif isinstance(body[name], dict) and isinstance(value, Mapping):
            merge(body[name], value, place)
        else:
            raise SpecError(
                place, "is set twice, by a field of the specification and by another or extra; keep one"
            )
    return body


def _placed(field: Field[Any], value: Any, path: str) -> dict[str, Any]:
    place = field.metadata.get("place")
    convert = field.metadata.get("convert")
    if place is None:
        place = _camel(field.name)
    content = plain(convert(value) if convert else value, f"{path}.{place}" if place else path)
    if not place:
        if not isinstance(content, dict):
            raise SpecError(
                f"{path}.{field.name}",
                f"must be a specification or an object, found {type(value).__name__}",
            )
        return content
    for name in reversed(place.split(".")):
        content = {name: content}
    return content  # type: ignore[no-any-return]  # place is not empty: at least one object was built


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
