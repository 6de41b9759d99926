"""launch opens a job once and plans each task into it once, whatever happens to it on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_batch.domain import group_launch, ids
from airflow_provider_batch.domain.group_job import end_jobs
from airflow_provider_batch.domain.group_launch import Opening
from airflow_provider_batch.exceptions import (
    BatchOwnershipError,
    BatchQuotaError,
    BatchServiceError,
    BatchUnavailableError,
)
from tests.unit.domain.fake_batch import Crash, FakeBatch, service_error
from tests.unit.domain.groups import (
    GROUP,
    JOB,
    OPENING,
    PLAN,
    after_an_ended_job,
    attempt,
    body,
    chain,
    go,
    half_launched,
    job,
    late_first,
    launched,
    launching,
    planned,
    submitted,
    unchangeable,
    unchangeable_after_an_ended_job,
)
from tests.unit.domain.plans import account

UNAVAILABLE = BatchUnavailableError("the connection broke off")


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


SITUATIONS = [
    account,
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
    generation, _ = go(batch, group_launch.open_for_launch(PLAN, OPENING))
    done = go(batch, group_launch.launch(PLAN, generation, chain(), is_new=False))
    assert (done.added, done.existed) == (2, 1)
    done = go(batch, group_launch.launch(PLAN, generation, chain(), is_new=True))
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
    generation, plans = go(batch, group_launch.open_for_launch(PLAN, cleared))
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


def test_a_task_of_somebody_else_under_a_planned_id_is_not_taken() -> None:
    batch, _ = launched([])
    batch.tasks[JOB, chain()[0]["id"]] = {"id": chain()[0]["id"], "state": "active", "eTag": "0xA"}
    with pytest.raises(BatchOwnershipError):
        go(batch, launching(chain(), is_new=True))


def test_a_quota_that_stays_used_up_passes_through_and_nothing_is_left() -> None:
    batch = account()
    batch.fail("create_job", service_error("ActiveJobAndScheduleQuotaReached"), times=1000)
    with pytest.raises(BatchQuotaError):
        go(batch, launching(chain()))
    assert batch.active_jobs() == ["nightly"]


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
