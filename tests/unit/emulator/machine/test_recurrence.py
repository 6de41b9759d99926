"""When a job schedule creates jobs, compared with a walk from one time to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.machine.recurrence import is_over, next_look, next_run
from airflow_provider_batch.emulator.model.schedules import ScheduleConfiguration

CREATED = datetime(2030, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

_MOMENTS = st.integers(-30, 120).map(lambda minutes: CREATED + minutes * MINUTE)
_SPANS = st.integers(1, 40).map(lambda minutes: minutes * MINUTE)
CONFIGURATIONS = st.builds(
    ScheduleConfiguration,
    do_not_run_until=st.none() | _MOMENTS,
    do_not_run_after=st.none() | _MOMENTS,
    start_window=st.none() | _SPANS,
    recurrence_interval=st.none() | _SPANS,
)
NOW = st.integers(0, 200).map(lambda minutes: CREATED + minutes * MINUTE)


@dataclass
class Life:
    """A schedule's jobs, when each was created and for which time."""

    configuration: ScheduleConfiguration
    created_at: list[datetime]
    runs: list[datetime]
    over_at: datetime | None


def live(configuration: ScheduleConfiguration, lengths: list[int]) -> Life:
    """Let a schedule live from minute to minute; each job runs for the next of the given minutes."""
    life = Life(configuration, [], [], None)
    busy_until = CREATED
    for minute in range(300):
        now = CREATED + minute * MINUTE
        if now < busy_until:
            continue
        last = life.runs[-1] if life.runs else None
        run = next_run(configuration, CREATED, last, now)
        if run is not None and run <= now:
            life.runs.append(run)
            life.created_at.append(now)
            length = lengths[(len(life.runs) - 1) % len(lengths)]
            busy_until = now + length * MINUTE
        if now >= busy_until and is_over(configuration, CREATED, life.runs[-1] if life.runs else None, now):
            life.over_at = life.over_at or now
        else:
            assert life.over_at is None, "a schedule that was over is not"
    return life


def walked(configuration: ScheduleConfiguration, last: datetime | None, now: datetime) -> datetime | None:
    """The next run, found by going through all times one by one."""
    step, window = configuration.recurrence_interval, configuration.start_window
    if last is None:
        run = CREATED
    elif step is None:
        return None
    else:
        run = last + step
    run = max(run, configuration.do_not_run_until or run)
    while True:
        if configuration.do_not_run_after is not None and run > configuration.do_not_run_after:
            return None
        lost = window is not None and run + window <= now
        if not lost and not (step is not None and run + step <= now):
            late = configuration.do_not_run_after is not None and now > configuration.do_not_run_after
            return None if late else run
        if step is None:
            return None
        run += step


@given(CONFIGURATIONS, st.none() | NOW, NOW)
def test_next_run_is_the_one_that_a_walk_finds(
    configuration: ScheduleConfiguration, last: datetime | None, now: datetime
):
    assert next_run(configuration, CREATED, last, now) == walked(configuration, last, now)


@given(CONFIGURATIONS, st.lists(st.integers(0, 60), min_size=1, max_size=5))
def test_no_job_is_created_outside_its_window(configuration: ScheduleConfiguration, lengths: list[int]):
    life = live(configuration, lengths)
    for created, run in zip(life.created_at, life.runs, strict=True):
        assert run <= created
        assert configuration.start_window is None or created < run + configuration.start_window
        assert configuration.recurrence_interval is None or created < run + configuration.recurrence_interval
        assert configuration.do_not_run_until is None or run >= configuration.do_not_run_until
        assert configuration.do_not_run_after is None or created <= configuration.do_not_run_after


@given(CONFIGURATIONS, st.lists(st.integers(0, 60), min_size=1, max_size=5))
def test_runs_lie_on_one_grid_and_none_is_used_twice(
    configuration: ScheduleConfiguration, lengths: list[int]
):
    runs = live(configuration, lengths).runs
    for before, after in pairwise(runs):
        assert configuration.recurrence_interval is not None
        assert after > before
        assert (after - before) % configuration.recurrence_interval == timedelta(0)


@given(CONFIGURATIONS)
def test_jobs_that_end_at_once_lose_no_time_of_the_schedule(configuration: ScheduleConfiguration):
    life = live(configuration, [0])
    wanted = [CREATED + minute * MINUTE for minute in range(300)]
    first = max(CREATED, configuration.do_not_run_until or CREATED)
    step, last = configuration.recurrence_interval, configuration.do_not_run_after
    due = [
        moment
        for moment in wanted
        if moment >= first
        and (last is None or moment <= last)
        and (moment == first if step is None else (moment - first) % step == timedelta(0))
    ]
    assert life.created_at == due


@given(CONFIGURATIONS, st.none() | NOW, NOW)
def test_nothing_changes_before_the_next_look(
    configuration: ScheduleConfiguration, last: datetime | None, now: datetime
):
    look = next_look(configuration, CREATED, last, now)
    end = now + timedelta(days=1) if look is None else look - timedelta(microseconds=1)
    run = next_run(configuration, CREATED, last, now)
    over = is_over(configuration, CREATED, last, now)
    assert look is None or look > now
    for moment in (now + (end - now) / 2, end):
        assert next_run(configuration, CREATED, last, moment) == run
        assert is_over(configuration, CREATED, last, moment) == over
        assert run is None or (run <= now) == (run <= moment)


def test_schedule_without_recurrence_has_one_run():
    once = ScheduleConfiguration()
    assert next_run(once, CREATED, None, CREATED + DAY) == CREATED
    assert next_run(once, CREATED, CREATED, CREATED + DAY) is None
    assert is_over(once, CREATED, CREATED, CREATED)


def test_schedule_without_recurrence_is_over_with_its_window():
    once = ScheduleConfiguration(start_window=MINUTE)
    assert not is_over(once, CREATED, None, CREATED)
    assert is_over(once, CREATED, None, CREATED + MINUTE)


def test_job_is_created_in_the_very_moment_of_the_deadline_and_not_after():
    daily = ScheduleConfiguration(do_not_run_after=CREATED + DAY, recurrence_interval=DAY)
    deadline = CREATED + DAY
    assert next_run(daily, CREATED, CREATED, deadline) == deadline
    assert next_run(daily, CREATED, CREATED, deadline + timedelta(microseconds=1)) is None


def test_what_recurs_with_a_deadline_is_over_at_the_deadline_only():
    daily = ScheduleConfiguration(do_not_run_after=CREATED + 1.5 * DAY, recurrence_interval=DAY)
    assert next_run(daily, CREATED, CREATED + DAY, CREATED + DAY) is None
    assert not is_over(daily, CREATED, CREATED + DAY, CREATED + DAY)
    assert next_look(daily, CREATED, CREATED + DAY, CREATED + DAY) == (
        CREATED + 1.5 * DAY + timedelta(microseconds=1)
    )


def test_jump_over_years_of_minutes_is_no_walk():
    often = ScheduleConfiguration(recurrence_interval=MINUTE)
    now = CREATED + timedelta(days=365 * 1000, seconds=30)
    assert next_run(often, CREATED, CREATED, now) == now - timedelta(seconds=30)


def test_spans_beyond_the_end_of_all_calendars_never_end():
    rare = ScheduleConfiguration(
        recurrence_interval=timedelta(days=10_000_000), start_window=timedelta(days=10_000_000)
    )
    assert next_run(rare, CREATED, None, CREATED + DAY) == CREATED
    assert next_run(rare, CREATED, CREATED, CREATED + DAY) is None
    assert next_look(rare, CREATED, CREATED, CREATED + DAY) is None
    assert not is_over(rare, CREATED, CREATED, CREATED + DAY)
