"""Fixtures of the contract tests, and the rule that each of them says how its claim is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.azurite_process import AzuriteProcess
from tests.contract.clients import Batch, SyncBatch, batches, new_id, pool_body, wait_for
from tests.emulator_process import EmulatorProcess, emulator_processes

_SDK_WARNING = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
_STAMPS = ("verified", "assumed", "emulator_only")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a contract test that does not carry exactly one stamp."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(_SDK_WARNING)
            stamps = [mark.name for mark in item.iter_markers() if mark.name in _STAMPS]
            if len(stamps) != 1:
                raise pytest.UsageError(
                    f"{item.nodeid}: exactly one of {', '.join(_STAMPS)} is needed, found {stamps}"
                )


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """One emulator for all tests; each test takes ids of its own."""
    yield from emulator_processes(tmp_path_factory.mktemp("emulator"))


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteProcess]:
    """Blob storage for all tests; each test takes containers of its own."""
    with AzuriteProcess.start(tmp_path_factory.mktemp("azurite")) as process:
        yield process


@pytest.fixture(scope="session", params=["sync", "aio"])
def batch(request: pytest.FixtureRequest, emulator: EmulatorProcess) -> Iterator[Batch]:
    """The vendor SDK's client, each test once with the sync and once with the aio one."""
    yield from batches(request.param, emulator)


@pytest.fixture(scope="session")
def sync_batch(emulator: EmulatorProcess) -> Iterator[SyncBatch]:
    """The sync client, for preparations."""
    client = SyncBatch(emulator)
    yield client
    client.close()


@pytest.fixture(scope="session")
def pool_id(sync_batch: SyncBatch) -> str:
    """A pool with two nodes of eight slots, up and idle."""
    name = "shared-pool"
    sync_batch.call("create_pool", pool_body(name, targetDedicatedNodes=2, taskSlotsPerNode=8))
    wait_for(lambda: nodes_idle(sync_batch, name, 2))
    return name


@pytest.fixture
def job_id(sync_batch: SyncBatch, pool_id: str) -> str:
    """A job on that pool, with dependencies."""
    name = new_id("job")
    sync_batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool_id}, "usesTaskDependencies": True})
    return name


def nodes_idle(batch: Batch, name: str, number: int) -> bool:
    """Whether a pool has so many nodes, all of them idle."""
    states: list[Any] = [node.state for node in batch.call("list_nodes", name)]
    return states == ["idle"] * number
