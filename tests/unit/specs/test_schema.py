"""The schema is compared with the vendor SDK's models, so that it cannot rot."""

from __future__ import annotations

import datetime
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

import azure.batch.models as sdk
import pytest
from azure.batch.models import _models

from airflow_provider_batch.specs.durations import from_iso8601
from airflow_provider_batch.specs.kinds import TEXTS, Kind, kind_of, members
from airflow_provider_batch.specs.schema import DEFINITIONS, JOB, LOOKED_UP, POOL, TASK

VENDORS = sorted(set(DEFINITIONS) - {LOOKED_UP})
#: fields that the data plane never takes: one is looked up before, one is for the management plane
OUR_FIELDS = {("VirtualMachineConfiguration", "newestImage"), (POOL, "identity")}
IDENTITY = "BatchPoolIdentity"
#: a field that the model requires and that is looked up where it is missing
OPTIONAL_HERE = ("VirtualMachineConfiguration", "nodeAgentSKUId")
MODEL = sdk.BatchMetadataItem.__mro__[1]  # the SDK's base of every model


def hints_of(model: type) -> dict[str, Any]:
    names = {**vars(_models), "_models": sdk, "_types": None}
    return {name: resolved(hint) for name, hint in typing.get_type_hints(model, names).items()}


def resolved(annotation: Any) -> Any:
    """Put the class in the place of a name that Python 3.10 leaves within ``list["_models.Name"]``."""
    if isinstance(annotation, str):
        return getattr(sdk, annotation.rpartition(".")[2])
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return annotation
    return origin[tuple(map(resolved, arguments))]


def sdk_fields(model: type) -> dict[str, tuple[Any, bool]]:
    """Writable fields of a model by REST name: annotation without None, and whether it is required."""
    hints = hints_of(model)
    found = {}
    for owner in reversed(model.__mro__):
        for attribute, field in vars(owner).items():
            if hasattr(field, "_rest_name_input") and field._visibility != ["read"]:
                found[field._rest_name_input or attribute] = without_none(hints[attribute])
    return found


def is_class(annotation: Any) -> bool:
    """Say whether an annotation is a class; Python 3.10 takes ``list[str]`` for one."""
    return isinstance(annotation, type) and typing.get_origin(annotation) is None


def without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) is not typing.Union:
        return annotation, True
    arguments = typing.get_args(annotation)
    kept = [argument for argument in arguments if argument is not type(None)]
    # Union[str, SomeEnum] is how the SDK types a choice
    choice = [a for a in kept if is_class(a) and issubclass(a, Enum)]
    return (choice or kept)[0], type(None) not in arguments


def models_below(name: str, seen: set[str]) -> Iterator[str]:
    if name in seen:
        return
    seen.add(name)
    yield name
    for annotation, _required in sdk_fields(getattr(sdk, name)).values():
        for part in (annotation, *typing.get_args(annotation)):
            if is_class(part) and issubclass(part, MODEL):
                yield from models_below(part.__name__, seen)


def test_the_schema_defines_exactly_the_models_that_create_bodies_reach():
    seen: set[str] = set()
    assert set(VENDORS) == {name for root in (POOL, IDENTITY, JOB, TASK) for name in models_below(root, seen)}


@pytest.mark.parametrize("definition", VENDORS)
def test_a_definition_has_the_fields_of_the_model_with_the_same_requirements(definition):
    fields = sdk_fields(getattr(sdk, definition))
    known = {
        name: member.required or (definition, name) == OPTIONAL_HERE
        for name, member in members(definition).items()
        if (definition, name) not in OUR_FIELDS
    }
    assert known == {name: required for name, (_annotation, required) in fields.items()}


@pytest.mark.parametrize("definition", VENDORS)
def test_each_field_of_a_definition_has_the_type_of_the_model(definition):
    for name, (annotation, _required) in sdk_fields(getattr(sdk, definition)).items():
        assert fits(members(definition)[name].kind, annotation), f"{definition}.{name}: {annotation}"


def test_the_identity_of_a_pool_is_that_which_the_service_shows():
    annotation, _required = without_none(hints_of(sdk.BatchPool)["identity"])
    assert fits(members(POOL)["identity"].kind, annotation)


def fits(kind: Kind, annotation: Any) -> bool:
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in (list, dict):
        wanted = "list" if typing.get_origin(annotation) is list else "map"
        element, _required = without_none(arguments[-1])
        return kind.name == wanted and kind.of is not None and fits(kind.of, element)
    if issubclass(annotation, Enum):
        return kind.name == "choice" and set(kind.values) == {value.value for value in annotation}
    if issubclass(annotation, MODEL):
        return kind.name == "object" and kind.definition == annotation.__name__
    names = {str: TEXTS, int: {"integer"}, bool: {"boolean"}, datetime.timedelta: {"duration"}}
    return kind.name in names[annotation]


def test_bounds_of_the_notation_are_read():
    assert kind_of("integer -1000..1000").numbers() == (-1000, 1000)
    assert kind_of("integer -1..").numbers() == (-1, None)
    assert kind_of("text ..20").numbers() == (None, 20)
    assert kind_of("duration PT5M..P7D").durations() == (from_iso8601("PT5M"), from_iso8601("P7D"))
    assert kind_of("[id] ..5").numbers() == (None, 5)


@pytest.mark.parametrize("notation", ["string", "integer 1-5", "[Nothing]", ""])
def test_a_mistake_in_the_notation_is_refused(notation):
    with pytest.raises(ValueError, match=r"notation|definition"):
        kind_of(notation)


@pytest.mark.parametrize("name", ["password", "accountKey", "sasKey", "sshPrivateKey"])
def test_every_field_that_carries_a_secret_is_marked(name):
    marked = [members(d)[name].kind.name for d in DEFINITIONS if name in members(d)]
    assert marked
    assert set(marked) == {"secret"}
