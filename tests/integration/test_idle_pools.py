"""The reaper and its sensor against the emulator, whose time is moved."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive
from airflow_provider_batch.domain.idle_pools import give_up, look_at_our_pools, look_at_pool
from airflow_provider_batch.domain.labels import pool_labels
from airflow_provider_batch.domain.pool_adoption import adopt_pool
from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators import effects
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.pools import reap
from airflow_provider_batch.operators.pools.reap import AzureBatchReapPoolsOperator
from airflow_provider_batch.sensors.idle_pool import AzureBatchIdlePoolSensor
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import CONN_ID, POOL, connection_json
from tests.integration.task_try import RUN_STARTED
from tests.integration.test_task_operator import wait_until
from tests.unit.domain.plans import WORK

GRACE = timedelta(minutes=30)
LABELS = [pair for pair in pool_labels(WORK) if pair["name"] != "airflow_deployment_id"]


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorProcess]:
    """An emulator of its own: its time is moved."""
    with EmulatorProcess.start(tmp_path / "emulator") as running:
        yield running


@pytest.fixture
def account(emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> AzureBatchHook:
    """The hook; as the emulator's time is moved on, the worker's clock stays behind."""
    extra = {"account_url": emulator.url, "prices": '{"standard_d2s_v5": 0.5}'}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection_json(emulator, extra=extra))
    return AzureBatchHook(CONN_ID)


def run(account: AzureBatchHook, flow: Any) -> Any:
    return drive(flow, WorkerEffects(account.get_conn(), logging.getLogger(__name__)))


def make_pool(account: AzureBatchHook, batch_pool_id: str, labels: Any = LABELS, **changes: Any) -> None:
    run(account, adopt_pool({**POOL, "id": batch_pool_id, **changes}, labels))

    def has_nodes() -> bool:
        nodes = account.send(requests.list_nodes(batch_pool_id)).json["value"]
        return bool(nodes) and all(node["state"] == "idle" for node in nodes)

    wait_until(has_nodes)


def reaped(over: bool = True, **how: Any) -> dict[str, dict[str, Any]]:
    """Run the operator; what it says by pool."""
    with DAG("integration", schedule=None, start_date=RUN_STARTED):
        operator = AzureBatchReapPoolsOperator(task_id="reap", grace=GRACE, **how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reap, "run_has_ended", lambda context, run_id, dag_id: over)
        found = operator.execute({"ti": SimpleNamespace()})  # type: ignore[typeddict-item]
    return {pool["batch_pool_id"]: pool for pool in found}


def pool_of(account: AzureBatchHook, batch_pool_id: str) -> Any:
    return account.send(requests.get_pool(batch_pool_id)).json


def test_only_idle_pools_with_labels_are_given_up(account: AzureBatchHook, emulator: EmulatorProcess) -> None:
    make_pool(account, "forgotten")
    make_pool(account, "working")
    make_pool(account, "somebodys", labels=())
    account.send(requests.create_job({"id": "j", "poolInfo": {"poolId": "working"}}))
    account.send(requests.create_task("j", {"id": "t", "commandLine": "sleep 600"}))
    assert reaped(dry_run=False)["forgotten"]["done"] is None  # not for long enough
    emulator.advance(3600)

    said = reaped()
    assert said.keys() == {"forgotten", "working"}
    assert said["forgotten"]["reason"].startswith("dry run")
    assert "tasks that wait or run" in said["working"]["reason"]
    assert said["forgotten"]["idle_node_hours"] == pytest.approx(1.0, abs=0.1)
    assert (said["forgotten"]["node_hours_an_hour"], said["forgotten"]["cost_an_hour"]) == (1.0, 0.5)
    assert pool_of(account, "forgotten")["targetDedicatedNodes"] == 1

    assert reaped(dry_run=False)["forgotten"]["done"] == "scale_to_zero"
    assert pool_of(account, "forgotten")["targetDedicatedNodes"] == 0
    assert pool_of(account, "somebodys")["targetDedicatedNodes"] == 1
    assert pool_of(account, "working")["targetDedicatedNodes"] == 1
    wait_until(lambda: pool_of(account, "forgotten")["currentDedicatedNodes"] == 0)
    again = reaped(dry_run=False)["forgotten"]
    assert (again["done"], again["reason"]) == (None, "it has no nodes")


def test_a_worker_whose_clock_is_ahead_gives_up_no_pool_that_was_just_used(
    account: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pool(account, "used")
    ahead = SimpleNamespace(now=lambda zone: datetime.now(zone) + timedelta(hours=1))
    monkeypatch.setattr(effects, "datetime", ahead)
    found = reaped(dry_run=False)["used"]
    assert found["done"] is None
    assert found["reason"].startswith("something happened")


def test_a_pool_whose_run_goes_on_is_kept(account: AzureBatchHook, emulator: EmulatorProcess) -> None:
    make_pool(account, "forgotten")
    emulator.advance(3600)
    kept = reaped(over=False, dry_run=False, action="delete")["forgotten"]
    assert kept["done"] is None
    assert "has not ended" in kept["reason"]
    account.send(requests.create_job({"id": "open", "poolInfo": {"poolId": "forgotten"}}))
    emulator.advance(3600)
    assert "job open is open, and not ours" in reaped(dry_run=False, action="delete")["forgotten"]["reason"]
    account.send(requests.terminate_job("open", "over"))
    assert reaped(dry_run=False, action="delete")["forgotten"]["done"] == "delete"


def test_another_airflows_pool_is_none_of_ours(account: AzureBatchHook, emulator: EmulatorProcess) -> None:
    make_pool(account, "theirs", labels=pool_labels(WORK))
    emulator.advance(3600)
    assert reaped(dry_run=False) == {}
    assert [use.is_idle for use in run(account, look_at_our_pools(WORK.deployment_id, GRACE))] == [True]


def test_a_formula_is_left_to_decide(account: AzureBatchHook, emulator: EmulatorProcess) -> None:
    body = {name: value for name, value in POOL.items() if name != "targetDedicatedNodes"}
    formula = {"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes = 1;"}
    run(account, adopt_pool({**body, "id": "scaled", **formula}, LABELS))
    wait_until(lambda: account.send(requests.list_nodes("scaled")).json["value"])
    emulator.advance(7200)
    assert "a formula decides its size" in reaped(dry_run=False)["scaled"]["reason"]


def test_a_pool_that_is_used_again_meanwhile_is_left_alone(
    account: AzureBatchHook, emulator: EmulatorProcess
) -> None:
    make_pool(account, "forgotten")
    emulator.advance(3600)
    use = run(account, look_at_pool("forgotten", GRACE))
    account.send(requests.create_job({"id": "late", "poolInfo": {"poolId": "forgotten"}}))
    assert run(account, give_up(use, "delete", GRACE)) is False
    assert pool_of(account, "forgotten")["state"] == "active"


def test_the_sensor_waits_for_an_idle_pool(account: AzureBatchHook, emulator: EmulatorProcess) -> None:
    make_pool(account, "forgotten")
    with DAG("integration", schedule=None, start_date=RUN_STARTED):
        sensor = AzureBatchIdlePoolSensor(task_id="idle", batch_pool_id="forgotten", grace=GRACE)
        gone = AzureBatchIdlePoolSensor(task_id="gone", batch_pool_id="nowhere", grace=GRACE)
    context: Any = {}
    assert not sensor.poke(context).is_done
    emulator.advance(3600)
    found = sensor.poke(context)
    assert found.is_done
    assert found.xcom_value is not None
    assert found.xcom_value["idle_node_hours"] == pytest.approx(1.0, abs=0.1)
    assert gone.poke(context).is_done


@pytest.mark.parametrize("wrong", [{"grace": timedelta()}, {"grace": 3600}, {"action": "burn"}])
def test_what_is_wrong_is_told_while_the_dag_is_parsed(wrong: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=next(iter(wrong))):
        AzureBatchReapPoolsOperator(task_id="reap", **wrong)


@pytest.mark.parametrize("grace", [1800, timedelta(seconds=-1)])
def test_sensor_refuses_a_grace_time_that_is_none(grace: Any) -> None:
    with pytest.raises(SpecError, match="grace"):
        AzureBatchIdlePoolSensor(task_id="idle", batch_pool_id="p", grace=grace)
