"""One real Airflow of this environment's version, with the emulator and the example DAGs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from airflow_provider_batch.emulator.testing import EmulatorControl
from demo.airflow_rest import AirflowRest
from demo.airflow_services import AirflowServices
from demo.emulator_service import CONNECTION_ID, EmulatorService
from demo.file_server import FileServer
from demo.processes import Services
from tests.container_runtime import fake_runtime

PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "example_dags"
#: leads to the same account, for an Airflow of another name
REAPED_CONNECTION_ID = "azure_batch_reaped"
REAPED_DEPLOYMENT = "reaped"


@dataclass(frozen=True)
class Stack:
    """
    What runs: Airflow (``rest``), the service behind it (``batch``), the files (``files_url``).

    ``emulator`` makes trouble for that service; ``container_calls`` is what its container runtime was told.
    """

    rest: AirflowRest
    batch: BatchClient
    emulator: EmulatorControl
    container_calls: Path
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
        _write_hasty_reapers(dags)
        _write_short_run(dags)
        runtime = fake_runtime(folder / "containers")
        emulator = EmulatorService(
            services, folder / "batch", arguments=["--container-runtime", str(runtime)]
        )
        emulator.start()
        connection = emulator.connection
        airflow = AirflowServices(
            folder / "airflow",
            dags,
            services,
            cache_folder=PROJECT / ".demo",
            connections={
                CONNECTION_ID: connection,
                REAPED_CONNECTION_ID: _of_deployment(connection, REAPED_DEPLOYMENT),
                "films_registry": {"conn_type": "generic", "login": "films", "password": "right"},
            },
        )
        airflow.start()
        airflow.wait_until_healthy()
        credential = AzureNamedKeyCredential(str(connection["login"]), str(connection["password"]))
        with BatchClient(emulator.url, credential) as batch:
            yield Stack(
                rest=airflow.rest,
                batch=batch,
                emulator=EmulatorControl(emulator.url, str(connection["password"])),
                container_calls=runtime.with_name("calls"),
                files_url=files.url,
                services=services,
                airflow=airflow,
                batch_root=folder / "batch",
            )
        airflow.rest.close()


def _of_deployment(connection: Mapping[str, object], deployment_id: str) -> dict[str, object]:
    extra = connection["extra"]
    assert isinstance(extra, dict)
    return {**connection, "extra": {**extra, "deployment_id": deployment_id}}


def _write_hasty_reapers(dags: Path) -> None:
    """
    Write copies of an example that need not wait for an hour: one that only says, one that acts.

    They belong to an Airflow of another name on the same account, so that the pools of other tests are safe.
    """
    arguments = {"azure_batch_conn_id": REAPED_CONNECTION_ID}
    for name, dry_run in (("reaper_says", "dry_run=True"), ("reaper_acts", "dry_run=False")):
        changes = {
            '"reaper"': f'"{name}"',
            '"@hourly"': "None",
            "timedelta(hours=1)": "timedelta(seconds=1)",
            "poke_interval=300": "poke_interval=10",
            "dry_run=True": dry_run,
            "catchup=False": f"catchup=False, default_args={arguments}",
        }
        _write_changed("reaper", dags / f"{name}.py", changes)


def _write_short_run(dags: Path) -> None:
    """Write a copy of an example whose runs have little time."""
    changes = {
        '"ephemeral_pool"': '"ephemeral_pool_short"',
        "timedelta(hours=2)": "timedelta(seconds=40)",
    }
    _write_changed("ephemeral_pool", dags / "ephemeral_pool_short.py", changes)


def _write_changed(example: str, path: Path, changes: Mapping[str, str]) -> None:
    copy = (DAGS / f"{example}.py").read_text()
    for old, new in changes.items():
        assert old in copy
        copy = copy.replace(old, new)
    path.write_text(copy)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that move the account's time run last: it cannot be moved back."""
    items.sort(key=lambda item: "moved_time" in getattr(item, "fixturenames", ()))


@pytest.fixture
def moved_time(stack: Stack) -> EmulatorControl:
    """The account's time, to be moved on; what asks for it runs after all others."""
    return stack.emulator
