from __future__ import annotations

from airflow_provider_batch.operators.run_states import RunStates


def test_a_task_whose_name_looks_like_a_mapped_instance_is_not_one() -> None:
    states = RunStates(
        {"frame_0": "success", "frame_1": "running", "frame_7": "failed"}, ["frame", "frame_7"]
    )
    assert states.of("frame") == {0: "success", 1: "running"}
    assert states.of("frame_7") == {-1: "failed"}


def test_unfinished_names_every_index_that_has_not_ended() -> None:
    states = RunStates({"split": "success", "frame_0": "deferred", "frame_1": "skipped", "merge": None})
    assert states.unfinished(["split", "frame", "merge"]) == ["frame[0]", "merge"]


def test_a_mapped_task_is_pending_only_as_a_whole() -> None:
    states = RunStates({"frame_0": None, "frame_1": "success", "merge": None})
    assert not states.is_pending("frame")
    assert states.is_pending("merge")
