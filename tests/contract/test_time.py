"""The emulator's time, moved and scaled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.testing import ControlError
from tests.contract.clients import SyncBatch, new_id, pool_body, wait_for
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess, emulator_processes

pytestmark = pytest.mark.emulator_only(reason="the time of the account can be moved")


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator whose time stands still."""
    folder: Path = tmp_path_factory.mktemp("still")
    yield from emulator_processes(folder, node_start_seconds=30, arguments=["--time-scale", "0"])


@pytest.fixture(scope="module")
def client(still: EmulatorProcess) -> Iterator[SyncBatch]:
    client = SyncBatch(still)
    yield client
    client.close()


def test_nothing_happens_by_itself_while_the_time_stands_still(still: EmulatorProcess, client: SyncBatch):
    before = still.now()
    name = new_id("pool")
    client.call("create_pool", pool_body(name, targetDedicatedNodes=1))
    assert client.call("get_pool", name).allocation_state == "resizing"
    assert still.now() == before
    still.advance(40)
    assert [node.state for node in client.call("list_nodes", name)] == ["idle"]


def test_what_is_due_meanwhile_happens_at_its_own_moment(still: EmulatorProcess, client: SyncBatch):
    name = new_id("job")
    body = {"id": name, "poolInfo": {"poolId": "none"}, "constraints": {"maxWallClockTime": "PT1H"}}
    client.call("create_job", body)
    still.advance(timedelta(days=2).total_seconds())
    job = client.call("get_job", name)
    assert (job.state, job.execution_info.termination_reason) == ("completed", "MaxWallClockTimeExpiry")
    assert job.execution_info.end_time - job.creation_time == timedelta(hours=1)


def test_time_can_run_faster(still: EmulatorProcess):
    before = datetime.fromisoformat(still.now().replace("Z", "+00:00"))
    still.run_at(10_000)
    try:
        wait_for(lambda: datetime.fromisoformat(still.now()[:19] + "+00:00") - before > timedelta(minutes=5))
    finally:
        still.run_at(0)
    assert still.now() == still.now()


def test_requests_are_dated_by_the_computers_clock_whatever_the_time_is_here(still: EmulatorProcess):
    still.advance(86_400)
    here = datetime.fromisoformat(still.now()[:19] + "+00:00")
    assert here - datetime.now(timezone.utc) > timedelta(hours=20)
    assert send(still, "GET", "/pools").status == 200


def test_answers_are_dated_by_the_time_here(still: EmulatorProcess):
    still.advance(86_400)
    here = datetime.fromisoformat(still.now()[:19] + "+00:00")
    for path in ("/pools", "/pools/absent", "/_emulator/health"):
        assert parsedate_to_datetime(send(still, "GET", path).headers["date"]) == here


@pytest.mark.parametrize("seconds", [-1, "3", None, 1e12])
def test_time_is_moved_forward_only_and_not_for_ever(still: EmulatorProcess, seconds: object):
    with pytest.raises(ControlError) as refused:
        still.control("POST", "/_emulator/time/advance", {"seconds": seconds})
    assert refused.value.status == 400


def test_time_is_the_account_owners_only(still: EmulatorProcess):
    answer = send(still, "PUT", "/_emulator/time", b'{"scale": 3}', query="", signed=False)
    assert answer.status == 403
