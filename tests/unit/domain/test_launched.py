"""What launch says: the planned tasks can be found by it."""

from __future__ import annotations

import pytest

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.requests import TaskKey


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
