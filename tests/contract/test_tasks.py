"""Tasks through the vendor SDK."""

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
SLEEP = "/bin/sh -c 'sleep 60'"


def add(batch: Batch, job_id: str, task_id: str = "t", command_line: str = "true", **more) -> None:
    batch.call("create_task", job_id, {"id": task_id, "commandLine": command_line, **more})


@pytest.mark.assumed(source=REFERENCE + "section 2.4")
def test_waiting_task_is_active_and_echoes_the_defaults(batch: Batch, job_id: str):
    add(batch, job_id, dependsOn={"taskIds": ["nobody"]}, affinityInfo={"affinityId": "affinityId"})
    task = batch.call("get_task", job_id, "t")
    assert (task.state, task.previous_state, task.node_info) == ("active", None, None)
    assert (task.required_slots, task.user_identity.auto_user.elevation_level) == (1, "nonadmin")
    assert (task.constraints.max_task_retry_count, task.constraints.retention_time) == (0, timedelta(days=7))
    assert (task.execution_info.retry_count, task.execution_info.requeue_count) == (0, 0)
    assert task.execution_info.start_time is None
    assert task.creation_time == task.last_modified
    assert task.depends_on.task_ids == ["nobody"]


@pytest.mark.verified(
    on="azure-batch-cli-extensions and azure-powershell recordings", api_version="2024-02-01.19.0"
)
def test_successful_task_tells_when_and_where_it_ran(batch: Batch, job_id: str, pool_id: str):
    add(batch, job_id)
    first = batch.call("get_task", job_id, "t")
    task = completed(batch, job_id, "t")
    info = task.execution_info
    assert (task.previous_state, info.exit_code, info.result) == ("running", 0, "success")
    assert info.end_time == task.state_transition_time
    assert task.previous_state_transition_time <= info.start_time <= info.end_time
    assert task.node_info.pool_id == pool_id
    assert task.node_info.task_root_directory == f"workitems/{job_id}/job-1/t"
    assert task.etag == first.etag, "a node's changes move no ETag"


@pytest.mark.assumed(source=REFERENCE + "section 4.6")
def test_exit_code_other_than_zero_is_a_user_error(batch: Batch, job_id: str):
    add(batch, job_id, command_line="/bin/sh -c 'exit 3'")
    info = completed(batch, job_id, "t").execution_info
    assert (info.exit_code, info.result) == (3, "failure")
    assert (info.failure_info.category, info.failure_info.code) == ("usererror", "FailureExitCode")
    assert {detail.name for detail in info.failure_info.details} == {"Message", "AdditionalErrorCode"}


@pytest.mark.assumed(source=REFERENCE + "sections 4.1 and 4.6")
def test_command_is_run_without_a_shell(batch: Batch, job_id: str):
    add(batch, job_id, "quoted", "echo $HOME > x; 'a b'")
    add(batch, job_id, "absent", "no-such-program --flag")
    assert completed(batch, job_id, "quoted").execution_info.exit_code == 0
    assert batch.call("download_task_file", job_id, "quoted", "stdout.txt") == b"$HOME > x; a b\n"
    failed = completed(batch, job_id, "absent").execution_info
    assert (failed.exit_code, failed.failure_info.code) == (None, "CommandProgramNotFound")


@pytest.mark.assumed(source=REFERENCE + "sections 5.1 and 5.2")
def test_task_sees_the_environment_of_the_service(batch: Batch, pool_id: str, emulator):
    name = new_id("job")
    common = [{"name": "WHERE", "value": "job"}, {"name": "ONLY", "value": "job"}]
    batch.call(
        "create_job", {"id": name, "poolInfo": {"poolId": pool_id}, "commonEnvironmentSettings": common}
    )
    add(batch, name, command_line="env", environmentSettings=[{"name": "WHERE", "value": "task"}])
    completed(batch, name, "t")
    text = batch.call("download_task_file", name, "t", "stdout.txt").decode()
    seen = dict(line.partition("=")[::2] for line in text.splitlines())
    assert (seen["WHERE"], seen["ONLY"]) == ("task", "job")
    assert (seen["AZ_BATCH_JOB_ID"], seen["AZ_BATCH_TASK_ID"], seen["AZ_BATCH_POOL_ID"]) == (
        name,
        "t",
        pool_id,
    )
    assert seen["AZ_BATCH_ACCOUNT_NAME"] == emulator.account_name
    assert seen["AZ_BATCH_ACCOUNT_URL"].rstrip("/") == emulator.url
    assert seen["AZ_BATCH_TASK_WORKING_DIR"] == seen["AZ_BATCH_TASK_DIR"] + "/wd"


@pytest.mark.assumed(source=REFERENCE + "sections 4.2 and 4.3")
def test_failing_task_is_retried_as_often_as_its_constraints_say(batch: Batch, job_id: str):
    add(batch, job_id, command_line="false", constraints={"maxTaskRetryCount": 2})
    info = completed(batch, job_id, "t").execution_info
    assert (info.retry_count, info.requeue_count, info.exit_code) == (2, 0, 1)
    assert info.last_retry_time is not None


@pytest.mark.assumed(source=REFERENCE + "section 4.1")
def test_task_without_constraints_inherits_the_retries_of_its_job(batch: Batch, pool_id: str):
    name = new_id("job")
    batch.call(
        "create_job", {"id": name, "poolInfo": {"poolId": pool_id}, "constraints": {"maxTaskRetryCount": 1}}
    )
    add(batch, name, "inherits", "false")
    add(batch, name, "own", "false", constraints={"maxWallClockTime": "PT1H"})
    assert completed(batch, name, "inherits").execution_info.retry_count == 1
    assert completed(batch, name, "own").execution_info.retry_count == 0


@pytest.mark.assumed(source=REFERENCE + "section 4.2")
def test_task_over_its_wall_clock_is_ended(batch: Batch, job_id: str):
    add(batch, job_id, command_line=SLEEP, constraints={"maxWallClockTime": "PT0.3S"})
    info = completed(batch, job_id, "t").execution_info
    assert (info.result, info.failure_info.code) == ("failure", "TaskEnded")


@pytest.mark.assumed(source=REFERENCE + "section 4.5")
def test_dependent_runs_after_its_parents_by_id_and_by_range(batch: Batch, job_id: str):
    add(batch, job_id, "child", dependsOn={"taskIds": ["Parent"], "taskIdRanges": [{"start": 1, "end": 2}]})
    add(batch, job_id, "parent")
    add(batch, job_id, "1")
    assert batch.call("get_task", job_id, "child").state == "active"
    add(batch, job_id, "002")
    child = completed(batch, job_id, "child")
    for parent in ("parent", "1", "002"):
        ended = batch.call("get_task", job_id, parent).execution_info.end_time
        assert ended <= child.execution_info.start_time


@pytest.mark.assumed(source=REFERENCE + "sections 4.4 and 4.5")
def test_dependent_stays_active_when_its_parent_fails_unless_the_exit_satisfies(batch: Batch, job_id: str):
    satisfied = {"exitCodes": [{"code": 5, "exitOptions": {"dependencyAction": "satisfy"}}]}
    add(batch, job_id, "bad", "/bin/sh -c 'exit 4'", exitConditions=satisfied)
    add(batch, job_id, "fine", "/bin/sh -c 'exit 5'", exitConditions=satisfied)
    add(batch, job_id, "after-bad", dependsOn={"taskIds": ["bad"]})
    add(batch, job_id, "after-fine", dependsOn={"taskIds": ["fine"]})
    completed(batch, job_id, "bad")
    completed(batch, job_id, "after-fine")
    assert batch.call("get_task", job_id, "after-bad").state == "active"


@pytest.mark.assumed(source=REFERENCE + "section 4.4")
def test_range_of_exit_codes_and_the_default_satisfy_dependents(batch: Batch, job_id: str):
    satisfy = {"exitOptions": {"dependencyAction": "satisfy"}}
    ranged = {"exitCodeRanges": [{"start": 3, "end": 5, **satisfy}]}
    otherwise = {"default": {"dependencyAction": "satisfy"}}
    add(batch, job_id, "in", "/bin/sh -c 'exit 4'", exitConditions=ranged)
    add(batch, job_id, "out", "/bin/sh -c 'exit 6'", exitConditions=ranged)
    add(batch, job_id, "default", "/bin/sh -c 'exit 6'", exitConditions=otherwise)
    for parent in ("in", "out", "default"):
        add(batch, job_id, f"after-{parent}", dependsOn={"taskIds": [parent]})
    completed(batch, job_id, "out")
    completed(batch, job_id, "after-in")
    completed(batch, job_id, "after-default")
    assert batch.call("get_task", job_id, "after-out").state == "active"


@pytest.mark.assumed(source=REFERENCE + "section 2.4")
def test_named_user_is_echoed_as_it_is(batch: Batch, job_id: str):
    add(batch, job_id, dependsOn={"taskIds": ["nobody"]}, userIdentity={"username": "me"})
    identity = batch.call("get_task", job_id, "t").user_identity
    assert (identity.username, identity.auto_user) == ("me", None)


@pytest.mark.assumed(
    source="sdk-python issues 27859 and 42399: UnsupportedProperty, against the documentation"
)
def test_dependencies_are_refused_by_a_job_without_them(batch: Batch, pool_id: str):
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool_id}})
    with pytest.raises(HttpResponseError) as caught:
        add(batch, name, dependsOn={"taskIds": ["a"]})
    assert (caught.value.status_code, code_of(caught.value)) == (400, "UnsupportedProperty")


@pytest.mark.verified(on="azure-powershell TestTerminateTask", api_version="2024-02-01.19.0")
def test_task_terminated_while_active_has_neither_start_nor_node(batch: Batch, job_id: str):
    add(batch, job_id, dependsOn={"taskIds": ["nobody"]})
    before = batch.call("get_task", job_id, "t")
    batch.call("terminate_task", job_id, "t")
    task = batch.call("get_task", job_id, "t")
    info = task.execution_info
    assert (task.state, task.previous_state, info.result) == ("completed", "active", "failure")
    assert (info.start_time, info.exit_code, info.failure_info.code) == (None, None, "TaskEnded")
    assert dict(task.node_info) == {}
    assert info.end_time == task.state_transition_time
    assert task.etag != before.etag


@pytest.mark.assumed(source=REFERENCE + "section 4.3")
def test_running_task_is_terminated_and_its_processes_end(batch: Batch, job_id: str, tmp_path):
    alive = tmp_path / "alive"
    add(
        batch,
        job_id,
        command_line=f"/bin/sh -c '(trap \"\" TERM; while :; do date > {alive}; sleep 0.1; done) & wait'",
    )
    wait_for(alive.exists)
    batch.call("terminate_task", job_id, "t")
    assert completed(batch, job_id, "t").execution_info.failure_info.code == "TaskEnded"
    alive.unlink(missing_ok=True)
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("terminate_task", job_id, "t")
    assert code_of(caught.value) == "TaskCompleted"
    assert not alive.exists()


@pytest.mark.assumed(source=REFERENCE + "sections 2.4 and 4.3")
def test_failed_task_runs_again_when_it_is_reactivated(batch: Batch, job_id: str, tmp_path):
    flag = tmp_path / "flag"
    add(batch, job_id, command_line=f"test -e {flag}", constraints={"maxTaskRetryCount": 1})
    assert completed(batch, job_id, "t").execution_info.retry_count == 1
    flag.touch()
    batch.call("reactivate_task", job_id, "t")
    task = completed(batch, job_id, "t")
    assert (task.execution_info.result, task.execution_info.retry_count) == ("success", 0)
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("reactivate_task", job_id, "t")
    assert code_of(caught.value) == "TaskSucceeded"


@pytest.mark.assumed(source=REFERENCE + "section 4.3")
def test_task_that_is_not_completed_cannot_be_reactivated(batch: Batch, job_id: str):
    add(batch, job_id, dependsOn={"taskIds": ["nobody"]})
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("reactivate_task", job_id, "t")
    assert code_of(caught.value) == "TaskNotCompleted"


@pytest.mark.assumed(source=REFERENCE + "section 4.3")
def test_deleted_task_is_gone(batch: Batch, job_id: str):
    add(batch, job_id)
    completed(batch, job_id, "t")
    batch.call("delete_task", job_id, "t")
    with pytest.raises(ResourceNotFoundError) as caught:
        batch.call("get_task", job_id, "t")
    assert code_of(caught.value) == "TaskNotFound"


@pytest.mark.verified(on="azure-powershell TestListAllSubtasks", api_version="2024-02-01.19.0")
def test_task_that_is_not_multi_instance_has_no_subtasks(batch: Batch, job_id: str):
    add(batch, job_id)
    assert batch.call("list_subtasks", job_id, "t") == []


@pytest.mark.assumed(source=REFERENCE + "section 4.1: PUT changes only the constraints")
def test_put_sets_constraints_and_resets_what_it_leaves_out(batch: Batch, job_id: str):
    add(batch, job_id, dependsOn={"taskIds": ["nobody"]}, constraints={"retentionTime": "PT1H"})
    batch.call(
        "replace_task",
        job_id,
        "t",
        models.BatchTask(constraints=models.BatchTaskConstraints(max_task_retry_count=3)),
    )
    constraints = batch.call("get_task", job_id, "t").constraints
    assert (constraints.max_task_retry_count, constraints.retention_time) == (3, timedelta(days=7))


@pytest.mark.assumed(source=REFERENCE + "section 1.10")
def test_stale_etag_protects_a_task(batch: Batch, job_id: str):
    add(batch, job_id, dependsOn={"taskIds": ["nobody"]})
    stale = {
        "etag": batch.call("get_task", job_id, "t").etag,
        "match_condition": MatchConditions.IfNotModified,
    }
    batch.call(
        "replace_task",
        job_id,
        "t",
        models.BatchTask(constraints=models.BatchTaskConstraints(max_task_retry_count=1)),
        **stale,
    )
    for operation in ("terminate_task", "delete_task", "reactivate_task"):
        with pytest.raises(ResourceModifiedError) as caught:
            batch.call(operation, job_id, "t", **stale)
        assert code_of(caught.value) == "ConditionNotMet"
    assert batch.call("get_task", job_id, "t").state == "active"


@pytest.mark.assumed(source=REFERENCE + "section 4.9")
def test_collection_adds_all_tasks_and_takes_existing_ones_for_done(batch: Batch, job_id: str):
    tasks = [models.BatchTaskCreateOptions(id=f"t{number:03}", command_line="true") for number in range(150)]
    results = batch.call("create_tasks", job_id, tasks)
    assert len(results.result_values) == 150
    again = batch.call("create_tasks", job_id, tasks[:3])
    assert [result.task_id for result in again.result_values]
    wait_for(lambda: batch.call("get_job_task_counts", job_id).task_counts.succeeded == 150)
    listed = batch.call("list_tasks", job_id, select=["id", "state"], max_results=40)
    assert [task.id for task in listed] == [task.id for task in tasks]


@pytest.mark.assumed(source=REFERENCE + "section 4.9: 200 even when single tasks fail")
def test_bad_task_of_a_collection_fails_alone(batch: Batch, job_id: str):
    group = models.BatchTaskGroup(
        task_values=[
            models.BatchTaskCreateOptions(id="good", command_line="true"),
            models.BatchTaskCreateOptions(id="not good", command_line="true"),
        ]
    )
    results = {
        result.task_id: result for result in batch.call("create_task_collection", job_id, group).result_values
    }
    assert results["good"].status == "success"
    assert results["good"].location.endswith(f"/jobs/{job_id}/tasks/good")
    bad = results["not good"]
    assert (bad.status, bad.error.code, bad.etag) == ("clienterror", "InvalidPropertyValue", None)


@pytest.mark.assumed(source=REFERENCE + "sections 4.9 and 10")
def test_collection_of_more_than_a_hundred_is_refused_whole(batch: Batch, job_id: str):
    tasks = [models.BatchTaskCreateOptions(id=f"t{number}", command_line="true") for number in range(101)]
    with pytest.raises(HttpResponseError) as caught:
        batch.call("create_task_collection", job_id, models.BatchTaskGroup(task_values=tasks))
    assert (caught.value.status_code, code_of(caught.value)) == (400, "InvalidPropertyValue")
    assert batch.call("list_tasks", job_id) == []


@pytest.mark.assumed(source=REFERENCE + "section 4.9: the SDK halves a collection that is too large")
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
def test_collection_that_is_too_large_is_split_by_the_sdk(batch: Batch, job_id: str):
    filler = [models.EnvironmentSetting(name="FILLER", value="x" * 30_000)]
    tasks = [
        models.BatchTaskCreateOptions(id=f"t{number}", command_line="true", environment_settings=filler)
        for number in range(60)
    ]
    assert len(batch.call("create_tasks", job_id, tasks).result_values) == 60


@pytest.mark.assumed(source=REFERENCE + "section 1.6")
def test_task_list_is_filtered_by_state_time_and_exit_code(batch: Batch, job_id: str):
    add(batch, job_id, "waits", dependsOn={"taskIds": ["bad"]})
    add(batch, job_id, "bad", "/bin/sh -c 'exit 9'")
    add(batch, job_id, "good")
    bad, good = completed(batch, job_id, "bad"), completed(batch, job_id, "good")

    def ids(where: str) -> list[str]:
        return [task.id for task in batch.call("list_tasks", job_id, filter=where)]

    assert ids("state eq 'completed'") == ["bad", "good"]
    assert ids("executionInfo/exitCode gt 0") == ["bad"]
    assert ids("executionInfo/result eq 'success'") == ["good"]
    assert ids("id eq 'good' or id eq 'waits'") == ["good", "waits"]
    newest = max(bad.state_transition_time, good.state_transition_time).isoformat().replace("+00:00", "Z")
    assert "waits" not in ids(f"stateTransitionTime ge DateTime'{newest}'")
    with pytest.raises(HttpResponseError) as caught:
        ids("executionInfo/exitCode ne 0")
    assert code_of(caught.value) == "InvalidQueryParameterValue"


@pytest.mark.assumed(source=REFERENCE + "sections 4.1, 4.4 and 4.5")
@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"id": "a.b"}, "InvalidPropertyValue", "id"),
        ({"commandLine": ""}, "InvalidPropertyValue", "commandLine"),
        ({"requiredSlots": 0}, "InvalidPropertyValue", "requiredSlots"),
        ({"constraints": {"maxTaskRetryCount": -2}}, "InvalidPropertyValue", "constraints.maxTaskRetryCount"),
        (
            {"dependsOn": {"taskIdRanges": [{"start": 3, "end": 1}]}},
            "InvalidPropertyValue",
            "dependsOn.taskIdRanges[0]",
        ),
        (
            {"exitConditions": {"exitCodeRanges": [{"start": 2, "end": 1, "exitOptions": {}}]}},
            "InvalidPropertyValue",
            "exitConditions.exitCodeRanges[0]",
        ),
        (
            {"userIdentity": {"username": "me", "autoUser": {"scope": "task"}}},
            "InvalidPropertyValue",
            "userIdentity",
        ),
        (
            {
                "resourceFiles": [
                    {"httpUrl": "http://x/y", "storageContainerUrl": "http://x", "filePath": "p"}
                ]
            },
            "InvalidPropertyValue",
            "resourceFiles[0]",
        ),
        (
            {"resourceFiles": [{"httpUrl": "http://x/y", "filePath": "p", "blobPrefix": "b"}]},
            "InvalidPropertyValue",
            "resourceFiles[0].blobPrefix",
        ),
        (
            {"resourceFiles": [{"httpUrl": "http://x/y", "filePath": "p", "fileMode": "rwx"}]},
            "InvalidPropertyValue",
            "resourceFiles[0].fileMode",
        ),
        (
            {"exitConditions": {"default": {"jobAction": "terminate"}}},
            "InvalidPropertyValue",
            "exitConditions.default.jobAction",
        ),
        (
            {"resourceFiles": [{"httpUrl": "http://x/y", "filePath": "../out"}]},
            "InvalidPropertyValue",
            "resourceFiles[0].filePath",
        ),
        (
            {"resourceFiles": [{"httpUrl": "file:///etc/passwd", "filePath": "p"}]},
            "InvalidPropertyValue",
            "resourceFiles[0].httpUrl",
        ),
        (
            {"resourceFiles": [{"httpUrl": "http://x/y"}]},
            "MissingRequiredProperty",
            "resourceFiles[0].filePath",
        ),
    ],
)
def test_task_that_cannot_be_is_refused_by_the_property(sync_batch: Batch, job_id: str, change, code, named):
    with pytest.raises(HttpResponseError) as caught:
        sync_batch.call("create_task", job_id, {"id": "t", "commandLine": "true", **change})
    assert (caught.value.status_code, code_of(caught.value)) == (400, code)
    assert property_of(caught.value) == named


@pytest.mark.assumed(source=REFERENCE + "section 8: 64,000 characters")
def test_list_of_parents_has_a_limit(sync_batch: Batch, job_id: str):
    with pytest.raises(HttpResponseError) as caught:
        add(sync_batch, job_id, dependsOn={"taskIds": ["p" * 63] * 1001})
    assert code_of(caught.value) == "TaskDependencyListTooLong"
