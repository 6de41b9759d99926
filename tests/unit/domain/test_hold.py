"""A worker tells what a node did to its task's ETag from what a later try did."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_batch.domain.hold import Hold
from airflow_provider_batch.domain.requests import Answer
from tests.unit.domain.fake_batch import START


class Worker:
    """What a worker writes and sees."""

    def __init__(self, etag: str | None = "0x1") -> None:
        self.hold = Hold()
        if etag is not None:
            self.hold.wrote(etag, START)

    def saw(self, etag: str | None, changed: str, seconds: float) -> bool:
        answer = Answer(json={"stateTransitionTime": changed}, headers={"etag": etag} if etag else {})
        return self.hold.saw(answer, START + timedelta(seconds=seconds))


def test_a_task_that_nobody_wrote_is_ours() -> None:
    worker = Worker()
    assert worker.saw("0x1", "t1", 5)
    assert worker.saw("0x1", "t2", 10)
    assert worker.saw(None, "t2", 15)


def test_an_etag_that_moves_with_the_state_was_moved_by_a_node() -> None:
    worker = Worker()
    assert worker.saw("0x2", "t2", 5)
    assert worker.saw("0x3", "t3", 60)


def test_an_etag_that_moves_alone_was_moved_by_a_later_try_and_lost_is_lost() -> None:
    worker = Worker()
    assert worker.saw("0x1", "t1", 5)
    assert not worker.saw("0x2", "t1", 10)
    assert not worker.saw("0x3", "t2", 15)


def test_what_happened_while_the_worker_did_not_look_is_taken_for_a_later_try() -> None:
    worker = Worker()
    assert worker.saw("0x1", "t1", 5)
    assert not worker.saw("0x2", "t2", 300)


def test_a_write_of_ours_begins_anew() -> None:
    worker = Worker()
    assert not worker.saw("0x2", "t1", 300)
    worker.hold.wrote("0x3", START + timedelta(seconds=301))
    assert worker.saw("0x3", "t1", 310)


@pytest.mark.parametrize("etag", ["0x7", None])
def test_a_task_that_was_found_just_now_is_ours(etag: str | None) -> None:
    assert Worker(None).saw(etag, "t1", 5)
