"""Mirrors of one job share its poller: few requests, nothing missed, nobody harmed by who leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchNotFoundError,
    BatchThrottledError,
    BatchUnavailableError,
)
from airflow_provider_batch.triggers import shared_account
from airflow_provider_batch.triggers.job_poller import RECONCILE_EVERY, Subscription, subscribe
from tests.unit.domain.fake_batch import service_error
from tests.unit.triggers.fake_triggerer import JOB, TRIGGER, FakeAirflow, FakeJob, key, now
from tests.unit.triggers.virtual_loop import run

CONN_ID = "conn"
ENDED = "completed"


def spawn(name: str, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a trigger as Airflow does: its context names it."""
    token = TRIGGER.set(name)
    try:
        return asyncio.get_running_loop().create_task(coroutine)
    finally:
        TRIGGER.reset(token)


async def mirror(
    batch_task_id: str, *, interval: float = 5.0, seen: list[tuple[float, str]] | None = None
) -> str:
    """Watch a task to its end; errors of polls are survived."""
    async with subscribe(CONN_ID, JOB, interval) as subscription:
        return await follow(subscription, batch_task_id, interval, seen)


async def follow(
    subscription: Subscription,
    batch_task_id: str,
    interval: float = 5.0,
    seen: list[tuple[float, str]] | None = None,
) -> str:
    while True:
        try:
            state = str((await subscription.look(key(batch_task_id))).json["state"])
        except BatchNotFoundError:
            return "lost"
        except AzureBatchError as error:
            state = type(error).__name__
        if seen is not None:
            seen.append((now(), state))
        if state == ENDED:
            return state
        await subscription.wait(interval, key(batch_task_id))


# --- requests -----------------------------------------------------------------------------------------------


def test_fifty_mirrors_cost_one_list_in_each_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob(*(f"t{i}" for i in range(50)))
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        mirrors = [spawn(f"m{i}", mirror(f"t{i}")) for i in range(50)]
        await asyncio.sleep(200)
        for i in range(50):
            job.end(f"t{i}")
        assert await asyncio.gather(*mirrors) == [ENDED] * 50

    run(main())
    # 200 s in steps of 5 s, less up to a fifth of jitter, after some quick ones
    assert 200 / 5 <= job.count("list_tasks") <= 200 / 4 + 8
    assert len(job.lists(whole=True)) <= 2
    assert job.count("list_tasks") == len(job.requests)
    assert airflow.readers == ["m0"]
    assert airflow.sessions() == []


def test_newcomers_within_a_moment_share_a_whole_list(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    async def newcomer(delay: float) -> None:
        await asyncio.sleep(delay)
        async with subscribe(CONN_ID, JOB, 5.0) as subscription:
            assert "t" in await subscription.snapshot()

    async def main() -> None:
        stays = spawn("m", mirror("t"))
        await asyncio.sleep(10)
        before = len(job.lists(whole=True))
        await asyncio.gather(*(newcomer(i * 0.005) for i in range(100)))
        assert len(job.lists(whole=True)) - before <= 2
        job.end("t")
        await stays

    run(main())


def test_the_smallest_interval_of_those_present_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("slow", "fast")
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        slow = spawn("slow", mirror("slow", interval=60))
        await asyncio.sleep(100)
        fast = spawn("fast", mirror("fast", interval=2))
        await asyncio.sleep(100)
        job.end("fast")
        await fast
        await asyncio.sleep(200)
        start = now()
        await asyncio.sleep(240)
        assert sum(at >= start for at, _, _ in job.requests) <= 6
        job.end("slow")
        await slow

    run(main())
    with_fast = [at for at, _, _ in job.requests if 1_110 <= at <= 1_200]
    assert len(with_fast) >= 90 / 2 - 1


def test_retry_after_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)
    throttled = BatchThrottledError(
        code="TooManyRequests", message="slow", status=429, operation="list_tasks", retry_after=77
    )

    async def main() -> None:
        watching = spawn("m", mirror("t"))
        await asyncio.sleep(10)
        job.failures.append(throttled)
        await asyncio.sleep(6)
        assert not job.failures
        refused = job.requests[-1][0]
        others = [spawn("n", mirror("t")) for _ in range(3)]
        await asyncio.sleep(80)
        after = [at for at, _, _ in job.requests if at > refused]
        assert after
        assert after[0] - refused > 75
        job.end("t")
        await asyncio.gather(watching, *others)

    run(main())


# --- what is seen -------------------------------------------------------------------------------------------


def test_a_wait_ends_when_the_task_changed_and_not_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("a", "b")
    FakeAirflow(monkeypatch, job)
    seen: dict[str, list[tuple[float, str]]] = {"a": [], "b": []}

    async def main() -> None:
        first = spawn("a", mirror("a", interval=1000, seen=seen["a"]))
        fast = spawn("b", mirror("b", interval=5, seen=seen["b"]))
        await asyncio.sleep(100)
        job.change("a", "running")
        await asyncio.sleep(100)
        job.end("a")
        await first
        job.end("b")
        await fast

    run(main())
    assert [state for _, state in seen["a"]] == ["active", "running", ENDED]
    assert seen["a"][1][0] - 1_100 < 6


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    skew=st.sampled_from([0.0, -86_400.0, 7_200.0]),
    lag=st.sampled_from([0.0, 3.0, 60.0]),
    changes=st.lists(st.tuples(st.floats(0, 400), st.integers(0, 4)), min_size=1, max_size=12),
    outage=st.integers(0, 6),
)
def test_every_end_is_seen_whatever_the_clock_of_the_service_and_its_lag(
    monkeypatch: pytest.MonkeyPatch,
    skew: float,
    lag: float,
    changes: list[tuple[float, int]],
    outage: int,
) -> None:
    job = FakeJob(*(f"t{i}" for i in range(5)), skew=skew, lag=lag)
    FakeAirflow(monkeypatch, job)
    seen: dict[str, list[tuple[float, str]]] = {f"t{i}": [] for i in range(5)}
    ended: dict[str, float] = {}

    async def main() -> None:
        mirrors = [spawn(name, mirror(name, seen=events)) for name, events in seen.items()]
        previous = 0.0
        for at, number in sorted(changes):
            await asyncio.sleep(at - previous)
            previous = at
            job.change(f"t{number}", "running", retryCount=len(ended))
        job.failures += [BatchUnavailableError("no answer")] * outage
        for name in seen:
            job.end(name)
            ended[name] = now()
        await asyncio.gather(*mirrors)

    run(main())
    outage_seconds = sum(min(5 * 2**i, 120) for i in range(outage))
    for name, events in seen.items():
        # not only by the whole list that comes every five minutes
        assert events[-1][0] - ended[name] <= lag + outage_seconds + 12


def test_an_idle_job_is_asked_for_nothing_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand tasks that were added at once must not come again with every list."""
    job = FakeJob(*(f"t{i}" for i in range(10)))
    FakeAirflow(monkeypatch, job)
    answered: list[int] = []
    original = job._list

    def listing(filter_: str | None) -> list[dict[str, Any]]:
        tasks = original(filter_)
        answered.append(len(tasks))
        return tasks

    monkeypatch.setattr(job, "_list", listing)

    async def main() -> None:
        job.change("t1", "running")
        watching = spawn("m", mirror("t1"))
        await asyncio.sleep(250)
        job.end("t1")
        await watching

    run(main())
    assert answered[0] == 10
    assert answered[-3] == 0


def test_a_deleted_task_is_missed_at_the_next_whole_list(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", "other")
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        watching = spawn("m", mirror("t"))
        await asyncio.sleep(10)
        job.delete("t")
        start = now()
        assert await watching == "lost"
        assert now() - start <= RECONCILE_EVERY + 1

    run(main())
    assert job.count("get_task") == 1


def test_a_task_that_no_list_shows_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", lag=20)
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        job.change("new", "active")
        watching = spawn("m", mirror("new"))
        await asyncio.sleep(15)
        assert job.count("get_task") == 1
        job.end("new")
        assert await watching == ENDED

    run(main())


def test_a_snapshot_is_never_older_than_the_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", latency=4)
    FakeAirflow(monkeypatch, job)

    async def newcomer(delay: float) -> None:
        await asyncio.sleep(delay)
        number = int(delay * 10)
        job.change("t", "running", retryCount=number)
        async with subscribe(CONN_ID, JOB, 5.0) as subscription:
            task = (await subscription.snapshot())["t"]
            assert task["executionInfo"]["retryCount"] >= number

    async def main() -> None:
        await asyncio.gather(*(newcomer(i * 0.3) for i in range(40)))

    run(main())
    assert len(job.lists(whole=True)) <= 12 / 4 + 2


def test_a_look_after_a_write_sees_what_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 5.0) as subscription:
            assert (await subscription.look(key("t"))).json["state"] == "active"
            job.end("t")
            subscription.wrote()
            assert (await subscription.look(key("t"))).json["state"] == ENDED

    run(main())
    assert job.count("get_task") == 1


# --- errors -------------------------------------------------------------------------------------------------


def test_a_failed_poll_is_an_error_of_every_look_until_the_service_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)
    seen: list[tuple[float, str]] = []

    async def main() -> None:
        watching = spawn("m", mirror("t", seen=seen))
        await asyncio.sleep(20)
        # Of one failure alone a mirror may hear nothing: it is over before the mirror looks again.
        job.failures += [BatchUnavailableError("no answer")] * 3
        await asyncio.sleep(200)
        job.end("t")
        assert await watching == ENDED

    run(main())
    states = [state for _, state in seen]
    assert "BatchUnavailableError" in states
    back = states.index("active", states.index("BatchUnavailableError"))
    assert set(states[back:]) == {"active", ENDED}


def test_a_fault_in_a_poll_reaches_the_mirror_and_not_the_end_of_the_poller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 1.0) as subscription:
            job.failures.append(ZeroDivisionError("a fault"))
            with pytest.raises(ZeroDivisionError):
                await subscription.look(key("t"))
            await subscription.wait(100, key("t"))
            assert (await subscription.look(key("t"))).json["state"] == "active"

    run(main())


def test_a_job_that_is_gone_is_told_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        job.failures.append(service_error("JobNotFound"))
        async with subscribe(CONN_ID, JOB, 1.0) as subscription:
            with pytest.raises(BatchNotFoundError):
                await subscription.look(key("t"))

    run(main())


# --- the connection -----------------------------------------------------------------------------------------


def test_a_refusal_makes_one_mirror_read_the_connection_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob(*(f"t{i}" for i in range(20)))
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        mirrors = [spawn(f"m{i}", mirror(f"t{i}")) for i in range(20)]
        await asyncio.sleep(100)
        job.key = airflow.key = "two"
        await asyncio.sleep(30)
        assert len(airflow.readers) == 2
        assert len(airflow.sessions()) == 1
        for i in range(20):
            job.end(f"t{i}")
        assert await asyncio.gather(*mirrors) == [ENDED] * 20

    run(main())
    assert len(airflow.readers) == 2
    assert airflow.sessions() == []


def test_a_refusal_that_lasts_does_not_ask_airflow_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", "u")
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        mirrors = [spawn(name, mirror(name)) for name in ("t", "u")]
        await asyncio.sleep(100)
        job.key = "another"
        airflow.errors += [RuntimeError("Airflow restarts")]
        await asyncio.sleep(600)
        assert 3 <= len(airflow.readers) <= 2 + 600 / shared_account.REFUSED_AGE
        airflow.key = "another"
        job.end("t")
        job.end("u")
        assert await asyncio.gather(*mirrors) == [ENDED] * 2

    run(main())


def test_airflow_is_asked_by_triggers_only_and_polls_belong_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        watching = spawn("m", mirror("t"))
        await asyncio.sleep(70)
        job.key = airflow.key = "two"
        await asyncio.sleep(30)
        job.end("t")
        await watching

    run(main())
    assert airflow.readers == ["m", "m"]
    assert {who for _, request, who in job.requests if request.operation == "list_tasks"} == {None}


def test_a_newcomer_is_given_a_connection_of_at_most_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        mirrors = [spawn("m0", mirror("t"))]
        await asyncio.sleep(200)
        mirrors.append(spawn("m1", mirror("t")))
        await asyncio.sleep(101)
        assert airflow.readers == ["m0"]
        job.key = airflow.key = "two"
        mirrors.append(spawn("m2", mirror("t")))
        await asyncio.sleep(1)
        assert airflow.readers == ["m0", "m2"]
        job.end("t")
        await asyncio.gather(*mirrors)

    run(main())
    assert airflow.sessions() == []


def test_a_connection_to_another_account_is_another_poller(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        first = spawn("m0", mirror("t"))
        await asyncio.sleep(301)
        airflow.url = "https://other.region.batch.azure.com"
        second = spawn("m1", mirror("t"))
        await asyncio.sleep(10)
        assert len(airflow.sessions()) == 2
        job.end("t")
        await asyncio.gather(first, second)

    run(main())
    assert airflow.sessions() == []


# --- leaving ------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stays=st.lists(st.tuples(st.floats(0, 12), st.floats(0, 6), st.booleans()), min_size=1, max_size=8),
    rotate=st.one_of(st.none(), st.floats(0, 12)),
    failures=st.integers(0, 2),
    survivor=st.booleans(),
)
def test_whoever_is_cancelled_at_any_moment_harms_nobody_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
    stays: list[tuple[float, float, bool]],
    rotate: float | None,
    failures: int,
    survivor: bool,
) -> None:
    job = FakeJob("t", latency=0.7)
    airflow = FakeAirflow(monkeypatch, job)
    monkeypatch.setattr(shared_account, "REFUSED_AGE", 0.0)
    job.failures += [BatchUnavailableError("no answer")] * failures

    async def visitor(start: float, stay: float, twice: bool) -> None:
        await asyncio.sleep(start)
        watching = spawn("visitor", mirror("t", interval=1))
        await asyncio.sleep(stay)
        watching.cancel()
        if twice:
            await asyncio.sleep(0)
            watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching

    async def rotation() -> None:
        if rotate is not None:
            await asyncio.sleep(rotate)
            job.key = airflow.key = "two"

    async def main() -> None:
        others = [spawn("survivor", mirror("t", interval=1))] if survivor else []
        await asyncio.gather(rotation(), *(visitor(*stay) for stay in stays))
        await asyncio.sleep(1)
        if len(airflow.sessions()) > len(others):
            await asyncio.sleep(0.1)  # it takes a moment to close the session with the old key
        assert len(airflow.sessions()) <= len(others)
        job.end("t")
        assert await asyncio.gather(*others) == [ENDED] * len(others)
        await asyncio.sleep(1)

    run(main())
    assert airflow.sessions() == []


def test_the_last_one_may_leave_while_a_request_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", latency=10)
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        watching = spawn("m", mirror("t"))
        await asyncio.sleep(3)
        assert job.in_flight == 1
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        assert job.in_flight == 0
        assert airflow.sessions() == []

    run(main())


def test_the_next_loop_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    airflow = FakeAirflow(monkeypatch, job)

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 1.0) as subscription:
            await subscription.snapshot()

    run(main())
    run(main())
    assert len(airflow.readers) == 2


# --- shared reads -------------------------------------------------------------------------------------------

POOL = requests.get_pool("p", ("id", "state"))


def test_the_same_explanation_is_read_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    async def asker(batch_job_id: str, delay: float) -> None:
        async with subscribe(CONN_ID, batch_job_id, 5.0) as subscription:
            await asyncio.sleep(delay)
            await subscription.read(requests.get_pool("p", ("id", "state")), 60.0)

    async def main() -> None:
        await asyncio.gather(*(asker(f"j{i % 3}", i * 0.5) for i in range(100)))
        assert job.count("get_pool") == 1
        await asker("j1", 60.0)
        assert job.count("get_pool") == 2

    run(main())


def test_an_answer_is_never_older_than_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", latency=1)
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 5.0) as subscription:
            await subscription.read(POOL, 60.0)
            await asyncio.sleep(2)
            await subscription.read(POOL, 5.0)
            assert job.count("get_pool") == 1
            await subscription.read(POOL, 2.5)
            assert job.count("get_pool") == 2

    run(main())


def test_an_error_of_a_shared_read_is_everybodys_for_a_short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 5.0) as subscription:
            job.failures.append(service_error("PoolNotFound"))
            for _ in range(20):
                with pytest.raises(BatchNotFoundError):
                    await subscription.read(POOL, 60.0)
            assert job.count("get_pool") == 1
            await asyncio.sleep(shared_account.ERROR_AGE)
            await subscription.read(POOL, 60.0)

    run(main())


def test_who_is_cancelled_in_a_shared_read_leaves_it_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", latency=10)
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 5.0) as subscription:
            readers = [asyncio.ensure_future(subscription.read(POOL, 60.0)) for _ in range(3)]
            await asyncio.sleep(5)
            readers[0].cancel()
            answers = await asyncio.gather(*readers, return_exceptions=True)
            assert isinstance(answers[0], asyncio.CancelledError)
            assert answers[1] is answers[2]

    run(main())
    assert job.count("get_pool") == 2


def test_a_thousand_reads_take_turns_and_the_poller_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t", latency=2)
    FakeAirflow(monkeypatch, job)

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 1.0) as subscription:
            await subscription.snapshot()
            read = requests.get_task_file(key("t"), "stdout.txt", 0, 10)
            start = now()
            await asyncio.gather(*(subscription.port.send(read) for _ in range(1000)))
            polls = [at for at in job.lists(whole=False) if at > start]
            assert len(polls) >= (now() - start) / 5

    run(main())
    assert job.most_in_flight == shared_account.READS_AT_ONCE + 1


def test_a_refused_key_stays_an_error_while_airflow_has_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob("t")
    airflow = FakeAirflow(monkeypatch, job)
    job.key = "another"

    async def main() -> None:
        async with subscribe(CONN_ID, JOB, 5.0) as subscription:
            for _ in range(3):
                with pytest.raises(BatchAuthenticationError):
                    await subscription.look(key("t"))
                await subscription.wait(5, key("t"))

    run(main())
    assert len(airflow.readers) == 1
