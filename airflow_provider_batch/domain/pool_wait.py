"""
A wait for a pool as plain data, which travels from a worker to the triggerer; and what becomes of it.

However a wait ends, what exists and bills is in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from airflow_provider_batch.domain import node_actions
from airflow_provider_batch.domain.flow import Flow, Log, Now
from airflow_provider_batch.domain.pool_changes import withdraw
from airflow_provider_batch.domain.pool_readiness import Wanted
from airflow_provider_batch.domain.pool_watch import (
    Limits,
    Look,
    PoolTarget,
    look_at_gone,
    look_at_usable,
    watch,
)
from airflow_provider_batch.exceptions import AzureBatchError, BatchDeadlineError, BatchPoolLostError

__all__ = ["POOL_CLAIM_KEY", "PoolWait", "wait_for_pool"]

#: XCom in which a try says that it is at work on a pool
POOL_CLAIM_KEY: Final = "batch_pool_claim"

Kind: TypeAlias = Literal["usable", "gone", "removed", "drained", "restarted"]


@dataclass(frozen=True)
class PoolWait:
    """
    What to wait for; everything in it is JSON.

    :param batch_pool_id: the pool.
    :param kind: usable nodes, the end of the pool, or what happens to some nodes.
    :param began: when the wait began, ISO 8601.
    :param nodes: number of nodes that must be usable; None to go by the share.
    :param share: part of the targets that must be usable.
    :param steady: whether the pool must be steady too.
    :param old_errors: tells errors of earlier resizes.
    :param created: creation time of the pool, as the service sent it.
    :param boots: nodes, with the time of their last boot.
    :param result: what the result says besides what is seen.
    :param poll_interval: greatest number of seconds between two looks.
    :param allocation_timeout: seconds for machines to be allocated, and for everything else but nodes.
    :param node_timeout: seconds for nodes to become usable.
    :param deadline: when the Airflow task has no more time, ISO 8601.
    :param owner: the work whose pool is deleted when it is killed or has no more time; None to keep it.
    :param failure_owner: the work whose pool is deleted when the wait fails; None to keep it.
    """

    batch_pool_id: str
    kind: Kind
    began: str
    nodes: int | None = None
    share: float = 1.0
    steady: bool = False
    old_errors: str | None = None
    created: str | None = None
    boots: Mapping[str, str | None] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    poll_interval: float = 15.0
    allocation_timeout: float = 1800.0
    node_timeout: float = 1800.0
    deadline: str | None = None
    owner: str | None = None
    failure_owner: str | None = None

    def limits(self) -> Limits:
        """Return how long to wait, and how often to ask."""
        return Limits(
            self.poll_interval,
            self.allocation_timeout,
            self.node_timeout,
            datetime.fromisoformat(self.began),
            datetime.fromisoformat(self.deadline) if self.deadline else None,
        )

    def look(self) -> Callable[[], Flow[Look]]:
        """Return what makes the flow of one look."""
        pool_id = self.batch_pool_id
        match self.kind:
            case "usable":
                wanted = Wanted(self.nodes, self.share, self.steady)
                return partial(look_at_usable, PoolTarget(pool_id, wanted, self.old_errors, self.created))
            case "gone":
                return partial(look_at_gone, pool_id, self.created)
            case "removed":
                return partial(node_actions.look_at_removed, pool_id, list(self.boots))
            case "drained":
                return partial(node_actions.look_at_drained, pool_id, list(self.boots))
            case "restarted":
                return partial(node_actions.look_at_restarted, pool_id, self.boots)


def wait_for_pool(wait: PoolWait) -> Flow[dict[str, Any]]:
    """
    Flow: wait, and return what a task downstream may want to know.

    :param wait: what to wait for.
    :raises BatchPoolUnusableError: waiting cannot help.
    :raises BatchPoolLostError: the pool does not exist any more.
    :raises BatchDeadlineError: a time limit passed.
    """
    try:
        seen = yield from watch(wait.batch_pool_id, wait.look(), wait.limits())
    except BatchPoolLostError:
        raise
    except BatchDeadlineError:
        now: datetime = yield Now()
        over = wait.deadline is not None and now >= datetime.fromisoformat(wait.deadline)
        yield from _leave(wait, wait.owner if over and wait.owner else wait.failure_owner)
        raise
    except AzureBatchError:
        yield from _leave(wait, wait.failure_owner)
        raise
    return {**seen, **wait.result}


def _leave(wait: PoolWait, owner: str | None) -> Flow[None]:
    """Delete the pool, or say what bills; the error on whose account it is done stays the reason."""
    try:
        yield from withdraw(wait.batch_pool_id, owner)
    except AzureBatchError as error:
        yield Log(f"Pool {wait.batch_pool_id} may exist, and bill: {error}", "ERROR")
