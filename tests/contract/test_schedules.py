"""Job schedules through the vendor SDK."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

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
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess, emulator_processes

REFERENCE = "reference of the service, "
RECORDED = "azure-sdk-for-python test_batch_job_schedules"
DAILY = {"recurrenceInterval": "P1D", "startWindow": "PT1H"}
DAY = timedelta(days=1)


def create(batch: Batch, pool_id: str = "nowhere", schedule: object = None, **more: object) -> str:
    name = new_id("schedule")
    body = {"id": name, "schedule": DAILY if schedule is None else schedule}
    specification = {"poolInfo": {"poolId": pool_id}, **more}
    batch.call("create_job_schedule", {**body, "jobSpecification": specification})
    return name


def jobs_of(batch: Batch, schedule_id: str) -> list[tuple[str, str]]:
    jobs = batch.call("list_jobs_from_schedule", schedule_id)
    return [(job.id, str(job.state.value)) for job in jobs]


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator whose time moves only when a test says so."""
    folder: Path = tmp_path_factory.mktemp("still")
    yield from emulator_processes(folder, node_start_seconds=30, arguments=["--time-scale", "0"])


@pytest.fixture(scope="module")
def client(still: EmulatorProcess) -> Iterator[SyncBatch]:
    client = SyncBatch(still)
    yield client
    client.close()


# --- creation -----------------------------------------------------------------------------------------


@pytest.mark.verified(on=RECORDED, api_version="2023-05-01.17.0")
def test_new_schedule_has_its_first_job_and_echoes_the_defaults(batch: Batch):
    name = create(batch)
    schedule = batch.call("get_job_schedule", name)
    assert (schedule.state, schedule.previous_state) == ("active", None)
    assert schedule.execution_info.next_run_time == schedule.creation_time + DAY
    assert schedule.execution_info.recent_job.id == f"{name}:job-1"
    assert schedule.execution_info.recent_job.url.endswith(f"/jobs/{name}:job-1")
    assert (schedule.schedule.recurrence_interval, schedule.schedule.start_window) == (DAY, DAY / 24)
    specification = schedule.job_specification
    assert (specification.priority, specification.max_parallel_tasks) == (0, -1)
    assert (specification.all_tasks_complete_mode, specification.task_failure_mode) == (
        "noaction",
        "noaction",
    )
    assert jobs_of(batch, name) == [(f"{name}:job-1", "active")]


@pytest.mark.verified(on=RECORDED, api_version="2023-05-01.17.0")
def test_schedule_of_the_future_shows_only_its_next_time(batch: Batch):
    until = datetime(2100, 1, 1, 12, tzinfo=timezone.utc)
    options = models.BatchJobScheduleCreateOptions(
        id=new_id("schedule"),
        display_name="later",
        schedule=models.BatchJobScheduleConfiguration(do_not_run_until=until, recurrence_interval=DAY),
        job_specification=models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id="nowhere")),
    )
    batch.call("create_job_schedule", options)
    schedule = batch.call("get_job_schedule", options.id)
    assert schedule.display_name == "later"
    assert schedule.schedule.do_not_run_until == schedule.execution_info.next_run_time == until
    assert schedule.execution_info.recent_job is None
    assert jobs_of(batch, options.id) == []


@pytest.mark.assumed(source=REFERENCE + "section 7.3: jobs and schedules share one name space")
def test_id_is_taken_by_schedules_and_jobs_alike(batch: Batch, pool_id: str):
    schedule_id, job_id = create(batch), new_id("job")
    batch.call("create_job", {"id": job_id, "poolInfo": {"poolId": pool_id}})
    body = {"schedule": {}, "jobSpecification": {"poolInfo": {"poolId": pool_id}}}
    attempts = [
        ("create_job_schedule", {"id": schedule_id.upper(), **body}, "JobScheduleExists"),
        ("create_job_schedule", {"id": job_id, **body}, "JobWithSameIdExists"),
        (
            "create_job",
            {"id": schedule_id, "poolInfo": {"poolId": pool_id}},
            "JobScheduleWithSameIdExists",
        ),
    ]
    for operation, wanted, code in attempts:
        with pytest.raises(ResourceExistsError) as caught:
            batch.call(operation, wanted)
        assert code_of(caught.value) == code


@pytest.mark.assumed(source=REFERENCE + "section 3.6: recurrenceInterval and startWindow min PT1M")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"id": "a b"}, "id"),
        ({"displayName": "x" * 1025}, "displayName"),
        ({"schedule": {"recurrenceInterval": "PT59S"}}, "schedule.recurrenceInterval"),
        ({"schedule": {"startWindow": "PT0S"}}, "schedule.startWindow"),
        ({"schedule": {"doNotRunUntil": "tomorrow"}}, "schedule.doNotRunUntil"),
        (
            {"schedule": {"doNotRunUntil": "2030-01-02T00:00:00Z", "doNotRunAfter": "2030-01-01T00:00:00Z"}},
            "schedule.doNotRunAfter",
        ),
        ({"jobSpecification": {"poolInfo": {}}}, "jobSpecification.poolInfo"),
        (
            {"jobSpecification": {"poolInfo": {"poolId": "p"}, "priority": 1001}},
            "jobSpecification.priority",
        ),
    ],
)
def test_schedule_that_cannot_be_is_refused_by_the_property(sync_batch: Batch, change, named):
    name = new_id("schedule")
    body = {"id": name, "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "p"}}, **change}
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_job_schedule", body)
    assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidPropertyValue")
    assert property_of(caught.value) == named
    with pytest.raises(ResourceNotFoundError):
        sync_batch.call("get_job_schedule", name)


@pytest.mark.assumed(source=REFERENCE + "section 7.1")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"id": "s", "schedule": {}}, "MissingRequiredProperty"),
        ({"id": "s", "jobSpecification": {"poolInfo": {"poolId": "p"}}}, "MissingRequiredProperty"),
        (
            {"id": "s", "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "p"}, "id": "j"}},
            "UnsupportedProperty",
        ),
        ({"id": "s", "schedule": [], "jobSpecification": {}}, "InvalidPropertyValue"),
    ],
)
def test_body_of_the_wrong_shape_is_refused(emulator: EmulatorProcess, body, code):
    answer = send(emulator, "POST", "/jobschedules", body)
    assert (answer.status, answer.code) == (400, code)


# --- reading ------------------------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "section 1.13: the SDK raises where a resource does not exist")
def test_schedule_exists_or_not(batch: Batch):
    assert batch.call("job_schedule_exists", create(batch))
    with pytest.raises(ResourceNotFoundError):
        batch.call("job_schedule_exists", "none")
    with pytest.raises(ResourceNotFoundError) as caught:
        batch.call("get_job_schedule", "none")
    assert code_of(caught.value) == "JobScheduleNotFound"


@pytest.mark.assumed(source=REFERENCE + "section 1.6")
def test_schedules_are_filtered_selected_and_paged(batch: Batch):
    prefix = new_id("listed")
    names = [f"{prefix}-{number}" for number in range(3)]
    for name in names:
        specification = {"poolInfo": {"poolId": "nowhere"}}
        batch.call("create_job_schedule", {"id": name, "schedule": DAILY, "jobSpecification": specification})
    batch.call("disable_job_schedule", names[1])
    mine = f"startswith(id, '{prefix}')"
    assert [s.id for s in batch.call("list_job_schedules", filter=mine, max_results=2)] == names
    active = batch.call("list_job_schedules", filter=f"{mine} and state eq 'active'", select=["id"])
    assert [s.id for s in active] == [names[0], names[2]]
    assert dict(active[0]) == {"id": names[0]}
    with pytest.raises(HttpResponseError) as caught:
        batch.call("list_job_schedules", filter="displayName eq 'x'")
    assert code_of(caught.value) == "InvalidQueryParameterValue"


@pytest.mark.assumed(source=REFERENCE + "section 1.6: jobs of a schedule")
def test_jobs_of_a_schedule_are_filtered_and_stand_among_all_jobs(batch: Batch):
    name = create(batch)
    batch.call("begin_terminate_job", f"{name}:job-1", {"terminateReason": "enough"})
    assert batch.call("list_jobs_from_schedule", name, filter="state eq 'active'") == []
    ended = batch.call("list_jobs_from_schedule", name, filter="executionInfo/poolId eq 'nowhere'")
    assert [job.id for job in ended] == [f"{name}:job-1"]
    assert [j.id for j in batch.call("list_jobs", filter=f"startswith(id, '{name}:')")] == [f"{name}:job-1"]
    with pytest.raises(ResourceNotFoundError) as caught:
        batch.call("list_jobs_from_schedule", "none")
    assert code_of(caught.value) == "JobScheduleNotFound"


# --- changes ------------------------------------------------------------------------------------------


@pytest.mark.verified(on=RECORDED, api_version="2023-05-01.17.0")
def test_patch_of_the_schedule_replaces_it_whole(batch: Batch):
    name = create(batch, priority=3)
    change = models.BatchJobScheduleUpdateOptions(
        schedule=models.BatchJobScheduleConfiguration(recurrence_interval=timedelta(hours=10))
    )
    batch.call("update_job_schedule", name, change)
    schedule = batch.call("get_job_schedule", name)
    assert (schedule.schedule.recurrence_interval, schedule.schedule.start_window) == (10 * DAY / 24, None)
    assert schedule.execution_info.next_run_time == schedule.creation_time + timedelta(hours=10)
    assert schedule.job_specification.priority == 3


@pytest.mark.assumed(source=REFERENCE + "section 3.6: PUT with partial body resets omitted parts")
def test_put_resets_what_it_leaves_out(batch: Batch):
    name = create(batch, priority=3)
    batch.call("update_job_schedule", name, {"metadata": [{"name": "a", "value": "b"}]})
    schedule = batch.call("get_job_schedule", name)
    assert schedule.metadata[0].value == "b"
    specification = models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id="elsewhere"))
    batch.call("replace_job_schedule", name, models.BatchJobSchedule(job_specification=specification))
    schedule = batch.call("get_job_schedule", name)
    assert (schedule.metadata, schedule.schedule.recurrence_interval) == (None, None)
    assert (schedule.job_specification.priority, schedule.job_specification.pool_info.pool_id) == (
        0,
        "elsewhere",
    )
    # The job that is active continues as it is.
    assert batch.call("get_job", f"{name}:job-1").priority == 3


@pytest.mark.assumed(source=REFERENCE + "section 1.10")
def test_stale_etag_changes_nothing(batch: Batch):
    name = create(batch)
    stale = batch.call("get_job_schedule", name).etag
    batch.call("disable_job_schedule", name)
    condition = {"etag": stale, "match_condition": MatchConditions.IfNotModified}
    attempts: list[tuple[str, tuple[Any, ...]]] = [
        ("enable_job_schedule", ()),
        ("update_job_schedule", ({"metadata": []},)),
        ("begin_terminate_job_schedule", ()),
        ("begin_delete_job_schedule", ()),
    ]
    for operation, arguments in attempts:
        with pytest.raises(ResourceModifiedError) as caught:
            batch.call(operation, name, *arguments, **condition)
        assert code_of(caught.value) == "ConditionNotMet"
    assert batch.call("get_job_schedule", name).state == "disabled"
    assert batch.call("get_job_schedule", name, etag=stale, match_condition=MatchConditions.IfModified)


@pytest.mark.assumed(source=REFERENCE + "section 3.6")
def test_schedule_is_disabled_and_enabled(batch: Batch):
    name = create(batch)
    batch.call("disable_job_schedule", name)
    schedule = batch.call("get_job_schedule", name)
    assert (schedule.state, schedule.previous_state) == ("disabled", "active")
    assert jobs_of(batch, name) == [(f"{name}:job-1", "active")]
    batch.call("enable_job_schedule", name)
    schedule = batch.call("get_job_schedule", name)
    assert (schedule.state, schedule.previous_state) == ("active", "disabled")


# --- ends ---------------------------------------------------------------------------------------------


@pytest.mark.verified(
    on="azure-powershell and azure-sdk-for-python recordings", api_version="2024-02-01.19.0"
)
def test_job_of_a_terminated_schedule_says_so(batch: Batch):
    name = create(batch)
    batch.call("begin_terminate_job_schedule", name)
    job = batch.call("get_job", f"{name}:job-1")
    assert (job.state, job.execution_info.termination_reason) == ("completed", "TerminateWorkitem")


@pytest.mark.assumed(source=REFERENCE + "sections 3.6 and 7.3")
def test_completed_schedule_can_only_be_deleted(batch: Batch):
    name = create(batch, schedule={})
    batch.call("begin_terminate_job", f"{name}:job-1", {"terminateReason": "enough"})
    schedule = batch.call("get_job_schedule", name)
    assert (schedule.state, schedule.previous_state) == ("completed", "active")
    assert schedule.execution_info.end_time == schedule.state_transition_time
    assert schedule.execution_info.next_run_time is None
    attempts: list[tuple[str, tuple[Any, ...]]] = [
        ("disable_job_schedule", ()),
        ("enable_job_schedule", ()),
        ("begin_terminate_job_schedule", ()),
        ("update_job_schedule", ({"metadata": []},)),
    ]
    for operation, arguments in attempts:
        with pytest.raises(ResourceExistsError) as caught:
            batch.call(operation, name, *arguments)
        assert code_of(caught.value) == "JobScheduleCompleted"
    batch.call("begin_delete_job_schedule", name)
    with pytest.raises(ResourceNotFoundError):
        batch.call("get_job_schedule", name)


@pytest.mark.assumed(source=REFERENCE + "section 3.6: delete deletes all its jobs")
def test_deleted_schedule_takes_its_jobs_with_it(batch: Batch, pool_id: str):
    name = create(batch, pool_id)
    job_id = f"{name}:job-1"
    batch.call("create_task", job_id, {"id": "t", "commandLine": "sleep 60"})
    wait_for(lambda: batch.call("get_task", job_id, "t").state == "running")
    batch.call("begin_delete_job_schedule", name)
    with pytest.raises(ResourceNotFoundError) as caught:
        batch.call("get_job", job_id)
    assert code_of(caught.value) == "JobNotFound"


# --- jobs of schedules --------------------------------------------------------------------------------


@pytest.mark.assumed(source=REFERENCE + "sections 1.1 and 5.1: workitems/{schedule}/{job}/{task}")
def test_task_in_a_job_of_a_schedule_runs_below_the_schedule(batch: Batch, pool_id: str):
    name = create(batch, pool_id, commonEnvironmentSettings=[{"name": "A", "value": "b"}])
    job_id = f"{name}:job-1"
    line = "/bin/bash -c 'echo $A $AZ_BATCH_JOB_ID; pwd'"
    batch.call("create_tasks", job_id, [models.BatchTaskCreateOptions(id="t", command_line=line)])
    task = completed(batch, job_id, "t")
    assert task.node_info.task_root_directory == f"workitems/{name}/job-1/t"
    assert task.node_info.task_root_directory_url.endswith(f"/files/workitems/{name}/job-1/t")
    shown, directory = batch.call("download_task_file", job_id, "t", "stdout.txt").decode().splitlines()
    assert shown == f"b {job_id}"
    assert directory.endswith(f"/workitems/{name}/job-1/t/wd")
    assert [file.name for file in batch.call("list_task_files", job_id, "t")] == [
        "stderr.txt",
        "stdout.txt",
        "wd",
    ]
    assert batch.call("get_job_task_counts", job_id).task_counts.succeeded == 1
    batch.call("begin_delete_job_schedule", name)


@pytest.mark.assumed(source=REFERENCE + "sections 3.5 and 3.6")
def test_job_manager_ends_its_job_and_with_it_a_schedule_that_does_not_recur(batch: Batch, pool_id: str):
    manager = {"id": "manager", "commandLine": "true"}
    name = create(batch, pool_id, schedule={}, jobManagerTask=manager)
    schedule = wait_for(lambda: batch.call("get_job_schedule", name), lambda seen: seen.state == "completed")
    assert schedule.job_specification.job_manager_task.kill_job_on_completion
    job = batch.call("get_job", f"{name}:job-1")
    assert (job.state, job.execution_info.termination_reason) == ("completed", "JMComplete")
    assert [task.id for task in batch.call("list_tasks", job.id)] == ["manager"]


@pytest.mark.assumed(source=REFERENCE + "section 3.6")
def test_next_job_comes_with_its_time_and_after_the_one_before(still: EmulatorProcess, client: SyncBatch):
    name = create(client, schedule={"recurrenceInterval": "PT10M", "startWindow": "PT2M"})
    first = client.call("get_job_schedule", name).execution_info.next_run_time
    still.advance(601)
    assert jobs_of(client, name) == [(f"{name}:job-1", "active")]
    client.call("begin_terminate_job", f"{name}:job-1", {"terminateReason": "late"})
    assert jobs_of(client, name) == [(f"{name}:job-2", "active"), (f"{name}:job-1", "completed")]
    schedule = client.call("get_job_schedule", name)
    assert schedule.execution_info.recent_job.id == f"{name}:job-2"
    assert schedule.execution_info.next_run_time == first + timedelta(minutes=10)
    # This one outlasts the window of the next time, which is lost.
    still.advance(600 + 120)
    client.call("begin_terminate_job", f"{name}:job-2", {"terminateReason": "too late"})
    assert client.call("get_job_schedule", name).execution_info.recent_job.id == f"{name}:job-2"
    still.advance(600)
    third = client.call("get_job", f"{name}:job-3")
    assert third.creation_time == first + timedelta(minutes=20)
    client.call("begin_delete_job_schedule", name)


@pytest.mark.assumed(source=REFERENCE + "section 3.6")
def test_schedule_completes_after_its_last_moment(still: EmulatorProcess, client: SyncBatch):
    end = datetime.fromisoformat(still.now()[:19] + "+00:00") + timedelta(minutes=25)
    after = end.isoformat().replace("+00:00", "Z")
    name = create(
        client,
        schedule={"recurrenceInterval": "PT10M", "doNotRunAfter": after},
        onAllTasksComplete="terminatejob",
    )
    still.advance(3600)
    schedule = client.call("get_job_schedule", name)
    assert schedule.state == "completed"
    assert end <= schedule.execution_info.end_time < end + timedelta(seconds=1)
    assert len(jobs_of(client, name)) == 3


# --- automatic pools ----------------------------------------------------------------------------------


def auto_pool(**more: object) -> dict[str, object]:
    pool = {name: value for name, value in pool_body("x", targetDedicatedNodes=1).items() if name != "id"}
    specification = {"poolLifetimeOption": "job", "autoPoolIdPrefix": "mine", "pool": pool, **more}
    return {"autoPoolSpecification": specification}


def gone(batch: Batch, pool_id: str) -> bool:
    return pool_id not in [pool.id for pool in batch.call("list_pools")]


@pytest.mark.verified(on="azure-sdk-for-python test_batch_jobs", api_version="2023-05-01.17.0")
def test_job_shows_its_automatic_pool_with_defaults(batch: Batch):
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": auto_pool()})
    job = batch.call("get_job", name)
    shown = job.pool_info.auto_pool_specification
    assert job.pool_info.pool_id is None
    assert (shown.pool_lifetime_option, shown.keep_alive) == ("job", False)
    assert (shown.pool.vm_size, shown.pool.task_slots_per_node) == ("standard_d2s_v3", 1)
    assert (shown.pool.resize_timeout, shown.pool.target_dedicated_nodes) == (timedelta(minutes=15), 1)
    assert "id" not in shown.pool
    pool_id = job.execution_info.pool_id
    assert pool_id.startswith("mine")
    assert pool_id.upper() == "MINE" + pool_id[4:]
    assert batch.call("get_pool", pool_id).target_dedicated_nodes == 1
    batch.call("begin_delete_job", name)
    wait_for(lambda: gone(batch, pool_id))


@pytest.mark.assumed(source=REFERENCE + "sections 2.3 and 7.3")
def test_task_runs_on_the_pool_that_its_job_brings(batch: Batch):
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": auto_pool()})
    batch.call("create_task", name, {"id": "t", "commandLine": "true"})
    pool_id = batch.call("get_job", name).execution_info.pool_id
    assert completed(batch, name, "t").node_info.pool_id == pool_id
    batch.call("begin_terminate_job", name, {"terminateReason": "done"})
    wait_for(lambda: gone(batch, pool_id))
    job = batch.call("get_job", name)
    assert (job.execution_info.pool_id, job.execution_info.scheduling_error) == (pool_id, None)


@pytest.mark.assumed(source="documentation of BatchPoolInfo: only keepAlive can be updated")
def test_only_keep_alive_of_an_automatic_pool_can_be_changed(batch: Batch):
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": auto_pool()})
    pool_id = batch.call("get_job", name).execution_info.pool_id
    batch.call("update_job", name, {"priority": 5})
    batch.call("begin_disable_job", name, {"disableTasks": "requeue"})
    with pytest.raises(HttpResponseError) as caught:
        batch.call("update_job", name, {"poolInfo": auto_pool(autoPoolIdPrefix="other")})
    assert property_of(caught.value) == "poolInfo.autoPoolSpecification"
    batch.call("update_job", name, {"poolInfo": auto_pool(keepAlive=True)})
    batch.call("begin_delete_job", name)
    assert not gone(batch, pool_id)
    batch.call("begin_delete_pool", pool_id)


@pytest.mark.assumed(source=REFERENCE + "sections 2.3 and 6.1")
@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"poolLifetimeOption": "jobschedule"}, "InvalidPropertyValue", "poolLifetimeOption"),
        ({"autoPoolIdPrefix": "x" * 21}, "InvalidPropertyValue", "autoPoolIdPrefix"),
        ({"autoPoolIdPrefix": "a/b"}, "InvalidPropertyValue", "autoPoolIdPrefix"),
        ({"pool": None}, "MissingRequiredProperty", "pool"),
        ({"pool": {"vmSize": "huge"}}, "MissingRequiredProperty", "pool.virtualMachineConfiguration"),
        (
            {"pool": {k: v for k, v in pool_body("x", taskSlotsPerNode=9).items() if k != "id"}},
            "InvalidPropertyValue",
            "pool.taskSlotsPerNode",
        ),
    ],
)
def test_automatic_pool_that_cannot_be_is_refused_by_the_property(sync_batch: Batch, change, code, named):
    name = new_id("job")
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_job", {"id": name, "poolInfo": auto_pool(**change)})
    assert (caught.value.status_code, code_of(caught.value)) == (400, code)
    assert property_of(caught.value) == f"poolInfo.autoPoolSpecification.{named}"
    with pytest.raises(ResourceNotFoundError):
        sync_batch.call("get_job", name)


@pytest.mark.assumed(source=REFERENCE + "section 2.3 and documentation of BatchPoolLifetimeOption")
def test_jobs_of_a_schedule_share_a_pool_until_it_ends(batch: Batch):
    name = new_id("schedule")
    specification = {"poolInfo": auto_pool(poolLifetimeOption="jobschedule")}
    batch.call("create_job_schedule", {"id": name, "schedule": DAILY, "jobSpecification": specification})
    schedule = batch.call("get_job_schedule", name)
    shown = schedule.job_specification.pool_info.auto_pool_specification
    assert (shown.pool_lifetime_option, shown.keep_alive) == ("jobschedule", False)
    pool_id = batch.call("get_job", f"{name}:job-1").execution_info.pool_id
    batch.call("begin_terminate_job", f"{name}:job-1", {"terminateReason": "done"})
    assert batch.call("get_pool", pool_id).state == "active"
    batch.call("begin_terminate_job_schedule", name)
    wait_for(lambda: gone(batch, pool_id))
