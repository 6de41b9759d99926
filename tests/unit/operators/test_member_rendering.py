"""What launch renders for a member is what Airflow itself would render for the member's own task."""

from __future__ import annotations

import contextlib
import copy
import importlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, BaseOperator

from airflow_provider_batch.exceptions import MemberRenderingError
from airflow_provider_batch.operators import member_rendering, rendered_fields
from airflow_provider_batch.operators.member_rendering import render_members
from airflow_provider_batch.operators.member_values import unknown_at_launch
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS, context_update_for_unmapped

XCOMS: dict[str, Any] = {
    "numbers": [1, 2, 3],
    "letters": {"a": 1, "b": 2},
    "rows": [{"text": "{{ ti.map_index }}"}, {"text": "two", "more": "{{ ds }}"}],
    "nothing": [],
    "texts": ["{{ ds }}", "plain"],
}


class Plain(BaseOperator):
    """Has two templated fields and one that is not."""

    template_fields: Sequence[str] = ("text", "more")

    def __init__(self, *, text: Any = None, more: Any = None, raw: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text, self.more, self.raw = text, more, raw


class OfTheClass(Plain):
    """Writes a template of its own, which no DAG file shows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(more="{{ ti.try_number }}", **kwargs)


class Accessor:
    """Variables or connections; counts how often one is read."""

    def __init__(self) -> None:
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.reads += 1
        return f"value of {name}"

    def get(self, name: str, default: Any = None) -> Any:
        self.reads += 1
        return default


class TaskInstance:
    """A task instance that runs, as Airflow makes it: it knows everything."""

    _upstream_map_indexes: Mapping[str, int] = {}

    def __init__(self, operator: Any, map_index: int = -1) -> None:
        self.task, self.task_id, self.map_index = operator, operator.task_id, map_index
        self.dag_id, self.run_id, self.try_number = "etl", "manual__1", 4
        self.pulls: list[Any] = []

    def xcom_pull(self, task_ids: Any = None, *args: Any, default: Any = None, **kwargs: Any) -> Any:
        self.pulls.append(task_ids)
        if isinstance(task_ids, str):
            return copy.deepcopy(XCOMS.get(task_ids, default))
        return [copy.deepcopy(XCOMS.get(name, default)) for name in task_ids]

    def get_relevant_upstream_map_indexes(self, *_: Any, **__: Any) -> None:
        return None


def context_of(operator: Any, map_index: int = -1) -> Any:
    """The template context of a task instance, as Airflow makes it."""
    task_instance = TaskInstance(operator, map_index)
    logical_date = datetime(2026, 5, 4, tzinfo=timezone.utc)
    if AIRFLOW_V_3_0_PLUS:
        macros = importlib.import_module("airflow.sdk.execution_time.context").MacrosAccessor()
    else:
        macros = importlib.import_module("airflow.macros")
    values = {
        "dag": operator.dag,
        "dag_run": SimpleNamespace(conf={"run": "conf"}, run_id="manual__1"),
        "conn": Accessor(),
        "ds": "2026-05-04",
        "ds_nodash": "20260504",
        "logical_date": logical_date,
        "expanded_ti_count": None,
        "inlets": operator.inlets,
        "outlets": operator.outlets,
        "macros": macros,
        "map_index_template": operator.map_index_template,
        "params": {"of": "launch"},
        "run_id": "manual__1",
        "task": operator,
        "task_instance": task_instance,
        "task_instance_key_str": f"etl__{operator.task_id}__20260504",
        "test_mode": True,
        "ti": task_instance,
        "var": {"value": Accessor(), "json": Accessor()},
    }
    if AIRFLOW_V_3_0_PLUS:
        return values
    return importlib.import_module("airflow.utils.context").Context(values)


@contextlib.contextmanager
def airflow_expands(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Airflow 2 expand without a database."""
    if AIRFLOW_V_3_0_PLUS:
        yield
        return
    xcom_arg: Any = importlib.import_module("airflow.models.xcom_arg")
    session: Any = importlib.import_module("airflow.utils.task_instance_session")
    with monkeypatch.context() as patch, session.set_current_task_instance_session(session=SimpleNamespace()):
        patch.setattr(xcom_arg, "_get_task_map_length", lambda *, task_id, **_: len(XCOMS[task_id]))
        yield


def fields(operator: Any) -> dict[str, Any]:
    return {name: getattr(operator, name) for name in operator.template_fields}


def rendered_by_airflow(member: Any, map_index: int = -1) -> dict[str, Any]:
    context = context_of(member, map_index)
    context_update_for_unmapped(context, member)
    prepared = member.prepare_for_execution()
    prepared.render_template_fields(context)
    return fields(context["task"] if map_index >= 0 else prepared)


def etl(**arguments: Any) -> DAG:
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return DAG(
        dag_id="etl",
        schedule=None,
        start_date=start,
        params={"p": "dag", "run": "dag"},
        tags=["x"],
        **arguments,
    )


class Group:
    """A DAG with tasks that gave XComs, launch, and members written by a test."""

    def __init__(self, **arguments: Any) -> None:
        self.dag = etl(**arguments)
        with self.dag:
            self.upstream = {name: Plain(task_id=name) for name in XCOMS}
            self.launch = Plain(task_id="launch", params={"p": "launch"}, map_index_template="launch")
            for operator in self.upstream.values():
                operator >> self.launch
        self.context = context_of(self.launch)

    def output(self, name: str) -> Any:
        return self.upstream[name].output

    def render(self, member: Any) -> list[tuple[int, Any]]:
        assert unknown_at_launch(member, set(XCOMS), self.dag) == ()
        return list(render_members(member, self.context))


EVERYTHING = {
    "ids": "{{ task.task_id }} {{ ti.task_id }} {{ ti.dag_id }} {{ ti.map_index }} {{ run_id }}",
    "same": "{{ ti.task.task_id }} {{ dag.dag_id }} {{ dag.tags | join }} {{ task_instance_key_str }}",
    "params": "{{ params }} {{ params.p }} {{ params.run }}",
    "run": ["{{ dag_run.conf.run }}", ("{{ run_id }}", "{{ ds }} {{ logical_date | ds_nodash }}")],
    "stores": "{{ var.value.x }} {{ var.json.get('y', 'z') }} {{ conn.c }}",
    "macros": "{{ macros.ds_add(ds, 3) }}",
    "pulls": "{{ ti.xcom_pull(task_ids='numbers') }} {{ task_instance.xcom_pull(['letters', 'numbers']) }}",
    "template": "{{ map_index_template }}",
    3: 4,
    "lines": "a\r\nb\n",
}


def test_unmapped_member_is_rendered_as_its_own_task() -> None:
    group = Group()
    with group.dag:
        member = Plain(
            task_id="frame",
            text=EVERYTHING,
            more=[group.output("numbers"), f"{group.output('letters')}"],
            raw="{{ ds }}",
            params={"p": "member", "own": 1},
            map_index_template="member",
        )
    ((map_index, rendered),) = group.render(member)
    assert map_index == -1
    assert fields(rendered) == rendered_by_airflow(member)
    assert rendered.text["ids"] == "frame frame etl -1 manual__1"
    assert rendered.text["params"].endswith("member conf")
    assert rendered.text["same"] == "frame etl x etl__frame__20260504"
    assert rendered.more == [[1, 2, 3], "{'a': 1, 'b': 2}"]
    assert rendered.raw == "{{ ds }}"
    assert member.text is EVERYTHING
    assert group.context["task"] is group.context["ti"].task is group.launch
    assert group.context["params"] == {"of": "launch"}


@pytest.mark.parametrize("native", [False, True])
def test_native_rendering_of_the_dag_is_kept(native: bool) -> None:
    group = Group(render_template_as_native_obj=native)
    with group.dag:
        member = Plain(task_id="frame", text="{{ ti.xcom_pull(task_ids='numbers') }}", more="17")
        mapped = Plain.partial(task_id="frames", more="{{ params.p }}").expand(text=["[1, 2]", "{{ ds }}"])
    ((_, rendered),) = group.render(member)
    assert fields(rendered) == rendered_by_airflow(member)
    assert (rendered.text == [1, 2, 3]) is native
    assert (group.render(mapped)[0][1].text == [1, 2]) is native


def mapped_members(group: Group) -> dict[str, Any]:
    numbers, letters, rows = (group.output(name) for name in ("numbers", "letters", "rows"))
    shared = {"params": {"p": "member"}, "map_index_template": "{{ task.text }}"}
    with group.dag:
        return {
            "list": Plain.partial(task_id="a", more=EVERYTHING, **shared).expand(
                text=["x", "{{ ti.map_index }}"]
            ),
            "mapping": Plain.partial(task_id="b").expand(text={"{{ ds }}": "{{ run_id }}", "k": 1}),
            "product": Plain.partial(task_id="c").expand(
                text=[1, 2], raw=["x", "y", "z"], more={"k": 1, "l": 2}
            ),
            "xcom": Plain.partial(task_id="d", more="{{ task.text }}").expand(text=numbers),
            "xcoms": Plain.partial(task_id="e").expand(more=letters, text=numbers, raw=[0, 1]),
            "no template": Plain.partial(task_id="f").expand(text=group.output("texts")),
            "map": Plain.partial(task_id="g").expand(text=numbers.map(lambda x: x * 2).map(str)),
            "zip": Plain.partial(task_id="h").expand(text=numbers.zip(rows, fillvalue="-")),
            "concat": Plain.partial(task_id="i").expand(text=numbers.concat(rows)),
            "rows": Plain.partial(task_id="j").expand_kwargs(
                [{"text": "{{ ds }}"}, {"more": ["{{ run_id }}"]}]
            ),
            "row of xcom": Plain.partial(task_id="k").expand_kwargs(rows),
            "mapped rows": Plain.partial(task_id="l").expand_kwargs(numbers.map(lambda x: {"text": x})),
            "params": Plain.partial(task_id="m", text="{{ params }}").expand(
                params=[{"p": 1}, {"q": "{{ ds }}"}]
            ),
            "empty": Plain.partial(task_id="n").expand(text=[], more=[1]),
            "empty xcom": Plain.partial(task_id="o").expand(text=group.output("nothing")),
        }


WIDTHS = {
    "list": 2,
    "mapping": 2,
    "product": 12,
    "xcom": 3,
    "xcoms": 12,
    "no template": 2,
    "map": 3,
    "zip": 3,
    "concat": 5,
    "rows": 2,
    "row of xcom": 2,
    "mapped rows": 3,
    "params": 2,
    "empty": 0,
    "empty xcom": 0,
}


@pytest.mark.parametrize("kind", WIDTHS)
def test_every_index_of_a_mapped_member_is_rendered_as_its_own_task(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group()
    member = mapped_members(group)[kind]
    tasks = set(group.dag.task_ids)
    rendered = group.render(member)
    assert [map_index for map_index, _ in rendered] == list(range(WIDTHS[kind]))
    with airflow_expands(monkeypatch):
        for map_index, operator in rendered:
            assert fields(operator) == rendered_by_airflow(member, map_index), map_index
            assert operator.task_id == member.task_id
    assert set(group.dag.task_ids) == tasks
    assert group.dag.get_task(member.task_id) is member
    assert group.dag.task_group.children[member.task_id] is member


def test_not_templated_mapped_argument_follows_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group()
    member = mapped_members(group)["xcoms"]
    found = [(operator.more, operator.text, operator.raw) for _, operator in group.render(member)]
    assert found == [
        (pair, number, raw) for pair in (("a", 1), ("b", 2)) for number in (1, 2, 3) for raw in (0, 1)
    ]


def test_xcoms_variables_and_connections_are_read_once_for_all_indexes() -> None:
    group = Group()
    with group.dag:
        member = Plain.partial(
            task_id="frame",
            more="{{ var.value.x }} {{ var.value.get('y', 1) }} {{ conn.c }} {{ ti.xcom_pull('rows') }}",
        ).expand(text=group.output("numbers"), raw=[group.output("letters"), 2])
    assert len(group.render(member)) == 6
    assert (group.context["var"]["value"].reads, group.context["conn"].reads) == (2, 1)
    assert sorted(group.context["ti"].pulls) == ["numbers", "rows"]


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 reads its database")
def test_results_of_a_mapped_task_are_fetched_with_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    comms: Any = importlib.import_module("airflow.sdk.execution_time.comms")
    requests: list[str] = []

    def send(msg: Any) -> Any:
        requests.append(type(msg).__name__)
        return comms.XComSequenceSliceResult(root=["x", "y"])

    runner: Any = importlib.import_module("airflow.sdk.execution_time.task_runner")
    monkeypatch.setattr(runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
    group = Group()
    with group.dag:
        many = Plain.partial(task_id="many").expand(text=[1, 2])
        many >> group.launch
        member = Plain.partial(task_id="frame").expand(text=many.output)
    assert [operator.text for _, operator in render_members(member, group.context)] == ["x", "y"]
    assert requests == ["GetXComSequenceSlice"]


def test_members_are_made_one_at_a_time() -> None:
    group, made = Group(), []

    def numbered(number: int) -> int:
        made.append(number)
        return number

    with group.dag:
        member = Plain.partial(task_id="frame").expand(text=group.output("numbers").map(numbered))
    members = render_members(member, group.context)
    assert next(members)[1].text == 1
    assert made == [1]


def fails(group: Group, member: Any) -> MemberRenderingError:
    with pytest.raises(MemberRenderingError) as caught:
        list(render_members(member, group.context))
    return caught.value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ nothing_of_that_name }}", "is no name of this Airflow's template context"),
        ("{{ ti.try_number }}", "ti.try_number is known only when the task starts"),
        ("{{ ti.xcom_pull(task_ids='frame') }}", "needs an XCom of frame"),
        ("{{ 1 / params.zero }}", "UndefinedError"),
        ("{{ ts }}", "UndefinedError: 'ts' is undefined"),
    ],
)
def test_what_is_not_known_is_refused_and_named(text: str, problem: str) -> None:
    group = Group()
    with group.dag:
        member = Plain(task_id="frame", text=text)
        mapped = Plain.partial(task_id="frames", more="x").expand(text=["fine", text])
    assert str(fails(group, member)).startswith("frame cannot be rendered by launch: ")
    assert problem in str(fails(group, member))
    error = fails(group, mapped)
    assert (error.task_id, error.map_index) == ("frames", 1)


def test_template_inside_an_xcom_and_one_of_the_operator_class_are_looked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(XCOMS, "rows", [{"text": "fine"}, {"text": "{{ macros.random() }}"}])
    group = Group()
    with group.dag:
        rows = Plain.partial(task_id="frame").expand_kwargs(group.output("rows"))
        own = OfTheClass.partial(task_id="own").expand(text=[1])
    assert unknown_at_launch(rows, set(XCOMS), group.dag) == ()
    assert fails(group, rows).map_index == 1
    assert "more: ti.try_number is known only" in str(fails(group, own))


def test_skip_that_a_map_function_raises_is_the_members_own() -> None:
    group = Group()

    def odd(number: int) -> int:
        if number == 2:
            raise AirflowSkipException("even")
        return number

    with group.dag:
        member = Plain.partial(task_id="frame").expand(text=group.output("numbers").map(odd))
    error = fails(group, member)
    assert (error.map_index, error.problem) == (1, "AirflowSkipException: even")
    assert isinstance(error.__cause__, AirflowSkipException)


@pytest.mark.parametrize("rows", ["numbers", "letters"])
def test_xcom_that_cannot_be_mapped_over_is_refused(rows: str) -> None:
    group = Group()
    with group.dag:
        member = Plain.partial(task_id="frame").expand_kwargs(group.output(rows))
    assert "expand_kwargs() expects a list of dicts" in str(fails(group, member))


def test_task_instance_of_a_member_knows_nothing_of_launch_and_pushes_nothing() -> None:
    group = Group()
    with group.dag:
        member = Plain(task_id="frame", text="x")
    ((_, rendered),) = group.render(member)
    context = member_rendering._Rendering(member, group.context, {"numbers"}).context(rendered, 7)
    assert context["ti"] is context["task_instance"]
    assert (context["ti"].map_index, context["map_index_template"]) == (7, None)
    assert not {"test_mode", "params", "outlet_events"} & set(context)
    for name in ("try_number", "start_date", "xcom_push", "id"):
        with pytest.raises(RuntimeError, match=f"ti.{name} is not known before the task frame starts"):
            getattr(context["ti"], name)
    with pytest.raises(RuntimeError, match="XCom of rows may not exist"):
        context["ti"].xcom_pull(task_ids=["numbers", "rows"])
    with pytest.raises(RuntimeError, match="without task_ids"):
        context["ti"].xcom_pull()


def test_sas_in_rendered_values_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[Any] = []
    monkeypatch.setattr(rendered_fields, "mask_sas", masked.append)
    group = Group()
    url = "https://store/c?sig={{ run_id }}"
    with group.dag:
        member = AzureBatchTaskOperator(
            task_id="one",
            batch_pool_id="p",
            command_line="x",
            resource_files=[{"httpUrl": url, "filePath": "f"}],
        )
        mapped = AzureBatchTaskOperator.partial(
            task_id="many", batch_pool_id="p", resource_files=[{"httpUrl": url, "filePath": "f"}]
        ).expand(command_line=["x"])
    for one in (member, mapped):
        masked.clear()
        group.render(one)
        assert "sig=manual__1" in str(masked[-1])


def test_mapped_batch_tasks_are_rendered_as_airflow_does() -> None:
    group = Group()
    with group.dag:
        member = AzureBatchTaskOperator.partial(
            task_id="frame",
            batch_pool_id="render",
            environment={"INDEX": "{{ ti.map_index }}", "DAY": "{{ ds }}"},
            batch_task={"displayName": "{{ ti.task_id }}", "requiredSlots": 2},
        ).expand(command_line=["render {{ ti.map_index }}", "render b"])
    for map_index, operator in group.render(member):
        with airflow_expands(pytest.MonkeyPatch()):
            assert fields(operator) == rendered_by_airflow(member, map_index)
