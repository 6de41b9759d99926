"""
Open questions about the service: each answer that the emulator can be told to give, through the vendor SDK.

Why each question is open, and what follows from its answer: ``docs/assumptions.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from airflow_provider_batch.emulator.model.assumptions import Assumptions
from tests.contract.clients import Batch, SyncBatch, code_of, completed, new_id, pool_body, wait_for
from tests.contract.conftest import nodes_idle
from tests.contract.raw import send
from tests.contract.test_serve import refused
from tests.emulator_process import EmulatorProcess

REFERENCE = "reference of the service, "
Assume = Callable[[str, str], None]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator of our own: its switches are turned."""
    with EmulatorProcess.start(tmp_path_factory.mktemp("assumptions") / "root") as running:
        yield running


@pytest.fixture(scope="module")
def batch(emulator: EmulatorProcess) -> Iterator[Batch]:
    client = SyncBatch(emulator)
    client.call("create_pool", pool_body("one", targetDedicatedNodes=1, taskSlotsPerNode=4))
    wait_for(lambda: nodes_idle(client, "one", 1))
    yield client
    client.close()


@pytest.fixture
def job_id(batch: Batch) -> str:
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": {"poolId": "one"}, "usesTaskDependencies": True})
    return name


@pytest.fixture
def assume(emulator: EmulatorProcess) -> Iterator[Assume]:
    """Turn a switch for one test."""
    yield emulator.assume
    for fact in Assumptions().listed():
        emulator.assume(str(fact["name"]), str(fact["value"]))


def add(batch: Batch, job_id: str, task_id: str, command_line: str = "true", **more: Any) -> None:
    batch.call("create_task", job_id, {"id": task_id, "commandLine": command_line, **more})


def listed(batch: Batch, job_id: str) -> dict[str, str]:
    return {task.id: task.state.value for task in batch.call("list_tasks", job_id)}


def counts(batch: Batch, job_id: str) -> Any:
    return batch.call("get_job_task_counts", job_id).task_counts


@pytest.mark.assumed(source=REFERENCE + "section 4.5: accepted")
@pytest.mark.parametrize("value", ["accepted", "refused"])
@pytest.mark.parametrize(
    "depends_on", [{"taskIds": ["1", "later"]}, {"taskIdRanges": [{"start": 1, "end": 2}]}]
)
def test_forward_references(batch: Batch, job_id: str, assume: Assume, value: str, depends_on: Any):
    assume("forward_references", value)
    add(batch, job_id, "01")
    add(batch, job_id, "1")
    if value == "accepted":
        add(batch, job_id, "child", dependsOn=depends_on)
    else:
        with pytest.raises(HttpResponseError) as caught:
            add(batch, job_id, "child", dependsOn=depends_on)
        assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidPropertyValue")
    together = [
        {"id": "sibling", "commandLine": "true", "dependsOn": depends_on},
        {"id": "2", "commandLine": "true"},
        {"id": "later", "commandLine": "true"},
    ]
    results = batch.call("create_task_collection", job_id, models.BatchTaskGroup({"value": together}))
    assert [result.status for result in results.result_values] == ["success"] * 3
    completed(batch, job_id, "sibling")


@pytest.mark.assumed(source=REFERENCE + "sections 4.5 and 10: yes")
@pytest.mark.parametrize("value", ["yes", "no"])
def test_reactivation_unblocks(batch: Batch, job_id: str, assume: Assume, value: str, tmp_path: Path):
    assume("reactivation_unblocks", value)
    flag = tmp_path / "flag"
    add(batch, job_id, "7", f"test -e {flag}")
    add(batch, job_id, "by-id", dependsOn={"taskIds": ["7"]})
    add(batch, job_id, "by-range", dependsOn={"taskIdRanges": [{"start": 7, "end": 7}]})
    completed(batch, job_id, "7")
    flag.touch()
    batch.call("reactivate_task", job_id, "7")
    wait_for(lambda: completed(batch, job_id, "7").execution_info.result == "success")
    add(batch, job_id, "came-later", dependsOn={"taskIds": ["7"]})
    completed(batch, job_id, "came-later")
    children = ("by-id", "by-range")
    if value == "yes":
        assert [completed(batch, job_id, child).execution_info.exit_code for child in children] == [0, 0]
    else:
        assert [batch.call("get_task", job_id, child).state for child in children] == ["active"] * 2


@pytest.mark.assumed(source=REFERENCE + "section 5.1: not found; truncate")
@pytest.mark.parametrize(("value", "output"), [("truncate", b"run\n"), ("append", b"run\nrun\n")])
def test_rerun_output(batch: Batch, job_id: str, assume: Assume, value: str, output: bytes):
    assume("rerun_output", value)
    retries = {"maxTaskRetryCount": 1}
    add(batch, job_id, "t", "/bin/sh -c 'echo run; exit 1'", constraints=retries)
    assert completed(batch, job_id, "t").execution_info.retry_count == 1
    assert batch.call("download_task_file", job_id, "t", "stdout.txt") == output


@pytest.mark.assumed(source=REFERENCE + "section 1.6: no lag seen; GET by id is exact")
@pytest.mark.parametrize("value", ["0", "3600"])
def test_list_lag(batch: Batch, job_id: str, assume: Assume, value: str):
    assume("list_lag", value)
    add(batch, job_id, "t")
    assert completed(batch, job_id, "t").execution_info.result == "success"
    assert listed(batch, job_id) == ({"t": "completed"} if value == "0" else {})
    assume("list_lag", "0.2")
    wait_for(lambda: listed(batch, job_id) == {"t": "completed"})


@pytest.mark.assumed(source=REFERENCE + "section 2.8: counts are said to be late at times")
@pytest.mark.parametrize("value", ["0", "3600"])
def test_stale_counts(batch: Batch, job_id: str, assume: Assume, value: str):
    assume("stale_counts", value)
    add(batch, job_id, "t")
    completed(batch, job_id, "t")
    found = counts(batch, job_id)
    assert (found.active, found.completed, found.succeeded) == ((0, 1, 1) if value == "0" else (0, 0, 0))
    assume("stale_counts", "0.2")
    wait_for(lambda: counts(batch, job_id).succeeded == 1)


@pytest.mark.assumed(source=REFERENCE + "section 1.5: lower case; recordings up to 2024-02-01 have capitals")
@pytest.mark.parametrize(
    ("value", "category", "statuses"),
    [
        ("lower", "usererror", ["success", "clienterror"]),
        ("capital", "UserError", ["Success", "ClientError"]),
    ],
)
def test_enum_case(
    emulator: EmulatorProcess,
    batch: Batch,
    job_id: str,
    assume: Assume,
    value: str,
    category: str,
    statuses: Any,
):
    add(batch, job_id, "bad", "/bin/sh -c 'exit 1'")
    completed(batch, job_id, "bad")
    assume("enum_case", value)
    tasks = [{"id": "good", "commandLine": "true"}, {"id": "not good", "commandLine": "true"}]
    answer = send(emulator, "POST", f"/jobs/{job_id}/addtaskcollection", {"value": tasks})
    assert [result["status"] for result in answer.json()["value"]] == statuses
    task = send(emulator, "GET", f"/jobs/{job_id}/tasks/bad").json()
    assert task["executionInfo"]["failureInfo"]["category"] == category
    assert (task["state"], task["executionInfo"]["result"]) == ("completed", "failure")


@pytest.mark.assumed(source=REFERENCE + "sections 4.2 and 10: each run has its own clock")
@pytest.mark.parametrize(("value", "code"), [("per_run", "FailureExitCode"), ("total", "TaskEnded")])
def test_wall_clock(batch: Batch, job_id: str, assume: Assume, value: str, code: str):
    assume("wall_clock", value)
    limits = {"maxTaskRetryCount": 1, "maxWallClockTime": "PT2.5S"}
    add(batch, job_id, "t", "/bin/sh -c 'sleep 1.5; exit 1'", constraints=limits)
    info = completed(batch, job_id, "t").execution_info
    assert (info.retry_count, info.failure_info.code) == (1, code)


@pytest.mark.assumed(source=REFERENCE + "section 3.3: accepted")
@pytest.mark.parametrize("value", ["accepted", "refused"])
def test_patch_active_job(batch: Batch, job_id: str, assume: Assume, value: str):
    assume("patch_active_job", value)
    patch = models.BatchJobUpdateOptions(priority=7)
    if value == "accepted":
        batch.call("update_job", job_id, patch)
    else:
        with pytest.raises(ResourceExistsError) as caught:
            batch.call("update_job", job_id, patch)
        assert code_of(caught.value) == "OperationInvalidForCurrentState"
    assert batch.call("get_job", job_id).priority == (7 if value == "accepted" else 0)


@pytest.mark.assumed(source=REFERENCE + "sections 2.4 and 3.3: only what users do moves an ETag")
@pytest.mark.parametrize("value", ["stable", "moves"])
def test_etag_on_node_changes(batch: Batch, job_id: str, assume: Assume, value: str):
    assume("etag_on_node_changes", value)
    add(batch, job_id, "parent", "/bin/sh -c 'exit 1'")
    add(batch, job_id, "t", dependsOn={"taskIds": ["later"]})
    before = batch.call("get_task", job_id, "t").etag
    add(batch, job_id, "later")
    assert (completed(batch, job_id, "t").etag == before) == (value == "stable")


@pytest.mark.assumed(source=REFERENCE + "sections 4.5 and 10: reported, against the documentation")
@pytest.mark.parametrize("value", ["UnsupportedProperty", "TaskDependenciesNotSpecifiedOnJob"])
def test_undeclared_dependencies(batch: Batch, assume: Assume, value: str):
    assume("undeclared_dependencies", value)
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": {"poolId": "one"}})
    with pytest.raises(HttpResponseError) as caught:
        add(batch, name, "t", dependsOn={"taskIds": ["parent"]})
    assert (caught.value.status_code, code_of(caught.value)) == (400, value)


@pytest.mark.assumed(source=REFERENCE + "sections 3.4 and 10")
@pytest.mark.parametrize(("value", "state"), [("completes", "completed"), ("stays_active", "active")])
def test_empty_job(emulator: EmulatorProcess, batch: Batch, assume: Assume, value: str, state: str):
    assume("empty_job", value)
    name = new_id("job")
    batch.call(
        "create_job", {"id": name, "poolInfo": {"poolId": "one"}, "onAllTasksComplete": "terminatejob"}
    )
    assert batch.call("get_job", name).state == "active"
    emulator.advance(60)
    assert batch.call("get_job", name).state == state


@pytest.mark.assumed(source=REFERENCE + "sections 4.5 and 10: they wait for ever")
@pytest.mark.parametrize("value", ["blocks", "satisfies"])
def test_deleted_parent(batch: Batch, job_id: str, assume: Assume, value: str):
    assume("deleted_parent", value)
    add(batch, job_id, "parent", "/bin/sleep 60")
    add(batch, job_id, "child", dependsOn={"taskIds": ["parent"]})
    batch.call("delete_task", job_id, "parent")
    add(batch, job_id, "other")
    completed(batch, job_id, "other")
    if value == "satisfies":
        completed(batch, job_id, "child")
    else:
        assert listed(batch, job_id)["child"] == "active"


@pytest.mark.assumed(source=REFERENCE + "sections 4.3 and 10: not counted")
@pytest.mark.parametrize(("value", "count"), [("no", 0), ("yes", 1)])
def test_recovery_counts(emulator: EmulatorProcess, batch: Batch, assume: Assume, value: str, count: int):
    assume("recovery_counts", value)
    pool_id, name = new_id("spot"), new_id("job")
    batch.call("create_pool", pool_body(pool_id, targetLowPriorityNodes=1))
    wait_for(lambda: nodes_idle(batch, pool_id, 1))
    batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool_id}})
    add(batch, name, "t", "/bin/sleep 0.5")
    wait_for(lambda: batch.call("get_task", name, "t").state == "running")
    emulator.preempt_node(pool_id, batch.call("list_nodes", pool_id)[0].id, seconds=0.1)
    assert completed(batch, name, "t").execution_info.requeue_count == count


@pytest.mark.assumed(source=REFERENCE + "sections 4.2 and 10: none")
@pytest.mark.parametrize(("value", "code"), [("none", None), ("137", 137)])
def test_killed_exit_code(batch: Batch, job_id: str, assume: Assume, value: str, code: int | None):
    assume("killed_exit_code", value)
    add(batch, job_id, "t", "/bin/sleep 60")
    wait_for(lambda: batch.call("get_task", job_id, "t").execution_info.start_time is not None)
    batch.call("terminate_task", job_id, "t")
    assert completed(batch, job_id, "t").execution_info.exit_code == code


@pytest.mark.assumed(source=REFERENCE + "sections 4.2 and 10; the name of the other code is not known")
@pytest.mark.parametrize("value", ["TaskEnded", "TaskMaxWallClockTimeReached"])
def test_wall_clock_code(batch: Batch, job_id: str, assume: Assume, value: str):
    assume("wall_clock_code", value)
    add(batch, job_id, "t", "/bin/sleep 60", constraints={"maxWallClockTime": "PT0.2S"})
    assert completed(batch, job_id, "t").execution_info.failure_info.code == value


@pytest.mark.assumed(source=REFERENCE + "section 10: the page says 403")
@pytest.mark.parametrize(
    ("value", "statuses"), [("by_cause", (401, 403)), ("401", (401, 401)), ("403", (403, 403))]
)
def test_bad_credentials(emulator: EmulatorProcess, assume: Assume, value: str, statuses: tuple[int, int]):
    assume("bad_credentials", value)
    none = send(emulator, "GET", "/pools", after_signing={"Authorization": None})
    wrong = send(emulator, "GET", "/pools", after_signing={"Authorization": "SharedKey devbatch:AAAA"})
    assert (none.status, wrong.status) == statuses
    assert (none.code, wrong.code) == ("AuthenticationFailed", "AuthenticationFailed")


@pytest.mark.assumed(source=REFERENCE + "sections 4.9 and 10")
@pytest.mark.parametrize(("value", "status"), [("InvalidPropertyValue", 400), ("RequestBodyTooLarge", 413)])
def test_long_collection(batch: Batch, job_id: str, assume: Assume, value: str, status: int):
    assume("long_collection", value)
    tasks: Any = [{"id": str(number), "commandLine": "true"} for number in range(101)]
    with pytest.raises(HttpResponseError) as caught:
        batch.call("create_task_collection", job_id, {"value": tasks})
    assert (caught.value.status_code, code_of(caught.value)) == (status, value)
    assert listed(batch, job_id) == {}


@pytest.mark.assumed(source=REFERENCE + "sections 1.6 and 10: by id")
@pytest.mark.parametrize(("value", "order"), [("id", ["a", "b", "c"]), ("creation", ["c", "a", "b"])])
def test_task_order(batch: Batch, job_id: str, assume: Assume, value: str, order: list[str]):
    assume("task_order", value)
    for name in ("c", "a", "b"):
        add(batch, job_id, name)
    for page in (1, 2, 1000):
        assert [task.id for task in batch.call("list_tasks", job_id, max_results=page)] == order


@pytest.mark.assumed(source=REFERENCE + "sections 7.4 and 10: several candidates")
@pytest.mark.parametrize("value", ["OperationNotValidOnPool", "OperationInvalidForCurrentState"])
def test_scaled_pool_resize(batch: Batch, assume: Assume, value: str):
    assume("scaled_pool_resize", value)
    name = new_id("pool")
    batch.call(
        "create_pool", pool_body(name, enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes=0;")
    )
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("begin_resize_pool", name, {"targetDedicatedNodes": 1})
    assert code_of(caught.value) == value


@pytest.mark.assumed(source=REFERENCE + "sections 2.7 and 10: octal")
@pytest.mark.parametrize(("value", "start"), [("0o100644", "0o1"), ("100644", "10")])
def test_file_mode(batch: Batch, job_id: str, assume: Assume, value: str, start: str):
    assume("file_mode", value)
    add(batch, job_id, "t")
    completed(batch, job_id, "t")
    files = {file.name: file for file in batch.call("list_task_files", job_id, "t")}
    assert files["stdout.txt"].properties.file_mode.startswith(start)
    assert batch.call("get_task_file_properties", job_id, "t", "stdout.txt").file_mode.startswith(start)


@pytest.mark.assumed(source=REFERENCE + "section 10: seconds")
@pytest.mark.parametrize("value", ["seconds", "date"])
def test_retry_after(emulator: EmulatorProcess, assume: Assume, value: str):
    assume("retry_after", value)
    emulator.answer("list_pools", status=503, retry_after="30")
    text = send(emulator, "GET", "/pools").headers["retry-after"]
    if value == "seconds":
        assert text == "30"
    else:
        moment = parsedate_to_datetime(text)
        assert 20 < (moment - datetime.now(timezone.utc)).total_seconds() < 31


@pytest.mark.emulator_only(reason="the program is the emulator's own")
def test_seed_chooses_an_answer_to_every_question_and_the_same_ones_again():
    chosen = [Assumptions.chosen_by(seed) for seed in range(40)]
    assert chosen == [Assumptions.chosen_by(seed) for seed in range(40)]
    for fact in Assumptions().listed():
        name = str(fact["name"])
        assert len({getattr(answers, name) for answers in chosen}) > 1, f"no seed answers {name} otherwise"


@pytest.mark.emulator_only(reason="the emulator's own addresses")
def test_switches_are_listed_and_turned_by_who_has_the_key(emulator: EmulatorProcess, assume: Assume):
    address, body = "/_emulator/assumptions", json.dumps({"value": "total"}).encode()
    assert send(emulator, "PUT", f"{address}/wall_clock", body, query="", signed=False).status == 403
    assume("wall_clock", "total")
    facts = {
        fact["name"]: fact for fact in send(emulator, "GET", address, signed=False).json()["assumptions"]
    }
    assert facts["wall_clock"]["value"] == "total"
    assert facts["wall_clock"]["assumed"] == "per_run"
    assert facts["wall_clock"]["values"] == ["per_run", "total"]
    assert all(fact["about"] and fact["source"] for fact in facts.values())


@pytest.mark.emulator_only(reason="the emulator's own addresses")
@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("nonsense", b'{"value": "yes"}', 404, "ResourceNotFound"),
        ("wall_clock", b'{"value": "never"}', 400, "InvalidPropertyValue"),
        ("list_lag", b'{"value": "-1"}', 400, "InvalidPropertyValue"),
        ("list_lag", b'{"value": "nan"}', 400, "InvalidPropertyValue"),
        ("wall_clock", b'["total"]', 400, "InvalidRequestBody"),
        ("wall_clock", b'{"value": 3}', 400, "MissingRequiredProperty"),
        ("wall_clock", b"total", 400, "InvalidRequestBody"),
    ],
)
def test_switch_that_cannot_be_turned_so_says_why(
    emulator: EmulatorProcess, name: str, body: bytes, status: int, code: str
):
    key = {"x-batch-emulator-key": emulator.account_key}
    answer = send(
        emulator, "PUT", f"/_emulator/assumptions/{name}", body, query="", headers=key, signed=False
    )
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.emulator_only(reason="the program is the emulator's own")
def test_command_line_sets_switches(tmp_path: Path):
    flags = ("--assume", "list_lag=2.5", "--assume", "enum_case=capital")
    with EmulatorProcess.start(tmp_path / "root", arguments=flags) as emulator:
        facts = send(emulator, "GET", "/_emulator/assumptions", signed=False).json()["assumptions"]
    values = {fact["name"]: fact["value"] for fact in facts}
    assert (values["list_lag"], values["enum_case"], values["wall_clock"]) == ("2.5", "capital", "per_run")


@pytest.mark.emulator_only(reason="the program is the emulator's own")
@pytest.mark.parametrize(
    ("text", "named"),
    [("list_lag", "name=value"), ("x=1", "forward_references"), ("wall_clock=1", "per_run or total")],
)
def test_command_line_refuses_what_cannot_be_assumed(text: str, named: str):
    message = refused("--port", "0", "--assume", text)
    assert "--assume" in message
    assert named in message
