"""AzureBatchTaskOperator against the emulator: one outcome, one output, one set of errors in both modes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchAuthenticationError,
    BatchDeadlineError,
    BatchNotFoundError,
    BatchOwnershipError,
    BatchPoolUnusableError,
    BatchTaskFailedError,
    BatchTaskLostError,
    BatchUnavailableError,
    SpecError,
)
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.links.portal import AzureBatchPoolLink
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import CONN_ID, POOL, connection_json
from tests.integration.task_try import EndedByTrigger, FakeTaskInstance, TaskTry, in_background

MakeTry = Callable[..., TaskTry]
both_modes = pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "triggerer"])


def wait_until(condition: Callable[[], Any], limit: float = 30.0) -> Any:
    """Wait for a condition; fail when it does not come true within the limit."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {limit} s: {condition}")


def bash(script: str) -> str:
    """The command line that runs a script in bash, quoted as Batch splits it."""
    return "/bin/bash -c '" + script.replace("'", "'\\''") + "'"


def state_of(hook: AzureBatchHook, key: TaskKey) -> str:
    return str(hook.send(requests.get_task(key, select=("id", "state"))).json["state"])


def key_of(ti: FakeTaskInstance) -> TaskKey:
    ids = ti.xcoms["batch_task"]
    return TaskKey(ids["batch_job_id"], ids["batch_task_id"])


def running_key(task_try: TaskTry, hook: AzureBatchHook) -> TaskKey:
    """Wait until the Batch task of this try runs; return its key."""
    wait_until(lambda: "batch_task" in task_try.ti.xcoms)
    key = key_of(task_try.ti)
    wait_until(lambda: state_of(hook, key) == "running")
    return key


def failure_of(task_try: TaskTry, monkeypatch: pytest.MonkeyPatch, expected: type[Exception]) -> str:
    """
    Run a try that fails; return all that a person is told.

    A worker raises ``expected``; a trigger ends the task itself and writes the same into the log.
    """
    with pytest.raises((expected, EndedByTrigger)) as caught:
        task_try.run(monkeypatch)
    return f"{caught.value}\n{task_try.text}"


# --- outcomes ------------------------------------------------------------------------------------


@both_modes
def test_success_returns_ids_exit_code_node_times_and_output_url(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task_try = make_try(command_line=bash("echo hello; echo trouble >&2"), deferrable=deferrable)
    result = task_try.run(monkeypatch)
    assert result["exit_code"] == 0
    assert result["result"] == "success"
    assert result["batch_pool_id"] == "shared"
    assert result["node_id"]
    assert result["start_time"] <= result["end_time"]
    assert result["output_url"].endswith(result["batch_task_id"])
    assert "INFO stdout | hello" in task_try.log
    assert "WARNING stderr | trouble" in task_try.log


@both_modes
def test_failure_is_explained_in_the_log(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    command = bash("echo reading; echo cannot read input.csv >&2; exit 3")
    task_try = make_try(command_line=command, deferrable=deferrable)
    failure_of(task_try, monkeypatch, BatchTaskFailedError)
    assert "ERROR Batch task" in task_try.text
    assert "reason: FailureExitCode" in task_try.text
    assert "last lines of stderr:\n    cannot read input.csv" in task_try.text


@both_modes
def test_program_that_does_not_exist_is_named_with_the_remedy(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task_try = make_try(command_line="no-such-program --help", deferrable=deferrable)
    failure_of(task_try, monkeypatch, BatchTaskFailedError)
    assert "CommandProgramNotFound" in task_try.text
    assert "/bin/bash -c" in task_try.text


def test_exit_codes_skip_or_fail_for_good(make_try: MakeTry, monkeypatch: pytest.MonkeyPatch) -> None:
    rules: dict[str, Any] = {"skip_on_exit_code": 99, "fail_on_exit_code": [3, 4], "retries": 2}
    with pytest.raises(AirflowSkipException, match="exit code 99"):
        make_try(command_line=bash("exit 99"), deferrable=False, **rules).run(monkeypatch)
    with pytest.raises(AirflowFailException, match="exit code 4"):
        make_try(
            FakeTaskInstance("work", "other-run", max_tries=2),
            command_line=bash("exit 4"),
            deferrable=True,
            **rules,
        ).run(monkeypatch)


# --- output --------------------------------------------------------------------------------------


@both_modes
def test_output_appears_while_the_task_runs(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deferrable: bool
) -> None:
    go = tmp_path / "go"
    command = bash(f"echo first; while [ ! -e {go} ]; do sleep 0.05; done; echo second")
    task_try = make_try(command_line=command, deferrable=deferrable)
    thread, results = in_background(lambda: task_try.run(monkeypatch))
    wait_until(lambda: "INFO stdout | first" in task_try.log)
    assert "second" not in task_try.text
    assert not results
    go.touch()
    thread.join(30)
    assert results[0]["exit_code"] == 0
    assert "INFO stdout | second" in task_try.log


@both_modes
def test_characters_and_lines_are_never_torn(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deferrable: bool
) -> None:
    go = tmp_path / "go"
    # The first half of a three-byte character is written long before the second one.
    command = bash(
        f"printf 'price 5 \\xe2\\x82'; echo marker >&2; while [ ! -e {go} ]; do sleep 0.05; done; "
        "printf '\\xac\\nlast without end'"
    )
    task_try = make_try(command_line=command, deferrable=deferrable)
    thread, _ = in_background(lambda: task_try.run(monkeypatch))
    wait_until(lambda: "stderr | marker" in task_try.text)
    go.touch()
    thread.join(30)
    assert "stdout | price 5 €" in task_try.text
    assert "stdout | last without end" in task_try.text
    assert "\ufffd" not in task_try.text


@both_modes
def test_long_output_is_complete_up_to_the_cap_and_says_what_is_missing(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task_try = make_try(command_line=bash("seq 1 200000"), deferrable=deferrable, max_output_bytes=100_000)
    task_try.run(monkeypatch)
    assert "stdout | 1\nstdout | 2\n" in task_try.text
    assert "100,000 bytes were shown" in task_try.text
    assert "bytes left out here" in task_try.text
    assert "stdout | 200000" in task_try.text


def test_sas_signature_in_output_is_masked(make_try: MakeTry, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://acct.blob.core.windows.net/c/f?sv=2022&sig=c2VjcmV0c2lnbmF0dXJl%3D&se=2026"
    task_try = make_try(command_line=bash(f'echo "fetching {url}"'), deferrable=False)
    task_try.run(monkeypatch)
    assert "stdout | fetching https://acct.blob.core.windows.net" in task_try.text
    assert "c2VjcmV0c2lnbmF0dXJl" not in task_try.text


def test_each_run_of_a_task_that_batch_retries_is_shown_from_its_start(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    command = bash(
        f"if [ -e {seen} ]; then echo second run; sleep 1; exit 0; fi; "
        f"touch {seen}; echo first run; sleep 1; exit 1"
    )
    task_try = make_try(
        command_line=command,
        batch_task={"constraints": {"maxTaskRetryCount": 1}},
        deferrable=True,
    )
    result = task_try.run(monkeypatch)
    assert result["retry_count"] == 1
    assert "stdout | first run" in task_try.text
    assert "runs again" in task_try.text
    assert task_try.text.index("runs again") < task_try.text.index("stdout | second run")


# --- tries ---------------------------------------------------------------------------------------


@both_modes
def test_failed_task_runs_again_on_retry_in_the_next_generation_of_its_job(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deferrable: bool
) -> None:
    marker = tmp_path / "marker"
    arguments: dict[str, Any] = {
        "command_line": bash(f"if [ -e {marker} ]; then echo ok; else touch {marker}; exit 1; fi"),
        "deferrable": deferrable,
        "retries": 1,
    }
    first = make_try(**arguments)
    failure_of(first, monkeypatch, BatchTaskFailedError)
    second = make_try(first.ti.next_try(), **arguments)
    result = second.run(monkeypatch)
    assert result["exit_code"] == 0
    assert result["batch_job_id"] == key_of(first.ti).batch_job_id + "-g2"


def test_own_job_ends_together_with_its_task(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook
) -> None:
    task_try = make_try(command_line="true", deferrable=False)
    result = task_try.run(monkeypatch)
    job = wait_until(
        lambda: (
            (answer := hook.send(requests.get_job(result["batch_job_id"]))).json["state"] == "completed"
            and answer.json
        )
    )
    assert job["executionInfo"]["terminateReason"] == "AllTasksComplete"
    metadata = {m["name"]: m["value"] for m in job["metadata"]}
    assert metadata["airflow_dag_id"] == "integration"
    assert metadata["airflow_run_id"] == task_try.ti.run_id


def test_cleared_task_runs_again_although_it_had_succeeded(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    arguments: dict[str, Any] = {"command_line": bash(f"echo run >> {runs}"), "deferrable": False}
    first = make_try(**arguments)
    first.run(monkeypatch)
    second = make_try(first.ti.next_try(cleared=True), **arguments)
    second.run(monkeypatch)
    assert runs.read_text().count("run") == 2
    assert key_of(first.ti).batch_job_id != key_of(second.ti).batch_job_id


def test_result_that_no_try_took_is_taken_by_the_next_one(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    arguments: dict[str, Any] = {"command_line": bash(f"echo run >> {runs}"), "retries": 1}
    dead = make_try(**arguments, deferrable=True)
    dead.defer()
    wait_until(lambda: state_of(hook, key_of(dead.ti)) == "completed")
    second = make_try(dead.ti.next_try(), **arguments, deferrable=False)
    result = second.run(monkeypatch)
    assert result["exit_code"] == 0
    assert runs.read_text() == "run\n"


@both_modes
def test_worker_that_died_is_reattached_by_the_retry(
    make_try: MakeTry,
    monkeypatch: pytest.MonkeyPatch,
    hook: AzureBatchHook,
    emulator: EmulatorProcess,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    deferrable: bool,
) -> None:
    go, runs = tmp_path / "go", tmp_path / "runs"
    command = bash(f"echo run >> {runs}; echo begun; while [ ! -e {go} ]; do sleep 0.05; done; echo done")
    script = (
        "import sys, json\n"
        "from tests.integration.task_try import *\n"
        "op = AzureBatchTaskOperator(task_id='work', command_line=sys.argv[1], batch_pool_id='shared', "
        "poll_interval=0.2, retries=1, deferrable=False)\n"
        "class Ti(FakeTaskInstance):\n"
        "    def xcom_push(self, key, value, **_):\n"
        "        print(json.dumps({key: value}), flush=True)\n"
        "TaskTry(op, Ti('work', sys.argv[2], max_tries=1)).run(None)\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, command, request.node.name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, f"AIRFLOW_CONN_{CONN_ID.upper()}": connection_json(emulator)},
    )
    assert worker.stdout is not None
    with worker.stdout:
        # To its last word: one that nobody reads would end the worker before its time.
        while AzureBatchPoolLink.stored_key not in (line := worker.stdout.readline()):
            assert line or worker.poll() is None, "the worker ended early"
    wait_until(runs.exists)
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)

    second = make_try(
        FakeTaskInstance("work", request.node.name, try_number=2, max_tries=1),
        command_line=command,
        retries=1,
        deferrable=deferrable,
    )
    thread, results = in_background(lambda: second.run(monkeypatch))
    wait_until(lambda: "stdout | begun" in second.text)
    assert "reattached" in second.text
    go.touch()
    thread.join(30)
    assert results[0]["exit_code"] == 0
    assert runs.read_text() == "run\n"


# --- in a job that exists ------------------------------------------------------------------------


@pytest.fixture
def given_job(hook: AzureBatchHook, pool: str, request: pytest.FixtureRequest) -> str:
    batch_job_id = f"given-{abs(hash(request.node.name))}"
    hook.send(requests.create_job({"id": batch_job_id, "poolInfo": {"poolId": pool}}))
    return batch_job_id


@both_modes
def test_failed_task_in_a_given_job_is_reactivated_on_retry(
    make_try: MakeTry,
    monkeypatch: pytest.MonkeyPatch,
    given_job: str,
    tmp_path: Path,
    deferrable: bool,
) -> None:
    marker = tmp_path / "marker"
    arguments: dict[str, Any] = {
        "command_line": bash(f"if [ -e {marker} ]; then echo ok; else touch {marker}; exit 1; fi"),
        "batch_job_id": given_job,
        "deferrable": deferrable,
        "retries": 1,
    }
    first = make_try(**arguments)
    failure_of(first, monkeypatch, BatchTaskFailedError)
    second = make_try(first.ti.next_try(), **arguments)
    result = second.run(monkeypatch)
    assert result["exit_code"] == 0
    assert key_of(first.ti) == key_of(second.ti)
    assert "reactivated" in second.text


def test_retry_with_another_command_line_is_a_new_attempt(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, given_job: str
) -> None:
    first = make_try(command_line=bash("exit 1"), batch_job_id=given_job, deferrable=False, retries=1)
    with pytest.raises(BatchTaskFailedError):
        first.run(monkeypatch)
    second = make_try(
        first.ti.next_try(), command_line="true", batch_job_id=given_job, deferrable=False, retries=1
    )
    assert second.run(monkeypatch)["exit_code"] == 0
    assert key_of(first.ti) != key_of(second.ti)


def test_missing_job_is_refused_before_anything_is_created(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AzureBatchConfigurationError, match="batch_job_id: there is no Batch job 'nope'"):
        make_try(command_line="true", batch_job_id="nope", deferrable=False).run(monkeypatch)


def test_ended_job_is_refused(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, given_job: str
) -> None:
    hook.send(requests.terminate_job(given_job, "over"))
    with pytest.raises(AzureBatchConfigurationError, match="takes no task any more"):
        make_try(command_line="true", batch_job_id=given_job, deferrable=False).run(monkeypatch)


def test_dependencies_need_a_job_that_allows_them(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, given_job: str
) -> None:
    with pytest.raises(AzureBatchConfigurationError, match=r"task\.dependsOn.*usesTaskDependencies"):
        make_try(
            command_line="true",
            batch_task={"dependsOn": {"taskIds": ["a"]}},
            batch_job_id=given_job,
            deferrable=False,
        ).run(monkeypatch)


# --- kill, deadline, loss ------------------------------------------------------------------------


def test_kill_on_a_worker_terminates_its_own_task_and_no_other(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, given_job: str
) -> None:
    hook.send(requests.create_task(given_job, {"id": "sibling", "commandLine": "sleep 60"}))
    task_try = make_try(command_line="sleep 60", batch_job_id=given_job, deferrable=False)
    thread, _ = in_background(lambda: task_try.run(monkeypatch))
    key = running_key(task_try, hook)
    task_try.operator.on_kill()
    wait_until(lambda: state_of(hook, key) == "completed")
    thread.join(30)
    assert state_of(hook, TaskKey(given_job, "sibling")) in ("active", "running")
    hook.send(requests.terminate_job(given_job, "over"))


def test_kill_of_a_deferred_task_terminates_its_own_task(make_try: MakeTry, hook: AzureBatchHook) -> None:
    task_try = make_try(command_line="sleep 60", deferrable=True)
    trigger = task_try.defer()
    key = running_key(task_try, hook)
    asyncio.run(trigger._kill())
    wait_until(lambda: state_of(hook, key) == "completed")
    assert "was terminated" in task_try.text


def test_late_kill_of_a_dead_try_leaves_the_task_of_the_next_try_alone(
    make_try: MakeTry, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {"command_line": "sleep 60", "retries": 1, "deferrable": True}
    dead = make_try(**arguments)
    old_trigger = dead.defer()
    key = running_key(dead, hook)
    second = make_try(dead.ti.next_try(), **arguments)
    new_trigger = second.defer()
    second.kill(old_trigger, monkeypatch)
    assert "left alone" in dead.text
    assert state_of(hook, key) == "running"
    second.kill(new_trigger, monkeypatch)
    wait_until(lambda: state_of(hook, key) == "completed")


@both_modes
def test_execution_timeout_terminates_the_batch_task_before_it_fails(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, deferrable: bool
) -> None:
    task_try = make_try(
        command_line="sleep 60", deferrable=deferrable, execution_timeout=timedelta(seconds=3)
    )
    assert "when its time ran out" in failure_of(task_try, monkeypatch, BatchDeadlineError)
    key = key_of(task_try.ti)
    wait_until(lambda: state_of(hook, key) == "completed")


@both_modes
def test_task_that_somebody_deleted_is_lost_not_waited_for(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, deferrable: bool
) -> None:
    task_try = make_try(command_line="sleep 60", deferrable=deferrable)
    thread, results = in_background(lambda: task_try.run(monkeypatch))
    key = running_key(task_try, hook)
    hook.send(requests.delete_job(key.batch_job_id))
    thread.join(30)
    assert not thread.is_alive()
    assert isinstance(results[0], (BatchTaskLostError, BatchTaskFailedError, EndedByTrigger))
    assert "does not exist any more" in f"{task_try.text}{results}" or "TaskEnded" in task_try.text


def test_restarted_trigger_goes_on_where_the_output_was(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    command = bash(f"echo before; while [ ! -e {go} ]; do sleep 0.05; done; echo after")
    task_try = make_try(command_line=command, deferrable=True)
    trigger = task_try.defer()

    async def watch_and_restart() -> Any:
        first = asyncio.create_task(task_try.fire(trigger, monkeypatch))
        while not any(key.startswith("batch_output") for key in task_try.ti.xcoms):
            if first.done():
                first.result()
            await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        go.touch()
        return await task_try.fire(task_try.revived(trigger), monkeypatch)

    event = asyncio.run(asyncio.wait_for(watch_and_restart(), 60))
    assert task_try.finish(event)["exit_code"] == 0
    assert "watch resumes after a restart" in task_try.text
    assert "stdout | after" in task_try.text


# --- pools ---------------------------------------------------------------------------------------


def test_described_pool_is_created_once_and_adopted_afterwards(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**POOL, "id": "described"}
    first = make_try(command_line="true", batch_pool=body, deferrable=False)
    first.run(monkeypatch)
    second = make_try(
        FakeTaskInstance("work", "another-run"), command_line="true", batch_pool=body, deferrable=False
    )
    second.run(monkeypatch)
    assert "Created pool described" in first.text
    assert "Pool described exists and fits its description: adopted" in second.text


def test_pool_that_differs_is_refused_with_the_differences(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**POOL, "vmSize": "standard_d64s_v5"}
    with pytest.raises(BatchOwnershipError, match="vmSize"):
        make_try(command_line="true", batch_pool=body, deferrable=False).run(monkeypatch)


def test_missing_pool_is_refused_before_a_job_is_created(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook
) -> None:
    with pytest.raises(AzureBatchConfigurationError, match="batch_pool_id: pool 'nowhere' does not exist"):
        make_try(command_line="true", batch_pool_id="nowhere", deferrable=False).run(monkeypatch)


def test_unknown_image_is_told_before_its_pool_is_created(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook
) -> None:
    image = {"publisher": "nobody", "offer": "nothing", "sku": "never"}
    body = {
        **POOL,
        "id": "unknown-image",
        "virtualMachineConfiguration": {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 22.04"},
    }
    with pytest.raises(SpecError, match=r"imageReference\.publisher: no supported image") as caught:
        make_try(command_line="true", batch_pool=body, deferrable=False).run(monkeypatch)
    assert "'canonical'" in caught.value.problem
    with pytest.raises(BatchNotFoundError):
        hook.send(requests.get_pool("unknown-image"))


@both_modes
def test_pool_whose_start_task_fails_ends_the_wait_with_its_output(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, deferrable: bool
) -> None:
    from airflow_provider_batch.domain import watch

    monkeypatch.setattr(watch, "FIRST_LOOK", 0.5)
    monkeypatch.setattr(watch, "SECOND_LOOK", 0.5)
    start_task = {"commandLine": bash("echo no licence server >&2; exit 7"), "waitForSuccess": True}
    body = {**POOL, "id": f"broken-{deferrable}".lower(), "startTask": start_task}
    task_try = make_try(command_line="true", batch_pool=body, deferrable=deferrable)
    told = failure_of(task_try, monkeypatch, BatchPoolUnusableError)
    assert "starttaskfailed" in told
    assert "exit code 7" in told
    assert "no licence server" in told
    assert state_of(hook, key_of(task_try.ti)) == "completed"


# --- connection ----------------------------------------------------------------------------------


def test_wrong_key_is_told_as_refused_credentials(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, emulator: EmulatorProcess
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection_json(emulator, password="d3Jvbmc="))
    with pytest.raises(BatchAuthenticationError):
        make_try(command_line="true", deferrable=False).run(monkeypatch)


def test_wrong_account_url_is_told_as_unreachable(
    make_try: MakeTry, monkeypatch: pytest.MonkeyPatch, emulator: EmulatorProcess
) -> None:
    extra = {"account_url": "http://127.0.0.1:9"}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection_json(emulator, extra=extra))
    with pytest.raises(BatchUnavailableError, match=r"127\.0\.0\.1:9"):
        make_try(command_line="true", deferrable=False).run(monkeypatch)


def test_unknown_field_fails_while_the_dag_is_parsed(make_try: MakeTry) -> None:
    with pytest.raises(SpecError, match=r"batch_task\.constraints\.maxTaskRetryCuont"):
        make_try(command_line="true", batch_task={"constraints": {"maxTaskRetryCuont": 1}})
