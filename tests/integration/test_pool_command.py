"""The state of a pool for a person: from the hook, and on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_batch.__main__ import main
from airflow_provider_batch.domain import requests
from airflow_provider_batch.hooks.batch import AzureBatchHook
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import connection_json
from tests.integration.pool_try import body, create, node_ids, scaled
from tests.integration.test_task_operator import wait_until


@pytest.fixture(autouse=True)
def process_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets it for its process, which is that of all tests here."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")


def test_pool_is_shown_with_its_nodes_slots_and_errors(
    pool_id: str,
    hook: AzureBatchHook,
    emulator: EmulatorProcess,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    create(pool_id, batch_pool=body(pool_id, 2)).run(monkeypatch)
    hook.send(requests.create_job({"id": pool_id, "poolInfo": {"poolId": pool_id}}))
    try:
        hook.send(requests.create_task(pool_id, {"id": "t", "commandLine": "sleep 600", "requiredSlots": 3}))
        key = requests.TaskKey(pool_id, "t")
        wait_until(lambda: hook.send(requests.get_task(key)).json["state"] == "running")
        running = hook.send(requests.get_task(key)).json["nodeInfo"]["nodeId"]
        idle = next(node_id for node_id in node_ids(hook, pool_id) if node_id != running)
        emulator.break_node(pool_id, idle, code="DiskFull", message="No space.")
        emulator.fail_resize(pool_id, code="AccountCoreQuotaReached")
        hook.send(requests.resize_pool(pool_id, {"targetDedicatedNodes": 3}))
        wait_until(lambda: "AccountCoreQuotaReached" in hook.report_of_pool(pool_id).text)
        assert main(["pool", pool_id]) == 0
        shown = capsys.readouterr().out
        assert main(["pool", pool_id, "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
    finally:
        hook.send(requests.delete_job(pool_id))
    assert "nodes: 1 running, 1 unusable" in shown
    assert "tasks: 1 run, in 3 of 4 slots" in shown
    assert "2 of 3 dedicated, 0 of 0 spot nodes (standard_d2s_v5)" in shown
    assert f"broken: node {idle}: DiskFull: No space." in shown
    assert "resize error: AccountCoreQuotaReached" in shown
    assert (data["allocation_state"], data["nodes"]) == ("steady", {"running": 1, "unusable": 1})
    assert (data["usable_nodes"], data["busy_task_slots"], data["task_slots"]) == (1, 3, 4)


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("$TargetDedicatedNodes = 1;", "formula: $TargetDedicatedNodes=1"),
        ("$TargetDedicatedNodes = useless;", "formula: AutoScalingFormulaEvaluationError"),
    ],
)
def test_pool_is_shown_with_what_its_formula_came_to(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, formula: str, told: str
) -> None:
    create(pool_id, batch_pool=scaled(pool_id, formula), wait_until_usable=False).run(monkeypatch)
    assert told in hook.report_of_pool(pool_id).text


def test_pool_that_does_not_exist_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pool", "nowhere"]) == 1
    assert "PoolNotFound" in capsys.readouterr().err


def test_connection_that_is_not_defined_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pool", "nowhere", "--conn-id", "nobody"]) == 1
    told = capsys.readouterr().err
    assert "`nobody` isn't defined; --conn-id names another" in told


KEEP_CONNECTION = """
import sys
from airflow import models, settings
from airflow.models import Connection
from airflow.utils.session import create_session

models.import_all_models()
settings.configure_orm()
tables = [table for name, table in Connection.metadata.tables.items() if name in ("connection", "team")]
Connection.metadata.create_all(settings.engine, tables=tables)
with create_session() as session:
    session.add(Connection.from_json(sys.argv[1], conn_id="kept"))
"""


def test_connection_is_found_in_the_database_of_airflow(emulator: EmulatorProcess, tmp_path: Path) -> None:
    of_own = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "PYTHONWARNINGS": "ignore",
    }
    del of_own["_AIRFLOW_PROCESS_CONTEXT"]
    kept = [sys.executable, "-c", KEEP_CONNECTION, connection_json(emulator)]
    subprocess.run(kept, env=of_own, check=True, capture_output=True, timeout=120)
    command = [sys.executable, "-m", "airflow_provider_batch", "pool", "nowhere", "--conn-id", "kept"]
    asked = subprocess.run(command, env=of_own, capture_output=True, text=True, timeout=120)
    assert "PoolNotFound" in asked.stderr
