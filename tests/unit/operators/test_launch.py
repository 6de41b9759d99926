"""launch plans the members that may be planned into one job, and leaves nothing behind when it fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.prices import read_price_settings
from airflow_provider_batch.domain.quotas import Quotas
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.supported_sizes import RegionSizes
from airflow_provider_batch.exceptions import BatchServiceError, BatchUnavailableError, SpecError
from airflow_provider_batch.hooks import new_pools
from airflow_provider_batch.hooks.new_pools import ManagedAccount
from airflow_provider_batch.operators.group_graph import definition_of
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from tests.unit.domain.fake_batch import service_error
from tests.unit.domain.plans import POOL_BODY
from tests.unit.operators.fake_group import GroupWorker, film, member

UNAVAILABLE = BatchUnavailableError("the connection broke off")


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> GroupWorker:
    return GroupWorker(monkeypatch)


def chain() -> Any:
    with film() as group:
        member("a", "run {{ ds }}") >> member("b") >> member("c", depends_on_past=True)
    return group


def test_eager_members_are_planned_with_their_edges_and_late_ones_are_not(worker: GroupWorker) -> None:
    said = worker.launch(chain())
    assert len(worker.batch.tasks) == 2
    a, b = worker.task("film-a"), worker.task("film-b")
    assert a["commandLine"] == "run 2026-05-04"
    assert "dependsOn" not in a
    assert b["dependsOn"] == {"taskIds": [a["id"]]}
    assert said["batch_job_id"] == worker.job["id"]
    assert (said["generation"], said["batch_pool_id"], said["blocks"]) == (1, "p1", {})
    assert worker.hooks_open == 0


def test_a_planned_task_says_whose_it_is_and_how_it_was_written(worker: GroupWorker) -> None:
    group = chain()
    worker.launch(group)
    environment = worker.task("film-a")["environmentSettings"]
    assert ids.named_value(environment, "AIRFLOW_CTX_TASK_ID") == "film.a"
    assert ids.named_value(environment, ids.DEFINITION) == definition_of(group.dag.get_task("film.a"))
    assert ids.named_value(environment, ids.OWNER) == ids.named_value(worker.job["metadata"], ids.OWNER)


def test_mapped_members_are_planned_one_by_one(worker: GroupWorker) -> None:
    with film() as group:
        split = member("split")
        frames = AzureBatchTaskOperator.partial(task_id="frame").expand(command_line=["one", "two"])
        split >> frames >> member("merge")
    worker.launch(group)
    frames_ = [t for (_, task_id), t in worker.batch.tasks.items() if task_id.startswith("film-frame")]
    assert [t["commandLine"] for t in frames_] == ["one", "two"]
    assert worker.task("film-merge")["dependsOn"] == {"taskIds": [t["id"] for t in frames_]}


def test_a_failure_that_lets_a_child_go_is_said_to_batch(worker: GroupWorker) -> None:
    with film() as group:
        member("a") >> member("b", trigger_rule="all_done")
    worker.launch(group)
    actions = worker.task("film-a")["exitConditions"]
    assert actions["default"] == {"dependencyAction": "satisfy"}
    assert "exitConditions" not in worker.task("film-b")


def test_a_second_try_completes_what_the_first_had_begun(worker: GroupWorker) -> None:
    group = chain()
    worker.batch.fail("update_job", UNAVAILABLE, times=20)
    with pytest.raises(BatchUnavailableError):
        worker.launch(group, max_tries=1)
    assert worker.job["state"] == "active"
    worker.batch._failures.clear()
    worker.launch(group, try_number=2, max_tries=1)
    assert set(worker.batch.submissions.values()) == {1}
    assert len(worker.batch.active_jobs()) == 2


def test_a_member_names_no_identity_that_the_described_pool_has_not(worker: GroupWorker) -> None:
    place = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    identity = {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": f"{place}/reader"}]}
    source = {
        "httpUrl": "https://films.blob.core.windows.net/in/f",
        "filePath": "f",
        "identityReference": {"resourceId": f"{place}/writer"},
    }
    with film(batch_pool_id=None, batch_pool={**POOL_BODY, "id": "new", "identity": identity}) as group:
        member("a", resource_files=[source])
    with pytest.raises(SpecError, match=r"^film\.a\.batch_task\.resourceFiles\[0\]\.identityReference"):
        worker.launch(group)
    assert "new" not in worker.batch.pools
    assert worker.batch.active_jobs() == ["nightly"]


@pytest.mark.parametrize("error", [UNAVAILABLE, service_error("InvalidPropertyValue")])
def test_a_last_try_that_fails_ends_its_job(worker: GroupWorker, error: Exception) -> None:
    worker.batch.fail("create_task_collection", error, times=20)
    with pytest.raises((BatchUnavailableError, BatchServiceError)):
        worker.launch(chain(), max_tries=0)
    assert worker.batch.active_jobs() == ["nightly"]
    assert worker.hooks_open == 0


def test_a_try_that_fails_for_good_ends_its_job_though_tries_are_left(worker: GroupWorker) -> None:
    worker.batch.fail("create_task_collection", service_error("InvalidPropertyValue"))
    with pytest.raises(BatchServiceError):
        worker.launch(chain(), max_tries=3)
    assert worker.batch.active_jobs() == ["nightly"]


def test_a_launch_that_is_killed_ends_what_it_opened(worker: GroupWorker) -> None:
    operator = chain().dag.get_task("film.launch").prepare_for_execution()
    context = worker.context(operator)
    operator.on_kill()
    worker.batch.before("create_task_collection", lambda batch: operator.on_kill())
    with pytest.raises(BatchServiceError):
        operator.execute(context)
    assert worker.batch.active_jobs() == ["nightly"]


def test_a_launch_that_plans_nothing_ends_nothing_when_it_is_killed(worker: GroupWorker) -> None:
    group = chain()
    worker.launch(group)
    worker.states = {"film.a": "running", "film.b": None, "film.c": None}
    operator = group.dag.get_task("film.launch").prepare_for_execution()
    operator.execute(worker.context(operator, try_number=2, max_tries=operator.retries + 1))
    operator.on_kill()
    assert worker.job["state"] == "active"
    assert len(worker.batch.tasks) == 2


def late_member_runs(worker: GroupWorker, group: Any, **how: Any) -> TaskKey:
    """Let the member that waits for nobody submit its task; it runs from then on."""
    operator = group.dag.get_task("film.c").prepare_for_execution()
    context = worker.context(operator, **how)
    operator.render_template_fields(context)
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    worker.states = {**worker.states, "film.c": "deferred"}
    (key,) = [key for key in worker.batch.live_tasks() if key.batch_task_id.startswith("film-c")]
    return key


def test_a_first_launch_leaves_what_a_late_member_runs_already(worker: GroupWorker) -> None:
    group = chain()
    key = late_member_runs(worker, group)
    said = worker.launch(group)
    assert key in worker.batch.live_tasks()
    assert said["batch_job_id"] != key.batch_job_id


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_launch_that_fails_ends_its_own_job_and_not_that_of_a_late_member(
    worker: GroupWorker, is_killed: bool
) -> None:
    group = chain()
    key = late_member_runs(worker, group)
    operator = group.dag.get_task("film.launch").prepare_for_execution()
    if is_killed:
        worker.batch.before("create_task_collection", lambda batch: operator.on_kill())
    else:
        worker.batch.fail("create_task_collection", service_error("InvalidPropertyValue"))
    with pytest.raises(BatchServiceError):
        operator.execute(worker.context(operator))
    assert key in worker.batch.live_tasks()
    assert worker.batch.active_jobs() == ["nightly", key.batch_job_id]


@pytest.mark.parametrize("begins", ["before_the_launch", "as_launch_begins"])
def test_a_launch_that_was_cleared_leaves_what_a_late_member_runs_again(
    worker: GroupWorker, begins: str
) -> None:
    group = chain()
    worker.launch(group)
    worker.states = {"film.a": None, "film.b": None, "film.c": None}
    cleared = {"try_number": 2, "max_tries": 1 + group.dag.get_task("film.launch").retries}
    if begins == "before_the_launch":
        late_member_runs(worker, group, **cleared)
    else:
        worker.batch.before("get_pool", lambda batch: late_member_runs(worker, group, **cleared))
    worker.launch(group, **cleared)
    (late,) = [key for key in worker.batch.live_tasks() if key.batch_task_id.startswith("film-c")]
    assert worker.batch.jobs[late.batch_job_id]["state"] == "active"


@pytest.mark.parametrize(
    ("states", "active"),
    [
        ({"film.a": None, "film.b": None, "film.c": None}, 2),
        ({"film.a": "success", "film.b": "success", "film.c": "success"}, 0),
        ({"film.a": "success", "film.b": "scheduled", "film.c": None}, 1),
    ],
)
def test_a_launch_cleared_after_the_end_opens_a_job_for_what_is_to_run_again(
    worker: GroupWorker, states: dict[str, str | None], active: int
) -> None:
    group = chain()
    worker.launch(group)
    worker.batch.end_job(worker.job["id"])
    worker.states = states
    worker.launch(group, try_number=2, max_tries=1 + group.dag.get_task("film.launch").retries)
    pending = [name for name in ("film.a", "film.b") if states[name] != "success"]
    assert len(worker.batch.live_tasks()) == len(pending)
    assert (len(worker.batch.active_jobs()) == 2) is bool(pending)
    assert active == len(pending)


@pytest.mark.parametrize("job_has_ended", [False, True])
def test_a_launch_that_was_cleared_tells_its_members_whether_it_has_planned_anew(
    worker: GroupWorker, job_has_ended: bool
) -> None:
    group = chain()
    assert not worker.launch(group)["plans_anew"]
    if job_has_ended:
        worker.batch.end_job(worker.job["id"])
    worker.states = {"film.a": "success", "film.b": None, "film.c": None}
    cleared = {"try_number": 2, "max_tries": 1 + group.dag.get_task("film.launch").retries}
    assert worker.launch(group, **cleared)["plans_anew"] is job_has_ended


def test_what_has_succeeded_is_no_parent_of_what_runs_again(worker: GroupWorker) -> None:
    group = chain()
    worker.launch(group)
    worker.batch.end_job(worker.job["id"])
    worker.states = {"film.a": "success", "film.b": None, "film.c": None}
    worker.launch(group, try_number=2, max_tries=1 + group.dag.get_task("film.launch").retries)
    (key,) = worker.batch.live_tasks()
    assert "dependsOn" not in worker.batch.task(key)


@pytest.mark.parametrize(
    ("dag_arguments", "arguments", "wanted"),
    [
        ({}, {}, "P30D"),
        ({}, {"wall_clock": timedelta(hours=3)}, "PT3H"),
        ({"dagrun_timeout": timedelta(days=300_000)}, {}, "P30D"),
        ({}, {"batch_job": {"constraints": {"maxWallClockTime": "PT7H"}}}, "PT7H"),
    ],
)
def test_a_job_lives_as_long_as_it_may(
    worker: GroupWorker, dag_arguments: Any, arguments: Any, wanted: str
) -> None:
    with film(dag_arguments, **arguments) as group:
        member("a")
    worker.launch(group)
    assert worker.job["constraints"]["maxWallClockTime"] == wanted


def test_a_member_that_is_wrong_when_it_is_rendered_is_named(worker: GroupWorker) -> None:
    with film() as group:
        member("a", environment={"A": "{{ 'x' * 40000 }}"})
        member("b", "{{ '' }}")
    with pytest.raises(SpecError, match=r"film\.b\.batch_task\.commandLine"):
        worker.launch(group)
    assert worker.batch.active_jobs() == ["nightly"]
    assert not worker.batch.tasks


def test_what_a_described_pool_may_cost_is_said_and_no_price_is_no_failure(
    worker: GroupWorker, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    worker.connection.prices = read_price_settings({"standard_d2s_v5": 0.1, "retail": True})
    pool = {**POOL_BODY, "id": "spot", "targetLowPriorityNodes": 2}
    with film(batch_pool_id=None, batch_pool=pool) as group:
        member("a", "run")
    with caplog.at_level("INFO"):
        worker.launch(group)
    text = caplog.text + "".join(capfd.readouterr())  # each Airflow logs in its own way
    assert "up to 1 dedicated node (standard_d2s_v5, 2 cores) and 2 spot nodes" in text
    assert "no price of standard_d2s_v5 (spot)" in text
    assert "say the region" in text


def test_what_the_pool_of_the_job_lacks_is_said_before_the_job_is_created(
    worker: GroupWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(new_pools, "names_management", lambda connection: True)
    monkeypatch.setattr(ManagedAccount, "quotas", lambda account: Quotas(dedicated_cores=1))
    monkeypatch.setattr(ManagedAccount, "region", lambda account: None)
    brought = {name: value for name, value in POOL_BODY.items() if name != "id"}
    auto_pool = {"poolLifetimeOption": "job", "pool": brought}
    with film(batch_pool_id=None, batch_job={"poolInfo": {"autoPoolSpecification": auto_pool}}) as group:
        member("a", "run")
    with caplog.at_level("INFO"):
        worker.launch(group)
    text = caplog.text + "".join(capfd.readouterr())  # each Airflow logs in its own way
    assert "The pool of the job may not get its nodes. 2 dedicated cores are needed" in text
    asked = worker.batch.operations()
    assert asked.index("list_pools") < asked.index("create_job")


@pytest.mark.parametrize("brought", [False, True], ids=["batch_pool", "batch_job"])
def test_a_vm_size_that_the_region_lacks_is_refused_before_anything_is_created(
    worker: GroupWorker, monkeypatch: pytest.MonkeyPatch, brought: bool
) -> None:
    monkeypatch.setattr(new_pools, "names_management", lambda connection: True)
    monkeypatch.setattr(
        ManagedAccount, "region", lambda account: RegionSizes("norwayeast", ["Standard_D4s_v5"])
    )
    described = {name: value for name, value in POOL_BODY.items() if name != "id"}
    job = {"poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": described}}}
    how = {"batch_job": job} if brought else {"batch_pool": {**described, "id": "own"}}
    with film(batch_pool_id=None, **how) as group:
        member("a", "run")
    with pytest.raises(SpecError, match=r"vmSize: Batch has no VM size 'standard_d2s_v5' in norwayeast"):
        worker.launch(group)
    assert not {"create_pool", "create_job"} & set(worker.batch.operations())
