"""Checks and defaults that several resources share; each error names the property with its path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.wire.durations import INFINITE, INFINITE_TEXT, parse_duration
from airflow_provider_batch.emulator.wire.fields import Json

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_MAX_DISPLAY_NAME = 1024
_WHOLE_DAY = timedelta(days=1)


@contextmanager
def within(path: str) -> Iterator[None]:
    """
    Let errors about an object name its properties as parts of the body that the object stands in.

    :param path: of the object.
    """
    try:
        yield
    except errors.ServiceError as error:
        error.values = tuple(
            (name, f"{path}.{value}" if name == "PropertyName" else value) for name, value in error.values
        )
        raise


def check_id(value: str, name: str = "id") -> None:
    """An id has 1 to 64 letters, digits, hyphens and underscores."""
    if not _ID.fullmatch(value):
        reason = "An id has 1 to 64 characters: letters, digits, '-' and '_'"
        raise errors.invalid_property_value(name, value, reason)


def check_display_name(body: Mapping[str, Any], path: str = "") -> None:
    """A display name is any text of at most 1,024 characters."""
    name = body.get("displayName", "")
    if len(name) > _MAX_DISPLAY_NAME:
        reason = "At most 1024 characters are allowed"
        raise errors.invalid_property_value(f"{path}displayName", name[:64], reason)


def check_range(value: int, low: int, high: int, name: str) -> int:
    """A number between two others, both included."""
    if not low <= value <= high:
        raise errors.invalid_property_value(name, str(value), f"A value from {low} to {high} is expected")
    return value


def check_between(text: str, low: timedelta, high: timedelta, name: str) -> timedelta:
    """A duration between two others, both included."""
    value = parse_duration(text)
    if not low <= value <= high:
        raise errors.invalid_property_value(name, text, f"A duration from {low} to {high} is expected")
    return value


def limit_of(constraints: Mapping[str, Any], name: str) -> timedelta | None:
    """A duration of a constraints object; None for "no limit"."""
    value = parse_duration(constraints[name])
    return None if value >= INFINITE else value


def task_constraints(given: Mapping[str, Any] | None, inherited_retries: int) -> Json:
    """
    The constraints of a task with the service's defaults.

    :param inherited_retries: the job's retry count, which holds only when no constraints are given at all.
    """
    defaults = {"maxWallClockTime": INFINITE_TEXT, "retentionTime": "P7D", "maxTaskRetryCount": 0}
    if given is None:
        return {**defaults, "maxTaskRetryCount": inherited_retries}
    filled = {**defaults, **given}
    check_range(filled["maxTaskRetryCount"], -1, 2**31 - 1, "constraints.maxTaskRetryCount")
    return filled


def user_identity(given: Mapping[str, Any] | None) -> Json:
    """Who a command runs as; by default an automatic user of the pool without privileges."""
    if given and "username" in given:
        if "autoUser" in given:
            reason = "username and autoUser exclude each other"
            raise errors.invalid_property_value("userIdentity", str(given["username"]), reason)
        return dict(given)
    auto = (given or {}).get("autoUser", {})
    return {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin", **auto}}
