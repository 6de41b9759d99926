"""One Batch job for each run of a group: opened once, planned once, followed by generations, ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from airflow_provider_batch.domain import group_job, ids
from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.group_job import Launched, Opening, end_jobs, generations_of, submit_late
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import ENDING_PATIENCE, Submission
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    AzureBatchError,
    BatchConflictError,
    BatchOwnershipError,
    BatchQuotaError,
    BatchServiceError,
    BatchUnavailableError,
)
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, service_error
from tests.unit.domain.groups import (
    GROUP,
    JOB,
    OPENING,
    PLAN,
    attempt,
    body,
    chain,
    job,
    late,
    launched,
    launching,
    planned,
)
from tests.unit.domain.plans import POOL_BODY, account

UNAVAILABLE = BatchUnavailableError("the connection broke off")


def go(batch: FakeBatch, flow: Flow[Any]) -> Any:
    return Process(batch).drive(flow)


def submitted(batch: FakeBatch, member_id: str = "split", **changes: Any) -> Submission:
    retire = changes.pop("retire", ())
    submission: Submission = go(batch, submit_late(PLAN, late(member_id, **changes), retire))
    return submission


def late_first() -> FakeBatch:
    """A group whose launch never ran, and one late member."""
    batch = account()
    submitted(batch)
    return batch


# --- launch -------------------------------------------------------------------------------------------


def test_launch_adds_every_task_to_one_job_that_holds_dependencies_and_stays_open() -> None:
    batch, said = launched()
    assert [task_id for _, task_id in batch.tasks] == [task["id"] for task in chain()]
    made = batch.jobs[said.batch_job_id]
    assert made["usesTaskDependencies"] is True
    assert made["onAllTasksComplete"] == "noaction"
    for key in batch.live_tasks():
        batch.complete(key)
    assert made["state"] == "active"


def test_a_launch_that_dies_leaves_a_job_of_one_hour_and_one_that_lives_gives_it_its_full_life() -> None:
    plan = replace(PLAN, wall_clock="P3D", job={"constraints": {"maxTaskRetryCount": 2}})
    batch = account()
    go(batch, launching(chain(), plan=plan))
    created = next(r for r in batch.requests if r.operation == "create_job")
    assert created.json["constraints"] == {"maxWallClockTime": "PT1H", "maxTaskRetryCount": 2}
    assert batch.jobs[JOB]["constraints"] == {"maxWallClockTime": "P3D", "maxTaskRetryCount": 2}


def test_the_users_own_wall_clock_counts() -> None:
    plan = replace(PLAN, job={"constraints": {"maxWallClockTime": "PT9H"}, "priority": 5})
    batch = account()
    go(batch, launching([], plan=plan))
    assert batch.jobs[JOB]["constraints"] == {"maxWallClockTime": "PT9H"}
    assert batch.jobs[JOB]["priority"] == 5


def fresh() -> FakeBatch:
    return account()


def half_launched() -> FakeBatch:
    batch = account()
    generation, _ = go(batch, group_job.open_for_launch(PLAN, OPENING))
    go(batch, group_job.launch(PLAN, generation, chain()[:1], is_new=True))
    return batch


def after_an_ended_job() -> FakeBatch:
    batch, _ = launched()
    go(batch, end_jobs(GROUP, "test"))
    return batch


def unchangeable() -> FakeBatch:
    batch = account()
    batch.refuses_changes = True
    return batch


def unchangeable_after_an_ended_job() -> FakeBatch:
    batch, _ = launched(batch=unchangeable())
    go(batch, end_jobs(GROUP, "test"))
    return batch


SITUATIONS = [
    fresh,
    half_launched,
    after_an_ended_job,
    late_first,
    unchangeable,
    unchangeable_after_an_ended_job,
]


def many() -> list[dict[str, Any]]:
    return [body("root"), *(body(f"m{number}", "root") for number in range(150))]


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("bodies", [chain, many])
def test_a_launch_killed_at_any_request_and_run_again_plans_each_task_once(
    situation: Callable[[], FakeBatch], when: str, bodies: Callable[[], list[dict[str, Any]]]
) -> None:
    unharmed = situation()
    before = len(unharmed.requests)
    wanted = go(unharmed, launching(bodies(), is_new=True))
    length = len(unharmed.requests) - before
    assert length > 3
    for point in range(length):
        batch = situation()
        batch.crash_at = (len(batch.requests) + point, when)
        with pytest.raises(Crash):
            go(batch, launching(bodies(), is_new=True))
        batch.crash_at = None

        assert go(batch, launching(bodies())) == wanted
        assert batch.submissions == unharmed.submissions
        assert batch.jobs.keys() == unharmed.jobs.keys()
        assert batch.active_jobs() == unharmed.active_jobs()
        for job_id, made in batch.jobs.items():
            assert made.get("constraints") == unharmed.jobs[job_id].get("constraints")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_request_of_launch_without_an_answer_and_a_second_try_plan_each_task_once(
    situation: Callable[[], FakeBatch],
) -> None:
    unharmed = situation()
    before = len(unharmed.requests)
    go(unharmed, launching(chain(), is_new=True))
    for operation in dict.fromkeys(unharmed.operations()[before:]):
        for when in ("before", "after"):
            batch = situation()
            batch.fail(operation, UNAVAILABLE, when=when)
            try:
                go(batch, launching(chain(), is_new=True))
            except BatchUnavailableError:
                go(batch, launching(chain()))
            assert batch.submissions == unharmed.submissions, (operation, when)
            assert batch.jobs.keys() == unharmed.jobs.keys()


def test_a_later_try_of_launch_sends_only_what_is_missing() -> None:
    batch = half_launched()
    sent = len(batch.requests)
    go(batch, launching(chain()))
    collections = [r for r in batch.requests[sent:] if r.operation == "create_task_collection"]
    assert len(collections) == 1
    assert ids.member_task_id("split") not in str(collections[0].content).split("dependsOn")[0]


def test_launch_counts_what_it_added_and_what_was_there() -> None:
    batch = half_launched()
    generation, _ = go(batch, group_job.open_for_launch(PLAN, OPENING))
    done = go(batch, group_job.launch(PLAN, generation, chain(), is_new=False))
    assert (done.added, done.existed) == (2, 1)
    done = go(batch, group_job.launch(PLAN, generation, chain(), is_new=True))
    assert (done.added, done.existed) == (0, 3)


def test_two_launches_at_the_same_time_make_one_job_and_each_task_once() -> None:
    for operation in ("get_pool", "get_job", "create_job", "create_task_collection", "update_job"):
        batch = account()
        batch.before(operation, lambda b: go(b, launching(chain())))
        go(batch, launching(chain(), is_new=True))
        assert set(batch.submissions.values()) == {1}, operation
        assert batch.active_jobs() == ["nightly", JOB]


def test_a_launch_cleared_alone_while_its_job_is_open_plans_nothing() -> None:
    batch, said = launched()
    again = go(batch, launching([body("other")], replace(OPENING, max_tries=1)))
    assert again.batch_job_id == said.batch_job_id
    assert len(batch.keys()) == 3


def test_a_launch_cleared_with_everything_ends_the_old_plan_and_makes_a_new_one() -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    again = go(batch, launching(chain(), Opening(1, "shape", start_over=True)))
    assert again.batch_job_id == job(2)
    assert batch.active_jobs() == ["nightly", job(2)]
    assert {key.batch_job_id for key in batch.live_tasks()} == {job(2)}


def test_a_launch_cleared_alone_after_the_end_opens_no_job() -> None:
    batch, said = launched()
    go(batch, end_jobs(GROUP, "test"))
    again = go(batch, launching([], Opening(1, "shape", is_idle=True)))
    assert again.batch_job_id == said.batch_job_id
    assert batch.active_jobs() == ["nightly"]


def test_a_launch_cleared_alone_leaves_a_late_members_job_to_end_by_itself() -> None:
    batch = after_an_ended_job()
    submitted(batch)
    again = go(batch, launching([], Opening(1, "shape", is_idle=True)))
    assert again.batch_job_id == job(2)
    batch.complete(attempt("split", generation=2))
    assert batch.active_jobs() == ["nightly"]


def test_a_launch_that_starts_over_ends_what_late_members_had_opened() -> None:
    batch = after_an_ended_job()
    submitted(batch)
    again = go(batch, launching(chain(), Opening(1, "shape", start_over=True)))
    assert again.batch_job_id == job(3)
    assert {key.batch_job_id for key in batch.live_tasks()} == {job(3)}


def test_a_launch_cleared_after_its_job_ended_opens_the_next_generation() -> None:
    batch = after_an_ended_job()
    again = go(batch, launching(chain(), replace(OPENING, max_tries=1)))
    assert (again.batch_job_id, again.generation) == (job(2), 2)
    assert len(batch.live_tasks()) == 3


def test_numbers_of_another_structure_are_not_completed_in_the_same_job() -> None:
    batch, _ = launched()
    numbered = replace(OPENING, blocks={"film.frame": [1, 3]})
    assert go(batch, launching(chain(), numbered)).generation == 2
    assert go(batch, launching(chain(), numbered)).generation == 2
    others = replace(numbered, blocks={"film.frame": [2, 3]})
    assert go(batch, launching(chain(), others)).generation == 3


def test_a_launch_that_leaves_its_job_alone_hears_which_numbers_were_planned() -> None:
    batch = account()
    numbered = replace(OPENING, blocks={"film.frame": [1, 3]})
    go(batch, launching(chain(), numbered))
    cleared = replace(OPENING, max_tries=1)
    generation, plans = go(batch, group_job.open_for_launch(PLAN, cleared))
    assert (plans, generation.blocks) == (False, {"film.frame": [1, 3]})


def test_names_of_another_structure_are_completed_in_the_same_job() -> None:
    batch, _ = launched()
    again = go(batch, launching([*chain(), body("new")], replace(OPENING, fingerprint="other")))
    assert again.generation == 1
    assert len(batch.keys()) == 4


def test_launch_adopts_no_job_that_a_late_member_opened() -> None:
    batch = late_first()
    said = go(batch, launching(chain()))
    assert said.batch_job_id == job(2)
    assert {job_id for job_id, _ in batch.tasks} == {job(1), job(2)}


def test_a_job_deleted_by_hand_is_made_again() -> None:
    batch, said = launched()
    batch._begin_delete_job(batch.requests[-1], JOB)
    assert go(batch, launching(chain())) == said
    assert len(batch.live_tasks()) == 3


def test_a_first_job_deleted_by_hand_is_not_made_again_beside_the_next_one() -> None:
    batch = after_an_ended_job()
    go(batch, launching(chain(), replace(OPENING, max_tries=1)))
    batch._begin_delete_job(batch.requests[-1], JOB)
    again = go(batch, launching(chain(), replace(OPENING, max_tries=1)))
    assert again.batch_job_id == job(2)
    assert batch.active_jobs() == ["nightly", job(2)]


@pytest.mark.parametrize("name", ["deployment_id", "dag_id", "run_id", "group_id", "run_started"])
def test_another_deployment_and_a_run_made_anew_never_find_each_others_jobs(name: str) -> None:
    other = replace(GROUP, **{name: getattr(GROUP, name) + "x"})
    batch, said = launched()
    assert go(batch, generations_of(other)) == []
    theirs = go(batch, launching([], plan=replace(PLAN, group=other)))
    assert theirs.batch_job_id != said.batch_job_id
    assert len(go(batch, generations_of(GROUP))) == 1
    go(batch, end_jobs(other, "test"))
    assert batch.jobs[said.batch_job_id]["state"] == "active"


@pytest.mark.parametrize("generation", [1, 2])
def test_a_job_of_somebody_else_under_our_id_is_left_alone(generation: int) -> None:
    batch = account()
    if generation == 2:
        batch = after_an_ended_job()
    theirs = {**batch.jobs["nightly"], "id": job(generation)}
    batch.jobs[job(generation)] = theirs
    for flow in (launching(chain()), submit_late(PLAN, late("x")), end_jobs(GROUP, "test")):
        with pytest.raises(BatchOwnershipError, match=job(generation)):
            go(batch, flow)
    assert theirs["state"] == "active"
    assert all(job_id == JOB for job_id, _ in batch.tasks)


def test_a_later_generation_of_somebody_else_behind_a_deleted_one_is_left_alone() -> None:
    batch = account()
    batch.jobs[job(3)] = {**batch.jobs["nightly"], "id": job(3)}
    with pytest.raises(BatchOwnershipError, match="-g3"):
        go(batch, generations_of(GROUP))


def test_a_task_of_somebody_else_under_a_planned_id_is_not_taken() -> None:
    batch, _ = launched([])
    batch.tasks[JOB, chain()[0]["id"]] = {"id": chain()[0]["id"], "state": "active", "eTag": "0xA"}
    with pytest.raises(BatchOwnershipError):
        go(batch, launching(chain(), is_new=True))


def test_the_users_metadata_stay_and_cannot_hide_whose_job_it_is() -> None:
    theirs = [{"name": "cost", "value": "7"}, {"name": ids.OWNER, "value": "me"}]
    batch = account()
    go(batch, launching([], plan=replace(PLAN, job={"metadata": theirs})))
    metadata = batch.jobs[JOB]["metadata"]
    assert ids.named_value(metadata, "cost") == "7"
    assert ids.named_value(metadata, ids.OWNER) == GROUP.owner
    assert go(batch, generations_of(GROUP))[0].fingerprint == "shape"


def test_a_quota_that_stays_used_up_passes_through_and_nothing_is_left() -> None:
    batch = account()
    batch.fail("create_job", service_error("ActiveJobAndScheduleQuotaReached"), times=1000)
    with pytest.raises(BatchQuotaError):
        go(batch, launching(chain()))
    assert batch.active_jobs() == ["nightly"]


def test_a_refusal_other_than_existence_is_no_job_of_ours() -> None:
    batch = account()
    batch.fail("create_job", service_error("JobScheduleWithSameIdExists"))
    with pytest.raises(BatchConflictError, match="JobScheduleWithSameIdExists"):
        go(batch, launching(chain()))


def test_a_passing_failure_to_give_the_job_its_life_is_tried_again() -> None:
    batch = account()
    batch.fail("update_job", UNAVAILABLE, times=2)
    go(batch, launching(chain()))
    assert batch.jobs[JOB]["constraints"] == {"maxWallClockTime": "P30D"}


def test_a_job_that_cannot_be_given_its_life_fails_launch() -> None:
    batch = account()
    batch.fail("update_job", service_error("InvalidPropertyValue"), times=2)
    with pytest.raises(BatchServiceError, match="InvalidPropertyValue"):
        go(batch, launching(chain()))


def test_a_job_that_cannot_be_changed_is_followed_by_one_that_has_its_full_life_from_the_start() -> None:
    plan = replace(PLAN, wall_clock="P3D", job={"constraints": {"maxTaskRetryCount": 2}})
    batch = unchangeable()
    said = go(batch, launching(chain(), plan=plan, is_new=True))
    assert said.batch_job_id == job(2)
    assert batch.active_jobs() == ["nightly", job(2)]
    assert batch.jobs[job(2)]["constraints"] == {"maxWallClockTime": "P3D", "maxTaskRetryCount": 2}
    assert batch.jobs[job(2)]["onAllTasksComplete"] == "noaction"
    assert {key.batch_job_id for key in batch.live_tasks()} == {job(2)}


def test_a_job_that_cannot_be_changed_is_found_out_once() -> None:
    batch = unchangeable_after_an_ended_job()
    assert go(batch, launching(chain(), replace(OPENING, max_tries=1))).batch_job_id == job(3)
    assert batch.operations().count("update_job") == 1


def test_a_late_member_whose_job_cannot_be_changed_shares_one_that_stays_open() -> None:
    batch = unchangeable()
    assert submitted(batch).key.batch_job_id == submitted(batch, "other").key.batch_job_id == job(2)
    for key in batch.live_tasks():
        batch.complete(key)
    assert batch.active_jobs() == ["nightly", job(2)]
    go(batch, end_jobs(GROUP, "test"))
    assert batch.active_jobs() == ["nightly"]


def test_a_job_with_tasks_is_never_ended_because_it_cannot_be_changed() -> None:
    batch = half_launched()
    batch.refuses_changes = True
    with pytest.raises(BatchConflictError, match="OperationInvalidForCurrentState"):
        go(batch, launching(chain()))
    assert JOB in batch.active_jobs()


def test_a_late_member_puts_nothing_into_a_job_that_nobody_knows_to_be_changeable() -> None:
    unharmed = unchangeable()
    go(unharmed, launching(chain()))
    batch = unchangeable()
    batch.crash_at = (unharmed.operations().index("create_job"), "after")
    with pytest.raises(Crash):
        go(batch, launching(chain()))
    batch.crash_at = None
    go(batch, submit_late(PLAN, late("frame")))
    said = go(batch, launching(chain()))
    assert batch.jobs[said.batch_job_id]["constraints"] == {"maxWallClockTime": PLAN.wall_clock}


def test_a_missing_pool_is_named_before_a_job_is_created() -> None:
    batch = FakeBatch()
    with pytest.raises(AzureBatchConfigurationError, match="'p1' does not exist"):
        go(batch, launching(chain()))
    assert not batch.jobs


def test_a_described_pool_is_created_first() -> None:
    batch = FakeBatch()
    go(batch, launching(chain(), plan=replace(PLAN, pool=POOL_BODY)))
    operations = batch.operations()
    assert operations.index("create_pool") < operations.index("create_job")


# --- what launch says ----------------------------------------------------------------------------------


def test_what_launch_says_survives_the_xcom_and_holds_nothing_of_a_single_member() -> None:
    said = Launched("j", 2, "p", "conn", "/subscriptions/x", {"frame": [1, 3]})
    assert Launched.from_json(said.as_json()) == said
    assert len(str(Launched("j", 2, "p", "conn", None, {"frame": [1, 10_000]}).as_json())) < 200


@pytest.mark.parametrize(
    ("member_id", "map_index", "wanted"),
    [
        ("frame", 0, "5"),
        ("frame", 2, "7"),
        ("frame", 3, ids.member_task_id("frame", 3)),
        ("single", -1, "9"),
        ("other", 4, ids.member_task_id("other", 4)),
        ("other", -1, ids.member_task_id("other")),
    ],
)
def test_planned_ids_are_numbers_in_a_block_and_names_outside(
    member_id: str, map_index: int, wanted: str
) -> None:
    said = Launched("j", 1, "p", "conn", blocks={"frame": [5, 3], "single": [9, 1]})
    assert said.planned_key(member_id, map_index) == TaskKey("j", wanted)


# --- late members ----------------------------------------------------------------------------------------


def while_open() -> FakeBatch:
    return launched()[0]


def beside_others() -> FakeBatch:
    batch = late_first()
    submitted(batch, "other")
    return batch


def late_failed() -> FakeBatch:
    """The try before failed; the job of a late member ended with it."""
    batch = late_first()
    batch.complete(attempt("split"), 1)
    assert batch.jobs[JOB]["state"] == "completed"
    return batch


def late_failed_in_launchs_job() -> FakeBatch:
    batch = while_open()
    batch.complete(submitted(batch, "split").key, 1)
    return batch


def late_succeeded() -> FakeBatch:
    """It succeeded, its job ended by itself, and the worker died before it could take the result."""
    batch = late_first()
    batch.complete(attempt("split"), 0)
    assert batch.jobs[JOB]["state"] == "completed"
    return batch


def late_before_launch() -> FakeBatch:
    """A late member runs in a job of its own opening; then launch opened another one."""
    batch = late_first()
    batch.run(attempt("split"))
    go(batch, launching([body("frame")]))
    return batch


LATE = [
    fresh,
    while_open,
    after_an_ended_job,
    beside_others,
    late_failed,
    late_failed_in_launchs_job,
    late_succeeded,
    late_before_launch,
    unchangeable,
    unchangeable_after_an_ended_job,
]


@pytest.mark.parametrize("situation", LATE)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("ends", [None, 0])
def test_a_late_member_killed_at_any_request_and_run_again_runs_as_often_as_one_try(
    situation: Callable[[], FakeBatch], when: str, ends: int | None
) -> None:
    """``ends``: the task succeeds between the two tries, and its job may end with it."""
    unharmed = situation()
    before = len(unharmed.requests)
    wanted = submitted(unharmed).key
    length = len(unharmed.requests) - before
    for point in range(length):
        batch = situation()
        batch.crash_at = (len(batch.requests) + point, when)
        with pytest.raises(Crash):
            submitted(batch)
        batch.crash_at = None
        if ends is not None and batch._key(wanted) in batch.tasks:
            batch.complete(wanted, ends)

        again = submitted(batch)

        assert again.key == wanted
        assert again.shared_job
        assert batch.submissions == unharmed.submissions
        assert len(batch.active_jobs()) <= len(unharmed.active_jobs())
        assert batch.live_tasks() == unharmed.live_tasks() or ends is not None


def test_a_late_member_goes_into_launchs_job_without_dependencies() -> None:
    batch, said = launched()
    submission = submitted(batch, "extra")
    assert submission.key.batch_job_id == said.batch_job_id
    assert "dependsOn" not in batch.task(submission.key)
    assert batch.jobs[said.batch_job_id]["onAllTasksComplete"] == "noaction"


def test_a_job_that_a_late_member_opened_ends_by_itself_and_the_next_one_opens_another() -> None:
    batch = late_first()
    assert batch.jobs[JOB]["onAllTasksComplete"] == "terminatejob"
    assert batch.jobs[JOB]["constraints"] == {"maxWallClockTime": "P30D"}
    batch.complete(attempt("split"))
    assert batch.active_jobs() == ["nightly"]
    assert submitted(batch, "next").key.batch_job_id == job(2)


def test_a_member_cleared_after_the_end_runs_in_the_next_generation() -> None:
    batch, _ = launched()
    batch.complete(planned("split"))
    go(batch, end_jobs(GROUP, "test"))
    submission = submitted(batch, max_tries=1, retire=[planned("split")])
    assert submission.key == attempt("split", max_tries=1, generation=2)
    batch.complete(submission.key)
    assert batch.active_jobs() == ["nightly"]


def test_a_late_member_of_a_job_deleted_by_hand_gets_a_new_one() -> None:
    batch, said = launched()
    batch._begin_delete_job(batch.requests[-1], said.batch_job_id)
    assert submitted(batch).key == attempt("split")


def test_a_success_that_nobody_took_in_a_job_that_ended_since_is_taken() -> None:
    batch = late_succeeded()
    submission = submitted(batch)
    assert submission.key == attempt("split")
    assert submission.adopted
    assert submission.stale_end is None
    assert batch.active_jobs() == ["nightly"]


def test_a_success_of_before_a_clear_is_not_taken() -> None:
    batch = late_succeeded()
    assert submitted(batch, max_tries=1).key == attempt("split", max_tries=1, generation=2)


def test_a_late_task_that_runs_in_an_older_job_than_the_newest_is_found_there() -> None:
    batch = late_before_launch()
    assert submitted(batch).key == attempt("split")
    assert [key for key in batch.live_tasks() if "split" in key.batch_task_id] == [attempt("split")]


def test_a_late_task_that_its_ending_job_still_runs_is_waited_for() -> None:
    batch = late_first()
    batch.run(attempt("split"))
    batch.jobs[JOB]["state"] = "terminating"
    process = Process(batch)
    process.at(7, lambda: batch.end_job(JOB))
    submission = process.drive(submit_late(PLAN, late("split")))
    assert sum(process.sleeps) >= 7
    assert batch.live_tasks() == [submission.key]
    assert submission.key.batch_job_id == job(2)


def test_a_late_task_is_not_run_beside_one_that_never_ends() -> None:
    batch = late_first()
    batch.run(attempt("split"))
    batch.jobs[JOB]["state"] = "terminating"
    with pytest.raises(AzureBatchError, match="not run a second time"):
        submitted(batch)


def test_a_task_that_is_superseded_has_ended_before_the_new_one_starts() -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    states: list[str] = []
    batch.before("create_task", lambda b: states.append(b.task(planned("split"))["state"]))
    submitted(batch, retire=[planned("split")])
    assert states == ["completed"]


def test_a_superseded_task_that_its_ending_job_still_runs_is_waited_for() -> None:
    batch, _ = launched()
    batch.run(planned("split"))
    batch.jobs[JOB]["state"] = "terminating"
    batch.fail("terminate_task", service_error("JobBeingTerminated"))
    process = Process(batch)
    process.at(9, lambda: batch.end_job(JOB))
    process.drive(submit_late(PLAN, late("split"), [planned("split")]))
    assert 9 <= sum(process.sleeps) < ENDING_PATIENCE


def test_a_superseded_task_that_has_ended_or_was_never_there_costs_no_waiting() -> None:
    batch, _ = launched()
    batch.complete(planned("split"), 1)
    process = Process(batch)
    process.drive(submit_late(PLAN, late("split"), [planned("split"), planned("ghost")]))
    assert process.sleeps == []


@pytest.mark.parametrize("operation", ["get_job", "create_task"])
def test_a_job_that_ends_between_the_look_and_the_act_is_followed_by_the_next(operation: str) -> None:
    batch, _ = launched()
    batch.before(operation, lambda b: b.end_job(JOB))
    assert submitted(batch).key.batch_job_id == job(2)


def test_two_late_members_at_the_same_time_share_one_job() -> None:
    for operation in ("get_job", "get_pool", "create_job", "get_task", "create_task", "update_job"):
        batch = account()
        batch.before(operation, partial(submitted, member_id="other"))
        submitted(batch)
        assert batch.active_jobs() == ["nightly", JOB], operation
        assert len(batch.live_tasks()) == 2


def test_a_job_that_ends_again_and_again_is_an_error_and_no_endless_loop() -> None:
    batch, _ = launched()

    class Ending(Process):
        def __call__(self, effect: Any) -> Any:
            if getattr(effect, "operation", "") == "create_task":
                for job_id in batch.active_jobs():
                    batch.end_job(job_id)
            return super().__call__(effect)

    with pytest.raises(BatchConflictError, match="times in a row"):
        Ending(batch).drive(submit_late(PLAN, late("split")))


# --- the end -----------------------------------------------------------------------------------------------


def test_every_open_job_of_the_run_is_ended_and_no_other() -> None:
    batch = late_before_launch()
    assert len(batch.active_jobs()) == 3
    found = go(batch, end_jobs(GROUP, "test"))
    assert [generation.number for generation in found] == [1, 2]
    assert batch.active_jobs() == ["nightly"]


@pytest.mark.parametrize("code", ["JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobNotFound"])
def test_a_job_that_ends_meanwhile_needs_no_end(code: str) -> None:
    batch, _ = launched()
    batch.fail("begin_terminate_job", service_error(code))
    assert len(go(batch, end_jobs(GROUP, "test"))) == 1


def test_a_job_that_cannot_be_ended_is_an_error() -> None:
    batch, _ = launched()
    batch.fail("begin_terminate_job", service_error("OperationInvalidForCurrentState"))
    with pytest.raises(BatchConflictError, match="OperationInvalidForCurrentState"):
        go(batch, end_jobs(GROUP, "test"))
