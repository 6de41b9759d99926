"""The wait for a pool: what is said, how often, and when it ends; in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.domain.flow import Effect, Log, Now, Random, Sleep, drive
from airflow_provider_batch.domain.pool_changes import resize_pool, when_steady, withdraw
from airflow_provider_batch.domain.pool_wait import PoolWait, wait_for_pool
from airflow_provider_batch.domain.requests import Answer, Request, disable_pool_auto_scale
from airflow_provider_batch.exceptions import (
    BatchAuthenticationError,
    BatchDeadlineError,
    BatchPoolLostError,
    BatchPoolUnusableError,
)
from tests.unit.domain.fake_batch import START, service_error
from tests.unit.domain.pool_states import nodes, pool

WAIT = PoolWait("p", "usable", began=START.isoformat(), nodes=2, poll_interval=10.0)


class Account:
    """One pool whose story is told by time; a clock that only sleeping moves."""

    def __init__(self, story: Callable[[float], tuple[Any, Any]]) -> None:
        self.story = story
        self.now = START
        self.lines: list[str] = []
        self.requests: list[Request] = []
        self.files: dict[str, bytes] = {}
        self.errors: list[Exception] = []

    @property
    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    def __call__(self, effect: Effect) -> Any:
        match effect:
            case Now():
                return self.now
            case Random():
                return 0.0
            case Sleep(seconds):
                self.now += timedelta(seconds=max(seconds, 0.001))
            case Log(text, level):
                self.lines.append(f"{level} {text}")
            case Request() as request:
                return self.send(request)
        return None

    def send(self, request: Request) -> Answer:
        self.requests.append(request)
        assert len(self.requests) < 5000, "it goes on and on"
        if self.errors:
            raise self.errors.pop()
        found, listed = self.story(self.seconds)
        if request.operation == "download_node_file":
            name = request.path.rpartition("%2F")[2]
            if name not in self.files:
                raise service_error("FileNotFound")
            return Answer(content=self.files[name])
        if found is None:
            raise service_error("PoolNotFound")
        if request.operation == "list_nodes":
            return Answer(json={"value": listed})
        return Answer(json=found)

    def run(self, wait: PoolWait = WAIT) -> dict[str, Any]:
        return drive(wait_for_pool(wait), self)


def boots(seconds: float) -> tuple[Any, Any]:
    """A pool of 2 that is resizing for a minute; its nodes boot for another one."""
    if seconds < 60:
        return pool(2, 0, allocation="resizing"), []
    if seconds < 120:
        return pool(2), nodes("starting", "waitingforstarttask")
    return pool(2), nodes("idle", "running")


def test_wait_ends_soon_after_the_nodes_are_usable_and_says_what_it_waited_for() -> None:
    account = Account(boots)
    result = account.run()
    assert result["nodes"] == {"idle": 1, "running": 1}
    assert 120 <= account.seconds <= 130
    assert account.lines[0] == "INFO Waiting: pool p is resizing 0/2 nodes, 0 usable of 2 wanted."
    assert any("1 starting, 1 waitingforstarttask" in line for line in account.lines)
    assert account.lines[-1].startswith("INFO Pool p is ready: 2 usable nodes")


def test_log_is_bounded_whatever_the_length_of_the_wait() -> None:
    account = Account(lambda seconds: (pool(2), nodes("idle", "starting")))
    with pytest.raises(BatchDeadlineError):
        account.run(replace(WAIT, node_timeout=3600.0))
    assert len(account.lines) < 20
    busy = Account(lambda seconds: (pool(99), nodes(*["idle"] * (int(seconds) % 90))))
    with pytest.raises(BatchDeadlineError):
        busy.run(replace(WAIT, nodes=98, node_timeout=600.0, poll_interval=1.0))
    assert len(busy.lines) <= 62


@pytest.mark.parametrize(
    ("story", "limit", "text"),
    [
        (
            lambda s: (pool(2, 0, allocation="resizing"), []),
            100,
            "its machines were not allocated within 100 s",
        ),
        (lambda s: (pool(2), nodes("starting", "starting")), 200, "its nodes were not usable within 200 s"),
    ],
)
def test_b7_allocation_and_nodes_have_limits_of_their_own(story: Any, limit: int, text: str) -> None:
    account = Account(story)
    with pytest.raises(BatchDeadlineError, match=text):
        account.run(replace(WAIT, allocation_timeout=100.0, node_timeout=200.0))
    assert limit <= account.seconds <= limit + 1


def test_pool_that_goes_to_and_fro_ends_at_the_limits_together() -> None:
    def story(seconds: float) -> tuple[Any, Any]:
        if int(seconds / 40) % 2:
            return pool(2), nodes("starting", "starting")
        return pool(2, 0, allocation="resizing"), []

    account = Account(story)
    with pytest.raises(BatchDeadlineError):
        account.run(replace(WAIT, allocation_timeout=300.0, node_timeout=300.0))
    assert account.seconds <= 601


def test_restart_of_the_triggerer_gives_no_more_time() -> None:
    account = Account(lambda seconds: (pool(2), nodes("starting", "starting")))
    account.now += timedelta(hours=2)
    with pytest.raises(BatchDeadlineError, match="took longer"):
        account.run()


def test_deadline_of_the_airflow_task_comes_first() -> None:
    account = Account(lambda seconds: (pool(2), nodes("starting", "starting")))
    with pytest.raises(BatchDeadlineError, match="execution_timeout"):
        account.run(replace(WAIT, deadline=(START + timedelta(seconds=50)).isoformat()))
    assert 50 <= account.seconds <= 51
    assert "stays, with 2 dedicated and 0 spot nodes" in account.lines[-1]


def test_what_looks_hopeless_once_is_looked_at_again() -> None:
    looks = [nodes("unusable", "unusable")]
    account = Account(lambda seconds: (pool(2), looks[-1]))
    begun = account.send

    def recover(request: Request) -> Answer:
        answer = begun(request)
        if request.operation == "list_nodes":
            looks.append(nodes("idle", "idle"))
        return answer

    account.send = recover  # type: ignore[method-assign]
    assert account.run()["usable_nodes"] == 2


def test_output_of_a_failed_start_task_is_read_once_and_told() -> None:
    account = Account(lambda seconds: (pool(2), nodes("starting", "starttaskfailed")))
    account.files["stderr.txt"] = b"mount: no such host\nsig=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%3D\n"
    with pytest.raises(BatchPoolUnusableError) as caught:
        account.run()
    assert "mount: no such host" in str(caught.value)
    assert "aaaa" not in str(caught.value) + "".join(account.lines)
    assert [r.operation for r in account.requests].count("download_node_file") == 1
    assert "it bills until it is deleted or resized to 0" in account.lines[-1]


def test_pool_that_is_deleted_meanwhile_ends_the_wait_at_once() -> None:
    account = Account(lambda s: (pool(2), nodes("starting")) if s < 60 else (None, None))
    with pytest.raises(BatchPoolLostError, match="somebody deleted it"):
        account.run()
    assert account.seconds < 75


def test_pool_that_is_another_one_by_now_is_not_ours() -> None:
    account = Account(lambda s: (pool(2), nodes("idle", "idle")))
    with pytest.raises(BatchPoolLostError, match="another one has its id"):
        account.run(replace(WAIT, created="2020-01-01T00:00:00Z"))


def test_deletion_is_over_when_another_pool_has_the_id() -> None:
    account = Account(lambda s: (pool(2), []))
    assert account.run(replace(WAIT, kind="gone", created="2020-01-01T00:00:00Z"))["deleted"]


def test_refused_credentials_end_the_wait_after_a_while_and_say_that_something_may_bill() -> None:
    account = Account(boots)
    refused = BatchAuthenticationError(
        code="AuthenticationFailed", message="no", status=403, operation="get_pool"
    )
    account.errors = [refused] * 1000
    with pytest.raises(BatchAuthenticationError):
        account.run()
    assert 300 <= account.seconds <= 900
    assert "may exist, and bill" in account.lines[-1]


def test_withdrawal_deletes_only_the_pool_of_its_own_work() -> None:
    owned = pool(2, metadata=[{"name": "AIRFLOW_BATCH_OWNER", "value": "me"}])
    for owner, deletes in (("me", True), ("somebody", False), (None, False)):
        account = Account(lambda s: (owned, []))
        drive(withdraw("p", owner), account)
        assert ("begin_delete_pool" in [r.operation for r in account.requests]) is deletes
        assert account.lines


def test_change_waits_for_another_change_and_not_for_ever() -> None:
    account = Account(lambda s: (pool(2), []))
    account.errors = [service_error("PoolBeingResized")] * 3
    drive(when_steady("p", disable_pool_auto_scale("p")), account)
    assert account.seconds == pytest.approx(15, abs=1)
    account.errors = [service_error("PoolBeingResized")] * 4000
    with pytest.raises(BatchDeadlineError, match="nothing was changed"):
        drive(when_steady("p", disable_pool_auto_scale("p")), account)


def test_resize_that_is_under_way_already_is_not_begun_again() -> None:
    account = Account(lambda s: (pool(4, 2, allocation="resizing"), []))
    drive(resize_pool("p", dedicated=4), account)
    assert [r.operation for r in account.requests] == ["get_pool"]


def test_resize_that_failed_is_begun_again() -> None:
    account = Account(lambda s: (pool(4, 2, errors=("AllocationTimedout",)), []))
    drive(resize_pool("p", dedicated=4), account)
    assert [r.operation for r in account.requests] == ["get_pool", "begin_resize_pool"]
