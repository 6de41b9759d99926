"""What the values of a member of a job task group need, found without rendering them."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_batch.operators.template_needs import TemplateNeeds
from airflow_provider_batch.triggers.arguments import given_arguments
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS, MappedOperator, context_keys

__all__ = [
    "MemberValues",
    "is_wholly_literal",
    "mapped_sources",
    "parse_time_width",
    "unknown_at_launch",
]


def unknown_at_launch(operator: Any, before_launch: Collection[str], dag: Any) -> tuple[str, ...]:
    """
    Return why a value of the member cannot be known when launch runs; empty when all are known.

    Templates are parsed, never rendered. What is not known to be the same at launch and when the member
    starts counts as unknown.

    :param operator: the member, mapped or not, as it stands in the DAG file.
    :param before_launch: ids of all tasks upstream of launch.
    :param dag: the DAG; its Jinja environment and its own macros are looked at.
    :return: reasons, each with its field.
    """
    return MemberValues(operator, before_launch, dag).unknown()


def mapped_sources(operator: Any) -> set[str]:
    """
    Return the ids of the tasks whose XComs give the mapped arguments.

    :param operator: a member; one that is not mapped has none.
    """
    if not isinstance(operator, MappedOperator):
        return set()
    return {task.task_id for task, _ in XComArg.iter_xcom_references(_mapped_value(operator))}


def is_wholly_literal(operator: Any) -> bool:
    """
    Say whether all mapped arguments are written in the DAG file, to the last nested value.

    :param operator: a member; of one that is not mapped it is true.
    """
    if not isinstance(operator, MappedOperator):
        return True
    return not any(_is_reference(leaf) for leaf in _leaves(_mapped_value(operator)))


def parse_time_width(operator: Any) -> int | None:
    """
    Return the number of indexes of a mapped member when the DAG file says it.

    :param operator: a member.
    :return: None when it depends on XComs, and for a member that is not mapped.
    """
    if not isinstance(operator, MappedOperator):
        return None
    value = _mapped_value(operator)
    if not isinstance(value, Mapping):  # expand_kwargs
        return None if _is_reference(value) else len(value)
    if any(_is_reference(argument) for argument in value.values()):
        return None
    return math.prod(len(argument) for argument in value.values())


class MemberValues:
    """
    Looks through the values of one member.

    :param operator: the member, mapped or not.
    :param before_launch: ids of all tasks upstream of launch.
    :param dag: its DAG.
    """

    def __init__(self, operator: Any, before_launch: Collection[str], dag: Any) -> None:
        self._operator = operator
        self._before_launch = frozenset(before_launch)
        self._extensions = tuple(operator.template_ext or ())
        self.environment = operator.get_template_env(dag)
        self._templates = TemplateNeeds(
            self.environment,
            context_keys=context_keys(),
            dag_id=dag.dag_id,
            before_launch=before_launch,
            user_macros=tuple(dag.user_defined_macros or ()),
        )

    def unknown(self) -> tuple[str, ...]:
        """Return why a value, as written in the DAG file, cannot be known when launch runs."""
        operator = self._operator
        if not isinstance(operator, MappedOperator):
            return self.unknown_in((name, getattr(operator, name, None)) for name in operator.template_fields)
        found = dict.fromkeys(self._mapped_arguments(_mapped_value(operator)))
        given = given_arguments(operator)
        shared = ((name, given.get(name)) for name in operator.template_fields)
        return tuple(dict.fromkeys((*found, *self.unknown_in(shared))))

    def unknown_in(
        self, fields: Iterable[tuple[str, Any]], passed_by: Collection[int] = frozenset()
    ) -> tuple[str, ...]:
        """
        Return why a value of templated fields cannot be known when launch runs.

        :param fields: names and values.
        :param passed_by: ids of the objects that Airflow does not render.
        """
        found: dict[str, None] = {}
        for name, value in fields:
            if callable(value) and not _is_reference(value):
                found[f"{name}: is computed by a function when it is rendered"] = None
            else:
                found.update(dict.fromkeys(self._reasons(name, value, passed_by)))
        return tuple(found)

    def _mapped_arguments(self, value: Any) -> Iterator[str]:
        """Look through what expand() or expand_kwargs() was given."""
        if _is_reference(value):
            yield from self._reference("expand_kwargs", value)
        elif isinstance(value, Mapping):
            for name, argument in value.items():
                yield from self._mapped_argument(name, argument, beside_others=len(value) > 1)
        else:
            for index, row in enumerate(value):
                yield from self._row(f"expand_kwargs[{index}]", row)

    def _mapped_argument(self, name: str, argument: Any, *, beside_others: bool) -> Iterator[str]:
        if _is_reference(argument):
            yield from self._reference(name, argument)
            if beside_others and AIRFLOW_V_3_0_PLUS and _concatenates(argument):
                # The task SDK takes the sum of all parts for the length of each part.
                yield f"{name}: Airflow miscounts a concatenated XCom beside other mapped arguments"
        elif name in self._operator.template_fields:
            # A mapping gives (key, value) pairs; as members of a tuple the keys are templates too.
            elements = argument.items() if isinstance(argument, Mapping) else argument
            for index, element in enumerate(elements):
                yield from self._reasons(f"{name}[{index}]", element)

    def _row(self, path: str, row: Any) -> Iterator[str]:
        if not isinstance(row, Mapping):
            yield from self._reference(path, row)
            return
        for name, value in row.items():
            if _is_reference(value):
                yield f"{path}[{name!r}]: is an XCom inside a literal row, which Airflow passes on as it is"
            elif name in self._operator.template_fields:
                yield from self._reasons(f"{path}[{name!r}]", value)

    def _reasons(self, path: str, value: Any, passed_by: Collection[int] = frozenset()) -> Iterator[str]:
        """Look through one value in the order, and to the depth, in which Airflow renders it."""
        if id(value) in passed_by:
            return
        if isinstance(value, str):
            yield from self._text(path, value)
        elif isinstance(value, os.PathLike):
            yield from self._text(path, str(value))
        elif callable(getattr(value, "resolve", None)):
            yield from self._reference(path, value)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self._reasons(f"{path}[{key!r}]", item, passed_by)
        elif isinstance(value, (tuple, list, set)):
            for index, item in enumerate(value):
                yield from self._reasons(f"{path}[{index}]", item, passed_by)
        elif hasattr(value, "template_fields"):
            # Airflow renders it in place; launch would change what the members share.
            yield f"{path}: a {type(value).__name__} has templated fields of its own"

    def _text(self, path: str, text: str) -> Iterator[str]:
        template = text
        if self._extensions and text.endswith(self._extensions):
            loader = self.environment.loader
            try:
                template = loader.get_source(self.environment, text)[0] if loader else ""
            except Exception as error:  # noqa: BLE001 - any loader; it fails again in the task, with its trace
                yield f"{path}: the file {text} cannot be read ({type(error).__name__})"
                return
        for reason in self._templates.reasons(template):
            yield f"{path}: {reason}"

    def _reference(self, path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, XComArg):
            if type(value).__name__ != "LiteralValue":  # airflow.sdk.literal(): rendered as it is
                yield f"{path}: a {type(value).__name__} is resolved when the task starts"
            return
        late = {task.task_id for task, _ in value.iter_references()} - self._before_launch
        if late:
            yield f"{path}: needs an XCom of {', '.join(sorted(late))}, which may end after launch"


def _mapped_value(operator: Any) -> Any:
    """Return what expand() got, by argument, or what expand_kwargs() got."""
    return operator._get_specified_expand_input().value


def _is_reference(value: Any) -> bool:
    """Say whether Airflow replaces a value by another one at run time, as it does an XCom."""
    return callable(getattr(value, "resolve", None)) and callable(getattr(value, "iter_references", None))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif (
        isinstance(value, (Sequence, set))
        and isinstance(value, Sized)
        and not isinstance(value, (str, bytes))
    ):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _concatenates(argument: Any) -> bool:
    parts = [*getattr(argument, "args", ()), *filter(None, [getattr(argument, "arg", None)])]
    return type(argument).__name__ == "ConcatXComArg" or any(_concatenates(part) for part in parts)
