"""What the reaper says of the pools that it finds, a dry run above all."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_batch.domain.flow import Flow, Log
from airflow_provider_batch.domain.idle_pools import PoolUse
from airflow_provider_batch.domain.labels import Owner
from airflow_provider_batch.domain.node_hours import Machine, NodeHours
from airflow_provider_batch.operators.pools import reap
from airflow_provider_batch.operators.pools.reap import AzureBatchReapPoolsOperator

CONNECTION = {
    "conn_type": "azure_batch",
    "login": "account",
    "password": "cmVhcGVyLWtleQ==",
    "extra": {"account_url": "https://account.westeurope.batch.azure.com"},
}
NODE = Machine("standard_d2s_v5")
SINCE = datetime(2026, 1, 1, tzinfo=timezone.utc)


def idle(batch_pool_id: str, nodes: int) -> PoolUse:
    hours, an_hour = NodeHours.of(NODE, nodes * 2.0), NodeHours.of(NODE, float(nodes))
    return PoolUse(batch_pool_id, Owner("d", "r"), nodes, None, SINCE, hours, an_hour)


def busy(batch_pool_id: str) -> PoolUse:
    return PoolUse(batch_pool_id, Owner("d", "r"), 1, "a node runs a task", SINCE)


@pytest.mark.parametrize(
    ("uses", "dry_run", "last"),
    [
        ([], True, "No pool has labels of this Airflow."),
        (
            [idle("a", 1), busy("b")],
            True,
            "1 of 2 pools with labels would be given up (scale_to_zero): 2.000 node-hours held for nobody, "
            "1 node still on the bill.",
        ),
        (
            [idle("a", 1), idle("b", 2)],
            False,
            "2 of 2 pools with labels given up (scale_to_zero): 6.000 node-hours held for nobody, "
            "3 nodes off the bill.",
        ),
    ],
)
def test_the_last_line_says_what_is_saved_or_would_be(
    uses: list[PoolUse],
    dry_run: bool,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def look(*_: Any) -> Flow[list[PoolUse]]:
        yield Log("Looking.")
        return uses

    def give_up(*_: Any) -> Flow[bool]:
        yield Log("Done.")
        return True

    monkeypatch.setenv("AIRFLOW_CONN_REAPED", json.dumps(CONNECTION))
    monkeypatch.setattr(reap, "look_at_our_pools", look)
    monkeypatch.setattr(reap, "give_up", give_up)
    monkeypatch.setattr(reap, "run_has_ended", lambda *_: True)
    monkeypatch.setattr(AzureBatchReapPoolsOperator, "log", logging.getLogger(__name__))
    operator = AzureBatchReapPoolsOperator(task_id="t", dry_run=dry_run, azure_batch_conn_id="reaped")
    with caplog.at_level(logging.INFO, logger=__name__):
        operator.execute({"ti": SimpleNamespace()})  # type: ignore[typeddict-item]
    lines = [record.getMessage() for record in caplog.records if record.name == __name__]
    assert lines[-1] == last
    assert "Pool b (1 node) is not idle: a node runs a task." in lines or busy("b") not in uses
    assert not any(". left" in line for line in lines)
