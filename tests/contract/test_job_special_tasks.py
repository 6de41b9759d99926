"""Preparation, release and manager tasks, and preemption, through the vendor SDK, with real processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.contract.clients import (
    Batch,
    SyncBatch,
    code_of,
    completed,
    new_id,
    pool_body,
    property_of,
    wait_for,
)
from tests.contract.conftest import nodes_idle
from tests.contract.raw import API_VERSION, send
from tests.contract.test_golden import golden, same_shape
from tests.emulator_process import EmulatorProcess

REFERENCE = "reference of the service, "
VERSION = f"api-version={API_VERSION}"
SLEEP = "/bin/sh -c 'sleep 60'"


def sh(command: str) -> str:
    return f"/bin/sh -c '{command}'"


def create(batch: Batch, pool_id: str, **more: Any) -> str:
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool_id}, **more})
    return name


def add(batch: Batch, job_id: str, task_id: str = "t", command: str = "true", **more: Any) -> None:
    batch.call("create_task", job_id, {"id": task_id, "commandLine": command, **more})


def ended(batch: Batch, job_id: str) -> Any:
    return wait_for(lambda: batch.call("get_job", job_id), lambda job: job.state == "completed")


def statuses(batch: Batch, job_id: str, **options: Any) -> list[Any]:
    found: list[Any] = batch.call("list_job_preparation_and_release_task_status", job_id, **options)
    return found


def node_file(batch: Batch, status: Any, info: Any, name: str) -> str:
    path = f"{info.task_root_directory}/{name}"
    content: bytes = batch.call("download_node_file", status.pool_id, status.node_id, path)
    return content.decode()


@pytest.fixture(scope="module")
def small_pool(sync_batch: SyncBatch) -> str:
    """A pool with one node of one slot."""
    name = new_id("small")
    sync_batch.call("create_pool", pool_body(name, targetDedicatedNodes=1))
    wait_for(lambda: nodes_idle(sync_batch, name, 1))
    return name


# --- echo ---------------------------------------------------------------------------------------------


@pytest.mark.verified(on="azure-sdk-for-python recordings of jobs", api_version="2023-05-01.17.0")
def test_special_tasks_come_back_with_their_defaults(batch: Batch):
    name = create(
        batch,
        "nowhere",
        constraints={"maxTaskRetryCount": 3},
        jobPreparationTask={"commandLine": "prepare"},
        jobReleaseTask={"commandLine": "release"},
        jobManagerTask={"id": "m", "commandLine": "manage"},
    )
    job = batch.call("get_job", name)
    preparation, release, manager = job.job_preparation_task, job.job_release_task, job.job_manager_task
    assert (preparation.id, preparation.command_line) == ("jobpreparation", "prepare")
    assert (preparation.wait_for_success, preparation.rerun_on_node_reboot_after_success) == (True, True)
    assert preparation.constraints.max_task_retry_count == 0
    assert preparation.constraints.retention_time == timedelta(days=7)
    assert (
        preparation.user_identity.auto_user.scope,
        preparation.user_identity.auto_user.elevation_level,
    ) == (
        "pool",
        "nonadmin",
    )
    assert (release.id, release.max_wall_clock_time, release.retention_time) == (
        "jobrelease",
        timedelta(minutes=15),
        timedelta(days=7),
    )
    assert (manager.kill_job_on_completion, manager.run_exclusive, manager.allow_low_priority_node) == (
        True,
        True,
        True,
    )
    assert (manager.required_slots, manager.constraints.max_task_retry_count) == (1, 3)


@pytest.mark.assumed(source=REFERENCE + "section 3.3: PUT keeps the job manager task")
def test_put_and_patch_keep_the_special_tasks(batch: Batch):
    special = {
        "jobPreparationTask": {"commandLine": "prepare"},
        "jobManagerTask": {"id": "m", "commandLine": "manage", "runExclusive": False},
    }
    name = create(batch, "nowhere", priority=5, **special)
    before = batch.call("get_job", name)
    batch.call("replace_job", name, models.BatchJob(pool_info=models.BatchPoolInfo(pool_id="nowhere")))
    batch.call("update_job", name, models.BatchJobUpdateOptions(max_parallel_tasks=2))
    job = batch.call("get_job", name)
    assert (job.priority, job.max_parallel_tasks) == (0, 2)
    assert job.job_manager_task == before.job_manager_task
    assert job.job_preparation_task == before.job_preparation_task


# --- preparation and release --------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "sections 3.5, 5.1 and 5.2")
def test_node_is_prepared_before_the_first_task_and_released_at_the_end(batch: Batch, small_pool: str):
    name = create(
        batch,
        small_pool,
        commonEnvironmentSettings=[{"name": "COMMON", "value": "for all"}],
        jobPreparationTask={"commandLine": sh('echo "$AZ_BATCH_TASK_ID $COMMON"; echo ready > made')},
        jobReleaseTask={"commandLine": sh('cat "$AZ_BATCH_JOB_PREP_WORKING_DIR/made"')},
    )
    for task_id in ("a", "b"):
        add(
            batch,
            name,
            task_id,
            sh('cat "$AZ_BATCH_JOB_PREP_WORKING_DIR/made" "$AZ_BATCH_JOB_PREP_DIR/stdout.txt"'),
        )
    for task_id in ("a", "b"):
        assert completed(batch, name, task_id).execution_info.exit_code == 0
    output = batch.call("download_task_file", name, "b", "stdout.txt").decode()
    assert output.splitlines() == ["ready", "jobpreparation for all"]

    [before] = statuses(batch, name)
    assert before.job_release_task_execution_info is None
    batch.call("begin_terminate_job", name, {"terminateReason": "x"})
    ended(batch, name)
    [status] = statuses(batch, name)
    preparation, release = status.job_preparation_task_execution_info, status.job_release_task_execution_info
    assert (preparation.state, preparation.exit_code, preparation.retry_count) == ("completed", 0, 0)
    assert preparation.task_root_directory == f"workitems/{name}/job-1/jobpreparation"
    assert (release.state, release.exit_code, release.result) == ("completed", 0, "success")
    assert preparation.end_time <= release.start_time
    assert node_file(batch, status, release, "stdout.txt") == "ready\n"
    assert node_file(batch, status, preparation, "wd/made") == "ready\n"


@pytest.mark.assumed(source=REFERENCE + "section 3.5")
def test_task_is_preparing_and_counts_as_running_until_its_node_is_prepared(batch: Batch, small_pool: str):
    name = create(batch, small_pool, jobPreparationTask={"commandLine": SLEEP})
    add(batch, name)
    task = wait_for(lambda: batch.call("get_task", name, "t"), lambda task: task.state == "preparing")
    assert task.node_info.pool_id == small_pool
    assert task.execution_info.start_time is None
    counts = batch.call("get_job_task_counts", name).task_counts
    assert (counts.active, counts.running) == (0, 1)
    [status] = statuses(batch, name)
    info = status.job_preparation_task_execution_info
    assert (info.state, info.exit_code, info.end_time, info.result) == ("running", None, None, None)
    batch.call("terminate_task", name, "t")
    assert batch.call("get_task", name, "t").execution_info.failure_info.code == "TaskEnded"
    batch.call("begin_delete_job", name)


@pytest.mark.assumed(source=REFERENCE + "section 3.5")
def test_node_that_could_not_be_prepared_runs_no_task_of_the_job(batch: Batch, small_pool: str):
    retries = {"maxTaskRetryCount": 1}
    failing = {"id": "prep", "commandLine": "false", "constraints": retries}
    name = create(batch, small_pool, jobPreparationTask=failing)
    add(batch, name)
    [status] = wait_for(
        lambda: statuses(batch, name),
        lambda found: bool(found) and found[0].job_preparation_task_execution_info.state == "completed",
    )
    info = status.job_preparation_task_execution_info
    assert (info.exit_code, info.retry_count, info.result) == (1, 1, "failure")
    assert info.failure_info.code == "FailureExitCode"
    assert info.last_retry_time is not None
    task = batch.call("get_task", name, "t")
    assert (task.state, task.execution_info.retry_count) == ("active", 0)
    other = create(batch, small_pool)
    add(batch, other)
    completed(batch, other, "t")
    assert batch.call("get_task", name, "t").state == "active"
    batch.call("begin_delete_job", name)


@pytest.mark.assumed(source=REFERENCE + "section 3.5")
def test_reimaged_node_is_prepared_anew(batch: Batch, small_pool: str):
    name = create(batch, small_pool, jobPreparationTask={"commandLine": "true"})
    add(batch, name, "a")
    node_id = completed(batch, name, "a").node_info.node_id
    [before] = statuses(batch, name)
    batch.call("begin_reimage_node", small_pool, node_id, {"nodeReimageOption": "requeue"})
    wait_for(lambda: nodes_idle(batch, small_pool, 1))
    add(batch, name, "b")
    completed(batch, name, "b")
    [after] = statuses(batch, name)
    earlier, later = (found.job_preparation_task_execution_info for found in (before, after))
    assert earlier.end_time < later.start_time
    batch.call("begin_delete_job", name)


@pytest.mark.assumed(source=REFERENCE + "section 3.5: waitForSuccess false")
def test_task_does_not_wait_for_a_preparation_that_need_not_succeed(batch: Batch, small_pool: str):
    preparation = {"commandLine": SLEEP, "waitForSuccess": False}
    name = create(batch, small_pool, jobPreparationTask=preparation)
    add(batch, name)
    assert completed(batch, name, "t").execution_info.exit_code == 0
    [status] = statuses(batch, name)
    assert status.job_preparation_task_execution_info.state == "running"
    batch.call("begin_delete_job", name)


@pytest.mark.assumed(source=REFERENCE + "sections 3.5 and 10: the job waits for its release tasks")
def test_job_is_terminating_while_it_is_released_unless_by_force(batch: Batch, small_pool: str):
    name = create(
        batch, small_pool, jobPreparationTask={"commandLine": "true"}, jobReleaseTask={"commandLine": SLEEP}
    )
    add(batch, name)
    completed(batch, name, "t")
    # Not by the verb, whose poller would wait for the end.
    batch.call("update_job", name, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))
    job = batch.call("get_job", name)
    assert (job.state, job.execution_info.termination_reason) == ("terminating", "AllTasksComplete")
    [status] = wait_for(
        lambda: statuses(batch, name), lambda found: found[0].job_release_task_execution_info is not None
    )
    assert status.job_release_task_execution_info.state == "running"
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("begin_terminate_job", name, {"terminateReason": "x"})
    assert code_of(caught.value) == "JobBeingTerminated"
    batch.call("begin_delete_job", name, force=True)
    with pytest.raises(ResourceNotFoundError):
        batch.call("get_job", name)


@pytest.mark.assumed(source="documentation of the parameter force")
def test_job_that_is_terminated_by_force_does_not_run_its_release_task(batch: Batch, small_pool: str):
    name = create(
        batch, small_pool, jobPreparationTask={"commandLine": "true"}, jobReleaseTask={"commandLine": "true"}
    )
    add(batch, name, command=SLEEP)
    wait_for(lambda: batch.call("get_task", name, "t").state == "running")
    batch.call("begin_terminate_job", name, {"terminateReason": "x"}, force=True)
    assert batch.call("get_job", name).state == "completed"
    assert batch.call("get_task", name, "t").execution_info.failure_info.code == "TaskEnded"
    [status] = statuses(batch, name)
    assert status.job_release_task_execution_info is None
    wait_for(lambda: nodes_idle(batch, small_pool, 1))


@pytest.mark.assumed(source=REFERENCE + "section 3.5")
def test_job_that_expires_is_released(batch: Batch, small_pool: str):
    name = create(
        batch,
        small_pool,
        constraints={"maxWallClockTime": "PT2S"},
        jobPreparationTask={"commandLine": "true"},
        jobReleaseTask={"commandLine": "false"},
    )
    add(batch, name, command=SLEEP)
    job = ended(batch, name)
    assert job.execution_info.termination_reason == "MaxWallClockTimeExpiry"
    [status] = statuses(batch, name)
    release = status.job_release_task_execution_info
    assert (release.exit_code, release.result) == (1, "failure")


# --- status -------------------------------------------------------------------------------------------


@pytest.mark.verified(on="azure-sdk-for-node fail_to_job_preprelease_status", api_version="2020-03-01.11.0")
def test_job_without_special_tasks_has_no_status_of_them(
    batch: Batch, emulator: EmulatorProcess, job_id: str
):
    with pytest.raises(ResourceExistsError) as caught:
        statuses(batch, job_id)
    assert code_of(caught.value) == "JobPreparationTaskOrReleaseTaskNotSpecified"
    answer = send(emulator, "GET", f"/jobs/{job_id}/jobpreparationandreleasetaskstatus")
    recorded = golden("error_prep_release_not_specified_409")
    assert answer.status == 409
    same_shape("error_prep_release_not_specified_409", answer.json())
    lines = [body["message"]["value"].split("\n")[0] for body in (answer.json(), recorded)]
    assert lines[0] == lines[1]


@pytest.mark.assumed(source="example of the specification: Jobs_ListJobPreparationAndReleaseTaskStatus")
def test_status_pages_filters_selects_and_has_the_shape_of_the_example(
    batch: Batch, emulator: EmulatorProcess, pool_id: str
):
    name = create(
        batch, pool_id, jobPreparationTask={"commandLine": "true"}, jobReleaseTask={"commandLine": "true"}
    )
    for task_id in ("a", "b"):
        add(batch, name, task_id, requiredSlots=8, command=sh("sleep 0.5"))
    for task_id in ("a", "b"):
        completed(batch, name, task_id)
    batch.call("begin_terminate_job", name, {"terminateReason": "x"})
    ended(batch, name)
    path = f"/jobs/{name}/jobpreparationandreleasetaskstatus"
    page = send(emulator, "GET", path, query=f"{VERSION}&maxresults=1").json()
    ignored = frozenset({"odata.metadata", "result"})
    same_shape("prep_release_status", page, ignored=ignored)
    assert page["odata.metadata"].endswith("#jobpreparationandreleasetaskstatuslist")
    found = statuses(batch, name, max_results=1)
    assert len(found) == 2
    assert [status.node_id for status in found] == sorted(status.node_id for status in found)
    where = "jobPreparationTaskExecutionInfo/exitCode ne 0"
    assert statuses(batch, name, filter=where) == []
    assert len(statuses(batch, name, filter="jobReleaseTaskExecutionInfo/result eq 'success'")) == 2
    [first, _] = statuses(batch, name, select=["nodeId"])
    assert (first.node_id, first.pool_id, first.job_preparation_task_execution_info) == (
        found[0].node_id,
        None,
        None,
    )
    for query in ("$filter=nodeColour%20eq%20%27red%27", "$select=colour", "maxresults=0"):
        answer = send(emulator, "GET", path, query=f"{VERSION}&{query}")
        assert (answer.status, answer.code) == (400, "InvalidQueryParameterValue"), query


# --- manager ------------------------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "section 3.5")
def test_manager_is_listed_runs_first_and_ends_the_job(batch: Batch, small_pool: str):
    manager = {"id": "m", "commandLine": sh("echo managed; exit 3"), "displayName": "The manager"}
    name = create(batch, small_pool, jobManagerTask=manager)
    job = ended(batch, name)
    assert job.execution_info.termination_reason == "JMComplete"
    [task] = batch.call("list_tasks", name)
    assert (task.id, task.display_name, task.execution_info.exit_code) == ("m", "The manager", 3)
    assert batch.call("download_task_file", name, "m", "stdout.txt") == b"managed\n"
    assert batch.call("get_job_task_counts", name).task_counts.failed == 1


@pytest.mark.assumed(source=REFERENCE + "section 3.5")
def test_job_outlives_a_manager_that_is_not_to_end_it(batch: Batch, small_pool: str):
    manager = {"id": "m", "commandLine": "true", "killJobOnCompletion": False}
    name = create(batch, small_pool, jobManagerTask=manager)
    completed(batch, name, "m")
    add(batch, name)
    completed(batch, name, "t")
    assert batch.call("get_job", name).state == "active"
    with pytest.raises(ResourceExistsError) as caught:
        add(batch, name, "M")
    assert code_of(caught.value) == "TaskExists"


# --- preemption ---------------------------------------------------------------------------------------


@pytest.mark.assumed(source="documentation of allowTaskPreemption")
def test_task_makes_room_for_a_more_important_job_and_runs_again(batch: Batch, small_pool: str):
    low = create(batch, small_pool, allowTaskPreemption=True)
    add(batch, low, "v", sh("sleep 1"))
    wait_for(lambda: batch.call("get_task", low, "v").state == "running")
    high = create(batch, small_pool, priority=100)
    add(batch, high)
    completed(batch, high, "t")
    task = completed(batch, low, "v")
    assert (task.execution_info.exit_code, task.execution_info.requeue_count) == (0, 1)
    assert task.execution_info.last_requeue_time is not None


# --- what cannot be -----------------------------------------------------------------------------------

PREPARATION = {"commandLine": "x"}


@pytest.mark.assumed(source=REFERENCE + "sections 3.5 and 7.3")
@pytest.mark.parametrize(
    ("special", "code"),
    [
        ({"jobReleaseTask": {"commandLine": "x"}}, "JobPreparationTaskNotSpecified"),
        (
            {
                "jobPreparationTask": PREPARATION,
                "jobReleaseTask": {"id": "JobPreparation", "commandLine": "x"},
            },
            "TaskIdSameAsJobPreparationTask",
        ),
        (
            {
                "jobPreparationTask": PREPARATION,
                "jobManagerTask": {"id": "jobpreparation", "commandLine": "x"},
            },
            "TaskIdSameAsJobPreparationTask",
        ),
        (
            {
                "jobPreparationTask": PREPARATION,
                "jobReleaseTask": {"id": "r", "commandLine": "x"},
                "jobManagerTask": {"id": "R", "commandLine": "x"},
            },
            "TaskIdSameAsJobReleaseTask",
        ),
    ],
)
def test_special_tasks_that_do_not_go_together_are_refused(batch: Batch, special, code):
    name = new_id("job")
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("create_job", {"id": name, "poolInfo": {"poolId": "p"}, **special})
    assert code_of(caught.value) == code
    with pytest.raises(ResourceNotFoundError):
        batch.call("get_job", name)


@pytest.mark.assumed(source=REFERENCE + "section 3.5")
def test_task_with_the_id_of_a_special_task_is_refused(batch: Batch):
    name = create(batch, "nowhere", jobPreparationTask=PREPARATION, jobReleaseTask={"commandLine": "x"})
    for task_id, code in (
        ("JobPreparation", "TaskIdSameAsJobPreparationTask"),
        ("jobrelease", "TaskIdSameAsJobReleaseTask"),
    ):
        with pytest.raises(ResourceExistsError) as caught:
            add(batch, name, task_id)
        assert code_of(caught.value) == code
    assert batch.call("list_tasks", name) == []


@pytest.mark.assumed(source=REFERENCE + "sections 3.5 and 7.1")
@pytest.mark.parametrize(
    ("special", "code", "named"),
    [
        ({"jobPreparationTask": {}}, "MissingRequiredProperty", "jobPreparationTask.commandLine"),
        (
            {"jobPreparationTask": {"commandLine": " "}},
            "InvalidPropertyValue",
            "jobPreparationTask.commandLine",
        ),
        (
            {"jobPreparationTask": {"id": "a b", "commandLine": "x"}},
            "InvalidPropertyValue",
            "jobPreparationTask.id",
        ),
        (
            {"jobPreparationTask": {"commandLine": "x", "waitForSuccess": "yes"}},
            "InvalidPropertyValue",
            "jobPreparationTask.waitForSuccess",
        ),
        (
            {
                "jobPreparationTask": PREPARATION,
                "jobReleaseTask": {"commandLine": "x", "maxWallClockTime": "PT15M1S"},
            },
            "InvalidPropertyValue",
            "jobReleaseTask.maxWallClockTime",
        ),
        ({"jobManagerTask": {"commandLine": "x"}}, "MissingRequiredProperty", "jobManagerTask.id"),
        ({"jobManagerTask": {"id": "a/b", "commandLine": "x"}}, "InvalidPropertyValue", "jobManagerTask.id"),
        (
            {"jobManagerTask": {"id": "m", "commandLine": "x", "requiredSlots": 0}},
            "InvalidPropertyValue",
            "jobManagerTask.requiredSlots",
        ),
    ],
)
def test_special_task_that_cannot_be_is_refused_by_the_property(sync_batch: Batch, special, code, named):
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_job", {"id": new_id("job"), "poolInfo": {"poolId": "p"}, **special})
    assert (caught.value.status_code, code_of(caught.value), property_of(caught.value)) == (400, code, named)
