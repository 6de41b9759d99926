"""Jobs through the vendor SDK."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.batch import models
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from tests.contract.clients import Batch, code_of, completed, new_id, property_of, wait_for

REFERENCE = "reference of the service, "


def create(batch: Batch, pool_id: str, **more) -> str:
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool_id}, **more})
    return name


@pytest.mark.assumed(source=REFERENCE + "section 2.3")
def test_new_job_is_active_and_echoes_the_defaults(batch: Batch, pool_id: str):
    job = batch.call("get_job", create(batch, pool_id))
    assert (job.state, job.previous_state) == ("active", None)
    assert (job.priority, job.max_parallel_tasks, job.uses_task_dependencies) == (0, -1, False)
    assert (job.all_tasks_complete_mode, job.task_failure_mode) == ("noaction", "noaction")
    assert (job.constraints.max_task_retry_count, job.allow_task_preemption) == (0, False)
    assert job.execution_info.pool_id == pool_id
    assert job.execution_info.start_time == job.state_transition_time
    assert job.creation_time <= job.execution_info.start_time


@pytest.mark.assumed(source=REFERENCE + "section 3.3: a missing pool is not an error")
def test_job_waits_for_a_pool_that_does_not_exist(batch: Batch):
    assert batch.call("get_job", create(batch, "nowhere")).state == "active"


@pytest.mark.assumed(source=REFERENCE + "sections 3.3 and 7.3")
def test_job_id_is_taken_in_any_case(batch: Batch, pool_id: str):
    name = create(batch, pool_id)
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("create_job", {"id": name.upper(), "poolInfo": {"poolId": pool_id}})
    assert code_of(caught.value) == "JobExists"


@pytest.mark.verified(on="azure-sdk-for-python and -for-node recordings", api_version="2023-05-01.17.0")
def test_patch_replaces_a_property_whole(batch: Batch, pool_id: str):
    name = create(batch, pool_id, constraints={"maxTaskRetryCount": 5})
    patch = models.BatchJobUpdateOptions(
        constraints=models.BatchJobConstraints(max_wall_clock_time=timedelta(hours=1)), priority=7
    )
    batch.call("update_job", name, patch)
    job = batch.call("get_job", name)
    assert (job.constraints.max_task_retry_count, job.constraints.max_wall_clock_time) == (
        0,
        timedelta(hours=1),
    )
    assert job.priority == 7


@pytest.mark.verified(on="azure-sdk-for-node recordings", api_version="2020-03-01.11.0")
def test_put_resets_what_it_leaves_out(batch: Batch, pool_id: str):
    name = create(batch, pool_id, priority=9, metadata=[{"name": "a", "value": "b"}])
    job = batch.call("get_job", name)
    replacement = models.BatchJob(
        pool_info=job.pool_info, constraints=models.BatchJobConstraints(max_task_retry_count=2)
    )
    batch.call("replace_job", name, replacement)
    job = batch.call("get_job", name)
    assert (job.priority, job.metadata, job.constraints.max_task_retry_count) == (0, None, 2)


@pytest.mark.verified(on="azure-powershell TestDisableEnableTerminateJob", api_version="2024-02-01.19.0")
def test_job_is_disabled_enabled_and_terminated(batch: Batch, pool_id: str):
    name = create(batch, pool_id)
    batch.call("begin_disable_job", name, models.BatchJobDisableOptions(disable_tasks="requeue"))
    job = batch.call("get_job", name)
    assert (job.state, job.previous_state) == ("disabled", "active")
    batch.call("begin_enable_job", name)
    job = batch.call("get_job", name)
    assert (job.state, job.previous_state) == ("active", "disabled")
    batch.call("begin_terminate_job", name, {"terminateReason": "enough"})
    job = wait_for(lambda: batch.call("get_job", name), lambda job: job.state == "completed")
    assert (job.previous_state, job.execution_info.termination_reason) == ("active", "enough")
    assert job.execution_info.end_time == job.state_transition_time


@pytest.mark.assumed(source=REFERENCE + "sections 3.3 and 7.4")
def test_completed_job_takes_neither_tasks_nor_changes(batch: Batch, pool_id: str):
    name = create(batch, pool_id)
    batch.call("begin_terminate_job", name, {"terminateReason": "enough"})
    wait_for(lambda: batch.call("get_job", name).state == "completed")
    writes = [
        ("create_task", name, {"id": "t", "commandLine": "true"}),
        ("create_tasks", name, [models.BatchTaskCreateOptions(id="t", command_line="true")]),
        ("update_job", name, models.BatchJobUpdateOptions(priority=1)),
        ("begin_disable_job", name, models.BatchJobDisableOptions(disable_tasks="wait")),
        ("begin_terminate_job", name, {"terminateReason": "again"}),
    ]
    for operation, *arguments in writes:
        with pytest.raises(HttpResponseError) as caught:
            batch.call(operation, *arguments)
        codes = [code_of(error) for error in getattr(caught.value, "errors", None) or [caught.value]]
        assert codes == ["JobCompleted"], operation


@pytest.mark.assumed(source=REFERENCE + "section 3.3")
def test_deleted_job_goes_with_its_tasks(batch: Batch, job_id: str):
    batch.call("create_task", job_id, {"id": "t", "commandLine": "/bin/sh -c 'sleep 60'"})
    wait_for(lambda: batch.call("get_task", job_id, "t").state == "running")
    batch.call("begin_delete_job", job_id)
    for operation in ("get_job", "list_tasks", "get_job_task_counts"):
        with pytest.raises(ResourceNotFoundError) as caught:
            batch.call(operation, job_id)
        assert code_of(caught.value) == "JobNotFound"


@pytest.mark.assumed(source=REFERENCE + "section 3.4")
def test_job_with_terminatejob_ends_when_its_tasks_are_complete(batch: Batch, job_id: str):
    batch.call("create_task", job_id, {"id": "t", "commandLine": "true"})
    batch.call("update_job", job_id, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))
    job = wait_for(lambda: batch.call("get_job", job_id), lambda job: job.state == "completed")
    assert job.execution_info.termination_reason == "AllTasksComplete"
    assert batch.call("get_task", job_id, "t").execution_info.exit_code == 0


@pytest.mark.verified(on="azure-powershell IfJobSetsAutoFailure", api_version="2024-02-01.19.0")
def test_failed_task_ends_a_job_that_heeds_its_exit_options(batch: Batch, pool_id: str):
    name = create(batch, pool_id, onTaskFailure="performexitoptionsjobaction")
    batch.call("create_task", name, {"id": "t", "commandLine": "/bin/sh -c 'exit 1'"})
    job = wait_for(lambda: batch.call("get_job", name), lambda job: job.state == "completed")
    assert (job.previous_state, job.execution_info.termination_reason) == ("active", "TaskFailed")


@pytest.mark.assumed(source=REFERENCE + "section 2.8")
def test_task_counts_tell_states_and_slots(batch: Batch, job_id: str):
    batch.call("create_task", job_id, {"id": "good", "commandLine": "true", "requiredSlots": 2})
    batch.call("create_task", job_id, {"id": "bad", "commandLine": "false"})
    waits = {"id": "waits", "commandLine": "true", "dependsOn": {"taskIds": ["bad"]}}
    batch.call("create_task", job_id, waits)
    completed(batch, job_id, "good")
    completed(batch, job_id, "bad")
    counts = batch.call("get_job_task_counts", job_id)
    seen = counts.task_counts
    assert (seen.active, seen.running, seen.completed, seen.succeeded, seen.failed) == (1, 0, 2, 1, 1)
    assert (counts.task_slot_counts.succeeded, counts.task_slot_counts.failed) == (2, 1)


@pytest.mark.assumed(source=REFERENCE + "section 1.10")
def test_stale_etag_protects_a_job(batch: Batch, pool_id: str):
    name = create(batch, pool_id)
    stale = {"etag": batch.call("get_job", name).etag, "match_condition": MatchConditions.IfNotModified}
    batch.call("update_job", name, models.BatchJobUpdateOptions(priority=1), **stale)
    with pytest.raises(ResourceModifiedError) as caught:
        batch.call("begin_terminate_job", name, {"terminateReason": "x"}, **stale)
    assert code_of(caught.value) == "ConditionNotMet"
    assert batch.call("get_job", name).state == "active"


@pytest.mark.assumed(source=REFERENCE + "sections 1.6 and 3.3")
def test_job_list_shows_active_jobs_first_and_pages(batch: Batch, pool_id: str):
    prefix = new_id("listed")
    for letter in "cab":
        batch.call("create_job", {"id": f"{prefix}-{letter}", "poolInfo": {"poolId": pool_id}})
    batch.call("begin_terminate_job", f"{prefix}-a", {"terminateReason": "x"})
    wait_for(lambda: batch.call("get_job", f"{prefix}-a").state == "completed")
    where = f"startswith(id,'{prefix}')"
    found = batch.call("list_jobs", filter=where, max_results=1)
    assert [job.id[-1] for job in found] == ["b", "c", "a"]
    found = batch.call("list_jobs", filter=where + " and state eq 'completed'")
    assert [job.id[-1] for job in found] == ["a"]
    found = batch.call("list_jobs", filter=f"executionInfo/poolId eq '{pool_id}' and {where}")
    assert len(found) == 3


@pytest.mark.assumed(source=REFERENCE + "sections 3.3 and 7.1")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"id": "a:b"}, "id"),
        ({"priority": 1001}, "priority"),
        ({"maxParallelTasks": 0}, "maxParallelTasks"),
        ({"poolInfo": {}}, "poolInfo"),
        ({"poolInfo": {"poolId": "a/b"}}, "poolInfo.poolId"),
        ({"constraints": {"maxTaskRetryCount": -2}}, "constraints.maxTaskRetryCount"),
        ({"onAllTasksComplete": "celebrate"}, "onAllTasksComplete"),
        ({"displayName": "x" * 1025}, "displayName"),
        ({"commonEnvironmentSettings": [{"name": "A=B"}]}, "commonEnvironmentSettings[0].name"),
    ],
)
def test_job_that_cannot_be_is_refused_by_the_property(sync_batch: Batch, change, named):
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_job", {"id": new_id("job"), "poolInfo": {"poolId": "p"}, **change})
    assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidPropertyValue")
    assert property_of(caught.value) == named


@pytest.mark.assumed(source=REFERENCE + "section 2.3")
def test_job_echoes_what_has_no_effect_here(batch: Batch, pool_id: str):
    network = {"subnetId": "/subscriptions/s/subnets/a", "skipWithdrawFromVNet": True}
    name = create(batch, pool_id, networkConfiguration=network)
    found = batch.call("get_job", name).network_configuration
    assert (found.subnet_id, found.skip_withdraw_from_vnet) == (network["subnetId"], True)
    changed = {"networkConfiguration": {**network, "skipWithdrawFromVNet": False}}
    batch.call("update_job", name, changed)
    assert batch.call("get_job", name).network_configuration.skip_withdraw_from_vnet is False


@pytest.mark.assumed(source=REFERENCE + "section 3.3")
def test_all_tasks_complete_cannot_go_back_to_no_action(batch: Batch, job_id: str):
    batch.call("create_task", job_id, {"id": "t", "commandLine": "sleep 30"})
    batch.call("update_job", job_id, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))
    with pytest.raises(HttpResponseError) as caught:
        batch.call("update_job", job_id, models.BatchJobUpdateOptions(all_tasks_complete_mode="noaction"))
    assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidPropertyValue")
    batch.call("begin_terminate_job", job_id, {"terminateReason": "x"})
