"""What is known of a job's tasks, when answers overtake each other."""

from __future__ import annotations

from typing import Any

from airflow_provider_batch.domain.task_table import OVERLAP, TaskTable


def task(at: int, state: str = "running") -> dict[str, Any]:
    return {
        "id": "t",
        "state": state,
        "stateTransitionTime": f"2026-01-01T{at // 60:02}:{at % 60:02}:00.1234567Z",
    }


def test_before_the_first_list_only_a_whole_list_can_tell() -> None:
    table = TaskTable()
    assert table.changes() is None
    table.take("t", task(0), 5.0, 6.0)
    assert table.changes() is None
    table.take_all({}, 7.0, 8.0)
    assert table.changes() is None


def test_changes_are_asked_for_in_the_time_of_the_service() -> None:
    table = TaskTable()
    # The answer came at 10 and shows a change at 01:00: a list asked for at 9 knows all before 00:59.
    table.take_all({"t": task(60)}, 9.0, 10.0)
    assert table.changes() == "stateTransitionTime ge DateTime'2026-01-01T00:57:59.123456Z'"
    # Nothing happens for ten minutes; time goes on nevertheless.
    table.take_changes({}, 609.0, 610.0)
    assert table.changes() == "stateTransitionTime ge DateTime'2026-01-01T01:07:59.123456Z'"


def test_an_answer_that_was_overtaken_is_dropped() -> None:
    table = TaskTable()
    assert table.take("t", task(2, "completed"), 20.0, 21.0)
    assert not table.take_changes({"t": task(1)}, 19.0, 22.0)
    assert not table.take_changes({"t": task(1)}, 25.0, 26.0), "a list lags"
    known = table["t"]
    assert known is not None
    assert known["state"] == "completed"


def test_a_clock_that_was_set_back_hides_nothing_for_ever() -> None:
    table = TaskTable()
    table.take("t", task(9), 20.0, 21.0)
    assert table.take_changes({"t": task(1, "completed")}, 20.0 + OVERLAP, 160.0)


def test_a_version_tells_every_change_also_when_a_task_comes_back() -> None:
    table = TaskTable()
    versions = [table.version("t")]
    for asked, tasks in enumerate(({"t": task(1)}, {}, {"t": task(1)}, {"t": task(1, "completed")})):
        assert table.take_all(tasks, float(asked), asked + 0.5)
        versions.append(table.version("t"))
    assert len(set(versions)) == 4
    assert versions[0] == versions[2] == 0
    assert not table.take_all({"t": task(1, "completed")}, 9.0, 9.5)
    assert table.version("t") == versions[-1]


def test_a_task_that_was_seen_after_a_list_was_asked_for_is_not_missing() -> None:
    table = TaskTable()
    table.take("t", task(1), 20.0, 21.0)
    table.take_all({}, 19.0, 22.0)
    assert list(table.tasks()) == ["t"]
    table.take_all({}, 23.0, 24.0)
    assert list(table.tasks()) == []


def test_a_forgotten_task_is_not_known() -> None:
    table = TaskTable()
    table.take("t", task(1), 20.0, 21.0)
    table.forget("t")
    assert table["t"] is None
    table.forget("t")
