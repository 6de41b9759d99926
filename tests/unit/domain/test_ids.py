"""Ids are legal, stable, and never those of other work."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.ids import WorkIdentity
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
    assert ids.is_legal_id(ids.job_id(work, number))
    assert ids.is_legal_id(ids.task_id(work, number))


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
    assert not ids.is_legal_id(text)


@given(TEXTS, st.integers(1, 64))
def test_a_slug_is_legal_and_as_short_as_wanted(text: str, length: int) -> None:
    found = ids.slug(text, length)
    assert len(found) <= length
    assert ids.is_legal_id(found)


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
