"""
The bodies that requests may have, checked against a schema of the API.

A schema is data: models, their properties, types and which are required. ``schema_2025_06_01.json`` is that
of the data plane, ``schema_management_2025_06_01.json`` that of the management plane. Checking returns the
service's spelling of the same body: enumerations in their own casing, durations normalised, nulls dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.wire.durations import normalise_duration
from airflow_provider_batch.emulator.wire.times import parse_time
from airflow_provider_batch.emulator.wire.versions import CURRENT, older_properties

_INT32 = range(-(2**31), 2**31)
_DIGITS = re.compile(r"-?[0-9]{1,10}")

Json = dict[str, Any]


class BodySchema:
    """
    The bodies of one API.

    :param data: operations with the model of their body, models, enumerations.
    :param takes_digits: an integer may be a string of digits.
    """

    def __init__(self, data: Mapping[str, Any], *, takes_digits: bool = False) -> None:
        self.data = data
        self._scalars = {**_SCALARS, "integer": _integer_or_digits} if takes_digits else _SCALARS

    def parse_body(self, operation: str, body: bytes) -> Json:
        """
        Read and check the body of an operation.

        :param operation: name of an operation that takes a body, as in the schema.
        :raises ServiceError: ``InvalidRequestBody``, ``MissingRequiredProperty``, ``UnsupportedProperty`` or
            ``InvalidPropertyValue``; the last three name the property with its path.
        """
        try:
            document = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise errors.invalid_request_body("The request body is not JSON") from None
        return self.check_object(document, self.data["operations"][operation], "")

    def check_object(self, value: Any, model: str, path: str) -> Json:
        """
        Check a JSON object against a model.

        :param path: where the object stands in the body, empty for the body itself.
        """
        if not isinstance(value, dict):
            if not path:
                raise errors.invalid_request_body("The request body is not a JSON object")
            raise errors.invalid_property_value(path, _shown(value), "An object is expected")
        properties: Mapping[str, Any] = self.data["models"][model]
        for name in value:
            if name not in properties and not name.startswith("odata."):
                raise errors.unsupported_property(_join(path, name))
        checked: Json = {}
        for name, definition in properties.items():
            found = value.get(name)
            if definition.get("readOnly"):
                continue
            if found is not None:
                checked[name] = self._check(found, definition["type"], _join(path, name))
            elif definition.get("required"):
                raise errors.missing_required_property(_join(path, name))
        return checked

    def in_own_casing(self, value: Any, model: str) -> Any:
        """Return what another plane of the service has checked with this one's spelling of enumerations."""
        properties: Mapping[str, Any] = self.data["models"][model]
        return {
            name: self._recased(part, properties[name]["type"])
            if "type" in properties.get(name, {})
            else part
            for name, part in value.items()
        }

    def _recased(self, value: Any, kind: Any) -> Any:
        if isinstance(kind, str):
            return value
        ((shape, of),) = kind.items()
        if shape == "object":
            return self.in_own_casing(value, of)
        if shape == "enum":
            return next((word for word in self.data["enums"][of] if word.lower() == value.lower()), value)
        if shape == "array":
            return [self._recased(item, of) for item in value]
        return {name: self._recased(item, of) for name, item in value.items()}

    def _check(self, value: Any, kind: Any, path: str) -> Any:
        if isinstance(kind, str):
            return self._scalars[kind](value, path)
        ((shape, of),) = kind.items()
        if shape == "object":
            return self.check_object(value, of, path)
        if shape == "enum":
            return self._enumeration(value, of, path)
        if shape == "array":
            if not isinstance(value, list):
                raise errors.invalid_property_value(path, _shown(value), "An array is expected")
            return [self._check(item, of, f"{path}[{index}]") for index, item in enumerate(value)]
        if not isinstance(value, dict):
            raise errors.invalid_property_value(path, _shown(value), "An object is expected")
        return {name: self._check(item, of, _join(path, name)) for name, item in value.items()}

    def _enumeration(self, value: Any, name: str, path: str) -> str:
        members: list[str] = self.data["enums"][name]
        for member in members:
            if isinstance(value, str) and value.lower() == member.lower():
                return member
        raise errors.invalid_property_value(path, _shown(value), f"One of {', '.join(members)} is expected")


def _loaded(name: str) -> BodySchema:
    return BodySchema(json.loads(files(__package__).joinpath(name).read_text("utf-8")))


@cache
def data_plane(version: str = CURRENT) -> BodySchema:
    """The bodies of the data plane; an older version has a few properties beside those of the present one."""
    if version == CURRENT:
        return _loaded("schema_2025_06_01.json")
    data = data_plane().data
    older = older_properties(version)
    models = {**data["models"], **{name: {**data["models"].get(name, {}), **older[name]} for name in older}}
    # `az batch` 2.91 sends them as they stand on its command line, in 2024-02-01.19.0.
    return BodySchema({**data, "models": models}, takes_digits=True)


@cache
def management() -> BodySchema:
    """The bodies of the management plane."""
    return _loaded("schema_management_2025_06_01.json")


def schema() -> Mapping[str, Any]:
    """The schema of the data plane as it is shipped."""
    return data_plane().data


def parse_body(operation: str, body: bytes, version: str = CURRENT) -> Json:
    """Read and check the body of an operation of the data plane, see :meth:`BodySchema.parse_body`."""
    return data_plane(version).parse_body(operation, body)


def _typed(kind: type, reason: str) -> Callable[[Any, str], Any]:
    def check(value: Any, path: str) -> Any:
        if type(value) is not kind:
            raise errors.invalid_property_value(path, _shown(value), reason)
        return value

    return check


def _integer(value: Any, path: str) -> int:
    if type(value) is not int or value not in _INT32:
        raise errors.invalid_property_value(path, _shown(value), "A 32-bit integer is expected")
    return value


def _integer_or_digits(value: Any, path: str) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    return _integer(value, path)


def _duration(value: Any, path: str) -> str:
    try:
        return normalise_duration(value)
    except (TypeError, ValueError) as error:
        raise errors.invalid_property_value(path, _shown(value), f"A duration is expected: {error}") from None


def _time(value: Any, path: str) -> str:
    try:
        parse_time(value)
    except (TypeError, ValueError) as error:
        raise errors.invalid_property_value(path, _shown(value), f"A time is expected: {error}") from None
    return str(value)


_SCALARS: dict[str, Callable[[Any, str], Any]] = {
    "any": lambda value, path: value,
    "string": _typed(str, "A string is expected"),
    "boolean": _typed(bool, "A boolean is expected"),
    "integer": _integer,
    "duration": _duration,
    "datetime": _time,
}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 256 else text[:253] + "..."


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
