"""The engine: events, instructions and time under one lock."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.engine.root import RootInUseError
from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.etags import Conditions, etag
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.states import NodeState, TaskResult, TaskState
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskSpec
from tests.unit.emulator.engine.conftest import Account


def test_report_of_the_executor_completes_the_task(account: Account) -> None:
    account.begin()
    account.executor.exit("t", 0)
    with account.engine.reading() as state:
        task = state.task("j", "t")
    assert task.execution_info.result is TaskResult.SUCCESS
    assert task.execution_info.end_time == account.clock.now()


def test_verb_returns_the_time_that_makes_the_etag(account: Account) -> None:
    account.begin()
    account.clock.advance(5.0)
    modified = account.engine.terminate_job("j")
    with account.engine.reading() as state:
        assert state.job("j").last_modified == modified == account.clock.now()


def test_stale_etag_changes_nothing(account: Account) -> None:
    created = account.engine.create_job(JobSpec("j", {}, "p"))
    account.engine.update_job("j", lambda spec: replace(spec, priority=1))
    stale = Conditions(if_match=f'"{etag(created)}"')
    with pytest.raises(ServiceError) as caught:
        account.engine.update_job("j", lambda spec: replace(spec, priority=2), stale)
    assert (caught.value.code, caught.value.status) == ("ConditionNotMet", 412)
    with account.engine.reading() as state:
        assert state.job("j").spec.priority == 1


def test_change_that_refuses_changes_nothing(account: Account) -> None:
    def refuse(spec: PoolSpec) -> PoolSpec:
        raise errors.invalid_property_value("startTask")

    account.begin()
    with account.engine.reading() as state:
        before = state.pool("p").last_modified
    with pytest.raises(ServiceError):
        account.engine.update_pool("p", refuse)
    with account.engine.reading() as state:
        assert state.pool("p").last_modified == before


def test_wall_clock_limit_kills_the_process(account: Account) -> None:
    account.begin()
    account.executor.reports.started(account.executor.runs[0].run_id)
    limits = TaskConstraints(max_wall_clock_time=timedelta(seconds=60))
    account.engine.update_task("j", "t", lambda spec: replace(spec, constraints=limits))
    account.pass_time(61.0)
    assert account.executor.killed == [account.executor.runs[0].run_id]


def test_node_without_directory_is_lost(account: Account) -> None:
    account.executor.trouble = OSError(28, "No space left on device")
    account.begin()
    with account.engine.reading() as state:
        (node,) = state.pool("p").nodes.values()
        assert node.state is NodeState.UNUSABLE
        assert state.task("j", "t").state is TaskState.ACTIVE


def test_run_that_cannot_begin_fails_its_task(account: Account) -> None:
    account.engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1))
    account.pass_time(6.0)
    account.executor.trouble = OSError(11, "Resource temporarily unavailable")
    account.engine.create_job(JobSpec("j", {}, "p"))
    account.engine.add_task("j", TaskSpec("t", {}, Command("/bin/true")))
    with account.engine.reading() as state:
        info = state.task("j", "t").execution_info
    assert info.failure_info is not None
    assert info.failure_info.details == (("Message", "Resource temporarily unavailable"),)


def test_lock_may_be_taken_again_inside_a_reading(account: Account) -> None:
    with account.engine.reading() as state:
        account.engine.create_job(JobSpec("j", {}, "p"))
        assert state.job("J").id == "j"


# --- files --------------------------------------------------------------------------------------------


def _code(account: Account) -> str:
    with pytest.raises(ServiceError) as caught:
        account.engine.task_files("j", "t")
    return caught.value.code


def test_files_of_a_task_that_never_ran_are_unavailable(account: Account) -> None:
    account.begin()
    account.engine.add_task("j", TaskSpec("waits", {}, Command("/bin/true")))
    with pytest.raises(ServiceError, match="TaskFilesUnavailable"):
        account.engine.task_files("j", "waits")


def test_files_of_a_running_task_are_in_its_directory(account: Account) -> None:
    account.begin()
    assert account.engine.task_files("j", "t").root.match("p/tvmps_*_d/workitems/j/job-1/t")


def test_files_are_unavailable_when_the_node_is_gone(account: Account) -> None:
    account.begin()
    account.executor.exit("t", 0)
    account.engine.delete_pool("p")
    assert _code(account) == "TaskFilesUnavailable"


def test_files_are_cleaned_up_after_their_retention_time(account: Account) -> None:
    account.begin()
    account.executor.exit("t", 0)
    account.clock.advance(7 * 86_400.0)
    account.engine.fire_due_timers()
    assert _code(account) == "TaskFilesCleanedup"


# --- root and close -----------------------------------------------------------------------------------


def test_root_is_private_even_when_it_was_there_before(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    engine = Engine(root)
    assert root.stat().st_mode & 0o777 == 0o700
    engine.close()
    assert root.is_dir()


def test_root_serves_one_engine_at_a_time(account: Account, tmp_path: Path) -> None:
    with pytest.raises(RootInUseError):
        Engine(tmp_path / "root")


def test_temporary_root_goes_with_the_engine() -> None:
    engine = Engine()
    with engine.reading():
        engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3"))
    root = engine.root
    assert root.stat().st_mode & 0o777 == 0o700
    engine.close()
    assert not root.exists()


def test_closed_engine_hears_nothing_and_takes_nothing(account: Account) -> None:
    account.begin()
    account.engine.close()
    account.engine.close()
    assert account.executor.closed == 1
    account.executor.exit("t", 0)
    with pytest.raises(RuntimeError, match="closed"):
        account.engine.terminate_job("j")


def test_many_threads_see_one_account(account: Account) -> None:
    account.engine.create_job(JobSpec("j", {}, "p"))
    refused: list[str] = []

    def create() -> None:
        try:
            account.engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3"))
        except ServiceError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["PoolExists"] * 7
