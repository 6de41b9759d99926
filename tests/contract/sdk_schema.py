"""
The request bodies of the 2025-06-01 API as the vendor SDK's models describe them, as plain data.

The emulator may not import the SDK, so it carries this data as ``wire/schema_2025_06_01.json``; a test
compares the two. ``python -m tests.contract.sdk_schema`` prints it anew.
"""

from __future__ import annotations

import datetime
import enum
import inspect
import json
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from azure.batch.models import _models as sdk_models

#: Request bodies by the operation that takes them.
ROOTS: dict[str, str] = {
    "create_pool": "BatchPoolCreateOptions",
    "update_pool": "BatchPoolUpdateOptions",
    "replace_pool_properties": "BatchPoolReplaceOptions",
    "enable_pool_auto_scale": "BatchPoolEnableAutoScaleOptions",
    "evaluate_pool_auto_scale": "BatchPoolEvaluateAutoScaleOptions",
    "resize_pool": "BatchPoolResizeOptions",
    "remove_nodes": "BatchNodeRemoveOptions",
    "reboot_node": "BatchNodeRebootOptions",
    "reimage_node": "BatchNodeReimageOptions",
    "deallocate_node": "BatchNodeDeallocateOptions",
    "disable_node_scheduling": "BatchNodeDisableSchedulingOptions",
    "create_node_user": "BatchNodeUserCreateOptions",
    "replace_node_user": "BatchNodeUserReplaceOptions",
    "upload_node_logs": "UploadBatchServiceLogsOptions",
    "create_job": "BatchJobCreateOptions",
    "update_job": "BatchJobUpdateOptions",
    "replace_job": "BatchJob",
    "disable_job": "BatchJobDisableOptions",
    "terminate_job": "BatchJobTerminateOptions",
    "create_job_schedule": "BatchJobScheduleCreateOptions",
    "update_job_schedule": "BatchJobScheduleUpdateOptions",
    "replace_job_schedule": "BatchJobSchedule",
    "create_task": "BatchTaskCreateOptions",
    "create_task_collection": "BatchTaskGroup",
    "replace_task": "BatchTask",
}

_SCALARS: dict[Any, str] = {
    Any: "any",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    bytes: "bytes",
    datetime.datetime: "datetime",
    datetime.timedelta: "duration",
}


def rest_fields(model: type) -> dict[str, Any]:
    """The SDK's field descriptors of a model, inherited ones included, by attribute name."""
    model.__new__(model)  # type: ignore[call-overload]  # the SDK fills the descriptors when a class is first instantiated
    return dict(model._attr_to_rest_field)  # type: ignore[attr-defined]


def annotation_of(model: type, attribute: str) -> Any:
    """The annotation of one attribute, with its forward references resolved at every depth."""
    for owner in model.__mro__:
        annotations = inspect.get_annotations(owner)
        if attribute in annotations:
            models = owner.__module__.rpartition(".")[0]
            # A few enumerations are not exported: those of the options of a reboot and the like.
            names = {**vars(sys.modules[f"{models}._enums"]), **vars(sys.modules[models])}
            return _resolved(annotations[attribute], names)
    raise LookupError(f"{model.__name__}.{attribute} has no annotation")


def _resolved(annotation: Any, names: Mapping[str, Any]) -> Any:
    """As ``typing.get_type_hints`` does from Python 3.11 on; in 3.10 the text inside ``list["X"]`` stays."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return names[annotation.rpartition(".")[2]]
    arguments = tuple(_resolved(argument, names) for argument in typing.get_args(annotation))
    if not arguments:
        return annotation
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[arguments]  # noqa: UP007
    assert origin is not None
    return origin[arguments]


class SchemaBuilder:
    """
    Walks models from the roots and describes each once.

    :param read_only: also name the properties that only answers have, which a request may repeat.
    """

    def __init__(self, *, read_only: bool = False) -> None:
        self._read_only = read_only
        self.models: dict[str, dict[str, Any]] = {}
        self.enums: dict[str, list[str]] = {}

    def model(self, model: type) -> str:
        name = model.__name__
        if name in self.models:
            return name
        properties: dict[str, Any] = {}
        self.models[name] = properties
        for attribute, field in rest_fields(model).items():
            if field._visibility == ["read"]:
                if self._read_only:
                    properties[field._rest_name] = {"readOnly": True}
                continue
            optional, kind = self.kind(annotation_of(model, attribute))
            properties[field._rest_name] = {"type": kind, **({} if optional else {"required": True})}
        return name

    def kind(self, annotation: Any) -> tuple[bool, Any]:
        """Whether ``None`` is allowed, and the type: a word, an enum, a model, an array or a map."""
        arguments = typing.get_args(annotation)
        optional = type(None) in arguments
        if typing.get_origin(annotation) in (typing.Union, types.UnionType):
            members = [a for a in arguments if a is not type(None)]
            enums = [m for m in members if isinstance(m, enum.EnumMeta)]
            return optional, self.single(enums[0] if enums else members[0])
        return optional, self.single(annotation)

    def single(self, annotation: Any) -> Any:
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        origin = typing.get_origin(annotation)
        if origin is list:
            return {"array": self.kind(typing.get_args(annotation)[0])[1]}
        if origin is dict:
            return {"map": self.kind(typing.get_args(annotation)[1])[1]}
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            self.enums[annotation.__name__] = [member.value for member in annotation]
            return {"enum": annotation.__name__}
        return {"object": self.model(annotation)}


def build() -> dict[str, Any]:
    """The whole schema: operations, models and enumerations."""
    builder = SchemaBuilder()
    operations = {operation: builder.model(getattr(sdk_models, name)) for operation, name in ROOTS.items()}
    return {
        "apiVersion": "2025-06-01",
        "operations": operations,
        "models": dict(sorted(builder.models.items())),
        "enums": dict(sorted(builder.enums.items())),
    }


if __name__ == "__main__":
    json.dump(build(), sys.stdout, indent=1)
    sys.stdout.write("\n")
