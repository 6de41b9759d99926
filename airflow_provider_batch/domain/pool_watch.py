"""
Waiting for a pool: until its nodes are usable, until it is gone, until something happened to some nodes.

One loop asks, says why it waits, and keeps the time; what is waited for is a look (:class:`Look`) that the
loop repeats. A poll without an answer says nothing about the pool, and what looks hopeless is looked at a
second time, since the pool and its nodes are two requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from airflow_provider_batch.domain import polling, requests
from airflow_provider_batch.domain.flow import Flow, Log, Now, Random, Sleep, get_or_none, pages
from airflow_provider_batch.domain.pool_readiness import (
    NODE_SELECT,
    POOL_SELECT,
    Phase,
    PoolVerdict,
    Readiness,
    Wanted,
    judge_pool,
)
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.start_task_output import last_words
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchDeadlineError,
    BatchNotFoundError,
    BatchPoolLostError,
    BatchPoolUnusableError,
)

__all__ = [
    "Limits",
    "Look",
    "PoolTarget",
    "look_at_gone",
    "look_at_usable",
    "pool_view",
    "watch",
]

#: seconds until a pool that looks hopeless is looked at again
SECOND_LOOK: Final = 5.0
#: least number of seconds between two lines that say why we wait, and greatest between two that say the same
SAY_AFTER: Final = 10.0
SAY_AGAIN: Final = 300.0


@dataclass(frozen=True)
class Limits:
    """
    How long to wait, and how often to ask.

    :param poll_interval: greatest number of seconds between two looks.
    :param allocation_timeout: seconds for machines to be allocated, or for what has no nodes to wait for.
    :param node_timeout: seconds for allocated machines to become usable nodes.
    :param began: when the wait began; a restart of the triggerer does not give it more time.
    :param deadline: when the Airflow task has no more time at all; None for no limit.
    """

    poll_interval: float
    allocation_timeout: float
    node_timeout: float
    began: datetime
    deadline: datetime | None = None


@dataclass(frozen=True)
class PoolTarget:
    """
    A pool that is to have usable nodes.

    :param batch_pool_id: the pool.
    :param wanted: what makes it ready.
    :param old_errors: tells errors of earlier resizes, see
        :func:`~airflow_provider_batch.domain.pool_readiness.old_errors_of`.
    :param created: creation time of the pool, as the service sent it; another one is another pool.
    """

    batch_pool_id: str
    wanted: Wanted = field(default_factory=Wanted)
    old_errors: str | None = None
    created: str | None = None


@dataclass(frozen=True)
class Look:
    """
    What one look says.

    :param text: what is the case, for the log.
    :param value: the result when it is over; None while it is not.
    :param failure: why waiting cannot help; None while it can.
    :param phase: which time limit counts.
    :param failed_node: a node whose start task failed, to show what it printed.
    :param warnings: what a person should know although it decides nothing.
    """

    text: str
    value: Mapping[str, Any] | None = None
    failure: str | None = None
    phase: Phase = Phase.ALLOCATION
    failed_node: str | None = None
    warnings: Sequence[str] = ()


def watch(batch_pool_id: str, look: Callable[[], Flow[Look]], limits: Limits) -> Flow[Mapping[str, Any]]:
    """
    Flow: look until it is over.

    :param batch_pool_id: the pool.
    :param look: makes the flow of one look.
    :param limits: how long, how often.
    :return: the value of the last look.
    :raises BatchPoolUnusableError: waiting cannot help.
    :raises BatchPoolLostError: the pool does not exist any more.
    :raises BatchDeadlineError: a time limit passed.
    """
    return (yield from _Watch(batch_pool_id, look, limits).until_the_end())


class _Watch:
    def __init__(self, batch_pool_id: str, look: Callable[[], Flow[Look]], limits: Limits) -> None:
        self.pool_id = batch_pool_id
        self.look = look
        self.limits = limits
        self.pace = polling.Pace(limits.poll_interval)
        self.spent = dict.fromkeys(Phase, timedelta())
        self.last_look: tuple[datetime, Look] | None = None
        self.said: tuple[datetime, str] | None = None
        self.failed_looks = 0
        self.refused_since: datetime | None = None
        self.unanswered = False
        self.output = ""

    def until_the_end(self) -> Flow[Mapping[str, Any]]:
        while True:
            now: datetime = yield Now()
            self._spend(now)
            try:
                seen = yield from self.look()
            except BatchNotFoundError as error:
                raise BatchPoolLostError(
                    f"pool {self.pool_id} does not exist any more ({error.code}): somebody deleted it."
                ) from error
            except (BatchPoolUnusableError, BatchDeadlineError):
                raise
            except AzureBatchError as error:
                yield from self._survive(error, now)
                continue
            yield from self._answered()
            if seen.value is not None:
                yield from self._end(seen)
                return seen.value
            yield from self._note(seen, now)
            yield from self._pause(seen, now)

    def _end(self, seen: Look) -> Flow[None]:
        yield Log(f"{seen.text[:1].upper()}{seen.text[1:]}.")
        for warning in seen.warnings:
            yield Log(f"Not all is well: {warning}.", "WARNING")

    def _answered(self) -> Flow[None]:
        if self.unanswered:
            yield Log("The Batch service answers again.")
        self.unanswered, self.refused_since = False, None

    # --- saying why ------------------------------------------------------------------------------

    def _note(self, seen: Look, now: datetime) -> Flow[None]:
        if self.last_look is None or self.last_look[1].text != seen.text:
            self.pace.changed()
        self.last_look = (now, seen)
        yield from self._say(seen.text, now)
        if seen.failed_node is not None and not self.output:
            self.output = yield from last_words(self.pool_id, seen.failed_node)
            if self.output:
                yield Log(self.output, "WARNING")
        self.failed_looks = self.failed_looks + 1 if seen.failure else 0
        if seen.failure and self.failed_looks > 1:
            output = f"\n{self.output}" if self.output else ""
            raise BatchPoolUnusableError(f"{seen.failure}.{output}")

    def _say(self, text: str, now: datetime) -> Flow[None]:
        if self.said is not None:
            ago = (now - self.said[0]).total_seconds()
            if ago < SAY_AFTER or (text == self.said[1] and ago < SAY_AGAIN):
                return
        self.said = (now, text)
        yield Log(f"Waiting: {text}.")

    # --- time ------------------------------------------------------------------------------------

    def _spend(self, now: datetime) -> None:
        if self.last_look is not None:
            at, seen = self.last_look
            self.spent[seen.phase] += now - at
            self.last_look = (now, seen)
        for phase, limit in self._limits().items():
            if self.spent[phase].total_seconds() >= limit:
                what = (
                    "its machines were not allocated"
                    if phase is Phase.ALLOCATION
                    else "its nodes were not usable"
                )
                raise self._too_late(f"{what} within {limit:.0f} s")
        total = sum(self._limits().values())
        if (now - self.limits.began).total_seconds() >= total:
            raise self._too_late(f"it took longer than {total:.0f} s in all")
        if self.limits.deadline is not None and now >= self.limits.deadline:
            raise self._too_late("the execution_timeout of the Airflow task is over")

    def _limits(self) -> dict[Phase, float]:
        return {Phase.ALLOCATION: self.limits.allocation_timeout, Phase.NODES: self.limits.node_timeout}

    def _too_late(self, what: str) -> BatchDeadlineError:
        last = self.last_look[1].text if self.last_look else f"pool {self.pool_id} was not seen"
        output = f"\n{self.output}" if self.output else ""
        return BatchDeadlineError(f"{what}; last seen: {last}.{output}")

    def _until_limit(self, seconds: float, now: datetime) -> float:
        phase = self.last_look[1].phase if self.last_look else Phase.ALLOCATION
        left = self._limits()[phase] - self.spent[phase].total_seconds()
        if self.limits.deadline is not None:
            left = min(left, (self.limits.deadline - now).total_seconds())
        return max(0.0, min(seconds, left))

    def _pause(self, seen: Look, now: datetime) -> Flow[None]:
        seconds = self.pace.wait((yield Random()))
        if seen.failure:
            seconds = min(self.limits.poll_interval, SECOND_LOOK)
        yield Sleep(self._until_limit(seconds, now))

    def _survive(self, error: AzureBatchError, now: datetime) -> Flow[None]:
        """Wait after a look that failed, or raise what waiting cannot cure."""
        if polling.is_refusal(error):
            self.refused_since = self.refused_since or now
            if (now - self.refused_since).total_seconds() > polling.REFUSAL_PATIENCE:
                raise error
        elif not polling.is_transient(error):
            raise error
        if not self.unanswered:
            yield Log(f"No answer to a poll, which says nothing about the pool: {error}", "WARNING")
        self.unanswered = True
        yield Sleep(self._until_limit(self.pace.wait_after(error, (yield Random())), now))


# --- what is looked at ---------------------------------------------------------------------------


def look_at_usable(target: PoolTarget) -> Flow[Look]:
    """
    Flow: see whether a pool has the nodes that are wanted.

    :param target: the pool, and what makes it ready.
    """
    answer: Answer = yield requests.get_pool(target.batch_pool_id, POOL_SELECT)
    check_same_pool(answer.json, target.batch_pool_id, target.created)
    nodes = yield from pages(requests.list_nodes(target.batch_pool_id, NODE_SELECT))
    verdict = judge_pool(answer.json, nodes, target.wanted, target.old_errors)
    ready = verdict.readiness is Readiness.READY
    return Look(
        verdict.text,
        value=pool_view(answer.json, verdict) if ready else None,
        failure=verdict.text if verdict.readiness is Readiness.FAILED else None,
        phase=verdict.phase,
        failed_node=next((node.node_id for node in verdict.broken if node.start_task_failed), None),
        warnings=verdict.warnings,
    )


def check_same_pool(pool: Mapping[str, Any], batch_pool_id: str, created: str | None) -> None:
    """
    Check that a pool is there still, and is the one that was there before.

    :param pool: as the service sent it.
    :param batch_pool_id: its id.
    :param created: creation time of the one that was there before; None when it is not known.
    :raises BatchPoolLostError: it is not.
    """
    if lower(pool.get("state")) == "deleting":
        raise BatchPoolLostError(f"pool {batch_pool_id} is being deleted by somebody.")
    if created is not None and pool.get("creationTime") not in (None, created):
        raise BatchPoolLostError(
            f"pool {batch_pool_id} was deleted by somebody; another one has its id since "
            f"{pool.get('creationTime')}."
        )


def pool_view(pool: Mapping[str, Any], verdict: PoolVerdict) -> dict[str, Any]:
    """
    Return what a task downstream may want to know of a pool, as plain JSON.

    :param pool: as the service sent it.
    :param verdict: what was seen of its nodes.
    """
    return {
        "batch_pool_id": pool.get("id"),
        "vm_size": pool.get("vmSize"),
        "usable_nodes": verdict.usable,
        "nodes": dict(verdict.states),
        "target_dedicated_nodes": int(pool.get("targetDedicatedNodes") or 0),
        "target_low_priority_nodes": int(pool.get("targetLowPriorityNodes") or 0),
        "auto_scale": bool(pool.get("enableAutoScale")),
    }


def look_at_gone(batch_pool_id: str, created: str | None) -> Flow[Look]:
    """
    Flow: see whether a pool that is being deleted is gone.

    :param batch_pool_id: the pool.
    :param created: its creation time; one of another time is another pool.
    """
    found = yield from get_or_none(requests.get_pool(batch_pool_id, ("id", "state", "creationTime", *_SIZES)))
    value = {"batch_pool_id": batch_pool_id, "deleted": True}
    if found is None:
        return Look(f"pool {batch_pool_id} is gone, and bills no more", value=value)
    pool = found.json
    if created is not None and pool.get("creationTime") not in (None, created):
        return Look(f"pool {batch_pool_id} is gone; another one has its id now", value=value)
    if lower(pool.get("state")) != "deleting":
        return Look("", failure=f"pool {batch_pool_id} is {lower(pool.get('state'))}, not being deleted")
    count = sum(int(pool.get(name) or 0) for name in _SIZES)
    return Look(f"pool {batch_pool_id} is being deleted; {count} nodes are left")


_SIZES: Final = ("currentDedicatedNodes", "currentLowPriorityNodes")
