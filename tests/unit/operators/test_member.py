"""A member on a worker is what its group and its own parameters say, and runs in the group's job."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.operators.effects import Stopped
from airflow_provider_batch.operators.member import member_plan
from airflow_provider_batch.triggers.task_instance import CLAIM_KEY
from tests.unit.operators.fake_group import GroupWorker, film, member


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> GroupWorker:
    return GroupWorker(monkeypatch)


def group_of(**arguments: Any) -> Any:
    with film() as group:
        member("a", "run {{ ds }}", **arguments) >> member("b", depends_on_past=True, **arguments)
    return group


def ready(worker: GroupWorker, group: Any, name: str, **how: Any) -> tuple[Any, Any]:
    operator = group.dag.get_task(f"film.{name}").prepare_for_execution()
    context = worker.context(operator, **how)
    operator.render_template_fields(context)
    return operator, context


def test_what_a_worker_submits_is_what_launch_would_have_planned(worker: GroupWorker) -> None:
    group = group_of()
    worker.launch(group)
    operator, context = ready(worker, group, "a")
    plan = member_plan(operator, context, None)
    planned = worker.task("film-a")
    assert plan.planned == TaskKey(worker.job["id"], planned["id"])
    assert plan.task.fingerprint == ids.named_value(planned["environmentSettings"], ids.PLAN)
    assert plan.task.definition == ids.named_value(planned["environmentSettings"], ids.DEFINITION)
    assert plan.task.owner == ids.named_value(planned["environmentSettings"], ids.OWNER)
    assert ids.group_job_id(plan.job.group) == worker.job["id"]


def test_a_launch_that_said_nothing_planned_nothing(worker: GroupWorker) -> None:
    group = group_of()
    operator, context = ready(worker, group, "b")
    assert member_plan(operator, context, None).planned is None


@pytest.mark.parametrize(("max_tries", "tries_before_clear"), [(2, 0), (3, 1), (5, 3), (1, 0)])
def test_a_clear_is_known_by_the_tries(worker: GroupWorker, max_tries: int, tries_before_clear: int) -> None:
    group = group_of(retries=2)
    operator, context = ready(worker, group, "a", max_tries=max_tries)
    plan = member_plan(operator, context, None)
    assert (plan.tries_before_clear, plan.is_cleared) == (tries_before_clear, tries_before_clear > 0)


def test_a_refusal_of_the_mirror_is_understood(worker: GroupWorker) -> None:
    group = group_of()
    operator, context = ready(worker, group, "a")
    refused = member_plan(operator, context, {"refused": "why", "retire": [["j", "t"]]}).refused
    assert refused is not None
    assert (refused.reason, list(refused.retire)) == ("why", [TaskKey("j", "t")])


def test_a_late_member_is_submitted_to_the_groups_job_and_waits_in_the_triggerer(
    worker: GroupWorker,
) -> None:
    group = group_of()
    worker.launch(group)
    operator, context = ready(worker, group, "b", try_number=1)
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    key = worker.task("film-b")["id"]
    claim = worker.xcoms["film.b", CLAIM_KEY]
    assert (claim["try_number"], claim["batch_task_id"]) == (1, key)
    assert worker.xcoms["film.b", "batch_task"]["batch_job_id"] == worker.job["id"]
    assert "dependsOn" not in worker.task("film-b")


def test_a_member_that_its_mirror_handed_over_runs_as_another_task(worker: GroupWorker) -> None:
    group = group_of()
    said = worker.launch(group)
    planned = worker.task("film-a")["id"]
    operator, context = ready(worker, group, "a")
    with pytest.raises(TaskDeferred):
        operator.execute_complete(
            context, {"refused": "a parent was run again", "retire": [[said["batch_job_id"], planned]]}
        )
    live = [key.batch_task_id for key in worker.batch.live_tasks()]
    assert live == [f"{planned}-0-1"]


def test_a_member_whose_planned_task_succeeded_takes_its_result(worker: GroupWorker) -> None:
    group = group_of(deferrable=False)
    worker.launch(group)
    key = TaskKey(worker.job["id"], worker.task("film-a")["id"])
    worker.batch.complete(key)
    operator, context = ready(worker, group, "a")
    assert operator.execute(context)["batch_task_id"] == key.batch_task_id
    assert worker.batch.submissions[worker.batch._key(key)] == 1


def test_a_kill_ends_the_members_task_and_no_other(worker: GroupWorker) -> None:
    group = group_of(deferrable=False)
    worker.launch(group)
    operator, context = ready(worker, group, "b")

    def killed(batch: Any) -> None:
        operator.on_kill()

    worker.batch.before("update_job", killed)
    worker.process.at(20, operator.on_kill)
    with pytest.raises(Stopped):
        operator.execute(context)
    assert [key.batch_task_id for key in worker.batch.live_tasks()] == [worker.task("film-a")["id"]]
    assert worker.job["state"] == "active"
