"""Rendering of the members of a job task group inside launch, each in a context of its own."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_batch.exceptions import MemberRenderingError
from airflow_provider_batch.operators.member_values import MemberValues
from airflow_provider_batch.operators.template_needs import LAUNCH_TIME_KEYS
from airflow_provider_batch.version_compat import MappedOperator, context_update_for_unmapped

__all__ = ["MemberTaskInstance", "render_members"]

#: templates that stay compiled: those that all indexes of a member share, and a few of one index
_COMPILED = 256


def render_members(operator: Any, context: Any) -> Iterator[tuple[int, Any]]:
    """
    Give the member's task, or each of its mapped tasks, with its templated fields rendered.

    The values are those that Airflow would make for the task itself: its own params, map index, ids. The
    member in the DAG stays as it is. May be repeated. XComs, Variables and connections are read once for all
    indexes; a value that several indexes share is one object: do not change it.

    :param operator: a member of launch's DAG, mapped or not, for which
        :func:`~airflow_provider_batch.operators.member_values.unknown_at_launch` has no reasons.
    :param context: the template context of launch, while it executes.
    :return: map index, in ascending order and -1 for a member that is not mapped, and the rendered operator;
        made one at a time.
    :raises MemberRenderingError: a value is not known at launch after all, or a template fails.
    """
    before_launch = frozenset(context["task"].get_flat_relative_ids(upstream=True))
    rendering = _Rendering(operator, context, before_launch)
    if not isinstance(operator, MappedOperator):
        with _Errors(operator.task_id, -1):
            rendered = rendering.unmapped()
        yield -1, rendered
        return
    with _Errors(operator.task_id, -1):
        rows = _rows(operator, rendering.context(operator, -1))
    for map_index in range(rows.width):
        with _Errors(operator.task_id, map_index):
            rendered = rendering.index(map_index, *rows.row(map_index))
        yield map_index, rendered


class MemberTaskInstance:
    """
    What a member's template may know of its task instance before there is one that runs.

    :param operator: the member.
    :param map_index: its map index.
    :param pull: reads XComs.
    """

    def __init__(self, operator: Any, map_index: int, run_id: str, pull: _XComs) -> None:
        self.task = operator
        self.task_id: str = operator.task_id
        self.dag_id: str = operator.dag_id
        self.run_id = run_id
        self.map_index = map_index
        self._pull = pull

    def xcom_pull(self, task_ids: str | Collection[str] | None = None, *args: Any, **kwargs: Any) -> Any:
        """
        Return XComs of tasks that are upstream of launch, as ``xcom_pull`` of the task itself does.

        :param task_ids: the tasks; they must be named.
        """
        return self._pull(task_ids, *args, **kwargs)

    def get_relevant_upstream_map_indexes(self, *_: Any, **__: Any) -> None:
        """Say that all indexes of an upstream task count: no member is inside a mapped task group."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # Airflow asks whether it has such attributes
            raise AttributeError(name)
        raise RuntimeError(f"ti.{name} is not known before the task {self.task_id} starts")


class _XComs:
    """XComs of the tasks upstream of launch, each read once."""

    def __init__(self, launch: Any, before_launch: Collection[str]) -> None:
        self._launch = launch
        self._before_launch = frozenset(before_launch)
        self._read: dict[str, Any] = {}

    def __call__(self, task_ids: str | Collection[str] | None, *args: Any, **kwargs: Any) -> Any:
        wanted = [task_ids] if isinstance(task_ids, str) else list(task_ids or ())
        if not wanted:
            raise RuntimeError("xcom_pull() without task_ids has nothing to read before the task starts")
        if late := sorted(set(wanted) - self._before_launch):
            raise RuntimeError(f"the XCom of {', '.join(late)} may not exist before the task starts")
        # A session is only the way to the value.
        named = {name: value for name, value in kwargs.items() if name != "session"}
        key = repr((task_ids, args, sorted(named.items(), key=lambda item: item[0])))
        if key not in self._read:
            self._read[key] = self._launch.xcom_pull(task_ids, *args, **kwargs)
        return self._read[key]


class _ReadOnce:
    """
    Variables or connections, each read once: every reading is a request to the API server.

    :param accessor: Airflow's accessor.
    """

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor
        self._read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._accessor, name)
        setattr(self, name, value)
        return value

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return one by its name, or a default, as the accessor does."""
        key = repr((args, sorted(kwargs.items())))
        if key not in self._read:
            self._read[key] = self._accessor.get(*args, **kwargs)
        return self._read[key]


class _CompileOnce:
    """
    A Jinja environment that compiles a text once: Airflow compiles it for every index.

    :param environment: the environment of the DAG.
    """

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self.from_string = lru_cache(_COMPILED)(environment.from_string)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)


class _Errors:
    """Makes an error, and a skip, that comes from a member's values an error of that member."""

    def __init__(self, task_id: str, map_index: int) -> None:
        self._task = (task_id, map_index)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, MemberRenderingError):
            raise MemberRenderingError(*self._task, f"{type(error).__name__}: {error}") from error


class _Rendering:
    """Renders the tasks of one member."""

    def __init__(self, operator: Any, context: Any, before_launch: Collection[str]) -> None:
        self._operator = operator
        self._launch_context = context
        self._values = MemberValues(operator, before_launch, context["dag"])
        self._environment = _CompileOnce(self._values.environment)
        self._xcoms = _XComs(context["ti"], before_launch)
        self._shared = self._shared_context()
        # Airflow checks each against its JSON schema, which takes longer than all the rest of an index.
        self._params: dict[str, Any] | None = None

    def unmapped(self) -> Any:
        """Render a member that is not mapped."""
        rendered = self._operator.prepare_for_execution()
        self._check(rendered, -1, frozenset())
        context = self.context(rendered, -1)
        context_update_for_unmapped(context, rendered)
        # Through the operator's own method, which also hides the secrets of what it rendered.
        rendered.render_template_fields(context, self._environment)
        return rendered

    def index(self, map_index: int, arguments: Mapping[str, Any], resolved: frozenset[int]) -> Any:
        """
        Render one index of a mapped member, by the same steps as Airflow.

        :param map_index: the index.
        :param arguments: its mapped arguments.
        :param resolved: ids of the objects that come from XComs; these are no templates.
        """
        unmapped = self._operator.unmap(arguments)
        self._check(unmapped, map_index, resolved)
        context = self.context(unmapped, map_index)
        if self._params is None or "params" in arguments:
            context_update_for_unmapped(context, unmapped)
        else:
            context["params"] = dict(self._params)
        if "params" not in arguments:
            self._params = context["params"]
        fields = self._operator.template_fields
        # Airflow renders a mapped task past its own render_template_fields().
        unmapped._do_render_template_fields(unmapped, fields, context, self._environment, set(resolved))
        return unmapped

    def _check(self, operator: Any, map_index: int, resolved: frozenset[int]) -> None:
        """Refuse what only shows now: templates inside XComs, or that the operator's class wrote itself."""
        fields = ((name, getattr(operator, name, None)) for name in operator.template_fields)
        if reasons := self._values.unknown_in(fields, resolved):
            raise MemberRenderingError(self._operator.task_id, map_index, "; ".join(reasons))

    def context(self, operator: Any, map_index: int) -> Any:
        """
        Return a template context of the member without anything of launch's own.

        :param operator: the member; the unmapped one when there is one.
        :param map_index: its map index.
        """
        member = copy.copy(self._shared)
        task_instance = MemberTaskInstance(operator, map_index, self._launch_context["run_id"], self._xcoms)
        own = {
            "task": operator,
            "ti": task_instance,
            "task_instance": task_instance,
            "inlets": operator.inlets,
            "outlets": operator.outlets,
            "map_index_template": operator.map_index_template,
        }
        for name, value in own.items():
            member[name] = value
        return member

    def _shared_context(self) -> Any:
        launch = self._launch_context
        shared = copy.copy(launch)
        for name in [name for name in shared if name not in LAUNCH_TIME_KEYS]:
            del shared[name]
        # Of launch: each is replaced by the member's own.
        for name in ("params", "task", "ti", "task_instance"):
            del shared[name]
        own_key = f"{launch['dag'].dag_id}__{launch['task'].task_id}__"
        if (key := launch.get("task_instance_key_str")) is not None:
            member_key = f"{launch['dag'].dag_id}__{self._operator.task_id}__"
            shared["task_instance_key_str"] = member_key + key.removeprefix(own_key)
        shared["expanded_ti_count"] = None  # Airflow 2 wants to hand it to the task instance
        if "var" in shared:
            shared["var"] = {name: _ReadOnce(accessor) for name, accessor in launch["var"].items()}
        if "conn" in shared:
            shared["conn"] = _ReadOnce(launch["conn"])
        return shared


class _ExpandedArguments:
    """
    Rows of ``expand(a=..., b=...)``: every combination, the last argument moving fastest.

    :param columns: arguments and their values, in the order in which they were written.
    :param from_xcoms: the arguments that came from XComs.
    """

    def __init__(self, columns: Mapping[str, Any], from_xcoms: Collection[str]) -> None:
        self._columns = {
            # A mapping gives its items.
            name: list(values.items()) if isinstance(values, dict) else values
            for name, values in columns.items()
        }
        for name, values in self._columns.items():
            if not isinstance(values, Sequence):
                raise TypeError(f"cannot map {name} over a value of type {type(values).__name__}")
        self._from_xcoms = frozenset(from_xcoms)
        self._lengths = {name: len(values) for name, values in self._columns.items()}
        self.width = math.prod(self._lengths.values())

    def row(self, map_index: int) -> tuple[dict[str, Any], frozenset[int]]:
        """Return the arguments of an index, and ids of the objects among them that came from XComs."""
        found, rest = {}, map_index
        for name in reversed(self._columns):
            rest, place = divmod(rest, self._lengths[name])
            found[name] = self._columns[name][place]
        arguments = {name: found[name] for name in self._columns}
        return arguments, frozenset(id(arguments[name]) for name in self._from_xcoms)


class _ExpandedRows:
    """
    Rows of ``expand_kwargs(...)``.

    :param rows: literal mappings, XComs of mappings, or one resolved XCom.
    :param context: resolves the XComs among the rows.
    """

    def __init__(self, rows: Any, context: Any) -> None:
        if not isinstance(rows, Sequence):
            raise TypeError(f"expand_kwargs() expects a list of dicts, not {type(rows).__name__}")
        self._rows = rows
        self._context = context
        self.width = len(rows)

    def row(self, map_index: int) -> tuple[dict[str, Any], frozenset[int]]:
        """Return the arguments of an index; Airflow renders them, even those that came from XComs."""
        row = self._rows[map_index]
        if isinstance(row, XComArg):
            row = row.resolve(self._context)
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
            raise TypeError(f"expand_kwargs() expects a list of dicts, not one of {type(row).__name__}")
        return dict(row), frozenset()


def _rows(operator: Any, context: Any) -> _ExpandedArguments | _ExpandedRows:
    """Resolve the mapped arguments once, for all indexes."""
    value = operator._get_specified_expand_input().value
    if not isinstance(value, Mapping):
        return _ExpandedRows(_resolve(value, context), context)
    columns = {name: _resolve(argument, context) for name, argument in value.items()}
    return _ExpandedArguments(columns, [name for name, given in value.items() if isinstance(given, XComArg)])


def _resolve(argument: Any, context: Any) -> Any:
    if not isinstance(argument, XComArg):
        return argument
    value = argument.resolve(context)
    # The results of a mapped task would be fetched one by one, with a request each.
    return list(value[:]) if type(value).__name__.startswith("LazyXCom") else value
