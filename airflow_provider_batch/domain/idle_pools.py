"""
Pools that hold nodes for nobody: how they are recognised, and how they are given up.

A pool is idle when it has nodes, no job on it has a task that waits or runs, and nothing about it has
happened for a grace time: no node came, left or ended a task, no job came. What is decided from is exact:
unfinished tasks are listed, since counts lag behind, a node says since when it is idle, and how long ago that
was is told by the service's own clock.

What could be seen in two ways:

=====================================  ============================================================
a pool without nodes                   holds nothing, whether a formula or somebody has left it so
a pool that is being resized           is in use: somebody, or its formula, has just asked for it
nodes on their way, or whose start     idle when none has changed its state for the grace time: they
task does not end                      bill, and a start task may hang for ever
nodes whose start task failed          idle: they bill, and take no task
a job that is disabled                 keeps its pool in use while it has tasks that wait or run:
                                       somebody put it on hold to go on
=====================================  ============================================================

Idle is not forgotten: who may give a pool up has to know whether somebody still counts on it. So the jobs
that are open on it are named, with whom they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, get_or_none, pages, pages_and_time, time_of, utc
from airflow_provider_batch.domain.labels import Owner, owner_of
from airflow_provider_batch.domain.node_hours import NO_HOURS, NodeHours, PoolMachines, hours_between
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.states import JOB_CLOSED, NODE_COMING, lower
from airflow_provider_batch.exceptions import BatchConflictError, BatchNotFoundError

__all__ = ["OpenJob", "PoolUse", "ReapAction", "give_up", "judge", "look_at_our_pools", "look_at_pool"]

ReapAction: TypeAlias = Literal["scale_to_zero", "delete"]

_POOL_SELECT = (
    "id",
    "state",
    "metadata",
    "creationTime",
    "vmSize",
    "taskSlotsPerNode",
    "virtualMachineConfiguration",
    "allocationState",
    "allocationStateTransitionTime",
    "enableAutoScale",
    "currentDedicatedNodes",
    "currentLowPriorityNodes",
    "targetDedicatedNodes",
    "targetLowPriorityNodes",
)
_NODE_SELECT = ("id", "state", "stateTransitionTime", "isDedicated")
_JOB_SELECT = ("id", "state", "creationTime", "poolInfo", "executionInfo", "metadata")


@dataclass(frozen=True)
class OpenJob:
    """
    A job that has not completed.

    :param batch_job_id: its id.
    :param owner: whom it was made for; None when it is not ours.
    :param created: when it was created.
    :param is_ending: it is being ended or deleted.
    :param has_work: a task of it has not completed.
    :param is_on_hold: it is disabled, or about to be.
    """

    batch_job_id: str
    owner: Owner | None
    created: datetime
    is_ending: bool = False
    has_work: bool = False
    is_on_hold: bool = False


@dataclass(frozen=True)
class PoolUse:
    """
    What a pool does at a moment.

    :param batch_pool_id: the pool.
    :param owner: whom it was made for; None when it is not ours.
    :param nodes: nodes that it has, or is to have.
    :param busy: why it is not idle; None when it is.
    :param since: since when nothing has happened.
    :param hours: what the nodes have held since then.
    :param an_hour: what the nodes hold in one hour.
    :param is_autoscaled: a formula decides its size.
    :param open_jobs: jobs on it that have not completed.
    """

    batch_pool_id: str
    owner: Owner | None
    nodes: int
    busy: str | None
    since: datetime
    hours: NodeHours = NO_HOURS
    an_hour: NodeHours = NO_HOURS
    is_autoscaled: bool = False
    open_jobs: Sequence[OpenJob] = field(default=())

    @property
    def is_idle(self) -> bool:
        """It holds nodes for nobody."""
        return self.busy is None

    def __str__(self) -> str:
        what = f"Pool {self.batch_pool_id} ({self.nodes} {'node' if self.nodes == 1 else 'nodes'})"
        if self.busy is not None:
            return f"{what} is not idle: {self.busy}."
        return f"{what} has been idle since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.hours} for nobody."


def judge(
    pool: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    open_jobs: Sequence[OpenJob],
    now: datetime,
    grace: timedelta,
) -> PoolUse:
    """
    Judge one pool; pure.

    :param pool: the pool as the service sent it.
    :param nodes: its nodes.
    :param open_jobs: jobs on it that have not completed.
    :param now: the service's time.
    :param grace: time in which nothing may have happened.
    """
    machines = PoolMachines.read(pool, nodes)
    billing = [node for node in nodes if lower(node.get("state")) not in ("preempted", "deallocated")]
    since = max(_last_changes(pool, billing, open_jobs), default=now)
    now = max(now, since)  # a change of this very second, or one that came while it was looked
    an_hour = sum((NodeHours.of(machines.machine(str(node["id"])), 1.0) for node in billing), NO_HOURS)
    idle_hours = hours_between(since, now)
    return PoolUse(
        batch_pool_id=str(pool["id"]),
        owner=owner_of(pool),
        nodes=max(len(billing), _wanted_nodes(pool)),
        busy=_why_busy(pool, billing, open_jobs, now - since, grace),
        since=since,
        hours=NodeHours({machine: count * idle_hours for machine, count in an_hour.by_machine.items()}),
        an_hour=an_hour,
        is_autoscaled=bool(pool.get("enableAutoScale")),
        open_jobs=tuple(open_jobs),
    )


def _last_changes(
    pool: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]], jobs: Iterable[OpenJob]
) -> list[datetime]:
    times = [pool.get("creationTime"), pool.get("allocationStateTransitionTime")]
    times += [node.get("stateTransitionTime") for node in nodes]
    return [utc(str(time)) for time in times if time] + [job.created for job in jobs]


def _wanted_nodes(pool: Mapping[str, Any]) -> int:
    kinds = ("Dedicated", "LowPriority")
    return sum(max(int(pool.get(f"{of}{kind}Nodes") or 0) for of in ("current", "target")) for kind in kinds)


def _why_busy(
    pool: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    jobs: Sequence[OpenJob],
    quiet: timedelta,
    grace: timedelta,
) -> str | None:
    if lower(pool.get("state")) not in ("active", ""):
        return f"it is {lower(pool.get('state'))}"
    if not nodes and not _wanted_nodes(pool):
        return "it has no nodes"
    for job in jobs:
        if job.has_work:
            hold = "; it is disabled, and nothing of it starts until it is enabled" if job.is_on_hold else ""
            return f"job {job.batch_job_id} has tasks that wait or run{hold}"
        if job.is_ending:
            return f"job {job.batch_job_id} is being ended"
    states = [lower(node.get("state")) for node in nodes]
    if "running" in states:
        return "a node runs a task"
    if lower(pool.get("allocationState")) in ("resizing", "stopping"):
        return "it is being resized"
    if quiet < grace:
        coming = " and nodes are on their way" if NODE_COMING.intersection(states) else ""
        return f"something happened {quiet.total_seconds():.0f} s ago{coming}"
    return None


# --- looking --------------------------------------------------------------------------------------


def look_at_our_pools(deployment_id: str, grace: timedelta) -> Flow[list[PoolUse]]:
    """
    Flow: judge every pool that carries our labels.

    :param deployment_id: only pools of this Airflow; empty for pools of an Airflow without a name.
    :param grace: time in which nothing may have happened.
    """
    listed, now = yield from pages_and_time(requests.list_pools(_POOL_SELECT))
    owned = [(pool, owner_of(pool)) for pool in listed]
    ours = [pool for pool, owner in owned if owner is not None and owner.deployment_id == deployment_id]
    if not ours:
        return []
    jobs = yield from _open_jobs()
    found = []
    for pool in ours:
        found.append((yield from _look(pool, jobs, now, grace)))
    return found


def look_at_pool(batch_pool_id: str, grace: timedelta) -> Flow[PoolUse | None]:
    """
    Flow: judge one pool, whoever has created it; None when it does not exist.

    :param batch_pool_id: the pool.
    :param grace: time in which nothing may have happened.
    """
    pool: Answer | None = yield from get_or_none(requests.get_pool(batch_pool_id, _POOL_SELECT))
    if pool is None:
        return None
    now = yield from time_of(pool)
    return (yield from _look(pool.json, (yield from _open_jobs()), now, grace))


def _open_jobs() -> Flow[list[Mapping[str, Any]]]:
    return (yield from pages(requests.list_jobs(_JOB_SELECT, "state ne 'completed'")))


def _look(
    pool: Mapping[str, Any], jobs: Iterable[Mapping[str, Any]], now: datetime, grace: timedelta
) -> Flow[PoolUse]:
    on_it = []
    for job in jobs:
        if _pool_of(job).lower() == str(pool["id"]).lower():
            on_it.append((yield from _open_job(job)))
    try:
        nodes = yield from pages(requests.list_nodes(str(pool["id"]), _NODE_SELECT))
    except BatchNotFoundError:
        nodes = []
    return judge(pool, nodes, on_it, now, grace)


def _pool_of(job: Mapping[str, Any]) -> str:
    ran_on = (job.get("executionInfo") or {}).get("poolId")
    return str(ran_on or (job.get("poolInfo") or {}).get("poolId") or "")


def _open_job(job: Mapping[str, Any]) -> Flow[OpenJob]:
    batch_job_id, state = str(job["id"]), lower(job.get("state"))
    is_ending, is_on_hold = state in JOB_CLOSED, state in ("disabling", "disabled")
    has_work = False
    if not is_ending:
        try:
            has_work = yield from _has_unfinished_tasks(batch_job_id)
        except (BatchConflictError, BatchNotFoundError):
            is_ending = True  # ended since it was listed
    created = utc(str(job["creationTime"]))
    return OpenJob(batch_job_id, owner_of(job), created, is_ending, has_work, is_on_hold)


def _has_unfinished_tasks(batch_job_id: str) -> Flow[bool]:
    """Look for one such task: a page may be empty and not be the last."""
    first = requests.list_tasks(batch_job_id, ("id",), "state ne 'completed'")
    following: requests.Request | None = first
    while following is not None:
        page: Answer = yield following
        if page.json.get("value"):
            return True
        following = requests.next_page(first, page)
    return False


# --- giving up ------------------------------------------------------------------------------------


def give_up(use: PoolUse, action: ReapAction, grace: timedelta) -> Flow[bool]:
    """
    Flow: scale an idle pool to zero, or delete it, after another look at it.

    Safe to repeat. Between that look and the act a job may still come: scaled to zero, nodes end the tasks
    that they run first; deleted, the pool is gone, and the tasks of such a job wait for a pool of its id.

    :param use: what the pool did when it was judged.
    :param action: what to do.
    :param grace: as it was judged with.
    :return: whether it was done.
    """
    now = yield from look_at_pool(use.batch_pool_id, grace)
    known = {job.batch_job_id for job in use.open_jobs}
    if now is None or not now.is_idle or now.owner != use.owner:
        yield Log(f"Pool {use.batch_pool_id} is left alone: {now or 'it is gone'}")
        return False
    if any(job.batch_job_id not in known for job in now.open_jobs):
        yield Log(f"Pool {use.batch_pool_id} is left alone: a job came to it just now.")
        return False
    try:
        if action == "delete":
            yield requests.delete_pool(use.batch_pool_id)
        else:
            none = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}
            yield requests.resize_pool(
                use.batch_pool_id, {**none, "nodeDeallocationOption": "taskcompletion"}
            )
    except (BatchConflictError, BatchNotFoundError) as error:
        yield Log(f"Pool {use.batch_pool_id} is left alone: {error}", "WARNING")
        return False
    return True
