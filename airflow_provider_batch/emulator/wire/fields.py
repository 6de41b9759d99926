"""
How a resource becomes JSON: a table of property names and getters, in the service's order.

A getter that gives ``None`` leaves its property out, as the service does. Getters run only for the properties
that are wanted, so that a list with ``$select`` costs what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.times import format_time

T = TypeVar("T")
Json = dict[str, Any]
Fields = Mapping[str, Callable[[T, Links], Any]]


def render(fields: Fields[T], resource: T, links: Links, only: Collection[str] | None = None) -> Json:
    """
    Write a resource.

    :param only: the properties that are wanted; None for all.
    """
    body: Json = {}
    for name, get in fields.items():
        if only is None or name in only:
            value = get(resource, links)
            if value is not None:
                body[name] = value
    return body


def present(**values: Any) -> Json:
    """An object without the properties that are ``None``."""
    return {name: value for name, value in values.items() if value is not None}


def time_or_none(value: datetime | None) -> str | None:
    """A time, when there is one."""
    return None if value is None else format_time(value)


def name_values(pairs: tuple[tuple[str, str], ...]) -> list[Json] | None:
    """Details of an error; absent when there are none."""
    return [{"name": name, "value": value} for name, value in pairs] or None
