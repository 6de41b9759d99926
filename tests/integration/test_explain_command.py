"""``python -m airflow_provider_batch explain`` as a person runs it: in a process, with its own Airflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DAG_FILE = """
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup
from beside import COMMAND

print("printed by a DAG file")
with DAG("film", schedule=None), AzureBatchJobTaskGroup("g", batch_pool_id="p"):
    AzureBatchTaskOperator(task_id="a", command_line=COMMAND)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "film_dag.py").write_text(DAG_FILE)
    (dags / "beside.py").write_text('COMMAND = "x"')
    return tmp_path


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    return subprocess.run(
        [sys.executable, "-m", "airflow_provider_batch", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("target", ["film", "dags/film_dag.py"])
def test_dag_is_explained_by_its_id_or_its_file_and_needs_no_database(home: Path, target: str) -> None:
    done = run(home, "explain", str(home / target) if "/" in target else target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("DAG film, Batch group g\n1 member: 1 eager"), done.stdout
    assert "printed by a DAG file" in done.stderr
    assert not (home / "airflow.db").exists()


def test_unknown_dag_ends_with_2_and_says_where_was_looked(home: Path) -> None:
    done = run(home, "explain", "fiml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"no DAG 'fiml'; DAGs were looked for in {home / 'dags'}" in done.stderr


def test_unknown_dag_beside_a_broken_file_shows_what_is_broken(home: Path) -> None:
    (home / "dags" / "broken_dag.py").write_text("from airflow import nothing_of_that_name  # DAG")
    done = run(home, "explain", "fiml")
    assert done.returncode == 1
    assert "broken_dag.py cannot be imported" in done.stderr
