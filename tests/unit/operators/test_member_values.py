"""Which values of a member are known when launch runs, as its templates and references say unrendered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, XComArg

from airflow_provider_batch.operators.member_values import (
    is_wholly_literal,
    mapped_sources,
    parse_time_width,
    unknown_at_launch,
)
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS


class Plain(BaseOperator):
    """Has two templated fields and one that is not."""

    template_fields: Sequence[str] = ("text", "more")
    template_ext: Sequence[str] = (".sql",)

    def __init__(self, *, text: Any = None, more: Any = None, raw: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text, self.more, self.raw = text, more, raw


class Nested:
    """A value with templated fields of its own."""

    template_fields = ("text",)
    text = "{{ ds }}"


def a_dag(**arguments: Any) -> DAG:
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return DAG(dag_id="etl", schedule=None, start_date=start, **arguments)


def reasons(text: Any, dag: DAG | None = None, before: tuple[str, ...] = ("extract",)) -> tuple[str, ...]:
    with dag or a_dag() as here:
        member = Plain(task_id="frame", text=text)
    return unknown_at_launch(member, before, here)


@pytest.mark.parametrize(
    "text",
    [
        "echo hello",
        "{{ ds }} {{ ts_nodash }} {{ run_id }} {{ data_interval_start }} {{ logical_date | ds }}",
        "{{ params.now }} {{ params['x'] | upper }} {{ dag_run.conf.get('today') }} {{ dag_run.conf['a'] }}",
        "{{ dag_run.run_id }} {{ dag_run.logical_date.strftime('%Y') }} {{ dag.tags | join(',') }}",
        "{{ ti.task_id }} {{ task_instance.map_index }} {{ ti['dag_id'] }} {{ ti.task.owner }}",
        "{{ task.task_id }} {{ task.retries }} {{ task.dag.dag_id }} {{ task.params['x'] }}",
        "{{ var.value.bucket }} {{ var.json.a.now }} {{ var.value.get('x', 'y') }} {{ conn.store.host }}",
        "{{ ti.xcom_pull(task_ids='extract') }} {{ ti.xcom_pull(['extract'], key='k')['now'] }}",
        "{{ task_instance.xcom_pull(task_ids='extract', dag_id='etl', key='k', map_indexes=[0]) }}",
        "{{ macros.ds_add(ds, 5) }} {{ macros.ds_format(ds, '%Y', '%y') }} {{ macros.json.dumps(params) }}",
        "{{ macros.datetime.strptime(ds, '%Y-%m-%d') + macros.timedelta(days=1) }}",
        "{{ logical_date + macros.dateutil.relativedelta.relativedelta(days=1) }}",
        "{{ macros.uuid.uuid5(macros.uuid.NAMESPACE_DNS, run_id) }}",
        "{{ logical_date.add(days=1).strftime('%d') }} {{ logical_date.diff(data_interval_end).days }}",
        "{% set parts = ds.split('-') %}{% for part in parts %}{{ loop.index }}{{ part }}{% endfor %}",
        "{% macro f(x) %}{{ x | replace('a', 'b') }}{% endmacro %}{{ f(ds) }} {{ range(3) | list }}",
        "{% set n = namespace(a=0) %}{% set n.a = 1 %}{{ n.a }}",
        "{% if dag_run and dag_run.conf %}{{ dag_run.conf.x }}{% endif %}",
        "{{ dag_run.conf.x if dag_run is not none else params.x }} {{ dag_run and dag_run.conf }}",
        "{{ params.rows | map(attribute='name') | join }} {{ params.rows | map('upper') | join }}",
        "{{ params.x is defined and params.y is mapping }} {{ task_instance_key_str }}",
        {"a": ["{{ ds }}", ("{{ run_id }}", {"b": 1, "c": None})]},
    ],
)
def test_value_is_known_at_launch(text: Any) -> None:
    assert reasons(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ ti.try_number }}", "text: ti.try_number is known only when the task starts"),
        ("{{ ti['start_date'] }}", "text: ti.start_date is known only"),
        ("{{ task_instance.log_url }}", "task_instance.log_url is known only"),
        ("{{ ti }}", "ti itself is passed on"),
        ("{% set t = ti %}{{ t.try_number }}", "ti itself is passed on"),
        ("{{ params.f(task_instance) }}", "task_instance itself is passed on"),
        ("{{ ti[params.name] }}", "ti itself is passed on"),
        ("{{ ti | attr('try_number') }}", "ti itself is passed on"),
        ("{{ dag_run or params }}", "dag_run itself is passed on"),
        ("{{ ti.xcom_pull(task_ids='split') }}", "xcom_pull(task_ids='split') needs an XCom of split"),
        ("{{ ti.xcom_pull(['extract', 'split']) }}", "needs an XCom of split, which may end after launch"),
        ("{{ ti.xcom_pull() }}", "does not name its tasks as literal task_ids"),
        ("{{ ti.xcom_pull(task_ids=params.task) }}", "does not name its tasks"),
        ("{{ ti.xcom_pull(task_ids=['extract', params.task]) }}", "does not name its tasks"),
        ("{{ ti.xcom_pull(task_ids='extract', dag_id='other') }}", "XComs of another DAG or run"),
        ("{{ ti.xcom_pull('extract', include_prior_dates=True) }}", "XComs of another DAG or run"),
        ("{{ ti.xcom_pull('extract', run_id='r') }}", "arguments that cannot be looked through"),
        ("{{ ti.xcom_pull(**params.how) }}", "arguments that cannot be looked through"),
        ("{{ ti.xcom_pull('extract', key=ti.try_number) }}", "ti.try_number is known only"),
        ("{{ ti.xcom_pull }}", "ti.xcom_pull is known only"),
        ("{{ macros.datetime.now() }}", "macros.datetime.now depends on when it is rendered"),
        ("{{ macros.datetime['utcnow']() }}", "depends on when it is rendered"),
        ("{% set d = macros.datetime %}{{ d.now() }}", "d.now depends on when"),
        ("{{ [macros.datetime][0].today() }}", "(...).today depends on when"),
        ("{{ logical_date.now() }}", "logical_date.now depends on when"),
        ("{{ logical_date.age }}", "logical_date.age depends on when"),
        ("{{ logical_date.diff_for_humans() }}", "diff_for_humans() without a date"),
        ("{{ [logical_date] | map(attribute='age') | list }}", "map('age') depends on when"),
        ("{{ logical_date | attr('age') }}", "attr('age') depends on when"),
        ("{{ logical_date | attr(params.x) }}", "found only while it is rendered"),
        ("{{ macros.time.time() }}", "macros.time.time gives another value at each call"),
        ("{{ macros.random() }}", "macros.random gives another value"),
        ("{{ macros.uuid.uuid4() }}", "macros.uuid.uuid4 may give another value"),
        ("{{ macros.dateutil.utils.today() }}", "macros.dateutil.utils.today may give another value"),
        ("{{ macros.dateutil.rrule.rrule(3) }}", "may give another value"),
        ("{{ macros.datetime_diff_for_humans(ds) }}", "gives another value"),
        ("{{ macros.my_plugin.f() }}", "macro of a plugin"),
        ("{{ macros }}", "macros itself is passed on"),
        ("{{ params.list | random }}", "the filter random"),
        ("{{ params.lists | map('random') | list }}", "the filter map(random)"),
        ("{{ params.lists | map(params.f) | list }}", "the filter map(...)"),
        ("{{ ds | nonsense }}", "the filter nonsense"),
        ("{{ ds is nonsense }}", "the test nonsense"),
        ("{{ lipsum() }}", "lipsum is random"),
        ("{{ now() }}", "now is no name of this Airflow's template context"),
        ("{{ prev_start_date_success }}", "may be another value when the task starts"),
        ("{{ prev_data_interval_start_success }}", "may be another value when the task starts"),
        ("{{ outlet_events }}", "may be another value when the task starts"),
        ("{{ dag_run.state }}", "dag_run.state may be another value"),
        ("{{ dag_run.get_task_instances() }}", "dag_run.get_task_instances may be another value"),
        ("{{ dag.get_last_dagrun() }}", "dag.get_last_dagrun may be another value"),
        ("{{ task.get_task_instances() }}", "task.get_task_instances() may give another value"),
        ("{{ task.hook.connection }}", "task.hook.connection is known only"),
        ("{{ ti.task.dag.is_paused }}", "ti.task.dag.is_paused may be another value"),
        ("{% do params.update(a=1) %}", "params.update() changes a value"),
        ("{% set p = params %}{% do p['rows'].append(1) %}", "p.rows.append() changes a value"),
        ("{% set ti = params %}{{ ti.start_date }}", "assigns ti"),
        ("{% include 'x.sh' %}", "{% include %} cannot be looked through"),
        ("{% import 'x' as y %}", "{% import %} cannot be looked through"),
        ("{% from 'x' import y %}", "{% fromimport %} cannot be looked through"),
        ("{% extends 'x' %}", "{% extends %} cannot be looked through"),
        ("{{ ds", "text: is no valid template"),
        ("{% if %}", "text: is no valid template"),
        ({"a": [1, ("{{ ti.pid }}",)]}, "text['a'][1][0]: ti.pid"),
        (Nested(), "text: a Nested has templated fields of its own"),
        (lambda context, jinja_env: 1, "text: is computed by a function"),
        ("query.sql", "text: the file query.sql cannot be read (TemplateNotFound)"),
    ],
)
def test_value_is_unknown_at_launch_and_the_reason_names_it(text: Any, expected: str) -> None:
    found = reasons(text)
    assert any(expected in reason for reason in found), found


@pytest.mark.parametrize(
    ("name", "known"),
    [("ds", True), ("execution_date", not AIRFLOW_V_3_0_PLUS), ("conf", not AIRFLOW_V_3_0_PLUS)],
)
def test_names_are_those_of_the_airflow_that_runs(name: str, known: bool) -> None:
    assert (reasons(f"{{{{ {name} }}}}") == ()) is known


def test_macros_and_filters_of_the_dag_may_do_anything() -> None:
    dag = a_dag(
        user_defined_macros={"stamp": lambda: 1, "range": lambda n: [n]},
        user_defined_filters={"shout": str.upper, "upper": lambda text: text, "ds": str},
    )
    assert "stamp is a macro of the DAG's own" in reasons("{{ stamp() }}", dag)[0]
    for template in ("{{ range(2) }}", "{{ ds | shout }}", "{{ ds | upper }}", "{{ logical_date | ds }}"):
        with dag:
            member = Plain(task_id=f"t{len(dag.task_ids)}", text=template)
        assert unknown_at_launch(member, (), dag), template


def test_template_is_read_with_the_environment_of_the_dag() -> None:
    dag = a_dag(jinja_environment_kwargs={"variable_start_string": "<<", "variable_end_string": ">>"})
    assert "ti.try_number" in reasons("<< ti.try_number >>", dag)[0]


def test_file_that_a_value_names_is_looked_through(tmp_path: Any) -> None:
    (tmp_path / "query.sql").write_text("select '{{ ti.try_number }}'")
    dag = a_dag(template_searchpath=[str(tmp_path)])
    assert "ti.try_number" in reasons({"a": "query.sql"}, dag)[0]


def test_xcom_arg_is_known_only_of_tasks_that_ended_before_launch() -> None:
    with a_dag() as dag:
        extract, split = Plain(task_id="extract"), Plain(task_id="split")
        key = XComArg(split, "key")
        member = Plain(
            task_id="frame",
            text={"a": extract.output, "b": [key]},
            more=f"echo {extract.output} {split.output}",
            raw=split.output,
        )
    assert unknown_at_launch(member, ["extract", "split"], dag) == ()
    first, second = unknown_at_launch(member, ["extract"], dag)
    assert first == "text['b'][0]: needs an XCom of split, which may end after launch"
    assert second.startswith("more: task_instance.xcom_pull(task_ids='split') needs an XCom of split")


def test_every_templated_field_of_a_batch_task_is_looked_through() -> None:
    with a_dag() as dag:
        member = AzureBatchTaskOperator(
            task_id="frame",
            command_line="render {{ ti.pid }}",
            environment={"A": "{{ ti.queue }}"},
            batch_pool_id="{{ ti.pool }}",
            batch_task={"displayName": "{{ ti.hostname }}"},
        )
    assert [reason.split(":")[0] for reason in unknown_at_launch(member, (), dag)] == [
        "command_line",
        "batch_task['displayName']",
        "environment['A']",
        "batch_pool_id",
    ]


def test_mapped_member_is_known_by_its_partial_and_its_mapped_arguments() -> None:
    with a_dag() as dag:
        extract, split = Plain(task_id="extract"), Plain(task_id="split")
        shared = Plain.partial(task_id="a", more="{{ ti.pid }}").expand(text=["x", "{{ ti.queue }}"])
        listed = Plain.partial(task_id="b").expand(text=extract.output, more=split.output.map(str))
        rows = Plain.partial(task_id="c").expand_kwargs([{"text": "{{ ti.pid }}", "raw": "{{ ti.pid }}"}, {}])
        pulled = Plain.partial(task_id="d").expand_kwargs(split.output)
        keys = Plain.partial(task_id="e").expand(text={"{{ ti.pid }}": "{{ ti.queue }}"})
        mixed = Plain.partial(task_id="f").expand_kwargs([split.output, {"raw": 1}])
        fine = Plain.partial(task_id="g", more="{{ ti.map_index }}").expand(
            text=extract.output, raw=["{{ ti }}"]
        )

    def of(member: Any) -> list[str]:
        return [reason.split(" is ")[0] for reason in unknown_at_launch(member, ["extract"], dag)]

    assert of(shared) == ["text[1]: ti.queue", "more: ti.pid"]
    assert of(listed) == ["more: needs an XCom of split, which may end after launch"]
    assert of(rows) == ["expand_kwargs[0]['text']: ti.pid"]
    assert of(pulled) == ["expand_kwargs: needs an XCom of split, which may end after launch"]
    assert of(keys) == ["text[0][0]: ti.pid", "text[0][1]: ti.queue"]
    assert of(mixed) == ["expand_kwargs[0]: needs an XCom of split, which may end after launch"]
    assert of(fine) == []


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 counts right")
def test_concatenated_xcom_beside_another_mapped_argument_is_left_to_airflow() -> None:
    with a_dag() as dag:
        extract = Plain(task_id="extract")
        both = extract.output.concat(extract.output)
        alone = Plain.partial(task_id="a").expand(text=both)
        beside = Plain.partial(task_id="b").expand(text=[1, 2], more=both.map(str))
    assert unknown_at_launch(alone, ["extract"], dag) == ()
    assert "miscounts" in unknown_at_launch(beside, ["extract"], dag)[0]


def test_sources_and_width_of_mapped_arguments() -> None:
    with a_dag():
        one, two = Plain(task_id="one"), Plain(task_id="two")
        plain = Plain(task_id="plain", text=one.output)
        literal = Plain.partial(task_id="a", more=one.output).expand(text=[1, 2, 3], raw={"k": 1, "l": 2})
        mixed = Plain.partial(task_id="b").expand(text=[1, 2], raw=one.output.zip(two.output))
        rows = Plain.partial(task_id="c").expand_kwargs([{"text": 1}, {"text": 2}])
        row = Plain.partial(task_id="d").expand_kwargs([{"text": 1}, two.output])
        pulled = Plain.partial(task_id="e").expand_kwargs(one.output)
        inside = Plain.partial(task_id="f").expand(text=[[one.output], 2])
        empty = Plain.partial(task_id="g").expand(text=[])
    found = {
        task.task_id: (mapped_sources(task), is_wholly_literal(task), parse_time_width(task))
        for task in (plain, literal, mixed, rows, row, pulled, inside, empty)
    }
    assert found == {
        "plain": (set(), True, None),
        "a": (set(), True, 6),
        "b": ({"one", "two"}, False, None),
        "c": (set(), True, 2),
        "d": ({"two"}, False, 2),
        "e": ({"one"}, False, None),
        "f": ({"one"}, False, 2),
        "g": (set(), True, 0),
    }
