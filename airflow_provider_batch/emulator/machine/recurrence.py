"""
When a job schedule creates its jobs: pure functions of its configuration and the time.

A schedule has a first time for a job, and with a recurrence interval further ones on a fixed grid from there.
At each of these times a job may be created until the start window is over or the next time has come; what was
not used by then is lost. Nothing is created after ``do_not_run_after``.

Source: reference of the service, section 3.6. That the grid stays where it is when a job comes late is
inferred: the documentation counts windows from the times of the schedule.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_batch.emulator.model.schedules import ScheduleConfiguration

_MICROSECOND = timedelta(microseconds=1)


def next_run(
    configuration: ScheduleConfiguration, created: datetime, last_run: datetime | None, now: datetime
) -> datetime | None:
    """
    The first time for a job that was neither used nor lost; it is past when a job may be created now.

    :param created: when the schedule was created.
    :param last_run: the time that was used last; None when there was none yet.
    :return: None when there is no further time.
    """
    run = _following(configuration, created, last_run)
    if run is None:
        return None
    end = _window_end(configuration, run)
    if end is not None and end <= now:
        run = _not_lost(configuration, run, now)
    deadline = configuration.do_not_run_after
    if run is None or (deadline is not None and max(run, now) > deadline):
        return None
    return run


def is_over(
    configuration: ScheduleConfiguration, created: datetime, last_run: datetime | None, now: datetime
) -> bool:
    """Whether nothing is left to do once the present job has ended; what recurs stays till its deadline."""
    if next_run(configuration, created, last_run, now) is not None:
        return False
    deadline = configuration.do_not_run_after
    return configuration.recurrence_interval is None or (deadline is not None and now > deadline)


def next_look(
    configuration: ScheduleConfiguration, created: datetime, last_run: datetime | None, now: datetime
) -> datetime | None:
    """The next moment at which time alone changes what the other functions say; None for never."""
    run = next_run(configuration, created, last_run, now)
    deadline = configuration.do_not_run_after
    moments = [
        run if run is None or run > now else _window_end(configuration, run),
        None if deadline is None else _later(deadline, _MICROSECOND),
    ]
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _following(
    configuration: ScheduleConfiguration, created: datetime, last_run: datetime | None
) -> datetime | None:
    """The time after the last one, lost or not."""
    if last_run is None:
        run: datetime | None = created
    elif configuration.recurrence_interval is None:
        return None
    else:
        run = _later(last_run, configuration.recurrence_interval)
    earliest = configuration.do_not_run_until
    return run if run is None or earliest is None else max(run, earliest)


def _window_end(configuration: ScheduleConfiguration, run: datetime) -> datetime | None:
    """The moment from which on no job is created for a time; None for never."""
    limits = (configuration.start_window, configuration.recurrence_interval)
    width = min((limit for limit in limits if limit is not None), default=None)
    return None if width is None else _later(run, width)


def _not_lost(configuration: ScheduleConfiguration, run: datetime, now: datetime) -> datetime | None:
    """The first time, from a lost one on, of which the window is not over."""
    interval = configuration.recurrence_interval
    if interval is None:
        return None
    latest = run + (now - run) // interval * interval
    end = _window_end(configuration, latest)
    return latest if end is None or end > now else _later(latest, interval)


def _later(moment: datetime, duration: timedelta) -> datetime | None:
    """``moment + duration``; None when that lies behind the end of all calendars."""
    try:
        return moment + duration
    except OverflowError:
        return None
