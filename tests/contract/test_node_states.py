"""What nodes look like on their way, in an emulator whose time moves only when the test says so."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.contract.clients import SyncBatch, code_of, new_id, pool_body
from tests.contract.raw import send
from tests.contract.test_golden import same_shape
from tests.emulator_process import EmulatorProcess, emulator_processes

REFERENCE = "reference of the service, "
SDK_DOC = "azure-batch 15.1.0, documentation of "
START_SECONDS = 30


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator whose time stands still."""
    folder: Path = tmp_path_factory.mktemp("still")
    yield from emulator_processes(folder, node_start_seconds=START_SECONDS, arguments=["--time-scale", "0"])


@pytest.fixture(scope="module")
def client(still: EmulatorProcess) -> Iterator[SyncBatch]:
    client = SyncBatch(still)
    yield client
    client.close()


@pytest.fixture
def node(still: EmulatorProcess, client: SyncBatch) -> tuple[str, str]:
    """A pool of its own with one idle spot node, and that node."""
    pool_id = new_id("pool")
    client.call("create_pool", pool_body(pool_id, targetLowPriorityNodes=1))
    still.advance(START_SECONDS)
    (found,) = client.call("list_nodes", pool_id)
    assert found.state == "idle"
    return pool_id, found.id


def verb(still: EmulatorProcess, node: tuple[str, str], name: str, body: Any = None) -> None:
    """Ask for a verb, without waiting for its effect as the SDK's pollers do."""
    answer = send(still, "POST", f"/pools/{node[0]}/nodes/{node[1]}/{name}", body)
    assert answer.status in (200, 202), answer.body


def states_on_the_way(
    still: EmulatorProcess, client: SyncBatch, node: tuple[str, str], steps: int
) -> list[Any]:
    """The states of a node now, and after each third of its start time."""
    found: list[Any] = []
    for _ in range(steps):
        found.append(client.call("get_node", *node).state)
        still.advance(START_SECONDS / 3)
    return found


@pytest.mark.verified(
    on="azure-batch-cli-extensions test_batch_extensions_live", api_version="2022-01-01.15.0"
)
def test_node_that_is_created_has_the_recorded_shape(still: EmulatorProcess, client: SyncBatch):
    pool_id = new_id("pool")
    client.call("create_pool", pool_body(pool_id, targetDedicatedNodes=1))
    same_shape("pool_resizing", send(still, "GET", f"/pools/{pool_id}").json())
    still.advance(START_SECONDS / 3)
    same_shape("node_list_creating", send(still, "GET", f"/pools/{pool_id}/nodes").json(), ordered=False)


@pytest.mark.assumed(source=REFERENCE + "section 3.2")
@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("reboot", ["rebooting", "starting", "idle"]),
        ("reimage", ["reimaging", "starting", "idle"]),
        ("deallocate", ["deallocating", "deallocated", "deallocated"]),
    ],
)
def test_node_goes_down_and_up_through_the_documented_states(
    still: EmulatorProcess, client: SyncBatch, node: tuple[str, str], name: str, states: list[str]
):
    verb(still, node, name)
    assert states_on_the_way(still, client, node, 3) == states


@pytest.mark.assumed(source=REFERENCE + "section 6.5")
def test_preempted_node_keeps_its_id_and_is_created_again(
    still: EmulatorProcess, client: SyncBatch, node: tuple[str, str]
):
    still.preempt_node(*node, seconds=START_SECONDS / 3)
    assert states_on_the_way(still, client, node, 4) == ["preempted", "creating", "starting", "idle"]
    pool = client.call("get_pool", node[0])
    assert (pool.current_low_priority_nodes, pool.target_low_priority_nodes) == (1, 1)
    assert node[1].endswith("_p")


@pytest.mark.assumed(source=REFERENCE + "section 2.8")
@pytest.mark.parametrize(
    ("cause", "member"),
    [
        (lambda still, node: verb(still, node, "reboot"), "rebooting"),
        (lambda still, node: verb(still, node, "reimage"), "reimaging"),
        (lambda still, node: verb(still, node, "deallocate"), "deallocating"),
        (lambda still, node: verb(still, node, "disablescheduling"), "offline"),
        (lambda still, node: still.preempt_node(*node), "preempted"),
        (lambda still, node: still.break_node(*node), "unusable"),
        (lambda still, node: still.miss_node(*node), "unknown"),
        (lambda still, node: still.upgrade_node(*node), "upgradingOS"),
    ],
)
def test_node_is_counted_in_its_state(
    still: EmulatorProcess,
    client: SyncBatch,
    node: tuple[str, str],
    cause: Callable[[EmulatorProcess, tuple[str, str]], None],
    member: str,
):
    cause(still, node)
    (counts,) = client.call("list_pool_node_counts", filter=f"poolId eq '{node[0]}'")
    assert {name for name, number in counts.low_priority.items() if number} == {member, "total"}


@pytest.mark.assumed(source=REFERENCE + "section 7.2")
def test_node_that_reboots_refuses_what_needs_a_working_one(
    still: EmulatorProcess, client: SyncBatch, node: tuple[str, str]
):
    verb(still, node, "reboot")
    user = models.BatchNodeUserCreateOptions(name="me", password="hunter2!")
    for operation, *arguments in (
        ("begin_reboot_node", {"nodeRebootOption": "requeue"}),
        ("begin_reimage_node", {"nodeReimageOption": "requeue"}),
        ("begin_start_node",),
        ("create_node_user", user),
    ):
        with pytest.raises(ResourceExistsError) as caught:
            client.call(operation, *node, *arguments)
        assert code_of(caught.value) == "NodeBeingRebooted"


@pytest.mark.assumed(source=REFERENCE + "section 2.7")
def test_files_of_a_node_out_of_reach_are_refused(
    still: EmulatorProcess, client: SyncBatch, node: tuple[str, str]
):
    still.miss_node(*node)
    with pytest.raises(ResourceExistsError) as caught:
        client.call("list_node_files", *node)
    assert code_of(caught.value) == "OperationNotValidOnNode"


@pytest.mark.assumed(source=SDK_DOC + "BatchNodeUserCreateOptions: one day by default")
def test_user_of_a_node_is_gone_after_a_day(still: EmulatorProcess, client: SyncBatch, node: tuple[str, str]):
    user = models.BatchNodeUserCreateOptions(name="me", password="hunter2!")
    client.call("create_node_user", *node, user)
    still.advance(timedelta(hours=23, minutes=59).total_seconds())
    with pytest.raises(ResourceExistsError):
        client.call("create_node_user", *node, user)
    still.advance(60)
    with pytest.raises(ResourceNotFoundError) as caught:
        client.call("delete_node_user", *node, "me")
    assert code_of(caught.value) == "NodeUserNotFound"


@pytest.mark.verified(on="azure-sdk-for-node list_pools_usage_metrics", api_version="2020-03-01.11.0")
def test_usage_of_the_last_interval_has_the_recorded_shape(
    still: EmulatorProcess, client: SyncBatch, node: tuple[str, str]
):
    still.advance(timedelta(hours=3).total_seconds())
    found = send(still, "GET", "/poolusagemetrics").json()
    same_shape("pool_usage_metrics", found)
    (own,) = client.call("list_pool_usage_metrics", filter=f"poolId eq '{node[0]}'")
    assert own.end_time - own.start_time == timedelta(minutes=30)
    assert own.start_time.minute in (0, 30)
    # Two cores for half an hour.
    assert own.total_core_hours == pytest.approx(1.0)


@pytest.mark.assumed(source=SDK_DOC + "list_pool_usage_metrics")
def test_usage_of_a_range_is_whole_intervals(
    still: EmulatorProcess, client: SyncBatch, node: tuple[str, str]
):
    began = now(still)
    still.advance(timedelta(hours=5).total_seconds())
    found = client.call(
        "list_pool_usage_metrics",
        start_time=began,
        end_time=began + timedelta(hours=2),
        filter=f"poolId eq '{node[0]}'",
        max_results=2,
    )
    assert len(found) in (4, 5)
    assert [usage.start_time for usage in found] == sorted(usage.start_time for usage in found)
    assert all(usage.total_core_hours == pytest.approx(1.0) for usage in found[1:])


@pytest.mark.assumed(source=SDK_DOC + "list_pool_usage_metrics")
def test_usage_of_a_range_that_ends_before_it_begins_is_refused(still: EmulatorProcess, client: SyncBatch):
    with pytest.raises(HttpResponseError) as caught:
        client.call(
            "list_pool_usage_metrics",
            start_time=now(still) - timedelta(hours=3),
            end_time=now(still) - timedelta(hours=4),
        )
    assert code_of(caught.value) == "InvalidQueryParameterValue"


def now(still: EmulatorProcess) -> datetime.datetime:
    return datetime.datetime.fromisoformat(still.now()[:19] + "+00:00")


@pytest.mark.verified(
    on="azure-sdk-for-node upload_pool_node_logs_at_paas_pool", api_version="2020-03-01.11.0"
)
def test_result_of_a_log_upload_has_the_recorded_shape(still: EmulatorProcess, node: tuple[str, str]):
    body = {"containerUrl": "http://127.0.0.1:9/logs", "startTime": "2020-01-01T00:00:00Z"}
    path = f"/pools/{node[0]}/nodes/{node[1]}/uploadbatchservicelogs"
    same_shape("upload_node_logs_result", send(still, "POST", path, body).json())
