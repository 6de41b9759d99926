"""Hours and costs that operators report are those that the vendor's SDK shows of tasks, pools and nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from airflow_provider_batch.domain import group_launch
from airflow_provider_batch.domain.flow import drive, drive_async
from airflow_provider_batch.domain.group_end import finish_group
from airflow_provider_batch.domain.group_job import Generation, GroupJobPlan
from airflow_provider_batch.domain.group_launch import Opening
from airflow_provider_batch.domain.ids import GroupIdentity
from airflow_provider_batch.domain.outcome import TaskOutcome
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.watch import WatchOptions, watch
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.hooks.prices import price_table
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.pools import AzureBatchDeletePoolOperator
from airflow_provider_batch.specs import Autoscale, PoolSpec, VmImage
from airflow_provider_batch.triggers.job_poller import subscribe
from airflow_provider_batch.triggers.mirror_effects import MirrorEffects
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import CONN_ID, connection_json
from tests.integration.pool_try import Make, body, both_modes, create, scaled, silent
from tests.integration.task_try import RUN_STARTED, EndedByTrigger, TaskTry

PRICES = '{"currency": "EUR", "standard_d2s_v5": {"dedicated": 3600, "spot": 360}}'
MakeTask = Callable[..., TaskTry]


@pytest.fixture(autouse=True)
def priced(connection: None, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection has prices: a second of a dedicated node costs one euro."""
    extra = {"account_url": emulator.url, "prices": PRICES}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection_json(emulator, extra=extra))


@pytest.fixture
def sdk(emulator: EmulatorProcess) -> Iterator[BatchClient]:
    key = AzureNamedKeyCredential(emulator.account_name, emulator.account_key)
    with BatchClient(emulator.url, key) as client:
        yield client


def hours_of(sdk: BatchClient, result: dict[str, Any]) -> float:
    """Hours between start and end of a task, as the vendor's SDK reads them."""
    info = sdk.get_task(result["batch_job_id"], result["batch_task_id"]).execution_info
    assert info is not None
    assert info.start_time is not None
    assert info.end_time is not None
    return (info.end_time - info.start_time).total_seconds() / 3600


@both_modes
def test_a_task_costs_its_share_of_its_node(
    make_try: MakeTask, sdk: BatchClient, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task = make_try(command_line="sleep 1", batch_task={"requiredSlots": 3}, deferrable=deferrable)
    result = task.run(monkeypatch)
    held = hours_of(sdk, result) * 3 / 4
    assert held > 0
    assert result["node_hours"] == pytest.approx(held, abs=1e-6)
    assert result["spot_node_hours"] == 0
    assert result["core_hours"] == pytest.approx(2 * held, abs=2e-6)
    assert (result["cost"], result["currency"]) == (pytest.approx(3600 * held, abs=0.01), "EUR")
    assert "; held 0.000" in task.text


def test_a_task_that_fails_says_what_it_held_in_its_report(
    make_try: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_try(command_line="/bin/sh -c 'sleep 1; exit 3'", deferrable=True)
    with pytest.raises(EndedByTrigger):
        task.run(monkeypatch)
    assert "  held: 0.000" in task.text
    assert "EUR" in task.text


async def watched(key: TaskKey) -> TaskOutcome:
    """See a task to its end as a mirror does; however long it waits, it does not look for the reason."""

    async def save(state: dict[str, Any]) -> None:
        """Nothing restarts here."""

    async with subscribe(CONN_ID, key.batch_job_id, 0.2) as subscription:
        flow = watch(Submission(key, None, shared_job=True), WatchOptions(0.2))
        outcome: TaskOutcome = await drive_async(flow, MirrorEffects(subscription, silent(), save))
    return outcome


async def test_a_run_costs_what_its_members_cost_and_these_read_their_pool_once(
    hook: AzureBatchHook, pool: str, emulator: EmulatorProcess, sdk: BatchClient
) -> None:
    group = GroupJobPlan(GroupIdentity("", "cost", "run", RUN_STARTED.isoformat(), "film"), pool, {})
    perform = WorkerEffects(hook.get_conn(), silent())

    def launched() -> Generation:
        generation, _ = drive(group_launch.open_for_launch(group, Opening(0, "f")), perform)
        tasks = [{"id": f"t{n}", "commandLine": "sleep 0.5", "requiredSlots": n} for n in (1, 2, 3)]
        drive(group_launch.launch(group, generation, tasks, is_new=True), perform)
        return generation

    job = (await asyncio.to_thread(launched)).batch_job_id
    emulator.reset_request_counts()
    members = await asyncio.gather(*(watched(TaskKey(job, f"t{n}")) for n in (1, 2, 3)))
    assert emulator.request_counts().get("get_pool") == 1
    figures = await asyncio.to_thread(drive, finish_group(group.group), perform)
    run = figures.as_json()
    held = sum(hours_of(sdk, member.as_json()) * n / 4 for n, member in enumerate(members, 1))
    assert held > 0
    assert sum(member.node_hours or 0 for member in members) == pytest.approx(held, abs=3e-6)
    assert run["node_hours"] == pytest.approx(held, abs=1e-6)
    assert sum(member.cost or 0 for member in members) == pytest.approx(3600 * held, abs=0.02)
    prices = price_table(hook.connection, figures.machines, silent())
    assert figures.priced(prices).as_json()["cost"] == pytest.approx(3600 * held, abs=0.02)


@both_modes
def test_a_pool_that_is_deleted_says_what_its_nodes_held_idle_or_not(
    pool_id: str,
    make: Make,
    hook: AzureBatchHook,
    sdk: BatchClient,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
) -> None:
    create(pool_id, batch_pool=body(pool_id, 1, targetLowPriorityNodes=1)).run(monkeypatch)
    nodes = {bool(node.is_dedicated): node.allocation_time for node in sdk.list_nodes(pool_id)}
    assert nodes.keys() == {True, False}
    delete = make(AzureBatchDeletePoolOperator, deferrable=deferrable)
    result = delete.run(monkeypatch)
    until = datetime.now(timezone.utc)
    most = {kind: (until - since).total_seconds() / 3600 for kind, since in nodes.items() if since}
    assert 0 < result["spot_node_hours"] <= most[False]
    assert result["spot_node_hours"] < result["node_hours"] <= sum(most.values())
    assert result["core_hours"] == pytest.approx(2 * result["node_hours"], abs=3e-6)
    dedicated = result["node_hours"] - result["spot_node_hours"]
    cost = 3600 * dedicated + 360 * result["spot_node_hours"]
    assert (result["cost"], result["currency"]) == (pytest.approx(cost, abs=0.02), "EUR")
    assert f"Pool {pool_id}: its present nodes have held" in delete.text


def test_of_a_pool_that_is_gone_already_nothing_is_known(
    pool_id: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = make(AzureBatchDeletePoolOperator).run(monkeypatch)
    assert result == {
        "batch_pool_id": pool_id,
        "deleted": True,
        **dict.fromkeys(("node_hours", "spot_node_hours", "core_hours", "cost", "currency")),
    }


def test_creation_says_the_most_that_the_pool_may_cost(pool_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = create(pool_id, batch_pool=body(pool_id, 2), wait_until_usable=False)
    fixed.run(monkeypatch)
    most = "up to 2 dedicated nodes (standard_d2s_v5, 4 cores): 7,200.00 EUR an hour."
    assert f"Pool {pool_id}: {most}" in fixed.text


def test_a_task_that_brings_its_pool_says_the_most_that_the_pool_may_cost(
    pool_id: str, make_try: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_try(command_line="/bin/true", batch_pool=body(pool_id, 1))
    task.run(monkeypatch)
    most = "up to 1 dedicated node (standard_d2s_v5, 2 cores): 3,600.00 EUR an hour."
    assert f"Pool {pool_id}: {most}" in task.text


def test_creation_of_a_pool_that_rules_size_says_the_most_of_its_formula(
    pool_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = PoolSpec(
        pool_id=pool_id,
        vm_size="standard_d2s_v5",
        image=VmImage.ubuntu("22.04"),
        autoscale=Autoscale.pending_tasks(5, spot=True),
    )
    by_rules = create(pool_id, batch_pool=pool, wait_until_usable=False)
    by_rules.run(monkeypatch)
    assert "by its formula at most 5 spot nodes (standard_d2s_v5, 10 cores): 1,800.00 EUR" in by_rules.text


def test_creation_of_a_pool_with_a_formula_by_hand_says_that_there_is_no_estimate(
    pool_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = create(
        pool_id, batch_pool=scaled(pool_id, "$TargetDedicatedNodes = 0;"), wait_until_usable=False
    )
    by_hand.run(monkeypatch)
    assert "no estimate of the cost" in by_hand.text
