"""One real Airflow of this environment's version, with the emulator and the example DAGs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from demo.airflow_rest import AirflowRest
from demo.airflow_services import AirflowServices
from demo.emulator_service import CONNECTION_ID, EmulatorService
from demo.file_server import FileServer
from demo.processes import Services

PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "example_dags"


@dataclass(frozen=True)
class Stack:
    """What runs: Airflow (``rest``), the service behind it (``batch``), the files (``files_url``)."""

    rest: AirflowRest
    batch: BatchClient
    files_url: str
    services: Services
    airflow: AirflowServices
    batch_root: Path


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("system")
    with Services(folder / "services") as services, FileServer(DAGS / "word_count") as files:
        dags = folder / "dags"
        dags.mkdir()
        (dags / "examples").symlink_to(DAGS)
        (dags / "tests").symlink_to(Path(__file__).parent / "dags")
        emulator = EmulatorService(services, folder / "batch")
        emulator.start()
        connection = emulator.connection
        airflow = AirflowServices(
            folder / "airflow",
            dags,
            services,
            cache_folder=PROJECT / ".demo",
            connections={CONNECTION_ID: connection},
        )
        airflow.start()
        airflow.wait_until_healthy()
        credential = AzureNamedKeyCredential(str(connection["login"]), str(connection["password"]))
        with BatchClient(emulator.url, credential) as batch:
            yield Stack(airflow.rest, batch, files.url, services, airflow, folder / "batch")
        airflow.rest.close()
