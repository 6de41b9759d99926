"""Every event as text and back."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_batch.emulator.engine.journal_codec import (
    UnknownContentError,
    codec_of,
    from_text,
    to_text,
)
from airflow_provider_batch.emulator.machine import events
from airflow_provider_batch.emulator.machine.machine import EVENTS
from airflow_provider_batch.emulator.machine.restart import Beginning
from airflow_provider_batch.emulator.model.etags import Conditions

#: whatever the wire may bring, half of a surrogate pair included
_TEXTS = st.text(max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2),
    max_leaves=3,
)
_PRIMITIVES: Mapping[Any, st.SearchStrategy[Any]] = {
    str: _TEXTS,
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    type(None): st.none(),
    datetime: st.datetimes(timezones=st.just(timezone.utc)),
    timedelta: st.timedeltas(),
    Any: _JSON,
}


@cache
def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Whatever a type hint allows; written apart from the codec."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PRIMITIVES:
        return _PRIMITIVES[hint]
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values_of, arguments))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
        return st.tuples(*map(values_of, arguments))
    if origin is frozenset:
        return st.frozensets(values_of(arguments[0]), max_size=2)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=2)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    assert isinstance(hint, type), hint
    assert is_dataclass(hint), hint
    hints = get_type_hints(hint)
    return st.deferred(
        lambda: st.builds(hint, **{part.name: values_of(hints[part.name]) for part in fields(hint)})
    )


@pytest.mark.parametrize("kind", [*EVENTS.values(), Beginning], ids=lambda kind: kind.__name__)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_event_comes_back_as_it_was(kind: type, data: st.DataObject):
    value = data.draw(values_of(kind))
    text = to_text(kind, value)
    back = from_text(kind, text)
    assert text.isascii()
    assert back == value
    assert type(back) is kind
    assert to_text(kind, back) == text


def test_names_of_events_are_unique():
    assert len(EVENTS) == len(set(EVENTS.values()))
    assert all(issubclass(kind, events.Event) for kind in EVENTS.values())


def test_everything_that_an_event_can_hold_is_of_the_emulators_own_model():
    seen: set[type] = set()
    for kind in EVENTS.values():
        _collect(kind, seen)
    homes = ("airflow_provider_batch.emulator.machine.", "airflow_provider_batch.emulator.model.")
    assert seen
    assert [kind for kind in seen if not kind.__module__.startswith(homes)] == []


def _collect(hint: Any, seen: set[type]) -> None:
    for argument in get_args(hint):
        _collect(argument, seen)
    if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, Enum)) and hint not in seen:
        seen.add(hint)
        for part in get_type_hints(hint).values() if is_dataclass(hint) else ():
            _collect(part, seen)


NOW = "2030-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        f'{{"at":"{NOW}"}}',
        f'{{"at":"{NOW}","job_id":"j","disable_tasks":"never","conditions":{{}}}}',
        '{"at":"yesterday","job_id":"j","disable_tasks":"requeue","conditions":{}}',
        f'{{"at":"{NOW}","job_id":"j","disable_tasks":"requeue","conditions":{{}},"more":1}}',
        f'{{"at":"{NOW}","job_id":"j","disable_tasks":"requeue","conditions":["Conditions",{{}}]}}',
    ],
)
def test_what_is_no_such_event_is_refused(text: str):
    with pytest.raises(UnknownContentError):
        from_text(events.DisableJob, text)


def test_only_the_classes_that_a_type_names_are_made():
    timer = f'{{"at":"{NOW}","timer":["Conditions",{{}}]}}'
    with pytest.raises(UnknownContentError):
        from_text(events.TimerDue, timer)


def test_field_of_a_later_version_may_be_absent():
    assert from_text(Conditions, "{}") == Conditions()


def test_class_without_a_codec_is_a_type_error():
    @dataclass(frozen=True)
    class Odd:
        thing: object

    with pytest.raises(TypeError):
        codec_of(Odd)
