"""Graphs of tasks in one job, through the vendor SDK: dependencies, and how a job with them ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from tests.contract.clients import Batch, code_of, completed, new_id, wait_for

REFERENCE = "reference of the service, "
SATISFY = {"dependencyAction": "satisfy"}


def add(batch: Batch, job_id: str, task_id: str, command_line: str = "true", **more: Any) -> None:
    batch.call("create_task", job_id, {"id": task_id, "commandLine": command_line, **more})


def after(*parents: str) -> dict[str, Any]:
    return {"taskIds": list(parents)}


def collection(*tasks: dict[str, Any]) -> models.BatchTaskGroup:
    return models.BatchTaskGroup({"value": [{"commandLine": "true", **task} for task in tasks]})


def state(batch: Batch, job_id: str, task_id: str) -> Any:
    return batch.call("get_task", job_id, task_id).state


@pytest.mark.assumed(source=REFERENCE + "section 4.5: parents that do not exist yet are accepted")
def test_collection_may_name_parents_that_come_later_in_it_or_in_a_later_request(batch: Batch, job_id: str):
    ranged = {"taskIdRanges": [{"start": 1, "end": 98}]}
    first = collection(
        {"id": "by-range", "dependsOn": ranged},
        {"id": "by-id", "dependsOn": after("099", "later")},
        *({"id": f"{number:03}"} for number in range(1, 98)),
        {"id": "099"},
    )
    results = batch.call("create_task_collection", job_id, first).result_values
    assert [result.status for result in results] == ["success"] * 100
    completed(batch, job_id, "097")
    completed(batch, job_id, "099")
    assert {state(batch, job_id, "by-range"), state(batch, job_id, "by-id")} == {"active"}
    batch.call("create_task_collection", job_id, collection({"id": "98"}, {"id": "later"}))
    completed(batch, job_id, "by-range")
    completed(batch, job_id, "by-id")


@pytest.mark.assumed(source=REFERENCE + "sections 4.5 and 8: 64,000 characters")
def test_task_whose_list_of_parents_is_too_long_fails_alone_in_its_collection(batch: Batch, job_id: str):
    too_long = after(*(f"{number:063}" for number in range(1001)))
    near = after(*(f"{number:063}" for number in range(1000)))
    group = collection({"id": "too-long", "dependsOn": too_long}, {"id": "near", "dependsOn": near})
    found = {
        result.task_id: result for result in batch.call("create_task_collection", job_id, group).result_values
    }
    assert found["too-long"].error.code == "TaskDependencyListTooLong"
    assert found["near"].status == "success"


@pytest.mark.assumed(source=REFERENCE + "section 4.4")
def test_task_that_could_not_start_satisfies_by_its_own_condition(batch: Batch, job_id: str):
    add(batch, job_id, "missing", "no-such-program", exitConditions={"preProcessingError": SATISFY})
    add(batch, job_id, "other", "no-such-program", exitConditions={"fileUploadError": SATISFY})
    add(batch, job_id, "goes", dependsOn=after("missing"))
    add(batch, job_id, "stays", dependsOn=after("other"))
    completed(batch, job_id, "goes")
    completed(batch, job_id, "other")
    assert state(batch, job_id, "stays") == "active"


@pytest.mark.assumed(source=REFERENCE + "section 4.5: a terminated parent failed")
def test_terminated_parent_blocks_unless_its_default_satisfies(batch: Batch, job_id: str):
    add(batch, job_id, "blocks", "sleep 60")
    add(batch, job_id, "satisfies", "sleep 60", exitConditions={"default": SATISFY})
    add(batch, job_id, "stays", dependsOn=after("blocks"))
    add(batch, job_id, "goes", dependsOn=after("satisfies"))
    for parent in ("blocks", "satisfies"):
        batch.call("terminate_task", job_id, parent)
    completed(batch, job_id, "goes")
    completed(batch, job_id, "blocks")
    assert state(batch, job_id, "stays") == "active"


@pytest.mark.assumed(source=REFERENCE + "section 10: parent deleted")
def test_dependent_of_a_deleted_parent_waits_until_there_is_one_of_that_id(batch: Batch, job_id: str):
    add(batch, job_id, "parent", "/bin/sh -c 'exit 1'")
    add(batch, job_id, "child", dependsOn=after("parent"))
    completed(batch, job_id, "parent")
    batch.call("delete_task", job_id, "parent")
    assert state(batch, job_id, "child") == "active"
    add(batch, job_id, "parent")
    completed(batch, job_id, "child")


@pytest.mark.assumed(source=REFERENCE + "section 3.3: active tasks of a terminated job stay active")
def test_terminated_job_ends_running_tasks_and_leaves_waiting_ones_active(batch: Batch, job_id: str):
    add(batch, job_id, "runs", "sleep 60")
    add(batch, job_id, "waits", dependsOn=after("runs"))
    wait_for(lambda: batch.call("get_task", job_id, "runs").execution_info.start_time)
    batch.call("begin_terminate_job", job_id, {"terminateReason": "finish"})
    job = batch.call("get_job", job_id)
    assert (job.state, job.execution_info.termination_reason) == ("completed", "finish")
    ended, waits = batch.call("get_task", job_id, "runs"), batch.call("get_task", job_id, "waits")
    assert (ended.state, ended.execution_info.failure_info.code) == ("completed", "TaskEnded")
    assert (waits.state, waits.execution_info.start_time, waits.execution_info.result) == (
        "active",
        None,
        None,
    )
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("reactivate_task", job_id, "runs")
    assert code_of(caught.value) == "JobCompleted"
    batch.call("terminate_task", job_id, "waits")
    assert state(batch, job_id, "waits") == "completed"


@pytest.mark.assumed(source=REFERENCE + "section 1.6; OData writes the literal in lower case")
def test_changes_since_a_moment_are_listed_with_what_was_selected(batch: Batch, job_id: str):
    add(batch, job_id, "old", dependsOn=after("nobody"))
    add(batch, job_id, "b")
    add(batch, job_id, "a", dependsOn=after("b"))
    last = completed(batch, job_id, "a")
    since = last.previous_state_transition_time.isoformat().replace("+00:00", "Z")
    chosen = ["id", "state", "executionInfo", "nodeInfo"]
    for literal in ("DateTime", "datetime"):
        where = f"stateTransitionTime ge {literal}'{since}'"
        listed = batch.call("list_tasks", job_id, filter=where, select=chosen, max_results=1)
        assert listed[0].id == "a"
        assert "old" not in [task.id for task in listed]
        assert listed[0].execution_info.end_time == last.execution_info.end_time
        assert listed[0].node_info.node_id == last.node_info.node_id
        assert listed[0].command_line is None


@pytest.mark.assumed(source=REFERENCE + "sections 3.3 and 3.4")
def test_active_job_takes_new_constraints_and_is_told_once_to_end_with_its_tasks(batch: Batch, job_id: str):
    limits = models.BatchJobConstraints(max_wall_clock_time=timedelta(hours=2))
    add(batch, job_id, "done")
    completed(batch, job_id, "done")
    add(batch, job_id, "waits", dependsOn=after("later"))
    patch = models.BatchJobUpdateOptions(constraints=limits, all_tasks_complete_mode="terminatejob")
    batch.call("update_job", job_id, patch)
    job = batch.call("get_job", job_id)
    assert (job.state, job.constraints.max_wall_clock_time) == ("active", timedelta(hours=2))
    with pytest.raises(HttpResponseError) as caught:
        batch.call("update_job", job_id, models.BatchJobUpdateOptions(all_tasks_complete_mode="noaction"))
    assert code_of(caught.value) == "InvalidPropertyValue"
    add(batch, job_id, "later")
    job = wait_for(lambda: batch.call("get_job", job_id), lambda found: found.state == "completed")
    assert job.execution_info.termination_reason == "AllTasksComplete"
    assert state(batch, job_id, "waits") == "completed"


@pytest.mark.assumed(source=REFERENCE + "section 3.4: docs, a job whose tasks are complete ends when told to")
def test_job_that_is_told_to_end_with_its_tasks_when_they_are_complete_takes_no_more(
    batch: Batch, job_id: str
):
    add(batch, job_id, "done")
    completed(batch, job_id, "done")
    patch = models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")
    batch.call("update_job", job_id, patch)
    wait_for(lambda: batch.call("get_job", job_id), lambda found: found.state == "completed")
    with pytest.raises(ResourceExistsError) as caught:
        add(batch, job_id, "late")
    assert code_of(caught.value) == "JobCompleted"


@pytest.mark.assumed(source=REFERENCE + "section 3.4: a blocked task is never complete")
def test_job_with_a_blocked_task_does_not_end_by_itself(batch: Batch, pool_id: str):
    name = new_id("job")
    body = {"id": name, "poolInfo": {"poolId": pool_id}, "usesTaskDependencies": True}
    batch.call("create_job", {**body, "onAllTasksComplete": "terminatejob"})
    group = collection(
        {"id": "bad", "commandLine": "/bin/sh -c 'exit 1'"}, {"id": "blocked", "dependsOn": after("bad")}
    )
    batch.call("create_task_collection", name, group)
    completed(batch, name, "bad")
    assert batch.call("get_job", name).state == "active"
    batch.call("terminate_task", name, "blocked")
    wait_for(lambda: batch.call("get_job", name), lambda found: found.state == "completed")
