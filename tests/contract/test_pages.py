"""The pages for people, read as HTML and seen in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import find_browser
from tests.contract.clients import SyncBatch, completed, new_id, pool_body, wait_for
from tests.contract.raw import Answer, send
from tests.emulator_process import EmulatorProcess

pytestmark = pytest.mark.emulator_only(reason="pages for people")

PAGES = "/_emulator/pages"


def read(emulator: EmulatorProcess, path: str) -> Answer:
    return send(emulator, "GET", path, query="", signed=False)


def text_of(answer: Answer) -> str:
    assert answer.status == 200
    return answer.body.decode("utf-8")


@pytest.fixture(scope="module")
def film(sync_batch: SyncBatch, pool_id: str) -> str:
    """A job with a fan: one task failed, one that waits for it for ever."""
    job_id = new_id("film")
    sync_batch.call(
        "create_job", {"id": job_id, "poolInfo": {"poolId": pool_id}, "usesTaskDependencies": True}
    )
    hello = {"id": "1", "commandLine": "/bin/echo '<script>alert(1)</script>'"}
    bad = {
        "id": "2",
        "commandLine": "/bin/sh -c 'echo oh no >&2; exit 3'",
        "environmentSettings": [{"name": "PASSWORD", "value": "hunter2"}],
    }
    fan = {"id": "fan-in", "commandLine": "true", "dependsOn": {"taskIdRanges": [{"start": 1, "end": 2}]}}
    for task in (hello, bad, fan):
        sync_batch.call("create_task", job_id, task)
    completed(sync_batch, job_id, "1")
    completed(sync_batch, job_id, "2")
    return job_id


def test_account_shows_pools_with_their_nodes_and_jobs(emulator: EmulatorProcess, film: str, pool_id: str):
    page = text_of(read(emulator, "/"))
    assert f"{PAGES}/pools/{pool_id}" in page
    assert f"{PAGES}/jobs/{film}" in page
    assert page.count('class="node ') >= 2
    assert '<meta http-equiv="refresh"' in page


@pytest.mark.parametrize(("slots", "words"), [(1, "1 task slot a node"), (2, "2 task slots a node")])
def test_pool_shows_the_slots_of_its_nodes(
    emulator: EmulatorProcess, sync_batch: SyncBatch, slots: int, words: str
):
    pool_id = new_id("slots")
    sync_batch.call("create_pool", pool_body(pool_id, taskSlotsPerNode=slots, targetDedicatedNodes=0))
    assert words in text_of(read(emulator, f"{PAGES}/pools/{pool_id}"))


def test_job_shows_its_tasks_and_draws_their_dependencies(emulator: EmulatorProcess, film: str):
    page = text_of(read(emulator, f"{PAGES}/jobs/{film}"))
    assert page.count("<rect") == 3
    assert page.count("<path") == 2
    for look in ("succeeded", "failed", "waiting"):
        assert f'<span class="chip {look}">' in page
    assert "FailureExitCode" in page


def test_tasks_can_be_seen_by_how_they_look(emulator: EmulatorProcess, film: str):
    answer = send(emulator, "GET", f"{PAGES}/jobs/{film}", query="look=failed", signed=False)
    page = answer.body.decode("utf-8")
    assert f"{PAGES}/jobs/{film}/tasks/2" in page
    assert '<span class="chip succeeded">' not in page


def test_task_shows_its_output_and_what_happened(emulator: EmulatorProcess, film: str):
    page = text_of(read(emulator, f"{PAGES}/jobs/{film}/tasks/2"))
    assert "oh no" in page
    assert "exit code 3" in page
    assert "active --start--" in page


def test_what_a_task_has_written_is_text_and_never_a_script(emulator: EmulatorProcess, film: str):
    answer = read(emulator, f"{PAGES}/jobs/{film}/tasks/1")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text_of(answer)
    assert "<script" not in text_of(answer)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_values_of_environment_variables_are_not_shown(emulator: EmulatorProcess, film: str):
    for path in ("/", f"{PAGES}/jobs/{film}", f"{PAGES}/jobs/{film}/tasks/2"):
        assert "hunter2" not in text_of(read(emulator, path))


@pytest.mark.parametrize(
    "path", [f"{PAGES}/jobs/absent", f"{PAGES}/pools/absent", f"{PAGES}/jobs/absent/tasks/t"]
)
def test_page_of_something_that_is_gone_says_so(emulator: EmulatorProcess, path: str):
    answer = read(emulator, path)
    assert answer.status == 404
    assert "does not exist" in answer.body.decode("utf-8")


def test_pages_are_for_local_names_only(emulator: EmulatorProcess):
    assert send(emulator, "GET", "/", query="", headers={"Host": "evil.example"}, signed=False).status == 421


def test_long_jobs_have_several_pages(emulator: EmulatorProcess, sync_batch: SyncBatch):
    job_id = new_id("long")
    sync_batch.call("create_job", {"id": job_id, "poolInfo": {"poolId": "none"}})
    tasks = [{"id": str(number), "commandLine": "true"} for number in range(450)]
    sync_batch.call("create_tasks", job_id, tasks)
    first = text_of(read(emulator, f"{PAGES}/jobs/{job_id}"))
    last = send(emulator, "GET", f"{PAGES}/jobs/{job_id}", query="page=3", signed=False).body.decode("utf-8")
    assert (first.count('<span class="chip ready">'), last.count('<span class="chip ready">')) == (200, 50)
    assert "page 1 of 3" in first


def test_pages_are_understood_by_a_real_browser(
    emulator: EmulatorProcess, sync_batch: SyncBatch, film: str, tmp_path: Path
):
    browser = find_browser(tmp_path / "profile")
    pool_id = new_id("wide")
    sync_batch.call("create_pool", pool_body(pool_id, targetDedicatedNodes=30))
    wait_for(lambda: len(sync_batch.call("list_nodes", pool_id)) == 30)
    account = browser.document(f"{emulator.url}/?still")
    assert f"Batch account {emulator.account_name}" in account
    assert account.count('class="node ') >= 30
    job = browser.document(f"{emulator.url}{PAGES}/jobs/{film}?still")
    assert job.count("<rect") == 3
    for name, path in (("account", "/"), ("job", f"{PAGES}/jobs/{film}")):
        picture = tmp_path / f"{name}.png"
        assert browser.screenshot(f"{emulator.url}{path}?still", picture) == (1300, 900)
        # A blank page of this size is a few hundred bytes.
        assert picture.stat().st_size > 10_000
