"""``scripts/check_assumptions.py`` against the emulator: it finds whichever answer the emulator gives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from airflow_provider_batch.emulator.model.assumptions import Assumptions
from tests.emulator_process import EmulatorProcess

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_assumptions.py"
#: what needs bad credentials, a node that is lost, a pool that scales, or a service that is overloaded
NOT_ASKED = {"bad_credentials", "recovery_counts", "scaled_pool_resize", "retry_after"}
FACTS = {
    str(fact["name"]): str(fact["assumed"])
    for fact in Assumptions().listed()
    if fact["name"] not in NOT_ASKED
}
OTHERWISE = {
    "forward_references": "refused",
    "reactivation_unblocks": "no",
    "rerun_output": "append",
    "list_lag": "1.2",
    "stale_counts": "1.2",
    "enum_case": "capital",
    "wall_clock": "total",
    "patch_active_job": "refused",
    "etag_on_node_changes": "moves",
    "undeclared_dependencies": "TaskDependenciesNotSpecifiedOnJob",
    "empty_job": "stays_active",
    "deleted_parent": "satisfies",
    "killed_exit_code": "137",
    "wall_clock_code": "TaskMaxWallClockTimeReached",
    "long_collection": "RequestBodyTooLarge",
    "task_order": "creation",
    "file_mode": "100644",
}

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator of our own with a pool of one node and an empty one."""
    with EmulatorProcess.start(tmp_path_factory.mktemp("switched") / "root") as emulator:
        with client_of(emulator) as client:
            for pool_id, nodes in (("tiny", 1), ("empty", 0)):
                client.create_pool(cast("Any", pool(pool_id, nodes)))
        yield emulator


def client_of(emulator: EmulatorProcess) -> BatchClient:
    credential = AzureNamedKeyCredential(emulator.account_name, emulator.account_key)
    return BatchClient(emulator.url, credential)


def pool(pool_id: str, nodes: int) -> dict[str, object]:
    image = {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 22.04"}
    return {
        "id": pool_id,
        "vmSize": "standard_d2s_v3",
        "virtualMachineConfiguration": machine,
        "targetDedicatedNodes": nodes,
        "taskSlotsPerNode": 4,
    }


def check(
    emulator: EmulatorProcess, *arguments: str, pool_id: str = "tiny", answer: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the script; ``answer`` is what the user types when asked."""
    quick = (
        "--run-seconds",
        "1.5",
        "--settle-seconds",
        "4",
        "--limit-seconds",
        "30",
        "--empty-seconds",
        "14",
    )
    agree = ("--yes",) if answer is None else ()
    command = [sys.executable, str(SCRIPT), "--account-url", emulator.url, "--pool", pool_id]
    environment = {
        **os.environ,
        "AZURE_BATCH_ACCOUNT": emulator.account_name,
        "AZURE_BATCH_ACCESS_KEY": emulator.account_key,
    }
    return subprocess.run(
        [*command, *quick, *agree, *arguments],
        env=environment,
        input=answer,
        stdin=None if answer is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def table(output: str) -> dict[str, tuple[str, str]]:
    """Fact -> assumed and found."""
    rows = [line.split() for line in output.splitlines()[1:]]
    return {row[0]: (row[1], row[2]) for row in rows}


def jobs_of(emulator: EmulatorProcess) -> list[str]:
    with client_of(emulator) as client:
        return [job.id for job in client.list_jobs()]


def test_script_knows_exactly_the_facts_of_the_emulator_and_of_the_document(switched: EmulatorProcess):
    result = check(switched)
    assert result.returncode == 0, result.stderr + result.stdout
    assert table(result.stdout) == {name: (assumed, assumed) for name, assumed in FACTS.items()}
    document = (SCRIPT.parents[1] / "docs" / "assumptions.md").read_text("utf-8")
    assert [name for name in (*FACTS, *NOT_ASKED) if f"`{name}`" not in document] == []
    assert jobs_of(switched) == []


@pytest.mark.parametrize("name", FACTS)
def test_script_finds_the_other_answer(switched: EmulatorProcess, name: str):
    switched.assume(name, OTHERWISE[name])
    try:
        result = check(switched, "--only", name)
    finally:
        switched.assume(name, FACTS[name])
    assumed, found = table(result.stdout)[name]
    assert result.returncode == 1, result.stderr
    assert assumed == FACTS[name]
    if name in ("list_lag", "stale_counts"):
        assert float(found) > 0
    else:
        assert found == OTHERWISE[name]
    assert "NOT AS ASSUMED" in result.stdout


def test_script_asks_before_it_creates_anything(switched: EmulatorProcess):
    switched.reset_request_counts()
    result = check(switched, answer="\n")
    assert result.returncode == 2
    assert "Go on?" in result.stdout
    assert switched.request_counts() == {"get_pool": 1}


@pytest.mark.parametrize(("pool_id", "reason"), [("empty", "has no nodes"), ("absent", "PoolNotFound")])
def test_script_says_what_is_wrong_with_the_pool(switched: EmulatorProcess, pool_id: str, reason: str):
    result = check(switched, pool_id=pool_id)
    assert (result.returncode, result.stdout) == (2, "")
    assert reason in result.stderr
    assert jobs_of(switched) == []
