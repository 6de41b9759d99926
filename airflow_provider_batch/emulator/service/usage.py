"""
Usage metrics: how many hours of cores each pool held in each half hour.

An interval can be asked for when it is two hours old.

Source: reference of the service, sections 1.2 and 2.8, and the SDK's documentation of the operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.model.nodes import NodeUsage
from airflow_provider_batch.emulator.model.sizes import cores_of
from airflow_provider_batch.emulator.wire.fields import Fields, Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing
from airflow_provider_batch.emulator.wire.odata import NODE_COUNTS
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.times import format_time, parse_time

INTERVAL = timedelta(minutes=30)
DELAY = timedelta(hours=2)
_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class PoolUsage:
    """What the nodes of a pool held in one interval."""

    pool_id: str
    start: datetime
    end: datetime
    vm_size: str
    core_hours: float


_FIELDS: Fields[PoolUsage] = {
    "poolId": lambda usage, links: usage.pool_id,
    "startTime": lambda usage, links: format_time(usage.start),
    "endTime": lambda usage, links: format_time(usage.end),
    "vmSize": lambda usage, links: usage.vm_size,
    "totalCoreHours": lambda usage, links: usage.core_hours,
}
_LIST = Listing(
    "poolusagemetrics",
    _FIELDS,
    NODE_COUNTS,
    lambda usage: (usage.pool_id.lower(), format_time(usage.start), usage.vm_size),
)


class Usage:
    """The operation on usage metrics."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the usage, by pool and interval; without times that of the last interval."""
        now = self._engine.now()
        newest = interval_before(now - DELAY)
        start = _time(query, "startTime", now - DELAY - INTERVAL) or newest - INTERVAL
        end = _time(query, "endtime", now - DELAY) or newest
        if end < start:
            raise errors.invalid_query_parameter_value(
                "endtime", query.text("endtime") or "", "It is before startTime"
            )
        with self._engine.reading() as state:
            usages = list(_held(state, now))
        # Intervals are whole: those that the range touches, as far as there are any.
        found = aggregate(usages, interval_before(start), min(_interval_after(end), newest))
        return _LIST.page(found, path, query, links)


def _time(query: Query, name: str, latest: datetime) -> datetime | None:
    text = query.text(name)
    if text is None:
        return None
    try:
        value = parse_time(text)
    except ValueError as error:
        raise errors.invalid_query_parameter_value(name, text, str(error)) from None
    if value > latest:
        hours = "two and a half hours" if name == "startTime" else "two hours"
        raise errors.invalid_query_parameter_value(name, text, f"It must be at least {hours} ago")
    return value


def _held(state: State, now: datetime) -> Iterator[NodeUsage]:
    yield from state.usage
    for pool in state.pools.values():
        for node in pool.nodes.values():
            if node.held_since is not None:
                yield NodeUsage(pool.id, node.vm_size, node.held_since, now)


def interval_before(moment: datetime) -> datetime:
    """Return the last boundary of two intervals that is not after a moment."""
    return _EPOCH + (moment - _EPOCH) // INTERVAL * INTERVAL


def _interval_after(moment: datetime) -> datetime:
    before = interval_before(moment)
    return before if before == moment else before + INTERVAL


def aggregate(usages: Iterable[NodeUsage], start: datetime, end: datetime) -> list[PoolUsage]:
    """
    Sum up what nodes held, by pool, interval and size.

    :param start: a boundary of two intervals, as is ``end``.
    """
    hours: dict[tuple[str, datetime, str], float] = {}
    for usage in usages:
        at = max(interval_before(usage.start), start)
        while at < min(usage.end, end):
            share = min(usage.end, at + INTERVAL) - max(usage.start, at)
            key = (usage.pool_id, at, usage.vm_size)
            hours[key] = hours.get(key, 0.0) + share / timedelta(hours=1) * cores_of(usage.vm_size)
            at += INTERVAL
    return [PoolUsage(pool, at, at + INTERVAL, size, sum_) for (pool, at, size), sum_ in hours.items()]
