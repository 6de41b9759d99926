"""
Whatever is sent: an answer in the service's form, never a crash; and what is refused has changed nothing.

``BATCH_FUZZ_EXAMPLES=20000`` looks longer.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_batch.emulator.model.account import AuthenticationMode
from tests.contract.management_clients import ACCOUNT_ID
from tests.unit.emulator.routes.account_in_process import SECRET, VERSION, AccountInProcess, Answer, Sent
from tests.unit.emulator.routes.any_request import ODD_FILES, RAW_FILES, requests

EXAMPLES = int(os.environ.get("BATCH_FUZZ_EXAMPLES", "150"))
LISTS = ("pools", "jobs", "jobschedules", "applications", "nodecounts", "supportedimages", "poolusagemetrics")


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= 150,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(st.data())
def test_every_request_is_answered_and_a_refused_one_changes_nothing(
    loop: asyncio.AbstractEventLoop, data: st.DataObject
):
    with tempfile.TemporaryDirectory() as root:
        account = AccountInProcess(Path(root) / "nodes", loop)
        try:
            account.begin(ACCOUNT_ID)
            with account.engine.reading() as state:
                nodes = tuple(node.id for pool in state.pools.values() for node in pool.nodes.values())
            for sent in data.draw(st.lists(requests(nodes), min_size=1, max_size=12)):
                before = account.digest()
                answer = account.send(sent)
                check_answer(sent, answer)
                if answer.status >= 300 or sent.method in ("GET", "HEAD"):
                    assert account.digest() == before, f"{sent} has changed something: {answer}"
            # What was accepted can be lived with.
            account.engine.advance(200)
            read_everything(account)
        finally:
            account.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_no_name_of_a_file_leads_out_of_its_directory(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, method: str
):
    account = AccountInProcess(tmp_path / "nodes", loop)
    account.begin(ACCOUNT_ID)
    with account.engine.reading() as state:
        node = state.task("j", "t").node
    assert node is not None
    odd = [quote_from_bytes(name.encode("utf-8", "surrogatepass")) for name in ODD_FILES]
    places = ("/jobs/j/tasks/t/files/", f"/pools/p/nodes/{node.node_id}/files/")
    for place in places:
        for name in (*odd, *RAW_FILES, *(quote(name, safe="") for name in ODD_FILES[:8])):
            for rest in ("", "&recursive=true"):
                sent = Sent("", method, f"{place}{name}?{VERSION}{rest}")
                check_answer(sent, account.send(sent))
    assert (account.engine.root / "secret.txt").read_text() == SECRET
    left = account.send(Sent("", "GET", f"{places[0]}wd/deep/file?{VERSION}"))
    # Deleting may take away what is inside, and nothing else.
    assert (left.status, left.body) == (200, b"kept") or method == "DELETE"
    account.close()


def check_answer(sent: Sent, answer: Answer) -> None:
    shown = (sent, answer.status, answer.body[:1000])
    assert answer.status < 500 or is_allowed(sent, answer), shown
    assert "request-id" in answer.headers, shown
    assert SECRET.encode() not in answer.body, shown
    if answer.status == 304:
        assert answer.body == b"", shown
    elif answer.status >= 400 and sent.method != "HEAD" and not is_page(sent):
        check_error(sent, answer.json())


def is_allowed(sent: Sent, answer: Answer) -> bool:
    """501 says what is not served, and 503 is the service's answer to who enables scaling too often."""
    if sent.operation == "enable_pool_auto_scale" and answer.status == 503:
        return True
    return answer.status == 501 and b'"NotImplemented"' in answer.body


def is_page(sent: Sent) -> bool:
    return sent.target.startswith(("/?", "/_emulator/pages/"))


def check_error(sent: Sent, body: Any) -> None:
    if "odata.metadata" not in body:
        assert sent.target.startswith(("/subscriptions/", "/providers/", "/%73")), (sent, body)
        assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "target", "details"}
        return
    assert (
        {"odata.metadata", "code", "message"} <= set(body) <= {"odata.metadata", "code", "message", "values"}
    )
    assert set(body["message"]) == {"lang", "value"}
    assert all(set(value) == {"key", "value"} for value in body.get("values", ()))


def read_everything(account: AccountInProcess) -> None:
    """Every resource that there is can be listed, read and looked at."""
    if AuthenticationMode.ENTRA_ID not in account.engine.account.authentication_modes:
        return
    with account.engine.reading() as state:
        pools = [(pool.id, [node.id for node in pool.nodes.values()]) for pool in state.pools.values()]
        jobs = [(job.id, [task.id for task in job.tasks.values()]) for job in state.jobs.values()]
        schedules = [schedule.id for schedule in state.schedules.values()]
    paths = [f"/{name}" for name in LISTS]
    for pool_id, node_ids in pools:
        paths += [f"/pools/{pool_id}", f"/pools/{pool_id}/nodes"]
        paths += [f"/pools/{pool_id}/nodes/{node_id}" for node_id in node_ids]
        paths += [f"/_emulator/pages/pools/{pool_id}"]
    for job_id, task_ids in jobs:
        paths += [f"/jobs/{job_id}", f"/jobs/{job_id}/tasks", f"/jobs/{job_id}/taskcounts"]
        paths += [f"/jobs/{job_id}/tasks/{task_id}" for task_id in task_ids]
        paths += [f"/_emulator/pages/jobs/{job_id}"]
        paths += [f"/_emulator/pages/jobs/{job_id}/tasks/{task_id}" for task_id in task_ids]
    paths += [f"/jobschedules/{name}{rest}" for name in schedules for rest in ("", "/jobs")]
    paths += [f"{ACCOUNT_ID}{rest}" for rest in ("", "/pools", "/applications")]
    for path in paths:
        answer = account.send(Sent("", "GET", f"{path}?{VERSION}"))
        assert answer.status == 200, (path, answer)
