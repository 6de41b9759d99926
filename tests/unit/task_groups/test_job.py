"""A Batch group is a task group: its edges are where an author expects them; what cannot be is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, TaskGroup
from airflow.providers.standard.operators.python import BranchPythonOperator

from airflow_provider_batch.exceptions import AzureBatchConfigurationError, SpecError
from airflow_provider_batch.operators.group_graph import definition_of
from airflow_provider_batch.operators.pools import AzureBatchDeletePoolOperator
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage
from airflow_provider_batch.task_groups import job
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup, batch_job
from airflow_provider_batch.version_compat import AIRFLOW_V_3_3_PLUS, MIRRORS_SUPPORTED

POOL = PoolSpec(
    pool_id="p1", vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), target_dedicated_nodes=1
)
needs_mirrors = pytest.mark.skipif(
    not MIRRORS_SUPPORTED, reason="this Airflow starts no task in the triggerer"
)


class Plain(BaseOperator):
    """A task that has nothing to do with Batch."""


class Row(BaseOperator):
    """A task that something is mapped over."""

    def __init__(self, row: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.row = row


def member(task_id: str, **arguments: Any) -> AzureBatchTaskOperator:
    return AzureBatchTaskOperator(task_id=task_id, command_line="run", **arguments)


def choose() -> str:
    """Chooses the first member."""
    return "film.a"


@contextlib.contextmanager
def dag(**arguments: Any) -> Iterator[Any]:
    """A DAG that is complete when the block ends, as when Airflow has read its file."""
    with DAG("etl", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), **arguments) as made:
        yield made
    made.resolve_template_files()  # type: ignore[no-untyped-call]
    made.validate()  # type: ignore[no-untyped-call]


def film(**arguments: Any) -> Any:
    return AzureBatchJobTaskGroup(group_id="film", **{"batch_pool_id": "p1", **arguments})


def upstream(made: Any, task_id: str) -> set[str]:
    return set(made.get_task(task_id).upstream_task_ids)


def starts_in_triggerer(made: Any) -> set[str]:
    return {task.task_id for task in made.tasks if getattr(task, "start_from_trigger", False)}


# --- edges ------------------------------------------------------------------------------------------


def test_launch_comes_before_the_first_members_and_finish_after_every_one() -> None:
    with dag() as made, film():
        member("a") >> member("b") >> [member("c"), member("d")]
    assert upstream(made, "film.a") == {"film.launch"}
    assert upstream(made, "film.b") == {"film.a"}
    assert upstream(made, "film.launch") == set()
    assert upstream(made, "film.finish") == {"film.launch", *(f"film.{name}" for name in "abcd")}


def test_launch_is_a_setup_and_finish_a_teardown_that_decides_nothing_about_the_run() -> None:
    with dag() as made, film():
        member("a")
    launch, finish = made.get_task("film.launch"), made.get_task("film.finish")
    assert launch.is_setup
    assert finish.is_teardown
    assert finish.on_failure_fail_dagrun is False
    assert finish.retries > 0


def test_edges_of_the_group_go_to_launch_and_to_its_first_members() -> None:
    with dag() as made:
        before, after = Plain(task_id="before"), Plain(task_id="after")
        with film() as group:
            member("a") >> member("b")
        before >> group >> after
    assert upstream(made, "film.launch") == {"before"}
    assert upstream(made, "film.a") == {"film.launch", "before"}
    assert upstream(made, "after") == {"film.b"}


def test_edges_drawn_on_an_empty_group_are_the_same() -> None:
    with dag() as made:
        before = Plain(task_id="before")
        group = film()
        before >> group
        with group:
            member("a") >> member("b")
    assert upstream(made, "film.launch") == {"before"}
    assert upstream(made, "film.a") == {"film.launch", "before"}
    assert upstream(made, "film.b") == {"film.a"}


def test_edges_between_members_drawn_after_the_block_count() -> None:
    with dag() as made:
        with film():
            a, b = member("a"), member("b")
        a >> b
    assert "film.a" in upstream(made, "film.b")
    graph = made.task_group.get_child_by_label("film").seal()
    assert graph.parents("film.b") == ("film.a",)


def test_a_task_added_after_the_block_is_a_member_like_any_other() -> None:
    with dag() as made:
        with film() as group:
            a = member("a")
        late = member("late", task_group=group)
        a >> late
        member("other", task_group=group)
    assert {"film.late", "film.other"} <= upstream(made, "film.finish")
    assert upstream(made, "film.other") == {"film.launch"}
    assert made.get_task("film.late").batch_pool_id is None


def test_mapped_members_are_members() -> None:
    with dag() as made, film():
        split = member("split")
        frames = AzureBatchTaskOperator.partial(task_id="frame").expand(command_line=["1", "2"])
        split >> frames >> member("merge")
    assert upstream(made, "film.frame") == {"film.split"}
    assert "film.frame" in upstream(made, "film.finish")


def test_nested_groups_are_flattened() -> None:
    with dag() as made, film():
        with TaskGroup("inner"):
            member("a")
        with TaskGroup("other") as other:
            member("b")
        made.get_task("film.inner.a") >> other
    assert upstream(made, "film.inner.a") == {"film.launch"}
    assert upstream(made, "film.other.b") == {"film.inner.a"}
    assert {"film.inner.a", "film.other.b"} <= upstream(made, "film.finish")


def test_a_root_of_another_rule_that_waits_for_nothing_waits_for_launch() -> None:
    with dag() as made, film():
        member("a", trigger_rule="none_failed")
    assert str(getattr(made.get_task("film.a").trigger_rule, "value", "")) == "all_success"
    assert upstream(made, "film.a") == {"film.launch"}


def test_a_root_of_another_rule_that_waits_for_others_does_not_wait_for_launch() -> None:
    with dag() as made:
        before = Plain(task_id="before")
        with film():
            before >> member("a", trigger_rule="one_success")
    assert upstream(made, "film.a") == {"before"}
    assert starts_in_triggerer(made) == set()


def test_a_member_that_a_branch_chooses_does_not_wait_for_launch_which_the_branch_may_skip() -> None:
    with dag() as made:
        branch = BranchPythonOperator(task_id="branch", python_callable=choose)
        with film():
            a, b = member("a"), member("b")
        branch >> [a, b]
    assert upstream(made, "film.a") == {"branch"}
    assert upstream(made, "film.b") == {"branch"}
    assert starts_in_triggerer(made) == set()


def test_a_plain_task_in_the_group_makes_what_follows_it_late() -> None:
    with dag() as made, film() as group:
        member("a") >> Plain(task_id="plain") >> member("b")
    graph = group.seal()
    assert graph is not None
    assert graph.eager == ("film.a",)
    assert "film.b" in graph.late
    assert "film.plain" in upstream(made, "film.finish")


def test_two_groups_side_by_side_do_not_mix() -> None:
    with dag() as made:
        with film() as first:
            member("a")
        with AzureBatchJobTaskGroup(group_id="other", batch_pool_id="p2") as second:
            member("a")
        first >> second
    assert upstream(made, "other.launch") == {"film.a"}
    assert upstream(made, "other.finish") == {"other.launch", "other.a"}


def test_a_block_that_raises_adds_nothing() -> None:
    with DAG("etl", schedule=None) as made:
        with contextlib.suppress(RuntimeError), film():
            member("a")
            raise RuntimeError
        assert set(made.task_dict) == {"film.a"}


def test_a_block_opened_twice_has_one_launch() -> None:
    with dag() as made:
        with film() as group:
            member("a")
        with group:
            member("b")
    assert upstream(made, "film.finish") == {"film.launch", "film.a", "film.b"}


# --- sealing ----------------------------------------------------------------------------------------


@needs_mirrors
def test_eager_members_start_in_the_triggerer_and_late_ones_on_workers() -> None:
    with dag() as made, film():
        a = member("a")
        a >> member("b") >> member("c", depends_on_past=True)
        AzureBatchTaskOperator(task_id="d", command_line="{{ ti.xcom_pull('film.a') }}").set_upstream(a)
    assert starts_in_triggerer(made) == {"film.a", "film.b"}


@needs_mirrors
def test_the_trigger_is_told_only_what_is_unusual() -> None:
    with dag() as made, film():
        member("a")
        member(
            "b",
            poll_interval=9,
            skip_on_exit_code=3,
            fail_on_exit_code=[4, 5],
            max_output_bytes=77,
            do_xcom_push=False,
            retries=1,
        )
    a, b = made.get_task("film.a"), made.get_task("film.b")
    assert a.start_trigger_args.trigger_cls.endswith("AzureBatchMirrorTrigger")
    assert a.start_trigger_args.next_method == "execute_complete"
    assert set(a.start_trigger_args.trigger_kwargs) == {"launch", "definition", "has_parents"}
    told = b.start_trigger_args.trigger_kwargs
    assert told["launch"] == "film.launch"
    assert (told["poll_interval"], told["max_output_bytes"], told["push_result"]) == (9, 77, False)
    assert (told["skip_on_exit_code"], told["fail_on_exit_code"]) == ([3], [4, 5])
    assert "failed_for_good" in told["worker_endings"]


@needs_mirrors
def test_only_what_stands_behind_launch_alone_has_no_parents_to_be_judged() -> None:
    with dag() as made, film():
        member("a") >> member("b")
    a, b = (made.get_task(f"film.{name}").start_trigger_args.trigger_kwargs for name in ("a", "b"))
    assert a["has_parents"] is False
    assert "has_parents" not in b


@pytest.mark.parametrize(
    ("rule", "waits"),
    [("teardown", True), ("all_done", True), ("all_success", False), ("one_success", False)],
)
def test_a_pool_is_deleted_after_finish_has_asked_it_unless_that_decides_whether(
    rule: str, waits: bool
) -> None:
    with dag() as made:
        create = Plain(task_id="create")
        delete = AzureBatchDeletePoolOperator(
            task_id="delete",
            batch_pool_id="p",
            trigger_rule="all_success" if rule == "teardown" else rule,
        )
        with film() as group:
            member("a") >> member("b")
        create >> group >> (delete.as_teardown(setups=create) if rule == "teardown" else delete)
    assert ("film.finish" in made.get_task("delete").upstream_task_ids) is waits
    assert "film.b" in made.get_task("delete").upstream_task_ids


def by_a_task(rows: Any) -> None:
    Row.partial(task_id="each").expand(row=rows)


def by_a_task_group(rows: Any) -> None:
    from airflow.providers.common.compat.sdk import task_group

    @task_group
    def each(row: Any) -> None:
        Row(task_id="one", row=row)

    each.expand(row=rows)


@needs_mirrors
@pytest.mark.parametrize("map_over", [by_a_task, by_a_task_group])
def test_a_success_that_is_mapped_over_ends_on_a_worker(map_over: Callable[[Any], None]) -> None:
    with dag() as made:
        with film():
            taken, plain = member("taken"), member("plain")
        map_over(taken.output)
        plain >> Plain(task_id="after")
    endings = {
        task_id: made.get_task(f"film.{task_id}").start_trigger_args.trigger_kwargs.get("worker_endings", [])
        for task_id in ("taken", "plain")
    }
    assert "success" in endings["taken"]
    assert "success" not in endings["plain"]


@needs_mirrors
def test_a_mapped_member_starts_in_the_triggerer() -> None:
    with dag() as made, film():
        AzureBatchTaskOperator.partial(task_id="a", skip_on_exit_code=3).expand(command_line=["1", "2"])
    frame = made.get_task("film.a")
    assert frame.start_from_trigger
    assert frame.start_trigger_args.trigger_kwargs["skip_on_exit_code"] == [3]


@needs_mirrors
def test_the_definition_that_the_trigger_knows_is_the_one_that_launch_writes() -> None:
    with dag() as made, film():
        member("a", environment={"A": "1"}, resource_files=[{"httpUrl": "https://x/y", "filePath": "y"}])
        AzureBatchTaskOperator.partial(task_id="b").expand(command_line=["1", "2"])
        member("c", azure_batch_conn_id="azure_batch_account_default")
    for name in ("film.a", "film.b", "film.c"):
        task = made.get_task(name)
        assert task.start_trigger_args.trigger_kwargs["definition"] == definition_of(task)


@needs_mirrors
def test_the_serialised_dag_carries_of_a_member_what_it_has() -> None:
    """Airflow ships all of it with each trigger."""
    with dag() as made:
        with film(azure_batch_conn_id="{{ var.value.account }}"):
            member("templated")
        with AzureBatchJobTaskGroup(group_id="plain", batch_pool_id="p1"):
            member("short")
            member("called_back", on_success_callback=print)
            AzureBatchTaskOperator.partial(task_id="mapped").expand(command_line=["1", "2"])
    fields = {task.task_id: tuple(task.template_fields) for task in made.tasks}
    assert fields["film.templated"] == ("azure_batch_conn_id", "command_line")
    assert fields["plain.short"] == fields["plain.mapped"] == ("command_line",)
    links = {task.task_id: [link.name for link in task.operator_extra_links] for task in made.tasks}
    assert links["plain.short"] == links["plain.mapped"] == ["Azure Batch task"]
    assert links["plain.called_back"] == ["Azure Batch task", "Azure Batch job", "Azure Batch pool"]


@needs_mirrors
@pytest.mark.parametrize("where", ["dag", "group"])
def test_default_arguments_count_for_a_mapped_member_as_for_any(where: str) -> None:
    """Airflow itself gives them to a mapped task only when it makes the task instances."""
    defaults = {"skip_on_exit_code": 99, "environment": {"RUN": "{{ run_id }}"}}
    of_dag, of_group = (defaults, {}) if where == "dag" else ({}, defaults)
    with dag(default_args=of_dag) as made, film(default_args=of_group):
        frame = AzureBatchTaskOperator.partial(task_id="frame").expand(command_line=["1", "2"])
        frame >> member("merge", trigger_rule="none_failed", skip_on_exit_code=None, environment=None)
    assert "environment" in frame.template_fields
    assert frame.start_trigger_args is not None
    assert frame.start_trigger_args.trigger_kwargs is not None
    assert frame.start_trigger_args.trigger_kwargs["skip_on_exit_code"] == [99]
    assert starts_in_triggerer(made) == {"film.frame"}


def test_a_member_whose_exit_codes_are_mapped_starts_on_a_worker() -> None:
    with dag() as made, film():
        AzureBatchTaskOperator.partial(task_id="frame", command_line="run").expand(skip_on_exit_code=[1, 2])
        AzureBatchTaskOperator.partial(task_id="other").expand_kwargs(
            [{"command_line": "1"}, {"command_line": "2", "fail_on_exit_code": 4}]
        )
    assert starts_in_triggerer(made) == set()


@needs_mirrors
@pytest.mark.parametrize("max_mirrors", [2, 3])
def test_more_unmapped_members_than_max_mirrors_all_start_on_workers(max_mirrors: int) -> None:
    with dag() as made, film(max_mirrors=max_mirrors):
        for name in "abc":
            member(name)
        AzureBatchTaskOperator.partial(task_id="mapped").expand(command_line=["1", "2"])
    unmapped = {"film.a", "film.b", "film.c"} if max_mirrors == 3 else set()
    assert starts_in_triggerer(made) == {"film.mapped", *unmapped}


def warnings_of(members: int, max_mirrors: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with dag(), film(max_mirrors=max_mirrors):
        for number in range(members):
            member(f"m{number}")
        AzureBatchTaskOperator.partial(task_id="mapped").expand(command_line=["1"] * 9)
    return [record.getMessage() for record in caplog.records if "unmapped members" in record.getMessage()]


@needs_mirrors
def test_an_author_hears_what_very_many_unmapped_members_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(job, "_FELT_BY_OTHERS", 2)
    assert warnings_of(2, 5, caplog) == []
    (on_workers,) = warnings_of(6, 5, caplog)
    assert "6 unmapped" in on_workers
    assert "start on workers" in on_workers
    felt = warnings_of(3, 5, caplog)
    assert ["hold up every other trigger" in text for text in felt] == [True] * AIRFLOW_V_3_3_PLUS


@needs_mirrors
@pytest.mark.parametrize("arguments", [{"deferrable": False}, {"on_execute_callback": choose}])
def test_a_member_that_needs_a_worker_at_its_start_has_one(arguments: dict[str, Any]) -> None:
    with dag() as made, film() as group:
        member("a", **arguments)
    assert starts_in_triggerer(made) == set()
    graph = group.seal()
    assert graph is not None
    assert graph.eager == ("film.a",)


@needs_mirrors
def test_sealing_again_changes_nothing_and_sees_what_was_added() -> None:
    with dag() as made, film() as group:
        member("a") >> member("b")
    before = {task.task_id: set(task.upstream_task_ids) for task in made.tasks}
    group.seal()
    assert {task.task_id: set(task.upstream_task_ids) for task in made.tasks} == before
    made.get_task("film.b").depends_on_past = True
    group.seal()
    assert starts_in_triggerer(made) == {"film.a"}


# --- refusals ---------------------------------------------------------------------------------------


def test_a_group_in_a_batch_group_is_refused() -> None:
    with DAG("etl", schedule=None), film():
        with pytest.raises(AzureBatchConfigurationError, match="stands in the Batch group 'film'"):
            AzureBatchJobTaskGroup(group_id="inner", batch_pool_id="p1")
        with TaskGroup("plain"), pytest.raises(AzureBatchConfigurationError, match="side by side"):
            AzureBatchJobTaskGroup(group_id="deep", batch_pool_id="p1")
        member("a")


def mapped_around() -> None:
    from airflow.providers.common.compat.sdk import task_group

    @task_group
    def around(number: int) -> None:
        with film():
            member("a")

    around.expand(number=[1, 2])


def mapped_inside() -> None:
    from airflow.providers.common.compat.sdk import task_group

    @task_group
    def inside(number: int) -> None:
        member("a")

    with film():
        inside.expand(number=[1, 2])


@pytest.mark.parametrize("write", [mapped_around, mapped_inside])
def test_a_group_in_or_around_a_mapped_task_group_is_refused_while_the_dag_is_parsed(
    write: Callable[[], None],
) -> None:
    def parse() -> None:
        with dag():
            write()

    with pytest.raises(AzureBatchConfigurationError, match=r"[Mm]ap"):
        parse()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"batch_pool_id": None}, "batch_pool_id"),
        ({"batch_pool": POOL}, "batch_pool_id"),
        ({"delete_pool": "always"}, "delete_pool"),
        ({"delete_job": "sometimes"}, "delete_job"),
        ({"batch_pool_id": None, "batch_pool": POOL, "delete_pool": "sometimes"}, "delete_pool"),
        ({"batch_job": {"id": "mine"}}, "batch_job.id"),
        ({"batch_job": {"prio": 1}}, "batch_job.prio"),
        ({"batch_job": {"onAllTasksComplete": "terminatejob"}}, "batch_job.onAllTasksComplete"),
        ({"batch_job": {"usesTaskDependencies": False}}, "batch_job.usesTaskDependencies"),
        ({"batch_job": {"poolInfo": {"poolId": "x"}}}, "batch_job.poolInfo"),
        ({"wall_clock": timedelta()}, "wall_clock"),
        ({"wall_clock": timedelta(days=31)}, "wall_clock"),
    ],
)
def test_what_a_group_cannot_be_is_named(arguments: dict[str, Any], path: str) -> None:
    def write() -> None:
        with DAG("etl", schedule=None), film(**arguments):
            member("a")

    with pytest.raises(SpecError) as caught:
        write()
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"batch_pool_id": "other"}, "batch_pool_id"),
        ({"batch_pool": POOL}, "batch_pool"),
        ({"batch_job_id": "j"}, "batch_job_id"),
        ({"batch_job": {"priority": 1}}, "batch_job"),
        ({"azure_batch_conn_id": "other"}, "azure_batch_conn_id"),
        ({"batch_task": {"dependsOn": {"taskIds": ["x"]}}}, "batch_task.dependsOn"),
    ],
)
def test_a_member_that_contradicts_its_group_is_refused(arguments: dict[str, Any], path: str) -> None:
    with DAG("etl", schedule=None), film():
        with pytest.raises(SpecError) as caught:
            member("a", **arguments)
        member("b")
    assert caught.value.path == path


def test_a_member_takes_the_connection_of_its_group() -> None:
    with dag() as made, film(azure_batch_conn_id="mine"):
        member("a")
        member("b", batch_pool_id="p1")
    for name in ("a", "b", "launch", "finish"):
        assert made.get_task(f"film.{name}").azure_batch_conn_id == "mine"


def test_a_described_pool_is_the_one_that_finish_may_delete() -> None:
    with dag() as made, film(batch_pool_id=None, batch_pool=POOL, delete_pool="always"):
        member("a")
    assert made.get_task("film.finish").batch_pool_id == "p1"


# --- decorator --------------------------------------------------------------------------------------


def test_the_decorator_writes_a_group_whose_block_is_the_function() -> None:
    @batch_job(batch_pool_id="p1", delete_job="always")
    def movie(names: str) -> Any:
        """Makes a film."""
        for name in names:
            member(name)

    with dag() as made:
        start = Plain(task_id="start")
        start >> movie("ab")
    assert set(made.task_dict) == {"start", "movie.a", "movie.b", "movie.launch", "movie.finish"}
    assert upstream(made, "movie.launch") == {"start"}
    assert made.get_task("movie.finish").delete_job == "always"
    assert made.task_group.get_child_by_label("movie").tooltip == "Makes a film."


def test_each_call_of_the_decorator_writes_a_group_of_its_own() -> None:
    @batch_job("film", batch_pool_id="p1")
    def movie() -> Any:
        return member("a")

    with dag() as made:
        first, second = movie(), movie()
        first >> second
    assert first.task_id == "film.a"
    assert second.task_id == "film__1.a"
    assert {"film.launch", "film__1.launch"} <= set(made.task_dict)
