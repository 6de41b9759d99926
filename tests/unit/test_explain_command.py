from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from airflow_provider_batch import explain_command
from airflow_provider_batch.domain.explain import explain as edges
from airflow_provider_batch.explain_command import EXIT_IMPORT_ERROR, EXIT_UNKNOWN, Explanation
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS, MIRRORS_SUPPORTED

pytestmark = pytest.mark.skipif(not MIRRORS_SUPPORTED, reason="an Airflow that starts tasks in the triggerer")

HEAD = """
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
from airflow_provider_batch.operators.task import AzureBatchTaskOperator as Task
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup as Group


def callback(context):
    pass

"""

Explain = Callable[[str], Explanation]


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """Explain a DAG file with these lines."""

    def explain_lines(lines: str) -> Explanation:
        path = tmp_path / "some_dag.py"
        path.write_text(HEAD + dedent(lines))
        return explain_command.explain(str(path))

    return explain_lines


def group(members: str, options: str = "") -> str:
    """Lines of a DAG with one group."""
    block = "\n".join(f"    {line.strip()}" for line in members.strip().splitlines())
    return f'with DAG("film", schedule=None), Group("g", batch_pool_id="p"{options}):\n{block}\n'


def section(text: str, title: str) -> list[str]:
    """Lines under a title, each joined to one."""
    lines = text.splitlines()
    if title not in lines:
        return []
    found: list[str] = []
    for line in lines[lines.index(title) + 1 :]:
        if not line.startswith("  "):
            break
        if line.startswith("    ") and found:
            found[-1] += f" {line.strip()}"
        else:
            found.append(line.strip())
    return found


TRIGGERER = "start in the triggerer, without a worker"
WORKER = "start on a worker because"

MIXED = """
    a = Task(task_id="a", command_line="x")
    b = Task(task_id="b", command_line="x", trigger_rule="one_failed")
    m = Task.partial(task_id="m").expand(command_line=["x", "y"])
    a >> b >> m
    free = Task.partial(task_id="free").expand(command_line=["x", "y"])
"""


def test_table_of_edges_is_the_one_that_the_group_decided(explain: Explain, tmp_path: Path) -> None:
    said = explain(group(MIXED))
    assert said.status == 0
    bag = explain_command._empty_bag(str(tmp_path))
    (dag,) = bag.process_file(str(tmp_path / "some_dag.py"), only_if_updated=False, safe_mode=False)
    graph = dag.task_group_dict["g"].seal()
    table = edges(graph, {"g.a": None, "g.b": None, "g.m": 2, "g.free": 2})
    assert said.text.startswith(f"DAG film, Batch group g\n{table}\n")


def test_each_member_starts_at_one_place_and_a_worker_has_its_reason(explain: Explain) -> None:
    text = explain(group(MIXED)).text
    assert section(text, TRIGGERER) == ["g.a, g.free[2]"]
    assert section(text, WORKER) == ["late: g.b, g.m[2]"]


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("on_execute_callback=callback", "it has on_execute_callback"),
        ("deferrable=False", "it has deferrable=False"),
    ],
)
def test_member_that_needs_a_worker_to_start_says_what_for(
    explain: Explain, parameter: str, reason: str
) -> None:
    text = explain(group(f'Task(task_id="a", command_line="x", {parameter})')).text
    assert section(text, WORKER) == [f"{reason}: g.a"]
    assert section(text, TRIGGERER) == []


def test_more_unmapped_members_than_max_mirrors_all_start_on_workers(explain: Explain) -> None:
    members = """
        Task(task_id="a", command_line="x")
        Task(task_id="b", command_line="x")
        Task.partial(task_id="m").expand(command_line=["x"])
    """
    text = explain(group(members, ", max_mirrors=1")).text
    assert section(text, WORKER) == ["of unmapped members the group has 2, more than max_mirrors=1: g.a, g.b"]
    assert section(text, TRIGGERER) == ["g.m[1]"]


MAPPED_OVER_XCOM = """
try:
    from airflow.sdk import task
except ImportError:
    from airflow.decorators import task

with DAG("film", schedule=None):

    @task
    def lines():
        return ["x"]

    found = lines()
    with Group("g", batch_pool_id="p") as g:
        Task.partial(task_id="m").expand(command_line=found)
    found >> g
"""


def test_member_mapped_over_an_xcom_starts_in_the_triggerer_of_airflow_3_only(explain: Explain) -> None:
    text = explain(MAPPED_OVER_XCOM).text
    if AIRFLOW_V_3_0_PLUS:
        assert section(text, TRIGGERER) == ["g.m[?]"]
    else:
        (line,) = section(text, WORKER)
        assert "not all literal" in line
        assert line.endswith(": g.m[?]")


@pytest.mark.parametrize(
    "parameter", ['pool="io"', "max_active_tis_per_dag=2", "max_active_tis_per_dagrun=3"]
)
@pytest.mark.parametrize(
    "member",
    ['Task(task_id="a", command_line="x", {})', 'Task.partial(task_id="a", {}).expand(command_line=["x"])'],
)
def test_limit_of_airflow_that_holds_no_mirror_back_is_noted(
    explain: Explain, parameter: str, member: str
) -> None:
    (note,) = section(explain(group(member.format(parameter))).text, "notes")
    assert parameter.replace('"', "'") in note
    assert "max_parallel_tasks of batch_job" in note


def test_limit_of_airflow_on_a_member_that_starts_on_a_worker_is_not_noted(explain: Explain) -> None:
    members = 'Task(task_id="a", command_line="x", pool="io", deferrable=False)'
    assert section(explain(group(members)).text, "notes") == []


@pytest.mark.parametrize(
    ("parameter", "note"),
    [
        ("on_success_callback=callback", "its success ends on a worker: on_success_callback"),
        ("multiple_outputs=True", "its success ends on a worker: its multiple_outputs"),
        ("on_skipped_callback=callback", "its skip ends on a worker: on_skipped_callback"),
    ],
)
def test_end_that_needs_a_worker_says_what_for(explain: Explain, parameter: str, note: str) -> None:
    (line,) = section(explain(group(f'Task(task_id="a", command_line="x", {parameter})')).text, "notes")
    assert line.startswith(note)
    assert line.endswith(": g.a")


def test_failure_for_good_ends_on_a_worker_when_retries_are_left(explain: Explain) -> None:
    members = 'Task(task_id="a", command_line="x", retries=2, fail_on_exit_code=3)'
    (line,) = section(explain(group(members)).text, "notes")
    expected = (
        "its failure without further retries ends on a worker: fail_on_exit_code: g.a"
        if AIRFLOW_V_3_0_PLUS
        else "its failure ends on a worker: retries: g.a"
    )
    assert line == expected


def test_all_groups_of_all_dags_of_a_file_are_shown(explain: Explain) -> None:
    said = explain(
        """
        for dag_id in ("one", "two"):
            with DAG(dag_id, schedule=None):
                for group_id in ("g", "h"):
                    with Group(group_id, batch_pool_id="p"):
                        Task(task_id="a", command_line="x")
        """
    )
    titles = [line for line in said.text.splitlines() if line.startswith("DAG ")]
    assert titles == [
        f"DAG {dag_id}, Batch group {group_id}" for dag_id in ("one", "two") for group_id in "gh"
    ]


def test_dag_without_groups_says_so(explain: Explain) -> None:
    assert explain('dag = DAG("plain", schedule=None)') == Explanation("DAG plain has no Batch group.")


def test_file_that_cannot_be_imported_shows_why(explain: Explain) -> None:
    said = explain("import nothing_of_that_name")
    assert said.status == EXIT_IMPORT_ERROR
    assert "some_dag.py cannot be imported" in said.errors
    assert "nothing_of_that_name" in said.errors


def test_dag_that_cannot_be_loaded_does_not_hide_the_others_of_its_file(explain: Explain) -> None:
    said = explain(
        """
        with DAG("sound", schedule=None), Group("g", batch_pool_id="p"):
            Task(task_id="a", command_line="x")
        with DAG("broken", schedule=None):
            one, two = (Task(task_id=name, command_line="x", batch_pool_id="p") for name in "ab")
            one >> two >> one
        """
    )
    assert said.status == EXIT_IMPORT_ERROR
    assert "DAG sound, Batch group g" in said.text
    assert "ycle" in said.errors


@pytest.mark.parametrize("name", ["missing.py", "folder/missing"])
def test_file_that_is_not_there_is_unknown(name: str) -> None:
    said = explain_command.explain(name)
    assert (said.status, said.errors) == (EXIT_UNKNOWN, f"{name} is no file.")


def test_file_without_a_dag_is_unknown(explain: Explain) -> None:
    said = explain("x = 1")
    assert said.status == EXIT_UNKNOWN
    assert said.errors.endswith("some_dag.py has no DAG.")
