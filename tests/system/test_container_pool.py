"""The example of a pool that runs containers, in a real Airflow; in place of docker stands a fake."""

from __future__ import annotations

import json
import runpy
import sqlite3
from pathlib import Path

import pytest

from airflow_provider_batch.exceptions import SpecError
from tests.system.conftest import DAGS, Stack
from tests.system.test_examples import Example

pytestmark = pytest.mark.system


def test_task_runs_in_a_container_of_an_image_from_the_private_registry(stack: Stack) -> None:
    example = Example(stack, "container_pool")
    assert example.ended() == "success"
    assert example.output("render") == ["rendered"]
    calls = [json.loads(line) for line in stack.container_calls.read_text().splitlines()]
    (login,) = [call for call in calls if call["words"][0] == "login"]
    assert (login["words"][-1], login["entered"]) == ("films.azurecr.io", "right")
    (run,) = [call["words"] for call in calls if call["words"][0] == "run"]
    assert run[run.index("--memory") :] == [
        *("--memory", "2g", "films.azurecr.io/render:4"),
        *("/bin/sh", "-c", "echo rendered"),
    ]
    with sqlite3.connect(stack.airflow.home / "airflow.db") as database:
        query = "SELECT rendered_fields FROM rendered_task_instance_fields WHERE run_id = ?"
        rendered = "".join(str(fields) for (fields,) in database.execute(query, [example.run_id]))
    database.close()
    assert "films.azurecr.io" in rendered
    assert "right" not in rendered, "the password is on no page"


def test_registry_that_no_image_comes_from_is_refused_while_the_file_is_parsed(tmp_path: Path) -> None:
    text = (DAGS / "container_pool.py").read_text()
    mistyped = text.replace("registry_server=REGISTRY", 'registry_server="film.azurecr.io"')
    assert mistyped != text
    (tmp_path / "mistyped.py").write_text(mistyped)
    with pytest.raises(SpecError, match=r"film\.azurecr\.io.*films\.azurecr\.io/render:4"):
        runpy.run_path(str(tmp_path / "mistyped.py"))
