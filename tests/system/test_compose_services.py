"""``docker-compose.yaml`` at work, without a Docker engine; how: ``native_composition.py``."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from demo.airflow_rest import AirflowRest
from demo.airflow_services import MAJOR
from demo.ports import LOOPBACK
from demo.processes import Services
from demo.waiting import wait_for
from tests.system.native_azurite import azurite_image
from tests.system.native_composition import PROJECT, SERVICES, NativeComposition
from tests.system.native_postgres import postgres_image

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(MAJOR < 3, reason="the composition runs Airflow 3"),
]

DAG_ID = "word_count"
PARSE_LIMIT_SECONDS = 60
RUN_LIMIT_SECONDS = 150


@pytest.mark.timeout(600)
def test_all_services_become_healthy_together_and_run_the_example(tmp_path: Path) -> None:
    services = Services(tmp_path / "services")
    composition = NativeComposition(tmp_path, services)
    ports = composition.ports
    with postgres_image(SERVICES["postgres"]["environment"], ports["postgres"]) as postgres, services:
        # Azurite is another test's: nothing here depends on it, and it needs npm.
        stay_up = [name for name in SERVICES if "healthcheck" in SERVICES[name] and name != "azurite"]
        for name in stay_up:
            composition.start(name, {"postgres": postgres})
        for name in stay_up:
            composition.wait_until_healthy(name)

        passwords = composition.volume("airflow-config") / "passwords.json"
        password = json.loads(passwords.read_text())["admin"]
        airflow = f"http://{LOOPBACK}:{ports['airflow-api-server']}"
        rest = AirflowRest(airflow, "admin", password, MAJOR)
        wait_for(lambda: rest.has_dag(DAG_ID), f"{DAG_ID} to be parsed", limit_seconds=PARSE_LIMIT_SECONDS)
        assert rest.import_errors() == []
        # Healthy services may still not understand each other: a run needs the secrets that they share, the
        # addresses at which they reach one another, and the connection.
        state, logs = run_example(rest, f"http://{LOOPBACK}:{ports['example-files']}")
        rest.close()
        assert state == "success", logs
    assert [name for name, port in ports.items() if listening(port)] == []


@pytest.mark.skipif(shutil.which("npm") is None, reason="Azurite comes from npm, which is not installed")
@pytest.mark.timeout(600)
def test_azurite_becomes_healthy(tmp_path: Path) -> None:
    version = SERVICES["azurite"]["image"].rpartition(":")[2]
    with Services(tmp_path / "services") as services:
        composition = NativeComposition(tmp_path, services)
        image = azurite_image(version, PROJECT / ".demo", tmp_path, composition.ports["azurite"])
        composition.start("azurite", {"azurite": image})
        composition.wait_until_healthy("azurite")


def run_example(rest: AirflowRest, files_url: str) -> tuple[str, dict[str, list[str]]]:
    """Return the state that the run ended in, and the logs of its task instances."""
    rest.unpause(DAG_ID)
    run_id = rest.trigger(DAG_ID, {"files_url": files_url})

    def ended() -> str | None:
        state = rest.run_state(DAG_ID, run_id)
        return state if state in ("success", "failed") else None

    state = wait_for(ended, f"{DAG_ID} to end", limit_seconds=RUN_LIMIT_SECONDS)
    tasks = rest.task_instances(DAG_ID, run_id)
    return state, {task.name: rest.log_page(DAG_ID, run_id, task)[0] for task in tasks if task.try_number}


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
