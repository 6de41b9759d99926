"""Ids are legal, stable, and never those of other work."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.ids import GroupIdentity, WorkIdentity
from airflow_provider_batch.specs.legal_ids import is_legal_id
from tests.unit.domain.plans import WORK

TEXTS = st.text(alphabet="aAbZ0-_. ß/", max_size=80)
WORKS = st.builds(
    WorkIdentity,
    deployment_id=TEXTS,
    dag_id=TEXTS,
    run_id=TEXTS,
    task_id=TEXTS,
    map_index=st.integers(-1, 12),
    run_started=TEXTS,
    max_tries=st.integers(0, 3),
)


@given(WORKS, st.integers(1, 1000))
def test_ids_are_legal(work: WorkIdentity, number: int) -> None:
    assert is_legal_id(ids.job_id(work, number))
    assert is_legal_id(ids.task_id(work, number))


@given(st.lists(st.tuples(WORKS, st.integers(1, 3)), max_size=20, unique=True))
def test_different_work_never_has_the_same_id_whatever_the_case(
    pairs: list[tuple[WorkIdentity, int]],
) -> None:
    assert len({ids.job_id(*pair).lower() for pair in pairs}) == len(pairs)
    assert len({ids.task_id(*pair).lower() for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("name", [field.name for field in fields(WorkIdentity)])
def test_each_part_of_the_identity_makes_other_work(name: str) -> None:
    value: Any = getattr(WORK, name)
    changed: dict[str, Any] = {name: value + 1 if isinstance(value, int) else value + "x"}
    other = replace(WORK, **changed)
    assert ids.job_id(other) != ids.job_id(WORK)
    assert ids.task_id(other) != ids.task_id(WORK)
    assert other.owner != WORK.owner


def test_parts_of_the_identity_are_not_run_together() -> None:
    assert replace(WORK, dag_id="ab", run_id="c").digest() != replace(WORK, dag_id="a", run_id="bc").digest()


def test_ids_stay_as_they_are_from_release_to_release() -> None:
    # A task that was submitted before an upgrade must be found after it.
    assert ids.job_id(WORK) == "etl-split-545d598f6f66"
    assert ids.job_id(WORK, 2) == "etl-split-545d598f6f66-g2"
    assert ids.task_id(WORK) == "split-fc8d56948772"


def test_a_mapped_task_shows_its_index() -> None:
    assert "-7-" in ids.task_id(replace(WORK, map_index=7))


@pytest.mark.parametrize("text", ["", "a b", "a.b", "ä", "a\n", "a" * 65, "a/b"])
def test_what_the_service_refuses_is_not_legal(text: str) -> None:
    assert not is_legal_id(text)


@given(TEXTS, st.integers(1, 64))
def test_a_slug_is_legal_and_as_short_as_wanted(text: str, length: int) -> None:
    found = ids.slug(text, length)
    assert len(found) <= length
    assert is_legal_id(found)


@pytest.mark.parametrize(
    "pairs", [None, [], "x", [None], [{"value": "v"}], [{"name": "other", "value": "v"}]]
)
def test_a_name_that_is_not_there_has_no_value(pairs: Any) -> None:
    assert ids.named_value(pairs, ids.OWNER) is None


def test_what_we_write_is_what_we_read() -> None:
    assert ids.named_value(ids.job_metadata(WORK, 1), ids.OWNER) == WORK.owner
    environment = ids.task_environment(WORK, WORK.task_id, WORK.map_index, "f00")
    assert ids.named_value(environment, ids.OWNER) == WORK.owner
    assert ids.named_value(environment, ids.PLAN) == "f00"
    assert all(isinstance(pair["value"], str) for pair in environment + ids.job_metadata(WORK, 3))


# --- groups ---------------------------------------------------------------------------------------

GROUP = GroupIdentity("dep", "etl", "manual__1", "film", "2026-01-01T00:00:00.000000+00:00")
GROUPS = st.builds(
    GroupIdentity, deployment_id=TEXTS, dag_id=TEXTS, run_id=TEXTS, group_id=TEXTS, run_started=TEXTS
)
MEMBERS = st.tuples(TEXTS, st.integers(-1, 12))


@given(GROUPS, st.integers(1, 1000))
def test_ids_of_group_jobs_are_legal(group: GroupIdentity, generation: int) -> None:
    assert is_legal_id(ids.group_job_id(group, generation))


@given(MEMBERS, st.integers(0, 999), st.integers(1, 1000))
def test_ids_of_members_are_legal_and_are_known_by_their_beginning(
    member: tuple[str, int], max_tries: int, attempt: int
) -> None:
    first, again = ids.member_task_id(*member), ids.member_attempt_id(*member, max_tries, attempt)
    assert is_legal_id(first)
    assert is_legal_id(again)
    assert ids.planned_id_of(again) == first
    assert ids.planned_id_of(first) is None


@given(st.lists(st.tuples(GROUPS, st.integers(1, 3)), max_size=20, unique=True))
def test_different_group_runs_never_have_the_same_job_whatever_the_case(
    pairs: list[tuple[GroupIdentity, int]],
) -> None:
    assert len({ids.group_job_id(*pair).lower() for pair in pairs}) == len(pairs)


@given(st.lists(st.tuples(MEMBERS, st.integers(0, 3), st.integers(1, 3)), max_size=20, unique=True))
def test_different_attempts_of_members_never_have_the_same_id_whatever_the_case(
    attempts: list[tuple[tuple[str, int], int, int]],
) -> None:
    found = {ids.member_attempt_id(*member, *numbers).lower() for member, *numbers in attempts}
    found |= {ids.member_task_id(*member).lower() for member, *_ in attempts}
    assert len(found) == len(attempts) + len({member for member, *_ in attempts})


@pytest.mark.parametrize("name", [field.name for field in fields(GroupIdentity)])
def test_each_part_of_a_groups_identity_makes_another_owner_and_another_job(name: str) -> None:
    changed: dict[str, Any] = {name: getattr(GROUP, name) + "x"}
    other = replace(GROUP, **changed)
    assert other.owner != GROUP.owner
    assert ids.group_job_id(other) != ids.group_job_id(GROUP)


def test_a_group_owns_nothing_of_a_task_alone() -> None:
    assert replace(WORK, task_id="film", max_tries=0).owner != GROUP.owner


def test_ids_of_groups_stay_as_they_are_from_release_to_release() -> None:
    assert ids.group_job_id(GROUP) == "etl-film-e5c86348f748"
    assert ids.group_job_id(GROUP, 2) == "etl-film-e5c86348f748-g2"
    assert ids.member_task_id("film.split") == "film-split-f050e5bb"
    assert ids.member_attempt_id("film.split", -1, 0, 1) == "film-split-f050e5bb-0-1"


@pytest.mark.parametrize(
    "batch_task_id",
    ["17", "split", "split-12345678", "split-1234567-0-1", "split-1234567G-0-1", "a-12345678-0"],
)
def test_what_is_no_later_attempt_has_no_planned_id(batch_task_id: str) -> None:
    assert ids.planned_id_of(batch_task_id) is None


def test_what_we_write_of_a_group_is_what_we_read() -> None:
    metadata = ids.group_job_metadata(GROUP, 3)
    assert ids.named_value(metadata, ids.OWNER) == GROUP.owner
    assert ids.named_value(metadata, "airflow_generation") == "3"
    assert ids.named_value(metadata, "airflow_deployment_id") == "dep"
    assert "airflow_deployment_id" not in str(ids.group_job_metadata(replace(GROUP, deployment_id=""), 1))
    environment = ids.task_environment(GROUP, "film.split", 4, "f00")
    assert ids.named_value(environment, ids.OWNER) == GROUP.owner
    assert ids.named_value(environment, "AIRFLOW_CTX_TASK_ID") == "film.split"
    assert ids.named_value(environment, "AIRFLOW_CTX_MAP_INDEX") == "4"
