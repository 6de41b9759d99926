"""Jobs that bring their pool: it is there for them, told of, and gone with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.domain import group_job, group_launch, ids, requests
from airflow_provider_batch.domain.flow import drive, get_or_none
from airflow_provider_batch.domain.group_end import finish_group
from airflow_provider_batch.domain.group_job import GroupJobPlan
from airflow_provider_batch.domain.group_launch import Opening
from airflow_provider_batch.domain.ids import GroupIdentity
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.exceptions import BatchPoolUnusableError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.job_pool import job_without_pool
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import AutoPoolSpec, JobSpec, PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup
from tests.emulator_process import EmulatorProcess
from tests.integration.pool_try import silent
from tests.integration.task_try import RUN_STARTED, FakeTaskInstance, TaskTry
from tests.integration.test_task_operator import both_modes, failure_of, key_of, wait_until

Make = Callable[..., TaskTry]


def pool(**more: Any) -> PoolSpec:
    size = {} if "autoscale" in more else {"target_dedicated_nodes": 1}
    return PoolSpec(vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), **{**size, **more})


def job(pool_spec: PoolSpec | None = None, **more: Any) -> JobSpec:
    return JobSpec(auto_pool_specification=AutoPoolSpec(pool=pool_spec or pool(), **more))


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Make:
    """Make a try of a task whose job brings a pool."""

    def make_try(ti: FakeTaskInstance | None = None, **arguments: Any) -> TaskTry:
        with DAG("integration", schedule=None, start_date=RUN_STARTED):
            operator = AzureBatchTaskOperator(
                task_id="work", poll_interval=0.2, **{"batch_job": job(), **arguments}
            )
        return TaskTry(operator, ti or FakeTaskInstance("work", request.node.name))

    return make_try


def pool_of(hook: AzureBatchHook, pool_id: str) -> dict[str, Any] | None:
    found = drive(get_or_none(requests.get_pool(pool_id)), WorkerEffects(hook.get_conn(), silent()))
    return None if found is None or found.json["state"] == "deleting" else dict(found.json)


@both_modes
def test_pool_is_made_for_the_job_told_of_and_gone_with_it(
    make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task = make(
        command_line="/bin/bash -c 'echo the last words'",
        batch_job=job(auto_pool_id_prefix="film-"),
        deferrable=deferrable,
    )
    result = task.run(monkeypatch)
    assert result["exit_code"] == 0
    assert result["batch_pool_id"].startswith("film-")
    assert f"Pool {result['batch_pool_id']} was made for Batch job" in task.text
    assert "Pool of the job: up to 1 " in task.text
    # Its nodes go with the job: the output was read before.
    assert "the last words" in task.text
    assert pool_of(hook, result["batch_pool_id"]) is None


def test_pool_says_whose_it_is_and_stays_only_when_told_to(
    make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make(command_line="/bin/true", batch_job=job(keep_alive=True))
    pool_id = task.run(monkeypatch)["batch_pool_id"]
    kept = pool_of(hook, pool_id)
    assert kept is not None
    names = {pair["name"] for pair in kept["metadata"]}
    assert {"airflow_dag_id", "airflow_run_id", "AIRFLOW_BATCH_OWNER"} <= names
    assert "outlives it (keepAlive)" in task.text
    hook.send(requests.delete_pool(pool_id))


def test_pool_is_gone_when_the_task_is_killed(
    make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make(command_line="sleep 600", deferrable=True)
    trigger = task.defer()
    pool_id = str(task.ti.xcoms["batch_task"]["batch_pool_id"])
    assert pool_of(hook, pool_id) is not None
    task.kill(trigger, monkeypatch)
    wait_until(lambda: pool_of(hook, pool_id) is None)


def test_worker_that_died_leaves_a_job_that_the_retry_ends_with_its_pool(
    make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(command_line="/bin/true", deferrable=True)
    first.defer()  # and nobody watches
    key = key_of(first.ti)
    wait_until(partial(has_ended, hook, key))
    result = make(ti=first.ti.next_try(), command_line="/bin/true").run(monkeypatch)
    assert result["exit_code"] == 0
    assert pool_of(hook, first.ti.xcoms["batch_task"]["batch_pool_id"]) is None


@both_modes
def test_start_task_that_fails_is_explained_and_the_pool_is_gone(
    make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    monkeypatch.setattr("airflow_provider_batch.domain.watch.FIRST_LOOK", 0.5)
    monkeypatch.setattr("airflow_provider_batch.domain.watch.SECOND_LOOK", 0.5)
    broken = pool(start_task={"commandLine": "/bin/bash -c 'echo no such mount >&2; exit 7'"})
    task = make(command_line="/bin/true", batch_job=job(broken), deferrable=deferrable)
    told = failure_of(task, monkeypatch, BatchPoolUnusableError)
    assert "exit code 7" in told
    assert "no such mount" in told
    assert pool_of(hook, task.ti.xcoms["batch_task"]["batch_pool_id"]) is None


def test_pool_that_cannot_be_made_fails_at_once_with_the_services_reason(
    make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/a/applications/none"
    task = make(
        command_line="/bin/true",
        batch_job=job(pool(application_package_references=[{"applicationId": unknown}])),
    )
    told = failure_of(task, monkeypatch, BatchPoolUnusableError)
    assert "could not be made" in told
    assert "InvalidApplicationPackageReferencesInAutoPool" in told


def has_ended(hook: AzureBatchHook, key: TaskKey) -> bool:
    return bool(hook.send(requests.get_task(key)).json["state"] == "completed")


# --- groups --------------------------------------------------------------------------------------


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> GroupJobPlan:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    group = GroupIdentity("", "integration", name, RUN_STARTED.isoformat(), "film")
    return GroupJobPlan(group, None, job_without_pool(job(auto_pool_id_prefix="g-")))


def test_group_runs_on_the_pool_of_its_job_and_finish_ends_both(
    plan: GroupJobPlan, hook: AzureBatchHook, emulator: EmulatorProcess
) -> None:
    perform = WorkerEffects(hook.get_conn(), silent())
    drive(group_job.prepare_pool(plan), perform)
    generation, _ = drive(group_launch.open_for_launch(plan, Opening(0, "f")), perform)
    pool_id = generation.batch_pool_id
    assert pool_id is not None
    assert pool_id.startswith("g-")
    tasks = [{"id": f"t{n}", "commandLine": "/bin/true"} for n in range(3)]
    drive(group_launch.launch(plan, generation, tasks, is_new=True), perform)
    again, _ = drive(group_launch.open_for_launch(plan, Opening(0, "f")), perform)
    assert again.batch_pool_id == pool_id
    for task in tasks:
        key = TaskKey(generation.batch_job_id, task["id"])
        wait_until(partial(has_ended, hook, key))
    figures = drive(finish_group(plan.group), perform)
    assert (figures.succeeded, figures.nodes) == (3, 1)
    assert figures.hours.total > 0
    assert figures.hours.core_hours
    (gone,) = figures.as_json()["deleted_pools"]
    assert gone["batch_pool_id"] == pool_id
    assert gone["node_hours"] > 0
    assert pool_of(hook, pool_id) is None


def test_group_whose_pool_cannot_be_made_opens_one_job_and_says_why(
    plan: GroupJobPlan, hook: AzureBatchHook, emulator: EmulatorProcess
) -> None:
    auto_pool = plan.job["poolInfo"]["autoPoolSpecification"]
    auto_pool["pool"]["applicationPackageReferences"] = [{"applicationId": "/subscriptions/none"}]
    perform = WorkerEffects(hook.get_conn(), silent())
    with pytest.raises(BatchPoolUnusableError, match="InvalidApplicationPackageReferencesInAutoPool"):
        drive(group_launch.open_for_launch(plan, Opening(0, "f")), perform)
    second = drive(get_or_none(requests.get_job(ids.group_job_id(plan.group, 2))), perform)
    assert second is None


# --- what is refused while the DAG is parsed -----------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"batch_job": job(), "batch_pool_id": "p"}, "autoPoolSpecification: contradicts batch_pool_id"),
        (
            {"batch_job": job(), "batch_pool": pool(pool_id="p")},
            "autoPoolSpecification: contradicts batch_pool:",
        ),
        ({"batch_job": job(pool(pool_id="p"))}, "autoPoolSpecification.pool.id: the service makes the id"),
        ({"batch_job": job(pool_lifetime_option="jobschedule")}, "poolLifetimeOption: must be job"),
        ({"batch_job": job(auto_pool_id_prefix="x" * 21)}, "autoPoolIdPrefix: must have at most 20"),
        ({"batch_job": {"poolInfo": {"poolId": "p"}}}, "batch_job.poolInfo: give the pool as batch_pool_id"),
        (
            {"batch_job": {"poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job"}}}},
            "autoPoolSpecification.pool: is required",
        ),
        ({}, "batch_pool_id: missing"),
    ],
)
@pytest.mark.parametrize("in_group", [False, True], ids=["alone", "group"])
def test_wrong_pool_of_a_job_fails_while_the_dag_is_parsed(
    arguments: dict[str, Any], told: str, in_group: bool
) -> None:
    def parse() -> None:
        with DAG("parsed", schedule=None, start_date=RUN_STARTED):
            if not in_group:
                AzureBatchTaskOperator(task_id="work", command_line="/bin/true", **arguments)
                return
            with AzureBatchJobTaskGroup("film", **arguments):
                AzureBatchTaskOperator(task_id="work", command_line="/bin/true")

    with pytest.raises(SpecError, match=told):
        parse()
