"""
What launch says, asked once for all mirrors of a triggerer that want to know.

A question to Airflow takes its single supervising process some 13 ms, and hundreds of mirrors of a run start
within seconds.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.triggers.task_instance import get_xcom, state_of_task

__all__ = ["await_launch"]

#: seconds between two questions while launch has not spoken
POLL = 2.0
#: an answer is new enough for a mirror that began at most this many seconds after the question, or after
#: another mirror that the answer was new enough for: no member starts while launch runs again
MAX_GAP = 5.0
#: seconds after which no mirror that began in time is still waiting
FORGET_AFTER = 300.0
#: launch will say nothing any more, or has said it
_OVER = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})

#: of a run: DAG, run and launch task
_Key = tuple[str, str, str]


@dataclass
class _News:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: when it was asked for, or when the last mirror began that it was new enough for
    used: float = float("-inf")
    said: Mapping[str, Any] | None = None


_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, _News]] = (
    weakref.WeakKeyDictionary()
)


async def await_launch(
    task_instance: Any, launch: str, *, since: float, may_be_stale: bool
) -> Launched | None:
    """
    Wait until launch has said what it planned; None when it says nothing.

    :param task_instance: the trigger's ``task_instance``.
    :param launch: id of the launch task.
    :param since: when the mirror began, in the loop's time. What others that began shortly before were told
        is new enough for it. A question of its own would wait behind all that those write to Airflow.
    :param may_be_stale: the member was cleared. It may start before launch, which was cleared with it, has
        run again; then what launch said before is not valid any more, nor what others were told.
    """
    while True:
        said = None if may_be_stale else await _said(task_instance, launch, since)
        if said:
            return Launched.from_json(said)
        if await state_of_task(task_instance, launch) in _OVER:
            # It may have spoken between two questions.
            said = await _ask(task_instance, launch)
            return Launched.from_json(said) if said else None
        await asyncio.sleep(POLL)


async def _said(task_instance: Any, launch: str, since: float) -> Mapping[str, Any] | None:
    loop = asyncio.get_running_loop()
    all_news = _by_loop.setdefault(loop, {})
    news = all_news.setdefault((task_instance.dag_id, task_instance.run_id, launch), _News())
    # One at a time asks, in its own coroutine; who is cancelled takes no answer from others.
    async with news.lock:
        if since - news.used > MAX_GAP or not news.said:
            asked = loop.time()
            news.said = await _ask(task_instance, launch)
            news.used = asked
            _forget_old(all_news, asked)
        news.used = max(news.used, since)
        return news.said


async def _ask(task_instance: Any, launch: str) -> Mapping[str, Any] | None:
    said = await get_xcom(task_instance, "return_value", task_id=launch, map_index=-1)
    return said if isinstance(said, Mapping) else None


def _forget_old(all_news: dict[_Key, _News], now: float) -> None:
    for key, news in list(all_news.items()):
        if now - news.used > FORGET_AFTER and not news.lock.locked():
            del all_news[key]
